"""Scores of boxes: per case, of sets of images, and their differences."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Column, Table, count, number, numbers, text
from fidelity.analysis.columns.localization import SCORES
from fidelity.study import paths

# One row per map.
BOX_SCORES = Table(
    paths.BOX_SCORES,
    (
        *SCORES.columns,
        count("n_reference", "reference boxes (lesions)"),
        count("n_predicted", "predicted boxes"),
        count("n_found", "lesions that a predicted box finds"),
        number("box_iou", "highest IoU of a predicted with a reference box", "0 to 1"),
        number("box_iobb", "highest share of a predicted box inside a reference box", "0 to 1"),
        number("box_corloc", "IoU of the predicted box of highest score", "0 to 1"),
        number("box_recall", "share of the lesions that a predicted box finds", "0 to 1"),
        number("box_energy", "share of the map's positive sum inside the boxes", "0 to 1"),
        number("box_pointing", "expected hit of the map's maximum", "0 to 1"),
        number("box_pointing_tolerance", "the same within a tolerance", "0 to 1"),
        numbers("predicted", "y0, x0, y1, x1 and score of each predicted box", "px"),
        numbers("reference_boxes", "y0, x0, y1, x1 of each reference box", "px"),
    ),
)
# Added by the protocol `wsol`, for its metrics of the set.
WSOL = (
    numbers("wsol_iou", "best IoU at each threshold, largest contour", "0 to 1"),
    numbers("wsol_iou_v2", "the same of all contours", "0 to 1"),
    numbers("wsol_inside", "pixels inside the boxes by value of the map"),
    numbers("wsol_outside", "pixels outside the boxes by value of the map"),
)
# Added by the protocol `chestxray8`, for each box of its two thresholds.
CHESTXRAY8 = (
    numbers("chestxray8_iou", "highest IoU of each predicted box with a reference box", "0 to 1"),
    numbers("chestxray8_iobb", "highest share of each predicted box in a reference box", "0 to 1"),
)
# Protocol → the columns that it adds.
OF_PROTOCOL = {"wsol": WSOL, "chestxray8": CHESTXRAY8}
_REFERENCE = text("reference", "where the boxes are from: `box`, or `mask`, bounding its parts")
BOXES = Table(
    paths.table("boxes"),
    (
        *common.OF_CLASSIFIER,
        common.EXPLAINER,
        common.PROTOCOL,
        common.CLASS,
        common.METRIC,
        common.DIRECTION,
        common.N,
        common.N_PATIENTS,
        count("n_boxes", "reference boxes of these cases"),
        count("n_failed", "further cases without a map"),
        number("value", "value of the set of cases"),
        common.CI_LOW,
        common.CI_HIGH,
        Column(
            "uses_reference",
            "flag",
            "whether the metric chose by the references it is scored on: diagnostic alone",
        ),
        common.NOTE,
        _REFERENCE,
    ),
)
BOX_COMPARISONS = Table(
    paths.table("box_comparisons"),
    (
        *common.OF_CLASSIFIER,
        common.PROTOCOL,
        common.CLASS,
        common.METRIC,
        common.DIRECTION,
        *common.PAIR,
        count("n", "cases that count for both explainers"),
        common.N_PATIENTS,
        number("difference", "value of explainer_a − value of explainer_b"),
        common.CI_LOW,
        common.CI_HIGH,
        _REFERENCE,
    ),
)
