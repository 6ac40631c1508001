"""One image gets the map that the workflow would give it, an overlay, and clear error messages."""

import dataclasses
import importlib
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import yaml

import explain_one
from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.predict import predict_logits
from fidelity.classifiers.weights import own_format
from fidelity.datasets.cases import write_cases
from fidelity.datasets.prepare import prepare_case
from fidelity.datasets.prepared import write_prepared
from fidelity.datasets.sources.covid_qu_ex import covid_qu_ex
from fidelity.datasets.sources.phantom import phantom
from fidelity.explainers.base import Context
from fidelity.explainers.runner import explain_shard
from fidelity.maps.saliency_map import raw_map, read_maps
from fidelity.metrics.boxes.from_maps import BoxRule, boxes_of_map
from fidelity.provenance import result_origins
from fidelity.provenance.result_origins import Places
from fidelity.study.job_settings import JobSettings
from fidelity.tools.one_image import overlay
from fidelity.tools.one_image.explain import explain_image
from fidelity.tools.one_image.trained import choose
from tests.helpers.entries import dataset

CLASSES = ["COVID-19", "Non-COVID", "Normal"]
NET = {"architecture": "resnet18", "seeds": [1, 2]}
CONFIG = {
    "datasets": {
        "small": {
            "source": "phantom",
            "second_reader": True,
            "image_size": 64,
            "annotated_classes": ["COVID-19", "Non-COVID"],
        }
    },
    "classifiers": {"net": NET},
    "explainers": {
        "lime": {"method": "lime", "samples": 20},
        "cam": {"method": "gradcam"},
        "lung": {"method": "lung_mask"},
        "mean": {"method": "mean_mask"},
        "reader": {"method": "second_reader"},
    },
    "binarizations": {"tuned": {"method": "tuned"}, "half": {"method": "fixed", "threshold": 0.5}},
    "figures": {"dpi": 60},
    "compute": {"threads": 1, "batch": 4},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Write the files of a finished study that one image needs."""
    folder = tmp_path_factory.mktemp("project")
    shortcut = {"class": None, "probability": 0, "distractor": 0}
    made = {"cases": dict.fromkeys(("train", "val", "test"), 3), "size": 96, "contrast": 1.0}
    phantom.generate(folder / "data", dataset("phantom", {**made, "shortcut": shortcut}), 1)
    torch.manual_seed(0)
    classifier = Classifier(build("resnet18", 3), "resnet18", tuple(CLASSES), image_size=64)
    small = folder / "results" / "small"
    (small / "net-s1").mkdir(parents=True)
    own_format.save(classifier.eval(), small / "net-s1" / "model.safetensors")
    labels = {name: name for name in CLASSES}
    (small / "classes.json").write_text(json.dumps({"classes": CLASSES, "labels": labels}))
    (folder / "study.yaml").write_text(yaml.safe_dump(CONFIG))
    lung = {"explainers": {"lung": CONFIG["explainers"]["lung"]}}
    (folder / "bare.yaml").write_text(yaml.safe_dump({**CONFIG, "classifiers": {}, **lung}))
    return folder


@pytest.fixture
def case(project):
    cases = covid_qu_ex.find_cases(project / "data", dataset("covid_qu_ex"))
    return next(c for c in cases if c.split == "test" and c.labels == ("COVID-19",))


@pytest.fixture
def image(project, case):
    return project / "data" / case.image


@pytest.fixture
def lung(project, case):
    return project / "data" / case.lung_mask


def _trained(project, **changes):
    config = settings.load({**CONFIG, **changes}, "study.yaml", check_files=False)
    return choose(config, "study.yaml", project)


def _with(explainers):
    return {"explainers": {name: CONFIG["explainers"][name] for name in explainers}}


@pytest.mark.parametrize("name", ["lime", "cam"])
def test_the_map_is_the_workflows_own(project, case, image, name, tmp_path):
    trained = _trained(project, **_with([name]))
    found = explain_image(trained, image, name, "COVID-19")
    prepared = prepare_case(case, project / "data", dataset("table", trained.entry))
    write_prepared(tmp_path / "s.h5", [prepared], {"image_size": 64, "classes": CLASSES})
    classifier, entry = own_format.load(trained.model()), trained.settings_of(name)
    explain_shard(
        tmp_path / "s.h5",
        tmp_path / "m.h5",
        entry,
        Context(classifier, 4, trained.config.seed, entry.method),
        "reference",
        {c: c for c in CLASSES},
        fingerprint="",
        max_failed_cases=0,
        predict=predict_logits,
    )
    (record,) = read_maps(tmp_path / "m.h5")
    assert found.target == record.target == "COVID-19"
    np.testing.assert_array_equal(found.answers[0].raw, raw_map(record.map, (96, 96)))
    logits = predict_logits(classifier, prepared.image[None], 4)
    expected = classifier.probabilities(torch.from_numpy(logits))[0].numpy()
    np.testing.assert_allclose(list(found.probabilities.values()), expected, atol=1e-7)


def test_the_most_probable_class_is_explained_unless_one_is_named(project, image):
    trained = _trained(project, **_with(["cam"]))
    found = explain_image(trained, image)
    assert found.target == max(found.probabilities, key=found.probabilities.get)
    other = next(name for name in CLASSES if name != found.target)
    again = explain_image(trained, image, target=other)
    assert again.target == other
    assert not np.array_equal(found.answers[0].raw, again.answers[0].raw)
    with pytest.raises(InputError, match="COVID-19"):
        explain_image(trained, image, target="COVID")


def test_boxes_of_the_map_and_of_the_readers_are_drawn(project, case, image, tmp_path):
    """Readers' boxes are drawn if the image is the file of a case, but not for another file."""
    height, width = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE).shape
    boxed = dataclasses.replace(
        case, width=width, height=height, boxes={"COVID-19": ((10.0, 20.0, 30.0, 50.0),)}
    )
    write_cases(project / "results/small/cases.csv", [boxed])
    data = {"small": {**CONFIG["datasets"]["small"], "boxes_from": "masks"}}
    trained = _trained(project, datasets=data, **_with(["cam"]))
    (name,) = JobSettings(trained.study).raw_names.values()
    raw = project / "results" / "raw" / name
    raw.mkdir(parents=True)
    (raw / "data").symlink_to(project / "data")
    found = explain_image(trained, image, "cam", "COVID-19")
    assert found.reference == ((10, 20, 30, 50),)
    (answer,) = found.answers
    assert len(answer.boxes)
    assert (answer.boxes == boxes_of_map(answer.heat, BoxRule())[0]).all()
    assert explain_image(trained, image, "cam", "Non-COVID").reference == ()
    other = tmp_path / case.image  # the same path below another folder
    other.parent.mkdir(parents=True)
    shutil.copyfile(image, other)
    assert explain_image(trained, other, "cam", "COVID-19").reference == ()
    drawn = overlay.draw(found, answer)
    plain, _, masked, _ = drawn.axes
    assert len(masked.patches) == len(answer.boxes) + 1
    (box,) = plain.patches
    # The centre of the first pixel is at 0.
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((19.5, 9.5), 30, 20)
    (project / "results/small/cases.csv").unlink()


def test_what_has_no_answer_is_left_out_with_a_reason(project, image, lung):
    fitted = project / "results/small/none/mean/fitted.safetensors"
    module = importlib.import_module("fidelity.explainers.baselines.fitted")
    fitted.parent.mkdir(parents=True, exist_ok=True)
    mean = {"mean": np.ones((1, 256, 256), np.float32)}
    module.write_fitted(fitted, mean, ["Non-COVID"], {"method": "mean_mask", "align": "image"})
    found = explain_image(_trained(project), image, target="COVID-19")
    assert [a.explainer for a in found.answers] == ["lime", "cam"]
    assert set(found.left_out) == {"lung", "mean", "reader"}
    assert "LUNG=" in found.left_out["lung"]
    assert "COVID-19" in found.left_out["mean"]
    with pytest.raises(InputError, match="needs a lung mask"):
        explain_image(_trained(project), image, "lung")
    found = explain_image(_trained(project), image, "lung", lung=lung)
    drawn = cv2.imread(str(lung), cv2.IMREAD_GRAYSCALE) > 0
    assert np.array_equal(found.answers[0].mask, drawn)


def test_a_tuned_threshold_is_used_once_there_is_one(project, image):
    trained = _trained(project, **_with(["cam"]))
    answer = explain_image(trained, image, target="COVID-19").answers[0]
    assert answer.rule == "half, values above 0.50"
    assert np.array_equal(answer.mask, answer.heat > 0.5)
    path = project / "results/small/net-s1/cam/tuned/thresholds.csv"
    path.parent.mkdir(parents=True)
    try:
        path.write_text("class,threshold\nNon-COVID,0.9\nCOVID-19,0.2\n")
        answer = explain_image(trained, image, target="COVID-19").answers[0]
    finally:
        path.unlink()
    assert answer.rule == "tuned, values above 0.20"
    assert np.array_equal(answer.mask, answer.heat > np.float32(0.2))


def test_a_fixed_threshold_may_be_that_of_the_class(project, image):
    changes = _with(["cam"])
    changes["binarizations"] = {
        "each": {"method": "fixed", "threshold": {"COVID-19": 0.2, "Non-COVID": 0.7}}
    }
    trained = _trained(project, **changes)
    for cls, threshold in changes["binarizations"]["each"]["threshold"].items():
        answer = explain_image(trained, image, target=cls).answers[0]
        assert answer.rule == f"each, values above {threshold:.2f}"
        assert np.array_equal(answer.mask, answer.heat > np.float32(threshold))


def test_results_of_other_settings_are_named(project, image, lung, tmp_path, monkeypatch, caplog):
    """The config was changed, and the study was not run since."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(project, "project")
    folder = Path("project")
    thresholds = folder / "results/small/none/lung/tuned/thresholds.csv"
    thresholds.parent.mkdir(parents=True)
    thresholds.write_text("class,threshold\nCOVID-19,0.2\nNon-COVID,0.2\n")
    prepared = folder / "results/small/prepared/test-000.h5"
    prepared.parent.mkdir()
    prepared.touch()
    trained = _trained(folder)
    made = JobSettings(trained.study)
    names = {"dataset": "small", "classifier": "net-s1", "explainer": "lung"}
    w = SimpleNamespace(**names, binarization="tuned")
    made_of = {
        trained.model(): made.training(w),
        prepared: made.prepare(w),
        thresholds: made.tune(w),
    }
    records = {
        path.relative_to(folder).as_posix(): {
            "rule": "rule",
            "params": [repr(value)],
            "endtime": path.stat().st_mtime,
        }
        for path, value in made_of.items()
    }
    monkeypatch.chdir(folder)  # the sizes of the results are listed
    listing = result_origins.to_json(records, {}, Places(()))
    path = result_origins.listing_of("small")
    path.parent.mkdir()
    path.write_text(listing)
    monkeypatch.chdir(tmp_path)
    assert "other settings" not in caplog.text

    def told(**changes) -> list[str]:
        caplog.clear()
        explain_image(_trained(folder, **changes), image, "lung", "COVID-19", lung)
        return re.findall(r"(\S+) was made with other settings", caplog.text)

    small = CONFIG["datasets"]["small"]
    assert told() == []
    assert told(classifiers={"net": {**NET, "training": {"epochs": 9}}}) == [str(trained.model())]
    assert told(datasets={"small": {**small, "intensity": "percentile"}}) == [str(prepared)]
    assert told(postprocess={"median": 3}) == [str(thresholds)]


def test_an_improbable_class_has_an_empty_mask_where_the_study_says_so(project, image):
    changes = {**_with(["cam"]), "postprocess": {"min_probability": 0.999}}
    answer = explain_image(_trained(project, **changes), image).answers[0]
    assert answer.heat.any()
    assert not answer.mask.any()


def test_a_cropped_input_needs_a_lung_and_leaves_the_rest_at_zero(project, image, lung):
    dataset = {**CONFIG["datasets"]["small"], "input": "lung_crop"}
    trained = _trained(project, **_with(["cam"]), datasets={"small": dataset})
    with pytest.raises(InputError, match="LUNG=mask.png"):
        explain_image(trained, image)
    found = explain_image(trained, image, lung=lung)
    assert found.answers[0].raw.shape == found.image.shape == (96, 96)
    assert not found.answers[0].raw[0].any()
    assert found.image[0].any()  # the image still shows the part that was cut off


def test_what_the_index_would_refuse_is_refused(project, image, lung, tmp_path):
    trained = _trained(project, **_with(["cam"]))
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((96, 96), 7, np.uint8))
    with pytest.raises(InputError, match=r"blank\.png: the image has only one grey value"):
        explain_image(trained, tmp_path / "blank.png")
    drawn = cv2.imread(str(lung), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(tmp_path / "lung.png"), drawn[:60])
    with pytest.raises(InputError, match=r"lung\.png, 'LUNG': the lung mask has 96 x 60 pixels"):
        explain_image(trained, image, lung=tmp_path / "lung.png")


def test_the_shown_image_is_the_file(project, image):
    found = explain_image(_trained(project, **_with(["cam"])), image)
    assert np.array_equal(found.image, cv2.imread(str(image), cv2.IMREAD_GRAYSCALE))


def test_an_image_that_is_no_square(project, image, tmp_path):
    wide = cv2.resize(cv2.imread(str(image), cv2.IMREAD_GRAYSCALE), (150, 100))
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    found = explain_image(_trained(project, **_with(["lime", "cam"])), tmp_path / "wide.png")
    for answer in found.answers:
        assert answer.raw.shape == answer.mask.shape == found.image.shape == (100, 150)


def test_the_script_writes_and_prints(project, image, monkeypatch, capsys):
    monkeypatch.chdir(project)
    written = explain_one.main(str(image), "study.yaml", explainer="cam", target="COVID-19")
    folder = Path("explained", *image.parent.parts[1:], image.stem)
    assert written == [folder / f"{image.stem}-cam.png", folder / f"{image.stem}-cam.npy"]
    picture = cv2.imread(str(written[0]))
    assert picture.shape[1] > 300
    assert np.ptp(picture.astype(int) @ [1, -1, 0]) > 100  # the map is in colour
    assert np.load(written[1], allow_pickle=False).shape == (96, 96)
    printed = capsys.readouterr().out
    assert all(name in printed for name in CLASSES)
    assert "Small, ResNet-18, seed 1" in printed


def test_images_of_one_name_do_not_overwrite_each_other(project, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = []
    for patient in ("patient1", "patient2"):
        Path(patient).mkdir()
        shutil.copy(image, f"{patient}/view1.png")
        written += explain_one.main(
            f"{patient}/view1.png", str(project / "study.yaml"), explainer="cam", folder=project
        )
    assert [str(path.parent) for path in written[::2]] == [
        "explained/patient1/view1",
        "explained/patient2/view1",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classifier": "net-s2"}, "snakemake --cores all results/small/net-s2/model.safetensors"),
        ({"classifier": "nets"}, "has no classifier 'nets'"),
        ({"dataset": "smal"}, "small"),
        ({"explainer": "lim"}, "lime"),
        ({"lung": "nothing.png"}, "LUNG"),
        ({"config": "nothing.yaml"}, "CONFIG="),
        ({"image": "nothing.png"}, "relative to the folder you start from"),
        ({"image": "study.yaml"}, "not a readable image"),
        ({"config": "bare.yaml", "explainer": "lung"}, "has no classifier. Add one"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_mistakes_are_told_with_their_remedy(project, image, monkeypatch, arguments, message):
    monkeypatch.chdir(project)
    with pytest.raises(InputError) as error:
        explain_one.main(**{"image": str(image), "config": "study.yaml", **arguments})
    assert message in str(error.value)


def test_what_is_not_fitted_names_its_command(project, image):
    trained = _trained(project, **_with(["mean"]))
    path = Path(project / "results/small/none/mean/fitted.safetensors")
    path.unlink(missing_ok=True)
    with pytest.raises(InputError, match="results/small/none/mean/fitted.safetensors --configfile"):
        explain_image(trained, image)


def test_lungs_are_drawn_by_the_model_where_the_study_has_them_so(project, image, monkeypatch):
    dataset = {**CONFIG["datasets"]["small"], "lung_masks": "predicted", "lung_from": "other"}
    datasets = {"small": {**dataset, "input": "lung_masked"}, "other": CONFIG["datasets"]["small"]}
    trained = _trained(project, **_with(["cam", "lung"]), datasets=datasets)
    with pytest.raises(InputError, match="results/other/lung_model/model.safetensors --configfile"):
        explain_image(trained, image)
    path = project / "results/other/lung_model/model.safetensors"
    path.parent.mkdir(parents=True)
    path.touch()
    drawn = np.zeros((96, 96), bool)
    drawn[20:60, 30:70] = True
    asked = []

    def predictor(model, components, compute):
        asked.append((model, components))
        return lambda shown: drawn

    monkeypatch.setattr("fidelity.tools.one_image.explain.predictor", predictor)
    found = explain_image(trained, image)
    assert asked == [(path, trained.config.lung_model.components)]
    assert np.array_equal({a.explainer: a for a in found.answers}["lung"].mask, drawn)


def test_a_layer_by_classifier(project, image):
    layers = {"cam": {"method": "gradcam", "layer": {"net": "layer3"}}}
    found = explain_image(_trained(project, explainers=layers), image, target="COVID-19")
    plain = explain_image(_trained(project, **_with(["cam"])), image, target="COVID-19")
    assert not np.array_equal(found.answers[0].raw, plain.answers[0].raw)
