"""Scores against the agreement of readers, with each reader left out in turn."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fidelity.datasets.prepared import PreparedCase
from fidelity.datasets.readers.references import refer
from fidelity.maps.saliency_map import MapRecord, SaliencyMap
from fidelity.masks.run_lengths import encode
from fidelity.scoring.reader_scores import pairs_of, scorer_of, without_each
from fidelity.scoring.score_rows import Targets

SIDE = 10
READERS = {"a": (0, 4), "b": (1, 5), "c": (2, 6)}


def rows(start, end):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[start:end] = True
    return mask


def iou(one, other):
    return len({*range(*one)} & {*range(*other)}) / len({*range(*one)} | {*range(*other)})


@pytest.fixture
def cases():
    """Return cases: three readers saw x, two saw y. The mask of z has no named reader."""
    masks = {reader: {"A": encode(rows(*span))} for reader, span in READERS.items()}
    blank = np.zeros((SIDE, SIDE), np.uint8)
    x = PreparedCase(
        case="x", patient="x", split="test", labels=("A",), image=blank, lung=None,
        native_size=(SIDE, SIDE), box=(0, 0, SIDE, SIDE), references={"A": masks["a"]["A"]},
        lung_native=None, digest="", readers=masks, agreed=("A",),
    )  # fmt: skip
    y = dataclasses.replace(x, case="y", readers={r: masks[r] for r in "ab"})
    z = dataclasses.replace(x, case="z", readers={}, agreed=())
    return list(refer([x, y, z], "union"))


def scorer(metric="iou"):
    return scorer_of(metric, Targets(None, {"A": "A"}), {}, 2.0, "original", "positive", 5.0)


def test_a_mask_is_scored_against_the_others_of_each_reader(cases):
    made = {case.case: {"A": encode(rows(0, 4))} for case in cases}
    status = pd.DataFrame(
        [(case, "A", "", "ok") for case in made],
        columns=["case", "class", "target_class", "status"],
    )
    table = without_each([cases], lambda _, some, __: scorer().masks(some, made, status), "iou")
    found = {(row.case, row.reader): row.iou for row in table.itertuples()}
    assert found == {
        ("x", "a"): iou((0, 4), (1, 6)),
        ("x", "b"): iou((0, 4), (0, 6)),
        ("x", "c"): iou((0, 4), (0, 5)),
        ("y", "a"): iou((0, 4), (1, 5)),
        ("y", "b"): 1.0,
    }


def test_a_reader_is_scored_against_the_others(cases):
    own = without_each([cases], lambda _, some, reader: scorer().reader(some, reader), "iou")
    found = {(row.case, row.reader): row.iou for row in own.itertuples()}
    assert found == {
        ("x", "a"): iou((0, 4), (1, 6)),
        ("x", "b"): iou((1, 5), (0, 6)),
        ("x", "c"): iou((2, 6), (0, 5)),
        ("y", "a"): iou((0, 4), (1, 5)),
        ("y", "b"): iou((1, 5), (0, 4)),
    }


def test_a_metric_of_maps_takes_readers_as_maps(cases):
    name = "relevance_mass"
    ranked = scorer(name)
    own = without_each([cases], lambda _, some, reader: ranked.reader(some, reader), name)
    values = {(row.case, row.reader): row.relevance_mass for row in own.itertuples()}
    assert values["y", "a"] == pytest.approx(3 / 4)
    saliency = SaliencyMap("dense", rows(0, 2).astype(np.float32))
    records = [MapRecord("x", "A", "", "ok", "", 0.0, map=saliency)]
    table = without_each([cases], lambda _, some, __: ranked.maps(some, records), name)
    found = {row.reader: row.relevance_mass for row in table.itertuples()}
    assert found == pytest.approx({"a": 1 / 2, "b": 1.0, "c": 1.0})


def test_every_two_readers_are_compared(cases):
    found = {
        (row["case"], row["reader_a"] + row["reader_b"]): row["iou"]
        for row in pairs_of(cases, "original")
    }
    assert found == {
        ("x", "ab"): 3 / 5,
        ("x", "ac"): 2 / 6,
        ("x", "bc"): 3 / 5,
        ("y", "ab"): 3 / 5,
    }


def test_two_readers_who_mark_nothing_neither_agree_nor_disagree(cases):
    empty = {reader: {"A": encode(rows(0, 0))} for reader in "ab"}
    (row,) = pairs_of([dataclasses.replace(cases[1], readers=empty)], "original")
    assert np.isnan(row["iou"])
    assert not row["marked_a"]
    assert not row["marked_b"]
