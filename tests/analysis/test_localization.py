"""Summaries and comparisons against values computed by hand."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis import localization as summary
from fidelity.analysis.columns.comparisons import COMPARISONS, HOLM_WITHIN, MIXED_MODEL, RANKS
from fidelity.analysis.columns.localization import COMBO, LOCALIZATION, SEEDS, STRATA
from fidelity.analysis.comparisons import compare, conclusions, inside_margin
from fidelity.analysis.localization import load_scores, summarize
from fidelity.analysis.ranks import rank
from fidelity.analysis.regressions.mixed_model import mixed_model
from fidelity.analysis.strata import stratify
from fidelity.analysis.training_seeds import between_seeds, concluding_seeds
from fidelity.base.errors import InputError
from fidelity.metrics.conventions import Protocol
from tests.helpers.synthetic_results import FAMILIES, STATISTICS, combined, study


def small(explainer="lime", classifier="net", iou=(0.2, 0.6, 0.0, np.nan), classes="AABB"):
    """Return three cases with a reference, the third predicted empty, and one case without."""
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
            "reference": "mask",
            "empty_reference": [False, False, False, True],
            "reference_area": [10, 20, 30, 0],
            "image_area": 100,
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
    table = summarize(small(), STATISTICS)
    assert list(table.columns) == LOCALIZATION.names
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
    # A single patient gives no interval.
    assert np.isnan(row(table, **{"class": "A"}, metric="iou")["ci_low"])


def test_both_empty_is_outside_the_mean_though_scored_one():
    scores = small(iou=(0.2, 0.6, 0.0, 1.0))
    assert row(summarize(scores, STATISTICS), **{"class": "all"}, metric="iou")[
        "mean"
    ] == pytest.approx(0.8 / 3)


def test_one_class_has_no_row_for_all():
    assert set(summarize(small(classes="AAAA"), STATISTICS)["class"]) == {"A"}


def test_comparisons_join_null_baselines_and_mark_the_primary_ones():
    scores = pd.concat(
        [
            small("lime", "net-s1"),
            small("lime", "net-s2"),
            small("lung_mask", "none", iou=(0.5, 0.5, 0.5, np.nan)),
        ],
        ignore_index=True,
    )
    table = compare(scores, STATISTICS)
    assert list(table.columns) == COMPARISONS.names
    assert set(table["classifier"]) == {"net-s1", "net-s2"}
    primary = table[table["family"] == "primary"]
    assert set(primary["metric"]) == {"iou"}
    assert set(primary["class"]) == {"A", "B", "all"}
    one = row(primary, **{"class": "all"}, classifier="net-s1")
    assert (one["explainer_a"], one["explainer_b"]) == ("lime", "lung_mask")
    # Patients: mean(−0.3, 0.1) = −0.1 and −0.5.
    assert one["mean_difference"] == pytest.approx(-0.3)
    assert one[["n", "n_patients"]].tolist() == [3, 2]


def test_holm_is_within_one_metric_of_one_family():
    table = compare(combined({"lime": 0.36, "gradcam": 0.3, "lung_mask": 0.37}), STATISTICS)
    for _, part in table.groupby(HOLM_WITHIN):
        assert len(part) <= 3
        for p_value, adjusted in (
            ("p_value", "p_adjusted"),
            ("p_permutation", "p_permutation_adjusted"),
        ):
            smallest = part[p_value].min()
            assert part[adjusted].min() == pytest.approx(min(1, smallest * len(part)))
    assert set(table.loc[table["family"] == "primary", "binarization"]) == {"fixed50"}
    other = STATISTICS | {"primary_binarization": "top20"}
    again = compare(combined({"lime": 0.36, "gradcam": 0.3}), other)
    assert set(again.loc[again["family"] == "primary", "binarization"]) == {"top20"}
    told = compare(combined({"lime": 0.36, "gradcam": 0.3}), STATISTICS, ["top20"])
    assert set(told.loc[told["binarization"] == "top20", "family"]) == {"diagnostic"}


def test_conclusions_need_the_test_and_the_interval():
    levels = {"lime": 0.36, "twin": 0.36, "gradcam": 0.2}
    table = compare(combined(levels, cases=120), STATISTICS)
    chosen = table[(table["class"] == "all") & (table["binarization"] == "fixed50")]
    iou = chosen[chosen["metric"] == "iou"]
    assert row(iou, explainer_a="lime", explainer_b="gradcam")["conclusion"] == "a_higher"
    twins = row(iou, explainer_a="lime", explainer_b="twin")
    assert -0.05 < twins["ci_low"] < twins["ci_high"] < 0.05
    assert twins["conclusion"] == "equivalent"
    distance = chosen[chosen["metric"] == "hausdorff_full"]
    # Lower Hausdorff distances are better, but the conclusion is about the value.
    assert row(distance, explainer_a="lime", explainer_b="gradcam")["conclusion"] == "b_higher"
    # Metrics in pixels have no margin.
    assert row(distance, explainer_a="lime", explainer_b="twin")["conclusion"] == "none_shown"
    narrow = compare(combined(levels, cases=120), STATISTICS | {"margin": 1e-6})
    assert "equivalent" not in set(narrow["conclusion"])


def test_two_infinite_distances_are_equal():
    scores = combined({"lime": 0.36, "gradcam": 0.3}, cases=20)
    scores.loc[scores["case"] == "case_003", "hausdorff_full"] = np.inf
    table = compare(scores, STATISTICS)
    assert np.isfinite(table["mean_difference"]).all()
    infinite = summarize(scores, STATISTICS).query("metric == 'hausdorff_full'")
    assert np.isinf(infinite.loc[infinite["class"] == "all", "mean"]).all()
    assert infinite.loc[infinite["class"] == "all", "ci_low"].isna().all()


def test_only_compared_metrics_are_compared_and_the_primary_one_always():
    few = STATISTICS | {"compared": ["dice"]}
    table = compare(combined({"lime": 0.36, "gradcam": 0.3}, cases=20), few)
    assert set(table["metric"]) == {"iou", "dice"}


def test_the_unit_is_the_image_where_no_patient_has_two():
    scores = combined({"lime": 0.36, "gradcam": 0.3}, cases=20)
    assert set(compare(scores, STATISTICS)["unit_of_analysis"]) == {"patient"}
    by_case = compare(scores, STATISTICS | {"cluster": "case"})
    assert set(by_case["unit_of_analysis"]) == {"image"}
    alone = compare(scores.assign(patient=scores["case"]), STATISTICS)
    assert set(alone["unit_of_analysis"]) == {"image"}
    pd.testing.assert_frame_equal(by_case, alone)


def test_differences_that_cancel_within_every_patient_are_no_difference():
    """0.2 + 0.3 - 0.5 is not 0 in binary. The same rounding error in all patients has p < .001."""
    scores = combined({"lime": 0.36, "gradcam": 0.3}, cases=36)
    image = scores["case"].str.extract(r"(\d+)", expand=False).astype(int)
    own = np.array([[0.1, 0.3, 0.7], [0.3, 0.6, 0.2]])
    scores["iou"] = own[(scores["explainer"] == "gradcam").astype(int), image % 3]
    scores = scores.assign(patient="p" + (image // 3).astype(str), empty_reference=False)
    scores["class"] = "A"
    found = compare(scores, STATISTICS)
    found = found[found["metric"] == "iou"]
    assert (found[["mean_difference", "effect_size"]] == 0).all(axis=None)
    assert (found[["p_value", "p_permutation"]] == 1).all(axis=None)
    assert set(found["conclusion"]) == {"equivalent"}


def test_one_absent_case_leaves_the_others_paired():
    scores = combined({"lime": 0.36, "gradcam": 0.3}, cases=240)
    lost = (scores["explainer"] == "gradcam") & (scores["case"] == "case_101")
    table = compare(scores[~lost], STATISTICS)
    gap = scores.copy()
    gap.loc[lost, "iou"] = np.nan
    same = compare(gap, STATISTICS)
    for part in (table, same):
        iou = part[(part["metric"] == "iou") & (part["class"] == "all")]
        assert iou["n"].tolist() == [231, 231]
    pd.testing.assert_frame_equal(
        table[table["metric"] == "iou"], same[same["metric"] == "iou"], check_exact=False
    )


def test_rankings_are_summarized_by_their_own_metrics_alone(tmp_path):
    scores = load_scores(*study(tmp_path, {"lime": 0.4, "gradcam": 0.2, "lung_mask": 0.5}))
    table = summarize(scores, STATISTICS)
    of_maps = table[table["binarization"] == "none"]
    assert set(of_maps["metric"]) == {"pointing_game", "roc_auc"}
    assert "roc_auc" not in set(table.loc[table["binarization"] == "fixed50", "metric"])
    compared = compare(scores, STATISTICS)
    assert set(compared.loc[compared["binarization"] == "none", "metric"]) == set(of_maps["metric"])
    assert compared["p_value"].notna().all()


def test_a_protocol_decides_its_metrics_empty_references_and_interval(monkeypatch):
    made_up = Protocol(
        "made_up",
        "Made up",
        "this test",
        metrics=frozenset({"iou"}),
        counts_empty_references=True,
        interval="order_statistics",
    )
    monkeypatch.setitem(summary.PROTOCOLS, "made_up", made_up)
    scores = small(iou=(0.2, 0.6, 0.0, 1.0)).assign(protocol="made_up")
    table = summarize(scores, STATISTICS)
    pooled = row(table, **{"class": "all"}, metric="iou")
    assert pooled["median"] == pytest.approx(0.4)
    assert pooled[["n", "n_empty_reference", "n_undefined"]].tolist() == [4, 1, 0]
    # The mean of 1000 replicates is close to the mean, but not equal.
    assert pooled["mean"] == pytest.approx(0.45, abs=0.05)
    assert pooled["mean"] != 0.45
    assert set(table["metric"]) == {"iou", "false_positive_share"}


def test_ranks_by_direction_without_diagnostics(tmp_path):
    levels = {"lime": 0.4, "gradcam": 0.2, "lung_mask": 0.5}
    scores = load_scores(*study(tmp_path, levels))
    table = rank(scores, STATISTICS, FAMILIES, ["area"])
    assert list(table.columns) == RANKS.names
    assert "area" not in set(table["binarization"])
    for metric in ("iou", "hausdorff_full"):
        part = table[(table["metric"] == metric) & (table["class"] == "all")]
        part = part[part["classifier"] == "net-s1"].set_index("explainer")
        assert list(part["mean_rank"].sort_values().index) == ["lung_mask", "lime", "gradcam"]
        assert part["mean_rank"].sum() == pytest.approx(6)
        assert part["explainer_family"].tolist() == ["perturbation", "cam", "baseline"]
        assert (part["friedman_p"] < 0.001).all()


def test_an_explainer_without_any_value_leaves_the_ranks_of_the_others(tmp_path):
    levels = {"lime": 0.4, "gradcam": 0.2, "lung_mask": 0.5}
    scores = load_scores(*study(tmp_path, levels))
    scores.loc[scores["explainer"] == "lung_mask", "iou"] = np.nan
    keys = ["metric", "classifier", "binarization", "class", "explainer"]
    found = rank(scores, STATISTICS, FAMILIES, ["area"]).set_index(keys).sort_index()
    others = scores[scores["explainer"] != "lung_mask"]
    alone = rank(others, STATISTICS, FAMILIES, ["area"]).set_index(keys).sort_index()
    empty = found.loc["iou"].xs("lung_mask", level="explainer")
    assert len(empty) > 0
    assert empty["mean_rank"].isna().all()
    assert (empty["n_patients"] > 0).all()
    pd.testing.assert_frame_equal(found.loc["iou"].loc[alone.loc["iou"].index], alone.loc["iou"])
    # Where the baseline has values, it is ranked.
    assert found.loc["dice"]["mean_rank"].notna().all()
    # If no explainer has a value, none has a rank.
    scores["iou"] = np.nan
    found = rank(scores, STATISTICS, FAMILIES, ["area"]).query("metric == 'iou'")
    assert found["mean_rank"].isna().all()
    assert not found["n_patients"].any()


def test_seeds_by_hand(tmp_path):
    localization = summarize(load_scores(*study(tmp_path, {"lime": 0.4})), STATISTICS)
    table = between_seeds(localization, {"net-s1": "net", "net-s2": "net"})
    assert list(table.columns) == SEEDS.names
    keys = {"binarization": "fixed50", "class": "all", "metric": "iou"}
    means = [row(localization, **keys, classifier=f"net-s{seed}")["mean"] for seed in (1, 2)]
    both = row(table, **keys)
    assert both[["classifier", "n_seeds"]].tolist() == ["net", 2]
    assert both["std_between_seeds"] == pytest.approx(np.std(means, ddof=1))
    assert [both["min"], both["max"]] == sorted(means)
    alone = between_seeds(localization, {"net-s1": "a", "net-s2": "b"})
    assert alone["std_between_seeds"].isna().all()
    undefined = localization["classifier"] == "net-s2"
    localization.loc[undefined, ["mean", "ci_low", "ci_high"]] = np.nan
    one = row(between_seeds(localization, {"net-s1": "net", "net-s2": "net"}), **keys)
    assert [one["n_seeds"], one["mean"]] == [1, means[0]]


def test_trainings_without_a_conclusion_are_left_out_of_the_spread(tmp_path):
    names = ("a-s1", "a-s2", "a-s3", "b-s1", "b-s2")
    bases = {name: name[0] for name in names}
    scores = load_scores(*study(tmp_path, {"lime": 0.4}, classifiers=names))
    localization = summarize(scores, STATISTICS)
    seeds = between_seeds(localization, bases)
    assert concluding_seeds(seeds, localization, bases, {"c"}) is seeds
    found = concluding_seeds(seeds, localization, bases, {"a-s2"}).set_index("classifier")
    assert (found.loc["a", "n_seeds"] == 2).all()
    keys = {"binarization": "fixed50", "class": "all", "metric": "iou"}
    means = [row(localization, **keys, classifier=name)["mean"] for name in ("a-s1", "a-s3")]
    assert row(found.loc[["a"]], **keys)["mean"] == pytest.approx(np.mean(means))
    pd.testing.assert_frame_equal(
        found.loc["b"].reset_index(),
        seeds[seeds["classifier"] == "b"][found.reset_index().columns].reset_index(drop=True),
        check_dtype=False,
    )


def test_strata_part_the_cases_and_join_the_null_baselines(tmp_path):
    scores = load_scores(*study(tmp_path, {"lime": 0.4, "lung_mask": 0.5}, cases=60))
    table = stratify(scores, STATISTICS)
    assert list(table.columns) == STRATA.names
    assert set(table["metric"]) == {"iou", "dice", "hausdorff_full"}
    assert set(table["binarization"]) == {"fixed50"}
    whole = summarize(scores, STATISTICS)
    for explainer, classifier in (("lime", "net-s1"), ("lung_mask", "none")):
        keys = {"explainer": explainer, "class": "all", "metric": "iou"}
        n = row(whole, **keys, classifier=classifier, binarization="fixed50")["n"]
        for stratum in ("lesion_size", "prediction", "confidence"):
            part = table[(table["stratum"] == stratum) & (table["classifier"] == "net-s1")]
            for name, value in keys.items():
                part = part[part[name] == value]
            assert part["n"].sum() == n, stratum
    sizes = table[(table["stratum"] == "lesion_size") & (table["class"] == "COVID-19")]
    sizes = sizes[(sizes["explainer"] == "lime") & (sizes["metric"] == "iou")]
    assert sizes.groupby("classifier")["n"].apply(lambda n: n.max() - n.min() <= 2).all()
    case = scores[(scores["classifier"] == "net-s1") & (scores["binarization"] == "fixed50")]
    case = case[~case["correct"].astype(bool) & ~case["empty_reference"]]
    wrong = table[(table["level"] == "wrong") & (table["classifier"] == "net-s1")]
    found = row(wrong, **{"class": "all"}, metric="iou", explainer="lime")
    assert found["mean"] == pytest.approx(case["iou"].mean())


def test_a_reader_scored_against_the_others_gives_no_lesion_its_size(tmp_path):
    scores = load_scores(*study(tmp_path, {"mine": 0.5, "lime": 0.4}, cases=60))
    mine = scores["explainer"] == "mine"
    expected = stratify(scores, STATISTICS)
    # In the reference of the other readers, large lesions are small and small ones are large.
    scores.loc[mine, "reference_area"] = 100 - scores.loc[mine, "reference_area"]
    found = stratify(scores, STATISTICS, other_references=["mine"])
    pd.testing.assert_frame_equal(found, expected)
    assert not stratify(scores, STATISTICS).equals(expected)


def test_mixed_model_pools_seeds_and_leaves_null_baselines_out(tmp_path):
    levels = {"lime": 0.4, "gradcam": 0.2, "lung_mask": 0.5}
    paths, combos = study(tmp_path, levels, ("a-s1", "a-s2", "b"), ("fixed50",))
    bases = {"a-s1": "a", "a-s2": "a", "b": "b"}
    table = mixed_model(load_scores(paths, combos), STATISTICS, FAMILIES, bases)
    assert list(table.columns) == MIXED_MODEL.names
    pooled = table[table["class"] == "all"]
    assert set(pooled["status"]) <= {"ok", "singular", "not_converged"}
    assert pooled["note"].str.contains("averaged over the training seeds").all()
    scores = load_scores(paths, combos)
    one = scores[scores["classifier"] != "a-s2"]
    rows = mixed_model(one, STATISTICS, FAMILIES, bases)
    # Another seed of a classifier adds no rows: a case counts once per explainer and classifier.
    assert pooled["n"].iloc[0] == rows.loc[rows["class"] == "all", "n"].iloc[0]
    assert not table["term"].str.contains("lung_mask").any()
    named = table["note"].str.startswith("the intercept is the mean of lime with a; ")
    assert named.equals(table["status"] == "ok")
    assert named.any()
    shown = table["estimate"].notna()
    assert (table.loc[shown, "status"] == "ok").all()
    assert (table.loc[~shown, "term"] == "").all()


def test_missing_cases_are_an_error_beyond_one_percent():
    whole, part = small("lime"), small("gradcam").iloc[:3]
    with pytest.raises(InputError, match=r"1 of the 2 cases .*'lime'.*'gradcam'"):
        compare(pd.concat([whole, part]), STATISTICS)


def test_a_reader_of_some_cases_is_compared_on_those_and_ranks_without_it_are_of_all():
    scores = combined({"lime": 0.36, "gradcam": 0.3, "reader": 0.6}, cases=30)
    cases = sorted(scores["case"].unique())
    part = scores[(scores["explainer"] != "reader") | scores["case"].isin(cases[:12])]
    families = {"lime": "perturbation", "gradcam": "cam", "reader": "ceiling"}
    table = compare(part, STATISTICS, partial=["reader"])
    chosen = table[(table["metric"] == "iou") & (table["class"] == "all")]
    for a, b, count in (("lime", "reader", 12), ("gradcam", "reader", 12), ("lime", "gradcam", 29)):
        assert set(chosen[(chosen.explainer_a == a) & (chosen.explainer_b == b)].n) == {count}
    pd.testing.assert_frame_equal(
        rank(part, STATISTICS, families),
        rank(part[part["explainer"] != "reader"], STATISTICS, families),
    )
    with pytest.raises(InputError, match="reader"):
        compare(part, STATISTICS)


def test_tables_do_not_depend_on_the_order_of_cases():
    scores = combined({"lime": 0.36, "gradcam": 0.3}, cases=30)
    shuffled = scores.sample(frac=1, random_state=0).sort_values(COMBO, kind="stable")
    for function in (summarize, compare):
        first = function(scores.sort_values(COMBO, kind="stable"), STATISTICS)
        pd.testing.assert_frame_equal(first, function(shuffled, STATISTICS))


def test_scores_without_a_column_name_the_file(tmp_path):
    path = tmp_path / "scores.parquet"
    small().drop(columns=[*COMBO, "patient"]).to_parquet(path)
    combo = small().iloc[0][COMBO].to_dict()
    with pytest.raises(InputError, match=r"scores.parquet.*'patient'"):
        load_scores([path], [combo])


def test_a_mean_that_ranks_contradict_claims_nothing():
    """80 of 100 units favour B a little, 20 favour A a lot: mean and rank test disagree."""
    table = pd.DataFrame(
        {
            "p_adjusted": [0.001],
            "metric": ["iou"],
            "ci_low": [0.05],
            "ci_high": [0.14],
            "effect_size": [-0.28],
            "n_patients": [100],
        }
    )
    inside = inside_margin(table, 0.05)
    assert list(conclusions(table, 0.05, inside)) == ["none_shown"]
    assert list(conclusions(table.assign(effect_size=0.28), 0.05, inside)) == ["a_higher"]


def test_equivalence_needs_ten_units():
    table = pd.DataFrame(
        {
            "p_adjusted": [1.0, 1.0],
            "metric": ["iou", "iou"],
            "ci_low": [-0.01, -0.01],
            "ci_high": [0.01, 0.01],
            "effect_size": [0.0, 0.0],
            "n_patients": [9, 10],
        }
    )
    inside = inside_margin(table, 0.05)
    assert list(conclusions(table, 0.05, inside)) == ["none_shown", "equivalent"]
    assert list(conclusions(table, 0.05)) == ["none_shown", "none_shown"]
