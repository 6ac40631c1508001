"""Summaries and comparisons against values computed by hand."""

import numpy as np
import pandas as pd
import pytest

from fidelity.errors import InputError
from fidelity.summary import COMBO, COMPARISONS, LOCALIZATION, compare, load_scores, summarize
from synthetic_results import STATISTICS, combined


def small(explainer="lime", classifier="net", iou=(0.2, 0.6, 0.0, np.nan), classes="AABB"):
    """Four cases: three with a reference, of which the third is predicted empty, one without."""
    count = len(iou)
    return pd.DataFrame(
        {
            "dataset": "d",
            "classifier": classifier,
            "explainer": explainer,
            "binarization": "fixed50",
            "protocol": "default",
            "case": [f"c{number}" for number in range(count)],
            "patient": [f"p{number // 2}" for number in range(count)],
            "split": "test",
            "class": list(classes),
            "target_class": list(classes),
            "target_is_predicted": True,
            "probability": 0.5,
            "correct": True,
            "status": "ok",
            "empty_prediction": [False, False, True, False],
            "empty_reference": [False, False, False, True],
            "iou": iou,
            "iou_nan": [0.2, 0.6, np.nan, np.nan],
            "hausdorff_full": [10.0, 20.0, 100.0, np.nan],
            "false_positive_share": [np.nan, np.nan, np.nan, 0.3],
        }
    )


def row(table, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_summary_by_hand():
    table = summarize(small(), STATISTICS, 1)
    assert list(table.columns) == LOCALIZATION
    pooled = row(table, **{"class": "all"}, metric="iou")
    assert pooled["mean"] == pytest.approx(0.8 / 3)
    assert pooled["median"] == pytest.approx(0.2)
    assert pooled["std"] == pytest.approx(np.std([0.2, 0.6, 0.0], ddof=1))
    assert pooled[["n", "n_patients", "n_empty_prediction"]].tolist() == [3, 2, 1]
    assert pooled[["n_empty_reference", "n_undefined", "unit"]].tolist() == [1, 0, "1"]
    assert pooled["ci_low"] <= pooled["mean"] <= pooled["ci_high"]
    nan_mean = row(table, **{"class": "all"}, metric="iou_nan")
    assert nan_mean["mean"] == pytest.approx(0.4)
    assert nan_mean[["n", "n_undefined"]].tolist() == [3, 1]
    assert row(table, **{"class": "all"}, metric="hausdorff_full")["unit"] == "px"
    false_area = row(table, **{"class": "B"}, metric="false_positive_share")
    assert false_area[["n", "mean", "n_empty_prediction"]].tolist() == [1, 0.3, 0]
    # One patient alone gives no interval.
    assert np.isnan(row(table, **{"class": "A"}, metric="iou")["ci_low"])


def test_both_empty_is_outside_the_mean_though_scored_one():
    scores = small(iou=(0.2, 0.6, 0.0, 1.0))
    assert row(summarize(scores, STATISTICS, 1), **{"class": "all"}, metric="iou")[
        "mean"
    ] == pytest.approx(0.8 / 3)


def test_one_class_has_no_row_for_all():
    assert set(summarize(small(classes="AAAA"), STATISTICS, 1)["class"]) == {"A"}


def test_comparisons_join_null_baselines_and_mark_the_primary_ones():
    scores = pd.concat(
        [
            small("lime", "net-s1"),
            small("lime", "net-s2"),
            small("lung_mask", "none", iou=(0.5, 0.5, 0.5, np.nan)),
        ],
        ignore_index=True,
    )
    table = compare(scores, STATISTICS, 1)
    assert list(table.columns) == COMPARISONS
    assert set(table["classifier"]) == {"net-s1", "net-s2"}
    primary = table[table["family"] == "primary"]
    assert set(primary["metric"]) == {"iou"}
    assert set(primary["class"]) == {"all"}
    one = row(primary, classifier="net-s1")
    assert (one["explainer_a"], one["explainer_b"]) == ("lime", "lung_mask")
    # Patients: mean(−0.3, 0.1) = −0.1 and −0.5.
    assert one["mean_difference"] == pytest.approx(-0.3)
    assert one[["n", "n_patients"]].tolist() == [3, 2]


def test_holm_is_within_one_metric_of_one_family():
    table = compare(combined({"lime": 0.36, "gradcam": 0.3, "lung_mask": 0.37}), STATISTICS, 1)
    for _, part in table.groupby(["classifier", "binarization", "class", "metric"]):
        assert len(part) <= 3
        smallest = part["p_value"].min()
        assert part["p_adjusted"].min() == pytest.approx(min(1, smallest * len(part)))
    assert set(table.loc[table["family"] == "primary", "binarization"]) == {"fixed50"}
    other = STATISTICS | {"primary_binarization": "top20"}
    again = compare(combined({"lime": 0.36, "gradcam": 0.3}), other, 1)
    assert set(again.loc[again["family"] == "primary", "binarization"]) == {"top20"}


def test_missing_cases_are_an_error_beyond_one_percent():
    whole, part = small("lime"), small("gradcam").iloc[:3]
    with pytest.raises(InputError, match=r"1 of the 2 cases .*'lime'.*'gradcam'"):
        compare(pd.concat([whole, part]), STATISTICS, 1)


def test_tables_do_not_depend_on_the_order_of_cases():
    scores = combined({"lime": 0.36, "gradcam": 0.3}, cases=30)
    shuffled = scores.sample(frac=1, random_state=0).sort_values(COMBO, kind="stable")
    for function in (summarize, compare):
        first = function(scores.sort_values(COMBO, kind="stable"), STATISTICS, 1)
        pd.testing.assert_frame_equal(first, function(shuffled, STATISTICS, 1))


def test_scores_without_a_column_name_the_file(tmp_path):
    path = tmp_path / "scores.parquet"
    small().drop(columns=[*COMBO, "patient"]).to_parquet(path)
    combo = small().iloc[0][COMBO].to_dict()
    with pytest.raises(InputError, match=r"scores.parquet.*'patient'"):
        load_scores([path], [combo])
