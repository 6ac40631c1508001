"""Tuning finds the same threshold as trying them all, and reads only the validation split."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tune
from fidelity.analysis.columns.localization import THRESHOLDS
from fidelity.base.errors import InputError
from fidelity.binarizations.postprocess import postprocess
from fidelity.binarizations.tuning import curve_of, grid_of
from fidelity.metrics import overlap
from fidelity.metrics.empty import EmptyPolicy
from tests.helpers import entries
from tests.helpers.explained_cohort import SIZE, case_of, record_of, square, write_cohort

PLAIN = {"sign": "positive", "lung": False, "median": 0, "min_component": 0}
RULE = {"method": "tuned", "metric": "iou", "thresholds": None}
LUNG = square(2, 2, 20, 20)


def _cohort(folder, shards=1, split="val"):
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(6):
        name = f"case-{index}"
        reference = square(4, 4 + index, 12 + index, 18)
        values = rng.random(SIZE).round(2) * 0.6 + reference * 0.3
        case = case_of(name, {"COVID-19": reference}, split, LUNG)
        pairs.append((case, record_of(name, values)))
    return write_cohort(folder, [pairs[index::shards] for index in range(shards)])


def _tuned(folder, maps, prepared, rule=RULE, postprocess=PLAIN, empty=None):
    own, output = (entries.rule(rule), entries.steps(postprocess)), str(folder / "thresholds.csv")
    tune.main(maps, prepared, *own, "original", empty or {}, output)
    return pd.read_csv(folder / "thresholds.csv")


def _by_hand(metric, grid, steps):
    """Threshold the maps of `_cohort` one by one."""
    rng = np.random.default_rng(0)
    means = np.zeros((6, len(grid)))
    for index in range(6):
        reference = square(4, 4 + index, 12 + index, 18)
        values = rng.random(SIZE).round(2) * 0.6 + reference * 0.3
        # Use the precision in which maps are stored, and normalise as the product does.
        values = values.astype(np.float32)
        map01 = (values - values.min()) / (values.max() - values.min())
        for place, threshold in enumerate(grid):
            mask = postprocess(map01 > np.float32(threshold), LUNG, entries.steps(steps))
            counts = overlap.confusion(reference, mask)
            means[index, place] = getattr(overlap, metric)(counts) if mask.any() else 0
    return means.mean(0)


@pytest.mark.parametrize("metric", ["iou", "dice"])
@pytest.mark.parametrize(
    "steps",
    [{}, {"lung": True}, {"median": 3}, {"lung": True, "fill_holes": True, "min_component": 5}],
)
def test_the_threshold_is_the_best_of_trying_all(tmp_path, metric, steps):
    rule = {**RULE, "metric": metric}
    table = _tuned(tmp_path, *_cohort(tmp_path), rule, {**PLAIN, **steps})
    grid = grid_of(None)
    means = _by_hand(metric, grid, steps)
    assert table["class"].tolist() == ["COVID-19"]
    assert table["metric"].tolist() == [metric]
    assert table["threshold"][0] == pytest.approx(grid[int(np.argmax(means))], abs=1e-9)
    assert table["mean"][0] == pytest.approx(means.max(), abs=1e-9)
    assert table["n"][0] == 6


def test_the_grid_can_be_that_of_chexlocalize(tmp_path):
    grid = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    table = _tuned(tmp_path, *_cohort(tmp_path), {**RULE, "thresholds": grid[::-1]})
    means = _by_hand("iou", grid, {})
    assert table["threshold"][0] == grid[int(np.argmax(means))]


def test_the_lowest_of_equally_good_thresholds_is_taken(tmp_path):
    reference = square(4, 4, 12, 18)
    pairs = [(case_of("a", {"COVID-19": reference}, "val"), record_of("a", reference * 0.7))]
    table = _tuned(tmp_path, *write_cohort(tmp_path, [pairs]))
    assert table.loc[0, ["threshold", "mean"]].tolist() == [0, 1]


def test_shards_do_not_matter(tmp_path):
    files = []
    for shards in (1, 4):
        folder = tmp_path / str(shards)
        _tuned(folder, *_cohort(folder, shards))
        files.append((folder / "thresholds.csv").read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("split", ["test", "train"])
def test_no_other_split_is_tuned_on(tmp_path, split):
    maps, prepared = _cohort(tmp_path, split=split)
    with pytest.raises(InputError, match=f"must not be tuned on the {split} split"):
        _tuned(tmp_path, maps, prepared)


def test_each_class_has_its_own_threshold_and_empty_references_count_for_none(tmp_path):
    left, right = square(4, 4, 12, 14), square(4, 18, 12, 28)
    none = np.zeros(SIZE, bool)
    faint, strong = left * 0.4 + right, left * 1.0 + right * 0.4
    pairs = [
        (case_of("a", {"COVID-19": left, "Pneumonia": right}, "val"), record_of("a", strong)),
        (case_of("a", {"COVID-19": left, "Pneumonia": right}, "val"),
         record_of("a", strong, cls="Pneumonia")),
        (case_of("b", {"COVID-19": none}, "val"), record_of("b", faint)),
        (case_of("c", {"COVID-19": left}, "val"), record_of("c", None)),
        (case_of("d", {"Normal": left}, "val"), record_of("d", faint)),
    ]  # fmt: skip
    table = _tuned(tmp_path, *write_cohort(tmp_path, [pairs])).set_index("class")
    assert table["n"].to_dict() == {"COVID-19": 1, "Pneumonia": 1}
    assert table.loc["COVID-19", "threshold"] == pytest.approx(0.4)
    assert table.loc["Pneumonia", "threshold"] == 0


def test_without_validation_cases_it_is_said_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"explain\.splits"):
        _tuned(tmp_path, [], [])


def test_a_reader_of_the_test_split_alone_has_nothing_to_tune(tmp_path):
    own, output = (entries.rule(RULE), entries.steps(PLAIN)), tmp_path / "thresholds.csv"
    tune.main([], [], *own, "original", {}, str(output), partial=True)
    found = pd.read_csv(output)
    assert list(found.columns) == THRESHOLDS.names
    assert found.empty


def test_masks_that_are_never_predicted(tmp_path):
    pairs = [(case_of("a", {"COVID-19": LUNG}, "val"), record_of("a", np.zeros(SIZE)))]
    maps, prepared = write_cohort(tmp_path, [pairs])
    assert _tuned(tmp_path, maps, prepared)["mean"][0] == 0
    with pytest.raises(InputError, match="empty at every threshold"):
        _tuned(tmp_path, maps, prepared, empty={"overlap_prediction": "nan"})


@given(
    arrays(np.float32, (6, 8), elements=st.sampled_from([0, 0.25, 0.3, 0.6, 0.61, 1])),
    arrays(bool, (6, 8)),
    arrays(bool, (6, 8)),
    st.sampled_from(["iou", "dice"]),
)
def test_one_sort_and_mask_by_mask_agree(map01, reference, lung, metric):
    reference[0, 0] = True
    curves = [
        curve_of(map01, reference, lung, grid_of(None), metric, entries.steps(own), EmptyPolicy())
        for own in ({"lung": True}, {"lung": True, "min_component": 1})
    ]
    assert np.array_equal(*curves)
