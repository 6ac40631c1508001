"""Predicted lung masks: the model is trained on one phantom and measured on it and another."""

import json

import numpy as np
import pandas as pd
import pytest

import fit_lung_model
import measure_lung_model
import prepare
from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.datasets.cases import read_cases, write_cases
from fidelity.datasets.images.images import Intensity
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.prepare import prepare_case
from fidelity.datasets.prepared import PreparedShard
from fidelity.datasets.sources.phantom import phantom
from fidelity.masks.run_lengths import decode
from fidelity.metrics.overlap import confusion, dice
from fidelity.segmentation import lung_quality, lungs
from fidelity.segmentation.lungs import largest_components
from fidelity.settings.config import LungModel
from tests.helpers.entries import dataset
from tests.helpers.epoch_kills import count_epochs, dies_after

MODEL = LungModel.of_job({
    "size": 64, "cases": 60, "epochs": 8, "channels": 8, "learning_rate": 0.01, "batch": 8,
})  # fmt: skip
READING = dataset("phantom", {})
COMPUTE = {"threads": 1, "device": "cpu"}
DATA = {"annotated_classes": ["COVID-19"], "labels": {}, "duplicates": "error", "image_size": 48}
PREDICTED = {**DATA, "lung_masks": "predicted", "lung_from": "teacher"}


def make(root, seed, cases, size):
    shortcut = {"class": None, "probability": 0, "distractor": 0}
    made = {"cases": cases, "size": size, "contrast": 1.0, "shortcut": shortcut}
    phantom.generate(root / "raw" / "data", dataset("phantom", made), seed)
    return root


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Create a phantom with lung masks, train the model on them, and measure its quality."""
    folder = make(
        tmp_path_factory.mktemp("teacher"), 1, {"train": 48, "val": 6, "test": 12}, size=96
    )
    cases, *_ = index_cases(folder / "raw" / "data", dataset("phantom", DATA))
    write_cases(folder / "cases.csv", cases)
    fit_lung_model.main(
        folder / "cases.csv",
        folder / "raw",
        MODEL,
        READING,
        1,
        COMPUTE,
        folder / "model.safetensors",
    )
    measure_lung_model.main(
        folder / "cases.csv", folder / "raw", folder / "model.safetensors", "teacher", 2, READING,
        {"replicates": 200, "alpha": 0.05}, 1, COMPUTE, folder / "scores.csv",
        folder / "quality.csv",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def pupil(tmp_path_factory):
    """Create a phantom with another seed and size, whose lung masks must not be read."""
    folder = make(tmp_path_factory.mktemp("pupil"), 7, {"train": 3, "val": 3, "test": 9}, 128)
    cases, _, classes, *_ = index_cases(folder / "raw" / "data", dataset("phantom", PREDICTED))
    write_cases(folder / "cases.csv", cases)
    (folder / "classes.json").write_text(json.dumps(classes))
    return folder


def test_quality_is_measured_on_the_test_split(teacher):
    scores = pd.read_csv(teacher / "scores.csv")
    quality = pd.read_csv(teacher / "quality.csv").set_index("metric")
    test = {c.case for c in read_cases(teacher / "cases.csv") if c.split == "test"}
    assert set(scores["case"]) == test
    assert quality.loc["dice", "mean"] == pytest.approx(scores["dice"].mean())
    assert quality.loc["dice", "mean"] > 0.9
    assert quality.loc["dice", "ci_low"] < quality.loc["dice", "mean"]
    assert quality.loc["iou", "mean"] < quality.loc["dice", "mean"]
    assert set(quality["n"]) == {12}


def test_another_data_set_gets_predicted_lungs_at_native_size(teacher, pupil):
    lung = {"lung_from": "teacher", "components": 2, "compute": COMPUTE}
    prepare.main(
        pupil / "cases.csv", pupil / "raw", pupil / "classes.json", dataset("table", PREDICTED),
        pupil / "s.h5",
        teacher / "model.safetensors", lung,
    )  # fmt: skip
    hidden = {c.case: c for c in index_cases(pupil / "raw" / "data", dataset("phantom", DATA))[0]}
    with PreparedShard(pupil / "s.h5") as shard:
        assert shard.attrs["lung_masks"] == "predicted"
        assert shard.attrs["lung_from"] == "teacher"
        found = {case.case: decode(case.lung_native) for case in shard}
        assert all(case.lung.any() for case in shard)
    known = {n: read_mask_at(pupil / "raw" / "data", c.lung_mask) for n, c in hidden.items()}
    scores = [dice(confusion(known[name], lung)) for name, lung in found.items()]
    assert len(scores) == 15
    assert np.mean(scores) > 0.9


def test_cases_are_marked_and_provided_masks_are_not_used(pupil):
    cases = read_cases(pupil / "cases.csv")
    assert {case.lung_from for case in cases} == {"teacher"}
    assert {case.lung_mask for case in cases} == {None}
    header = (pupil / "cases.csv").read_text().splitlines()[0]
    assert "lung_from" in header.split(",")


def test_provided_lungs_leave_no_mark(teacher):
    assert "lung_from" not in (teacher / "cases.csv").read_text().splitlines()[0]


@pytest.mark.parametrize("mode", ["lung_masked", "lung_crop"])
def test_the_input_setting_uses_the_predicted_lung(teacher, pupil, mode):
    predict = lungs.predictor(teacher / "model.safetensors", 2, COMPUTE)
    case = read_cases(pupil / "cases.csv")[0]
    root = pupil / "raw" / "data"
    prepared = prepare_case(
        case, root, dataset("table", {**PREDICTED, "input": mode, "image_size": 128}), predict
    )
    if mode == "lung_masked":
        assert (prepared.image[~prepared.lung] == 0).all()
    else:
        y0, x0, y1, x1 = prepared.box
        inside = decode(prepared.lung_native)[y0:y1, x0:x1]
        assert inside.sum() == decode(prepared.lung_native).sum()
    blind = {**PREDICTED, "input": mode}
    with pytest.raises(InputError, match="no predicted lung.*Set input: full"):
        prepare_case(case, root, dataset("table", blind), lambda image: np.zeros(image.shape, bool))


def test_a_mask_depends_on_its_image_alone(teacher, pupil):
    predict = lungs.predictor(teacher / "model.safetensors", 2, COMPUTE)
    again = lungs.predictor(teacher / "model.safetensors", 2, COMPUTE)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (50, 70), np.uint8) for _ in range(3)]
    for image, mask in zip(images[::-1], [predict(i) for i in images[::-1]], strict=True):
        np.testing.assert_array_equal(again(image), mask)


def test_fitting_again_gives_the_same_bytes(teacher, tmp_path, monkeypatch):
    quick = MODEL.model_copy(update={"epochs": 2, "cases": 12})

    def fit(name):
        fit_lung_model.main(
            teacher / "cases.csv", teacher / "raw", quick, READING, 1, COMPUTE, tmp_path / name
        )

    fit("a")
    dies_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        fit("b")
    monkeypatch.undo()
    epochs = count_epochs(monkeypatch)
    fit("b")
    assert len(epochs) == 1
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_limit_takes_cases_by_the_hash_of_their_id(teacher):
    cases = read_cases(teacher / "cases.csv")
    few = lungs.chosen(cases, "train", 10)
    more = lungs.chosen(reversed(cases), "train", 20)
    assert len(few) == 10
    assert {case.case for case in few} < {case.case for case in more}
    assert {case.split for case in more} == {"train"}


def test_no_lung_mask_to_learn_from(teacher, tmp_path):
    cases = [c for c in read_cases(teacher / "cases.csv") if c.split != "train"]
    with pytest.raises(InputError, match="'lung_from'.*no training case has a lung mask"):
        lungs.fit(cases, teacher / "raw" / "data", MODEL, Intensity(), 1, COMPUTE, tmp_path / "m")


def test_without_a_test_split_nothing_is_claimed():
    assert lung_quality.summary([], "teacher", 1, 100, 0.05) == []


def test_the_largest_components_are_kept():
    mask = np.zeros((20, 20), bool)
    mask[1:9, 1:6] = mask[1:9, 10:15] = True  # 40 pixels each
    mask[12:15, 12:15] = True  # 9 pixels
    mask[15, 15] = True  # touches the square at a corner
    mask[18, 2] = True
    two = mask.copy()
    two[12:] = False
    np.testing.assert_array_equal(largest_components(mask, 2), two)
    one = two.copy()
    one[:, 10:] = False
    np.testing.assert_array_equal(largest_components(mask, 1), one)
    three = mask.copy()
    three[18, 2] = False
    np.testing.assert_array_equal(largest_components(mask, 3), three)
    np.testing.assert_array_equal(largest_components(mask, 0), mask)
    assert not largest_components(np.zeros((4, 4), bool), 2).any()


CONFIG = {
    "datasets": {
        "teacher": {"source": "phantom", "annotated_classes": ["COVID-19"]},
        "pupil": {
            "source": "phantom", "annotated_classes": ["COVID-19"], "lung_masks": "predicted",
            "lung_from": "teacher", "input": "lung_masked",
        },
    },
    "classifiers": {},
    "explainers": {"lung": {"method": "lung_mask"}},
}  # fmt: skip


def load(**changes):
    pupil = {**CONFIG["datasets"]["pupil"], **changes}
    return settings.load({**CONFIG, "datasets": {**CONFIG["datasets"], "pupil": pupil}})


def test_predicted_lungs_serve_where_lungs_are_needed():
    assert load().model_dump()["lung_model"]["components"] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lung_from": None}, r"datasets\.pupil\.lung_from.*is missing.*teacher"),
        ({"lung_from": "pupil"}, r"'pupil' is not a data set with lung masks.*teacher"),
        ({"lung_from": "techer"}, r"'techer' is not a data set.*'teacher'"),
        ({"lung_masks": "provided"}, r"lung_from.*used only if lung_masks is predicted"),
        ({"lung_masks": "none", "lung_from": None}, r"needs lung masks"),
        ({"intensity_percentiles": [90, 10]}, r"intensity_percentiles.*90 is not below 10"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(changes, said):
    with pytest.raises(InputError, match=said):
        load(**changes)
