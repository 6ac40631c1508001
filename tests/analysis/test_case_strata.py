"""Number and side of lesions, and tables of the strata that a config requests."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.case_strata import case_strata, levels_in
from fidelity.analysis.localization import load_scores, summarize
from fidelity.analysis.strata import FEW, stratify
from fidelity.datasets.prepared import PreparedCase
from fidelity.masks.run_lengths import encode
from fidelity.tables.inference import strata_tables
from tests.analysis.test_localization import STATISTICS, study

WIDTH = 20
LEFT, RIGHT = slice(12, 18), slice(2, 8)


def mask_of(*parts):
    mask = np.zeros((10, WIDTH), bool)
    for rows, columns in parts:
        mask[rows, columns] = True
    return mask


def case_of(reference, name="a", organs=None, lung=None, boxes=None):
    return PreparedCase(
        case=name,
        patient=name,
        split="test",
        labels=("x",),
        image=np.zeros((8, 8), np.uint8),
        lung=None,
        native_size=(10, WIDTH),
        box=(0, 0, 10, WIDTH),
        references={"x": encode(reference)},
        lung_native=None if lung is None else encode(lung),
        digest="",
        reference_boxes={} if boxes is None else {"x": boxes},
        organs={} if organs is None else {organ: encode(mask) for organ, mask in organs.items()},
    )


def strata_of(case, facts=None, wanted=("lesion_count", "side")):
    (row,) = case_strata([case], {"a": facts or {}}, wanted).to_dict("records")
    return [row[name] for name in wanted]


def test_number_and_side():
    assert strata_of(case_of(mask_of((slice(2, 4), LEFT)))) == ["one", "left"]
    both = mask_of((slice(2, 4), LEFT), (slice(6, 8), RIGHT))
    assert strata_of(case_of(both)) == ["two", "both"]
    # Less than a tenth of the lesion is on the other side.
    mostly = mask_of((slice(0, 4), RIGHT), (slice(8, 9), slice(15, 17)))
    assert strata_of(case_of(mostly)) == ["two", "right"]
    assert strata_of(case_of(mask_of())) == ["", ""]
    boxes = ((0, 2, 4, 8),) * 4
    assert strata_of(case_of(mask_of((slice(0, 4), RIGHT)), boxes=boxes))[0] == "three or more"


def test_the_midline_is_that_of_the_lungs():
    lesion = mask_of((slice(2, 4), slice(11, 13)))
    assert strata_of(case_of(lesion))[1] == "left"
    # The patient is turned to the side: the middle of the lungs is at column 15.
    lung = mask_of((slice(0, 9), slice(10, 20)))
    assert strata_of(case_of(lesion, lung=lung))[1] == "right"
    # The image is mirrored: the organ masks show which lung is the left one.
    organs = {
        "left_lung": mask_of((slice(0, 9), RIGHT)),
        "right_lung": mask_of((slice(0, 9), LEFT)),
    }
    assert strata_of(case_of(lesion, organs=organs))[1] == "right"


def test_what_files_tell():
    case = case_of(mask_of((slice(2, 4), LEFT)))
    wanted = ("view", "sex", "side")
    assert strata_of(case, {"view": "PA"}, wanted) == ["PA", "unknown", "left"]
    for view in ("lateral", "LAT", "L", "left lateral"):
        assert strata_of(case, {"view": view}, wanted)[2] == "unknown"


def test_levels_have_an_order():
    assert levels_in("view", ["unknown", "LL", "AP", "PA", ""]) == ["PA", "AP", "LL", "unknown"]
    ages = ["80 and over", "under 18", "18 to 39"]
    assert levels_in("age_group", ages) == ["under 18", "18 to 39", "80 and over"]


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return load_scores(*study(folder, {"lime": 0.4, "lung_mask": 0.5}, cases=60))


def told_of(scores):
    told = scores[["case", "class"]].drop_duplicates().reset_index(drop=True)
    return told.assign(sex=["male"] * 5 + ["female"] * (len(told) - 5))


def test_requested_strata_part_the_cases(scores):
    plain = stratify(scores, STATISTICS)
    table = stratify(scores, STATISTICS, told_of(scores))
    # The rows of the other strata do not depend on further requested strata.
    rest = table[table["stratum"] != "sex"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, plain)
    sexes = table[(table["stratum"] == "sex") & (table["metric"] == "iou")]
    whole = summarize(scores, STATISTICS)
    keys = ["classifier", "explainer", "class"]
    whole = whole[(whole["binarization"] == "fixed50") & (whole["metric"] == "iou")]
    n = whole.set_index(keys)["n"]
    found = sexes[sexes["explainer"] == "lime"].groupby(keys)["n"].sum()
    assert (found == n[found.index]).all()


def test_few_cases_are_marked_where_strata_are_requested(scores):
    table = stratify(scores, STATISTICS, told_of(scores))
    statistics = {**STATISTICS, "primary": "iou"}
    families = {"lime": "perturbation", "lung_mask": "baseline"}
    shown = {t.name: t for t in strata_tables(table, statistics, families, "image", ["sex"])}
    sexes = shown["strata-sex"]
    assert sexes.header == ["Method", "Family", "female", "male"]
    cells = [row[-1] for row in sexes.rows]
    assert any(cell.endswith("†)") for cell in cells)
    for cell in (cell for row in sexes.rows for cell in row[2:] if "(" in cell):
        n = int(cell.rpartition("(")[2].rstrip("†)"))
        assert cell.endswith("†)") == (n < FEW)
    assert any(f"fewer than {FEW} cases" in note for note in sexes.notes)
    plain = strata_tables(table, statistics, families, "image")
    assert "strata-sex" not in [one.name for one in plain]
    assert not any("†" in str(one) for one in plain)
