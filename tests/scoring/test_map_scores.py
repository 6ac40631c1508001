"""Threshold-free scores from the files of a cohort."""

import math

import numpy as np
import pandas as pd
import pytest

import rank
from fidelity.base.errors import InputError
from fidelity.metrics.map_registry import RANKING
from tests.helpers.explained_cohort import (
    SIZE,
    case_of,
    record_of,
    square,
    write_cohort,
    write_predictions,
)

REFERENCE, LUNG = square(4, 4, 12, 18), square(2, 2, 20, 20)
LEADING = [
    "case", "patient", "split", "class", "target_class", "target_is_predicted", "probability",
    "correct", "status", "reference", "empty_prediction", "empty_reference", "reference_area",
    "image_area",
]  # fmt: skip
NAMES = ["perfect", "zero", "failed", "none", "a-val"]


def _pairs(target="COVID"):
    none = np.zeros(SIZE, bool)
    maps = {"perfect": REFERENCE, "zero": none, "failed": None, "none": REFERENCE}
    pairs = [
        (
            case_of(name, {"COVID-19": none if name == "none" else REFERENCE}, lung=LUNG),
            record_of(name, values, target=target),
        )
        for name, values in maps.items()
    ]
    # The last map covers the whole image, but the lung is only a part of it.
    case = case_of("a-val", {"COVID-19": REFERENCE}, "val", LUNG)
    pairs.append((case, record_of("a-val", np.ones(SIZE), target=target, kind="binary")))
    pairs.append((case_of("normal", {}), record_of("normal", REFERENCE, cls="Normal")))
    return pairs


def _ranked(folder, shards, predictions=None, metrics=None):
    settings = {
        "metrics": list(RANKING) if metrics is None else metrics,
        "pointing_tolerance": 15,
        "scoring_size": "original",
        "sign": "positive",
    }
    maps, prepared = write_cohort(folder, shards)
    output = str(folder / "ranking.parquet")
    rank.main(maps, prepared, predictions, str(folder / "classes.json"), **settings, output=output)
    return pd.read_parquet(output)


def test_scores_by_hand(tmp_path):
    predictions = write_predictions(
        tmp_path / "predictions.csv", dict(zip(NAMES, [0.9, 0.2, 0.9, 0.9, 0.9], strict=True))
    )
    table = _ranked(tmp_path, [_pairs()[:3], _pairs()[3:]], predictions)
    assert table.columns.tolist() == [*LEADING, *RANKING]
    assert table["case"].tolist() == ["a-val", "failed", "none", "perfect", "zero"]
    rows = table.set_index("case")
    perfect = rows.loc["perfect"]
    assert (perfect[[m for m in RANKING if "threshold" not in m and "lung" not in m]] == 1).all()
    assert perfect[["best_iou_threshold", "outside_lung_share"]].tolist() == [0, 0]
    assert perfect[["reference_area", "image_area"]].tolist() == [REFERENCE.sum(), REFERENCE.size]
    assert rows["empty_prediction"].to_dict() == dict.fromkeys(NAMES, False) | {"zero": True}
    assert rows.loc["zero", ["relevance_rank", "roc_auc"]].tolist() == [0, 0.5]
    assert rows.loc["failed", list(RANKING)].isna().all()
    assert rows.loc["none", "empty_reference"]
    assert rows.loc["none", "reference_area"] == 0
    assert rows.loc["none", list(RANKING)].notna().sum() == 1
    whole = rows.loc["a-val"]
    share = REFERENCE.mean()
    assert whole["pointing_game"] == pytest.approx(share)
    assert whole["best_iou"] == pytest.approx(share)
    assert whole["outside_lung_share"] == pytest.approx(1 - LUNG.mean())
    assert rows["target_is_predicted"].to_dict() == dict.fromkeys(NAMES, True) | {"zero": False}
    assert rows["correct"].to_dict() == dict.fromkeys(NAMES, True) | {"zero": False}


def test_without_a_classifier(tmp_path):
    table = _ranked(tmp_path, [_pairs(target="")])
    assert (table["target_class"] == "COVID").all()
    assert table["correct"].isna().all()
    assert table["probability"].isna().all()


def test_a_case_without_a_prediction(tmp_path):
    predictions = write_predictions(tmp_path / "predictions.csv", {"perfect": 0.9})
    with pytest.raises(InputError, match="prediction of .* is missing"):
        _ranked(tmp_path, [_pairs()], predictions)


def test_shards_do_not_matter_and_an_empty_cohort_has_the_columns(tmp_path):
    one = _ranked(tmp_path / "one", [_pairs()])
    three = _ranked(tmp_path / "three", [_pairs()[4:], _pairs()[:2], _pairs()[2:4]])
    pd.testing.assert_frame_equal(one, three)
    nothing = _ranked(tmp_path / "nothing", [[]], metrics=["roc_auc"])
    assert nothing.columns.tolist() == [*LEADING, "roc_auc"]
    assert nothing.dtypes.to_dict() == one[nothing.columns].dtypes.to_dict()


def test_no_lung_mask(tmp_path):
    pair = (case_of("a", {"COVID-19": REFERENCE}), record_of("a", REFERENCE))
    table = _ranked(tmp_path, [[pair]], metrics=["outside_lung_share", "relevance_mass"])
    assert math.isnan(table["outside_lung_share"][0])
    assert table["relevance_mass"][0] == 1
