"""Rules and cutoffs that need more than the map get their inputs from the files of a cohort."""

import numpy as np
import pandas as pd
import pytest

import binarize
from fidelity.base.errors import InputError
from fidelity.binarizations.rule_inputs import inputs_of
from fidelity.explainers.base import Context, Task
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.masks.run_lengths import decode, read_masks
from tests.helpers import entries
from tests.helpers.explained_cohort import (
    SIZE,
    case_of,
    record_of,
    square,
    write_cohort,
    write_predictions,
)

POSTPROCESS = {"sign": "positive", "lung": False, "min_probability": 0}
REFERENCE = square(4, 4, 12, 18)
RAMP = np.linspace(0, 1, SIZE[0] * SIZE[1]).reshape(SIZE)


@pytest.fixture
def cohort(tmp_path):
    pairs = [
        (case_of("sure", {"COVID-19": REFERENCE}), record_of("sure", RAMP)),
        (case_of("unsure", {"COVID-19": REFERENCE}), record_of("unsure", RAMP)),
        (case_of("null", {"COVID-19": REFERENCE}), record_of("null", RAMP, target="")),
        (case_of("normal", {}), record_of("normal", RAMP, cls="Normal", target="Normal")),
    ]
    return write_cohort(tmp_path, [pairs])


def _masks(folder, cohort, rule, postprocess=POSTPROCESS, **more):
    masks, status = str(folder / "masks.json"), str(folder / "status.csv")
    binarize.main(
        *cohort, entries.rule(rule), entries.steps(postprocess), "original", masks, status, **more
    )
    found = {
        case: decode(rle)
        for case, by_class in read_masks(masks).items()
        for rle in by_class.values()
    }
    return found, pd.read_csv(status, keep_default_na=False).set_index("case")


def test_a_tuned_threshold_is_that_of_its_class(tmp_path, cohort):
    table = pd.DataFrame({"class": ["COVID-19", "Normal"], "threshold": [0.75, 0.5]})
    table.to_csv(tmp_path / "thresholds.csv", index=False)
    rule = {"method": "tuned", "metric": "iou", "thresholds": None}
    masks, status = _masks(tmp_path, cohort, rule, thresholds=str(tmp_path / "thresholds.csv"))
    assert masks["sure"].mean() == pytest.approx(0.25, abs=0.01)
    assert masks["normal"].mean() == pytest.approx(0.5, abs=0.01)
    assert status["threshold"].astype(float).to_dict() == {
        "sure": 0.75, "unsure": 0.75, "null": 0.75, "normal": 0.5,
    }  # fmt: skip


def test_a_fixed_threshold_may_be_that_of_the_class(tmp_path, cohort):
    rule = {"method": "fixed", "threshold": {"COVID-19": 0.75, "Normal": 0.5}}
    masks, status = _masks(tmp_path, cohort, rule)
    assert masks["sure"].mean() == pytest.approx(0.25, abs=0.01)
    assert masks["normal"].mean() == pytest.approx(0.5, abs=0.01)
    assert status["threshold"].astype(float).to_dict() == {
        "sure": 0.75, "unsure": 0.75, "null": 0.75, "normal": 0.5,
    }  # fmt: skip
    del rule["threshold"]["Normal"]
    with pytest.raises(InputError, match="no threshold for the class 'Normal'"):
        _masks(tmp_path, cohort, rule)


def test_a_class_without_a_tuned_threshold(tmp_path, cohort):
    (tmp_path / "thresholds.csv").write_text("class,threshold\nCOVID-19,0.5\n")
    rule = {"method": "tuned", "metric": "iou", "thresholds": None}
    with pytest.raises(InputError, match="'Normal'"):
        _masks(tmp_path, cohort, rule, thresholds=str(tmp_path / "thresholds.csv"))


def test_area_matched_sees_the_reference(tmp_path, cohort):
    masks, _ = _masks(tmp_path, cohort, {"method": "area_matched"})
    assert masks["sure"].sum() == REFERENCE.sum()
    assert not masks["normal"].any()


def test_superpixels_of_the_image(tmp_path, cohort):
    algorithm = {"algorithm": "felzenszwalb", "scale": 1, "sigma": 0, "min_size": 20}
    rule = {"method": "superpixels", "top": 1, "min_weight": 0.0, "superpixels": algorithm}
    masks, status = _masks(tmp_path, cohort, rule)
    # The map rises from top to bottom. The image has a dark half and a bright half.
    below = np.zeros(SIZE, bool)
    below[SIZE[0] // 2 :] = True
    assert np.array_equal(masks["sure"], below)
    assert (status["threshold"] == "").all()


def test_below_the_probability_cutoff_the_mask_is_empty(tmp_path, cohort):
    predictions = write_predictions(
        tmp_path / "predictions.csv", {"sure": 0.9, "unsure": 0.3, "normal": 0.1}
    )
    rule = {"method": "fixed", "threshold": 0.5}
    cutoff = {**POSTPROCESS, "min_probability": 0.5}
    masks, status = _masks(tmp_path, cohort, rule, cutoff, predictions=predictions)
    assert {name: bool(mask.any()) for name, mask in masks.items()} == {
        "sure": True, "unsure": False, "null": True, "normal": True,
    }  # fmt: skip
    assert (status["status"] == "ok").all()
    with pytest.raises(InputError, match="min_probability"):
        _masks(tmp_path, cohort, rule, cutoff)


def test_superpixels_are_those_of_lime():
    case = case_of("sure", {})
    record = record_of("sure", RAMP)
    algorithm = {"algorithm": "quickshift", "kernel_size": 1, "max_dist": 5, "ratio": 0.2}
    given = inputs_of(
        entries.rule({"method": "superpixels", "superpixels": algorithm}),
        case,
        record,
        scoring_size="working",
        sign="positive",
        thresholds={},
        seed=7,
    )
    task = Task(case, "COVID-19", 0)
    lime = segment(rgb_image(case.image), algorithm, Context(None, 1, 7, "lime").seed_of(task))
    assert np.array_equal(given["superpixels"].labels, lime)
