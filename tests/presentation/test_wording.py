"""One module formats every number for readers."""

import math
import re

import pytest

from fidelity.presentation.wording import (
    amount,
    digits_of,
    estimated_time,
    metric_title,
    p_cell,
    p_value,
    percent,
    unit_note,
    value_of,
    with_direction,
)
from tests.helpers import ROOT

LIBRARY = ROOT / "workflow_scripts" / "fidelity"


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("iou", 0.25, "0.250"),
        ("iou", 0.0, "0.000"),
        ("iou", 0.00012, "0.0001"),  # not shown as 0
        ("iou", math.nan, "–"),
        ("hausdorff_full", 12.34, "12.3"),
        ("hausdorff_full_diagonal", 0.05, "0.050"),
        ("infidelity", 0.00123, "0.0012"),  # squared logits: two significant digits
        ("spearman", 0.5, "0.50"),
        ("superpixels", 29.0, "29"),
        ("balanced_accuracy", 1 / 3, "0.333"),
    ],
)
def test_a_metric_has_its_digits(metric, value, text):
    assert value_of(metric, value) == text


def test_values_side_by_side_have_the_same_digits():
    assert (value_of("iou", 0.00012, 0.3), amount("iou", 0.1, 0.00012)) == ("0.000", "+0.100")
    assert digits_of("iou", 0.00012) == 4


def test_percent_directions_and_estimated_times():
    assert [percent(share) for share in (0.954, 1.0)] == ["95 %", "100 %"]
    assert [with_direction("IoU", way) for way in ("higher", "lower", "")] == [
        "IoU ↑",
        "IoU ↓",
        "IoU",
    ]
    assert metric_title("best_iou") == "Best IoU, diagnostic ↑"
    assert metric_title("best_iou_threshold") == "Threshold of the best IoU, diagnostic"
    assert [estimated_time(s) for s in (60, 600, 7200)] == ["60 s", "10 min", "2.0 h"]


@pytest.mark.parametrize(
    ("alpha", "written"),
    [
        (0.05, {0.0494: "0.049", 0.0496: "0.0496", 0.05: "0.050", 0.0504: "0.0504", 0.3: "0.300"}),
        (0.05, {0.04996: "0.04996", 0.0004: "<0.001", math.nan: "–"}),
        (0.01, {0.0096: "0.0096", 0.01: "0.010", 0.0104: "0.0104", 0.0496: "0.050"}),
        (0.0005, {0.0004: "<0.0005", 0.0005: "0.0005", 0.0007: "0.001"}),
    ],
)
def test_a_p_value_is_never_written_on_the_other_side_of_alpha(alpha, written):
    assert {p: p_cell(p, alpha) for p in written} == written
    assert p_value(0.0496, 0.05) == "= 0.0496"
    assert p_value(0.0004, alpha) == f"< {p_cell(0.0004, alpha)[1:]}"


@pytest.mark.parametrize("package", ["tables", "figures", "verdict", "provenance"])
def test_no_other_module_chooses_digits(package):
    fixed = re.compile(r"\{[^{}]*:[^{}]*\.[1-9]\d*[fge%]\}|, [1-9]\)\)?\}|\bround\(\d*\.?\d+, ")
    found = [
        f"{path.name}: {match[0]}"
        for path in (LIBRARY / package).rglob("*.py")
        for match in fixed.finditer(path.read_text())
    ]
    assert found == []


def test_no_template_chooses_digits():
    templates = sorted((LIBRARY / "presentation" / "templates").rglob("*.j2"))
    fixed = re.compile(r"\|\s*(format|round)\b")
    assert [path.name for path in templates if fixed.search(path.read_text())] == []


def test_the_units_of_two_studies_are_named_apart():
    assert unit_note("patient and image") == "Unit of analysis: patient in A, image in B."
    assert unit_note("patient") == "Unit of analysis: patient."
