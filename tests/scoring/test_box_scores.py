"""Box scores of a cohort on disk, case by case, and the tables of whole sets."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import box_scores
from fidelity.analysis.boxes import box_comparisons, box_values, load_box_scores
from fidelity.analysis.columns.boxes import BOX_COMPARISONS, BOXES, CHESTXRAY8, WSOL
from fidelity.maps.pixel_frames import boxes_in_frame
from fidelity.masks.boxes import fill_boxes
from fidelity.metrics.boxes import wsol
from fidelity.settings.statistics import Boxes
from tests.helpers.explained_cohort import SIZE, case_of, record_of, square, write_cohort
from tests.helpers.run_script import run_script

BOX = (4.0, 4.0, 12.0, 18.0)
OTHER = (14.0, 22.0, 22.0, 30.0)
PROTOCOLS = ["default", "wsol", "chestxray8", "rodeo"]
STATISTICS = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}


def _boxed(name, references, split="test", cls="COVID-19"):
    case = case_of(name, {cls: fill_boxes(references, SIZE)}, split)
    return dataclasses.replace(case, reference_boxes={cls: tuple(references)}, filled=(cls,))


def _pairs(make_map):
    """Return cases with two lesions, one, none, a failed map, and an unannotated class."""
    references = {"two": [BOX, OTHER], "one": [BOX], "healthy": [], "lost": [BOX]}
    pairs = [
        (_boxed(name, given), record_of(name, None if name == "lost" else make_map(name)))
        for name, given in references.items()
    ]
    pairs.append((_boxed("tuned", [BOX], "val"), record_of("tuned", make_map("tuned"))))
    pairs.append(
        (case_of("mask", {"COVID-19": square(0, 0, 5, 5)}), record_of("mask", square(0, 0, 5, 5)))
    )
    return pairs


def _right(name):
    return square(4, 4, 12, 18) + 0.5 * square(4, 4, 6, 6)


def _wrong(name):
    return square(14, 0, 22, 8).astype(float)


def _scored(folder, make_map, boxes_from="references", protocols=PROTOCOLS, **keys):
    maps, prepared = write_cohort(folder, [_pairs(make_map)])
    output = str(folder / "box_scores.parquet")
    given = {"scoring_size": "original", "sign": "positive", "pointing_tolerance": 3} | keys
    classes = str(folder / "classes.json")
    rule = Boxes(threshold=0.5)
    box_scores.main(
        maps, prepared, None, classes, rule, boxes_from, protocols, **given, output=output
    )
    return pd.read_parquet(output).set_index("case")


def test_a_row_per_case_with_boxes(tmp_path):
    table = _scored(tmp_path, _right)
    assert list(table.index) == ["tuned", "healthy", "lost", "one", "two"]
    assert (table["reference"] == "box").all()
    assert table["box_iou"].to_dict() == pytest.approx(
        {"tuned": 1, "healthy": np.nan, "lost": np.nan, "one": 1, "two": 1}, nan_ok=True
    )
    assert table["box_recall"]["two"] == 0.5
    assert table[["n_reference", "n_predicted", "n_found"]].loc["two"].tolist() == [2, 1, 1]
    assert table["n_predicted"]["healthy"] == 1
    assert table["empty_reference"].to_dict()["healthy"]
    assert table["status"]["lost"] == "failed"
    assert table["predicted"]["one"].reshape(-1, 5)[0, :4].tolist() == list(BOX)
    assert table["box_energy"]["one"] == table["box_pointing"]["one"] == 1
    assert len(table["wsol_iou"]["one"]) == wsol.STEPS
    inside, outside = table["wsol_inside"]["one"].sum(), table["wsol_outside"]["one"].sum()
    assert (inside, outside) == (8 * 14, SIZE[0] * SIZE[1] - 8 * 14)
    assert table["wsol_iou"]["healthy"] is None


def test_wsol_is_computed_on_request(tmp_path):
    table = _scored(tmp_path, _right, protocols=["default"])
    assert not {column.name for column in (*WSOL, *CHESTXRAY8)} & set(table)


def test_chestxray8_scores_the_boxes_of_both_thresholds(tmp_path):
    """The peak of the map exceeds 180 of 255, so it has its own box inside the larger one."""
    table = _scored(tmp_path, _right, protocols=["default", "chestxray8"])
    assert table["chestxray8_iou"]["one"].tolist() == pytest.approx([4 / 112, 1])
    assert table["chestxray8_iobb"]["one"].tolist() == [1, 1]
    assert table["chestxray8_iou"]["healthy"] is None


def test_boxes_of_masks_bound_their_parts(tmp_path):
    table = _scored(tmp_path, _right, boxes_from="masks")
    assert (table["reference"] == "mask").all()
    assert table["reference_boxes"]["two"].reshape(-1, 4).tolist() == [list(BOX), list(OTHER)]
    assert table["reference_boxes"]["mask"].tolist() == [0, 0, 5, 5]


def test_boxes_in_the_working_image(tmp_path):
    """The working image of 16 x 16 pixels shows all of the 24 x 32 pixels."""
    table = _scored(tmp_path, _right, scoring_size="working")
    y0, x0, y1, x1 = BOX
    assert table["reference_boxes"]["one"] == pytest.approx(
        [y0 * 16 / 24, x0 * 16 / 32, y1 * 16 / 24, x1 * 16 / 32]
    )


def test_boxes_of_a_crop_are_cut():
    case = dataclasses.replace(
        _boxed("crop", [BOX, OTHER, (0.0, 0.0, 3.0, 3.0)]), box=(8, 12, 24, 28)
    )
    found = boxes_in_frame(case, "COVID-19", "working")
    assert found.tolist() == [[0, 0, 4, 6], [6, 10, 14, 16]]


def _tables(folder, protocols=PROTOCOLS):
    paths = []
    for name, make_map in (("right", _right), ("wrong", _wrong)):
        (folder / name).mkdir()
        _scored(folder / name, make_map, protocols=protocols)
        paths.append(str(folder / name / "box_scores.parquet"))
    run_script(
        "boxes",
        {"scores": paths},
        [folder / "boxes.csv", folder / "comparisons.csv"],
        combos=[("net", "right"), ("none", "wrong")],
        dataset="set",
        sets={"protocols": protocols, "hit": "centre", "false_positives": [0.5, 1]},
        statistics=STATISTICS,
    )
    return BOXES.read(folder / "boxes.csv"), BOX_COMPARISONS.read(folder / "comparisons.csv")


def test_tables_of_sets(tmp_path):
    values, comparisons = _tables(tmp_path)
    assert list(values) == BOXES.names
    test = values[(values["split"] == "test") & (values["explainer"] == "right")]
    test = test.set_index("metric")
    assert test["value"].to_dict() == pytest.approx(
        {
            "box_iou": 1,
            "box_iobb": 1,
            # In the image with two lesions, half a lesion is not covered, but all energy is inside
            # lesions.
            "box_energy": 1,
            "box_pointing": 1,
            "box_pointing_tolerance": 1,
            "corloc": 1,
            "lesion_recall": 2 / 3,
            # One false positive in three images, on the image without a lesion.
            "sensitivity_at_0.5": 2 / 3,
            "sensitivity_at_1": 2 / 3,
            "froc": 2 / 3,
            "max_box_acc": 1,
            "max_box_acc_v2": 1,
            "box_acc": 1,
            "box_acc_v2": 1,
            "pxap": test["value"]["pxap"],
            **{f"acc_iou_{t:g}": 1 for t in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)},
            **{f"acc_iobb_{t:g}": 1 for t in (0.1, 0.25, 0.5, 0.75, 0.9)},
            # Two matched pairs, one missed lesion, and a box on the healthy image.
            "rodeo_localization": 0.5,
            "rodeo_shape_matching": 0.5,
            "rodeo_classification": 0.5,
            "rodeo": 0.5 + 1e-6,  # RoDeO's harmonic mean has this epsilon.
            # The box of the peak overlaps the lesion by 4 of 112 pixels.
            **{f"afp_iou_{t:g}": 1 for t in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)},
            **{f"afp_iobb_{t:g}": 0 for t in (0.1, 0.25, 0.5, 0.75, 0.9)},
        },
        nan_ok=True,
    )
    assert 0.5 < test["value"]["pxap"] < 1
    assert test["n"]["box_iou"] == 2
    assert test["n"]["froc"] == test["n"]["rodeo"] == 3
    assert (test["n_failed"] == 1).all()
    assert (test["n_boxes"] == 3).all()
    assert {name for name in test.index if test["direction"][name] == "lower"} == {
        name for name in test.index if name.startswith("afp_")
    }
    sees = test[test["uses_reference"] == "True"].index
    assert set(sees) == {"max_box_acc", "max_box_acc_v2"}
    val = values[values["split"] == "val"].set_index("metric")
    assert val.loc["box_acc", "value"].isna().all()
    assert val.loc["box_acc", "note"].str.startswith("no threshold").all()
    # Diagnostic metrics are not compared.
    assert not set(sees) & set(comparisons["metric"])
    pair = comparisons.set_index("metric")
    assert (pair["split"] == "test").all()
    assert (pair[["explainer_a", "explainer_b"]] == ["right", "wrong"]).all(axis=None)
    assert pair["difference"]["corloc"] == 1
    assert pair["difference"]["lesion_recall"] == pytest.approx(2 / 3)


def test_explainers_are_compared_on_common_cases(tmp_path):
    paths = []
    for name, make_map in (("right", _right), ("wrong", _wrong)):
        (tmp_path / name).mkdir()
        table = _scored(tmp_path / name, make_map).reset_index()
        if name == "wrong":
            table = table[table["case"] != "two"]
        paths.append(str(tmp_path / f"{name}.parquet"))
        table.to_parquet(paths[-1], index=False)
    found = load_box_scores(paths, [("net", "right"), ("net", "wrong")])
    sets = {"protocols": ["default"], "hit": "centre", "false_positives": [1]}
    table = box_comparisons(found, dataset="set", sets=sets, statistics=STATISTICS)
    pair = table.set_index("metric")
    assert pair["n"]["corloc"] == 1
    assert pair["difference"]["lesion_recall"] == 1


def test_no_case_with_boxes(tmp_path):
    (tmp_path / "a").mkdir()
    pairs = [(case_of("x", {}), record_of("x", square(0, 0, 5, 5)))]
    maps, prepared = write_cohort(tmp_path, [pairs])
    output = str(tmp_path / "none.parquet")
    classes = str(tmp_path / "classes.json")
    box_scores.main(
        maps,
        prepared,
        None,
        classes,
        Boxes(),
        "references",
        PROTOCOLS,
        "original",
        "positive",
        15,
        output,
    )
    found = load_box_scores([output], [("net", "e")])
    sets = {"protocols": PROTOCOLS, "hit": "centre", "false_positives": [1]}
    options = {"dataset": "set", "sets": sets, "statistics": STATISTICS}
    assert not len(box_values(found, **options))
    assert not len(box_comparisons(found, **options))
