"""Shares of attribution per organ, computed by hand."""

import math

import numpy as np
import pytest

from fidelity.analysis.checks.organ_shares import summarize
from fidelity.analysis.columns.organs import ORGANS, REGIONS
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.saliency_map import MapRecord, SaliencyMap
from fidelity.masks.run_lengths import encode
from fidelity.scoring.organ_shares import organ_shares

STATISTICS = {"replicates": 100, "alpha": 0.05, "cluster": "patient", "seed": 1}
# The patient's left is on the right of the image. Two pixels of the heart are in the left lung.
ORGANS_OF = {
    "right_lung": np.array([[1, 0, 0, 0]] * 4, bool),
    "left_lung": np.array([[0, 0, 0, 1]] * 4, bool),
    "heart": np.array([[0, 0, 0, 0]] * 2 + [[0, 0, 1, 1]] * 2, bool),
}
REFERENCE = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]], bool)
VALUES = np.array([[4, 0, 0, 1], [4, -9, 2, 1], [0, 0, 3, 1], [0, 0, 3, 1]], np.float32)


def case_of(name="a", organs=ORGANS_OF, reference=REFERENCE, split="test"):
    return PreparedCase(
        case=name,
        patient=name,
        split=split,
        labels=("x",),
        image=np.zeros((4, 4), np.uint8),
        lung=None,
        native_size=(4, 4),
        box=(0, 0, 4, 4),
        references={"x": encode(reference)},
        lung_native=None,
        digest="",
        organs={organ: encode(mask) for organ, mask in organs.items()},
    )


def record_of(name="a", values=VALUES):
    made = None if values is None else SaliencyMap("dense", values)
    return MapRecord(name, "x", "x", "ok" if made else "failed", "", 0.1, {}, made)


def shares_of(*pairs):
    return organ_shares(pairs, scoring_size="original", sign="positive")


def test_shares_by_hand():
    (row,) = shares_of((case_of(), record_of())).to_dict("records")
    assert [row[name] for name in REGIONS] == pytest.approx([4 / 20, 8 / 20, 6 / 20, 2 / 20])
    assert [row["reference_" + name] for name in REGIONS] == [0, 0.5, 0.5, 0]
    assert [row["area_" + name] for name in REGIONS] == [4 / 16, 4 / 16, 2 / 16, 6 / 16]


def test_what_has_no_share():
    no_heart = {name: mask for name, mask in ORGANS_OF.items() if name != "heart"}
    table = shares_of(
        (case_of("zero"), record_of("zero", np.zeros((4, 4), np.float32))),
        (case_of("failed"), record_of("failed", None)),
        (case_of("no heart", no_heart), record_of("no heart")),
        (case_of("no organs", {}), record_of("no organs")),
    ).set_index("case")
    assert sorted(table.index) == ["failed", "no heart", "zero"]
    assert table.loc[["zero", "failed"], list(REGIONS)].isna().all(axis=None)
    assert table.loc["no heart", ["left_lung", "right_lung"]].tolist() == pytest.approx([0.2, 0.4])
    assert table.loc["no heart", ["heart", "outside"]].isna().all()


def test_means_are_of_the_same_cases_as_the_references():
    empty = np.zeros((4, 4), bool)
    no_heart = {name: mask for name, mask in ORGANS_OF.items() if name != "heart"}
    table = shares_of(
        (case_of("a"), record_of("a")),
        (case_of("b"), record_of("b", VALUES[::-1].copy())),
        (case_of("zero"), record_of("zero", np.zeros((4, 4), np.float32))),
        (case_of("empty", reference=empty), record_of("empty")),
        (case_of("c", no_heart), record_of("c")),
    )
    head = {"dataset": "d", "classifier": "net", "explainer": "e"}
    found = summarize([(head, table)], STATISTICS)
    assert list(found.columns) == ORGANS.names
    rows = found.set_index("region")
    assert list(rows.index) == list(REGIONS)
    assert (rows["n"] == 3).all()
    assert (rows["n_undefined"] == 1).all()
    assert rows.loc["heart", "mean"] == pytest.approx((6 / 20 + 2 / 20) / 2)
    assert rows["mean"].sum() == pytest.approx(1)
    assert rows["reference_mean"].tolist() == [0, 0.5, 0.5, 0]
    assert rows.loc["outside", "area_mean"] == 6 / 16


def test_without_any_heart_there_are_lungs_alone():
    no_heart = {name: mask for name, mask in ORGANS_OF.items() if name != "heart"}
    table = shares_of((case_of("a", no_heart), record_of("a")))
    head = {"dataset": "d", "classifier": "net", "explainer": "e"}
    found = summarize([(head, table)], STATISTICS)
    assert found["region"].tolist() == ["left_lung", "right_lung"]
    assert math.isnan(found["ci_low"].iloc[0])
