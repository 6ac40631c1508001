"""Agreement of predicted masks: equal to plain numpy, on the cases that both have, equal sizes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fidelity.analysis.checks.mask_agreement import agree, pair_ious
from fidelity.analysis.columns.checks import AGREEMENT
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case, write_cases
from fidelity.masks.run_lengths import encode, write_masks
from tests.helpers.run_script import run_script

HEAD = {"dataset": "demo", "classifier": "resnet18", "binarization": "tuned"}


def random_masks(names, cases, classes=("COVID-19",), side=13):
    rng = np.random.default_rng(0)
    return {
        name: {
            case: {cls: rng.uniform(size=(side, side + 4)) < rng.uniform() for cls in classes}
            for case in cases
        }
        for name in names
    }


def encoded(masks):
    return {
        name: {case: {cls: encode(mask) for cls, mask in part.items()} for case, part in of.items()}
        for name, of in masks.items()
    }


def table_of(masks, splits):
    """Return the table of all pairs."""
    classes = sorted({cls for of in masks.values() for part in of.values() for cls in part})
    return agree(pair_ious(masks, splits), list(masks), classes, HEAD)


def iou(a, b):
    return (a & b).sum() / (a | b).sum() if (a | b).any() else 1.0


def test_equals_plain_numpy_per_class_and_pooled():
    cases, classes = [f"c{number}" for number in range(7)], ("COVID-19", "Non-COVID")
    masks = random_masks(("lime", "gradcam", "lung"), cases, classes)
    table = table_of(encoded(masks), dict.fromkeys(cases, "test"))
    assert list(table.columns) == AGREEMENT.names
    assert list(table["class"]) == ["COVID-19"] * 3 + ["Non-COVID"] * 3 + ["all"] * 3
    for row in table.to_dict("records"):
        pooled = classes if row["class"] == "all" else (row["class"],)
        a, b = masks[row["explainer_a"]], masks[row["explainer_b"]]
        expected = [iou(a[case][cls], b[case][cls]) for case in cases for cls in pooled]
        assert row["n"] == len(expected)
        assert row["mean_iou"] == pytest.approx(np.mean(expected), abs=1e-12)


def test_only_shared_cases_count_and_splits_stay_apart():
    masks = encoded(random_masks(("lime", "gradcam"), ["a", "b", "c"]))
    del masks["gradcam"]["b"]
    table = table_of(masks, {"a": "test", "b": "test", "c": "val"})
    assert list(zip(table["split"], table["n"], strict=True)) == [("test", 1), ("val", 1)]
    with pytest.raises(InputError, match="do not contain this case"):
        table_of(masks, {"a": "test", "b": "test"})


@given(arrays.arrays(bool, (2, 6, 5)))
def test_is_symmetric_and_in_bounds(pair):
    names, splits = ("a", "b"), {"c": "test"}
    masks = {name: {"c": {"x": encode(mask)}} for name, mask in zip(names, pair, strict=True)}
    forth = table_of(masks, splits)["mean_iou"].item()
    back = table_of({name: masks[name] for name in reversed(names)}, splits)["mean_iou"].item()
    assert forth == back == pytest.approx(iou(*pair))
    assert 0 <= forth <= 1


@given(st.booleans())
def test_empty_masks_agree(full):
    empty, other = np.zeros((4, 4), bool), np.full((4, 4), full)
    masks = {"a": {"c": {"x": encode(empty)}}, "b": {"c": {"x": encode(other)}}}
    assert table_of(masks, {"c": "test"})["mean_iou"].item() == (0.0 if full else 1.0)


def test_one_explainer_gives_no_row_and_sizes_must_agree():
    masks = encoded(random_masks(("lime",), ["a"]))
    assert table_of(masks, {"a": "test"}).empty
    masks |= encoded(random_masks(("gradcam",), ["a"], side=5))
    with pytest.raises(InputError, match="differ in size"):
        table_of(masks, {"a": "test"})


def test_a_classifier_adds_its_own_pairs_to_those_without_one():
    masks = encoded(random_masks(("lime", "lung", "gradcam", "centre"), ["a", "b"]))
    splits = dict.fromkeys("ab", "test")
    own = pair_ious(masks, splits, {"lime", "gradcam"})
    shared = pair_ious({name: masks[name] for name in ("lung", "centre")}, splits)
    assert len(own) == 2 * 5
    assert len(shared) == 2 * 1
    both = agree(pd.concat([own, shared]), list(masks), ["COVID-19"], HEAD)
    pd.testing.assert_frame_equal(both, table_of(masks, splits))


def test_the_script_takes_splits_from_the_case_table(tmp_path):
    masks = encoded(random_masks(("lime", "gradcam"), ["a", "b"]))
    for name, part in masks.items():
        write_masks(tmp_path / f"{name}.json", part)
    cases = [
        Case(name, name, split, ("COVID-19",), f"{name}.png", None, {}, 17, 13, "0")
        for name, split in (("a", "test"), ("b", "val"))
    ]
    write_cases(tmp_path / "cases.csv", cases)
    listed, pairs = tmp_path / "cases.csv", tmp_path / "agreement.parquet"
    files = {"masks": [tmp_path / f"{name}.json" for name in masks], "cases": listed}
    run_script("agreement_cases", files, [pairs], explainers=list(masks), own=["gradcam"])
    run_script(
        "agreement",
        {"pairs": [pairs], "cases": listed},
        [tmp_path / "agreement.csv"],
        explainers=list(masks),
        dataset="demo",
        classifier="resnet18",
        binarization="tuned",
    )
    table = pd.read_csv(tmp_path / "agreement.csv")
    assert list(table["split"]) == ["test", "val"]
    assert list(table["n"]) == [1, 1]
