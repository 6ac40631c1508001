"""Tables of box scores: titles of keys, which are diagnostic, and why a value is missing."""

from typing import get_args

import pandas as pd
import pytest

from fidelity.analysis.box_metrics import select_sets
from fidelity.analysis.columns.boxes import BOX_COMPARISONS, BOXES
from fidelity.metrics.boxes.protocols import TITLES, title_of
from fidelity.presentation.protocols import MEANINGS
from fidelity.settings.statistics import Boxes, BoxProtocol
from fidelity.tables.boxes import PARTS, box_tables
from tests.scoring.test_box_scores import PROTOCOLS, STATISTICS, _tables

FAMILIES = {"right": "cam", "wrong": "baseline"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    values, comparisons = _tables(tmp_path_factory.mktemp("boxes"))
    found = box_tables(values, comparisons, STATISTICS, FAMILIES, "image")
    return {table.name.removeprefix("boxes-"): table for table in found}


def test_every_protocol_and_value_of_a_set_has_a_title_and_a_table():
    assert set(TITLES) == set(get_args(BoxProtocol)) == {*PARTS} - {"default"}
    titles = {}
    for metric in select_sets(PROTOCOLS, Boxes().false_positives):
        titles[metric.name] = title_of(metric.name)
        parts = PARTS[metric.protocol].values()
        assert sum(metric.name.startswith(beginnings) for _, beginnings in parts) == 1
    assert len(set(titles.values())) == len(titles)
    assert titles["sensitivity_at_0.125"] == "Sensitivity at 0.125 FP per image"
    assert not any("_" in title for title in titles.values())


def test_values_are_shown_by_protocol(tables):
    assert list(tables) == [
        "boxes", "sensitivity", "wsol", "accuracy", "false-positives", "rodeo", "differences",
    ]  # fmt: skip
    assert tables["boxes"].header[:6] == [
        "Method", "Family", "n", "boxes", "Box IoU ↑", "Box IoBB ↑",
    ]  # fmt: skip
    right, wrong = tables["boxes"].rows
    # FROC also counts the image without a box.
    assert right[:5] == ["right", "CAM", "3", "3", "1.000 [1.000, 1.000]"]
    assert wrong[4].startswith("0.000 [")
    assert "FP per image, IoU ≤ 0.1 ↓" in tables["false-positives"].header
    assert "MaxBoxAcc, diagnostic ↑" in tables["wsol"].header
    assert "BoxAcc ↑" in tables["wsol"].header
    assert all(table.section == "boxes" for table in tables.values())
    for name, protocol in {"wsol": "wsol", "accuracy": "chestxray8", "rodeo": "rodeo"}.items():
        assert f"{protocol}: {MEANINGS[protocol]}" in tables[name].notes


def test_differences_are_of_pairs_with_an_explainer(tables):
    (row,) = tables["differences"].rows
    assert row[1:3] == ["right", "wrong"]
    assert row[3].startswith("1.000 [")


def test_there_may_be_no_pair_and_no_value(tmp_path):
    """The files are read again, because an empty column of a CSV file has no text."""
    values, comparisons = _tables(tmp_path)
    for name, table in {"v": values[:0], "c": comparisons[:0]}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    no_values, no_pairs = BOXES.read(tmp_path / "v.csv"), BOX_COMPARISONS.read(tmp_path / "c.csv")
    whole = box_tables(values, comparisons, STATISTICS, FAMILIES, "image")
    alone = box_tables(values, no_pairs, STATISTICS, FAMILIES, "image")
    assert [table.name for table in alone] == [table.name for table in whole[:-1]]
    assert box_tables(no_values, no_pairs, STATISTICS, FAMILIES, "image") == []


def test_false_positives_of_pooled_classes_are_told_to_be_per_class(tmp_path, tables):
    told = "false positives (FP) per image are counted per image and class"
    each_class = _tables(tmp_path)
    pooled = [pd.concat([table, table.assign(**{"class": "all"})]) for table in each_class]
    found = box_tables(*pooled, STATISTICS, FAMILIES, "image")
    with_it = {table.name.removeprefix("boxes-") for table in found if told in str(table.notes)}
    assert with_it == {"boxes", "sensitivity", "false-positives", "differences"}
    assert not any(told in str(table.notes) for table in tables.values())


def test_a_missing_threshold_is_told(tmp_path):
    values, comparisons = _tables(tmp_path, protocols=["default", "wsol"])
    missing = values["metric"].isin(["box_acc", "box_acc_v2"])
    values.loc[missing, ["value", "ci_low", "ci_high"]] = float("nan")
    values.loc[missing, "note"] = "no threshold: no case of the validation split has a box"
    found = box_tables(values, comparisons, STATISTICS, FAMILIES, "image")
    (wsol,) = [table for table in found if table.name == "boxes-wsol"]
    place = wsol.header.index("BoxAcc ↑")
    assert wsol.rows[0][place] == "–"
    assert any(note.startswith("“–”: no threshold") for note in wsol.notes)
