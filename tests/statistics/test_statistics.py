"""Intervals and tests against scipy, statsmodels, hand-made examples and known coverage."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fidelity import statistics
from fidelity.statistics import mixed_model, multiplicity, paired, ranks


def test_bootstrap_of_single_cases_agrees_with_scipy():
    values = np.random.default_rng(0).gamma(2, 1, 80)
    ours = statistics.mean_intervals(values, np.arange(80), replicates=20_000, alpha=0.05, seed=1)[
        0
    ]
    scipys = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=2
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(scipys.low, abs=0.02)
    assert ours.high == pytest.approx(scipys.high, abs=0.02)


def test_bootstrap_means_equal_plain_resampling_of_clusters():
    values = np.array([1.0, 3.0, np.nan, 5.0, 8.0])
    clusters = ["b", "a", "a", "c", "c"]
    means = statistics.bootstrap_means(values, clusters, 50, seed=4)[:, 0]
    weights = statistics.resampling_weights(3, 50, 4)
    groups = [[3.0], [1.0], [5.0, 8.0]]
    for mean, weight in zip(means, weights, strict=True):
        drawn = [v for group, times in zip(groups, weight, strict=True) for v in group * int(times)]
        assert mean == pytest.approx(np.mean(drawn))


def test_interval_covers_the_truth_of_clustered_data():
    covered = naive = 0
    for repeat in range(200):
        rng = np.random.default_rng(repeat)
        values = np.repeat(rng.normal(0, 1, 40), 4) + rng.normal(0, 0.3, 160)
        options = {"replicates": 300, "alpha": 0.05, "seed": repeat}
        by_patient = statistics.mean_intervals(values, np.repeat(np.arange(40), 4), **options)[0]
        by_case = statistics.mean_intervals(values, np.arange(160), **options)[0]
        covered += by_patient.low <= 0 <= by_patient.high
        naive += by_case.low <= 0 <= by_case.high
    assert 0.89 <= covered / 200 <= 0.99
    # If images of one patient count as independent, the interval is too narrow.
    assert naive / 200 < 0.8


def test_rows_in_another_order_give_the_same_interval():
    rng = np.random.default_rng(0)
    values, clusters = rng.normal(size=30), np.arange(30) // 2
    order = rng.permutation(30)
    options = {"replicates": 200, "alpha": 0.1, "seed": 7}
    first = statistics.mean_intervals(values, clusters, **options)[0]
    second = statistics.mean_intervals(values[order], clusters[order], **options)[0]
    assert first.low == pytest.approx(second.low, rel=1e-12)
    other = statistics.mean_intervals(values, clusters, **{**options, "seed": 8})[0]
    assert first.low != other.low


def test_one_cluster_or_no_value_has_no_interval():
    one = statistics.mean_intervals([1.0, 2.0], ["a", "a"], replicates=100, alpha=0.05, seed=1)[0]
    assert one.mean == 1.5
    assert np.isnan(one.low)
    none = statistics.mean_intervals([np.nan] * 3, list("abc"), replicates=100, alpha=0.05, seed=1)
    assert np.isnan([none[0].mean, none[0].low, none[0].high]).all()


OPTIONS = {"replicates": 200, "permutations": 999, "alpha": 0.05, "seed": 1}


def test_paired_tests_by_hand():
    # Ranks of 3, −1, 2: 3, 1, 2.
    result = paired.paired_tests(np.array([[3.0], [-1.0], [np.nan], [2.0]]), **OPTIONS)
    assert result.n[0] == 3
    assert result.mean[0] == pytest.approx(4 / 3)
    assert result.effect_size[0] == pytest.approx((5 - 1) / 6)
    assert result.p_wilcoxon[0] == stats.wilcoxon([3, -1, 2]).pvalue
    # Of the 8 sums, ±6 and ±4 are at least as far from zero as 4.
    assert result.p_permutation[0] == 4 / 8
    assert -1 <= result.low[0] <= result.mean[0] <= result.high[0] <= 3


def test_equal_methods_do_not_differ_and_undefined_ones_have_no_test():
    result = paired.paired_tests(np.array([[0.0, np.nan], [0.0, np.nan]]), **OPTIONS)
    assert [result.mean[0], result.effect_size[0], result.p_wilcoxon[0]] == [0, 0, 1]
    assert result.p_permutation[0] == 1
    assert result.n.tolist() == [2, 0]
    for name in ("mean", "low", "high", "effect_size", "p_wilcoxon", "p_permutation"):
        assert np.isnan(getattr(result, name)[1])


@pytest.mark.parametrize("units", [3, 12, 30, 50, 51, 90])
def test_many_columns_at_once_equal_scipy_on_each(units):
    rng = np.random.default_rng(units)
    table = rng.normal(0.1, 1, (units, 12))
    table[:, 3:6] = np.round(table[:, 3:6] * 2)
    table[rng.uniform(size=table.shape) < 0.2] = np.nan
    for column, p_value, effect in zip(
        table.T, paired.wilcoxon_p(table), paired.rank_biserial(table), strict=True
    ):
        values = column[~np.isnan(column) & (column != 0)]
        if len(values) == 0:
            assert p_value == 1
            continue
        assert p_value == pytest.approx(stats.wilcoxon(values).pvalue, rel=1e-12)
        ranks = stats.rankdata(np.abs(values))
        assert effect == pytest.approx((ranks * np.sign(values)).sum() / ranks.sum())


@pytest.mark.parametrize("units", [2, 8, 13])
def test_sign_flips_are_exact_for_few_units(units):
    table = np.random.default_rng(units).integers(-3, 5, (units, 6)).astype(float)
    for column, p_value in zip(table.T, paired.sign_flip_p(table, 9999, 1), strict=True):
        scipys = stats.permutation_test(
            (column,), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        assert p_value == pytest.approx(scipys.pvalue if column.any() else 1)


def test_drawn_sign_flips_agree_with_scipy_and_never_give_zero():
    table = np.random.default_rng(5).normal([0, 0.3, 0.6, 5], 1, (40, 4))
    ours = paired.sign_flip_p(table, 9999, 1)
    for column, p_value in zip(table.T, ours, strict=True):
        scipys = stats.permutation_test(
            (column,), np.mean, permutation_type="samples", n_resamples=9999, rng=2
        )
        assert p_value == pytest.approx(scipys.pvalue, abs=0.02)
    assert ours[-1] == 1 / 10_000
    np.testing.assert_array_equal(ours, paired.sign_flip_p(table, 9999, 1))


def test_the_sign_flip_test_keeps_its_level():
    table = np.random.default_rng(6).exponential(1, (30, 2000)) * np.random.default_rng(7).choice(
        [-1, 1], (30, 2000)
    )
    assert (paired.sign_flip_p(table, 499, 3) < 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_a_column_with_gaps_is_resampled_as_plain_resampling_would():
    table = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 8.0], [-2.0, 1.0]])
    result = paired.paired_tests(table, **OPTIONS)
    weights = statistics.resampling_weights(4, 200, 1)
    means = [np.nanmean(np.repeat(table[:, 1], weight)) for weight in weights.astype(int)]
    np.testing.assert_allclose([result.low[1], result.high[1]], np.quantile(means, [0.025, 0.975]))


def test_infinite_distances_leave_ranks_and_nothing_else():
    finite = np.random.default_rng(8).normal(0.2, 1, (60, 1))
    table = np.hstack([finite, finite])
    table[7, 1] = np.inf
    result = paired.paired_tests(table, **OPTIONS)
    assert result.mean[1] == np.inf
    assert np.isnan([result.low[1], result.high[1], result.p_permutation[1]]).all()
    largest = np.where(np.isinf(table[:, 1]), 1e9, table[:, 1])
    assert result.p_wilcoxon[1] == pytest.approx(stats.wilcoxon(largest).pvalue)
    assert np.isfinite([result.low[0], result.p_permutation[0]]).all()
    interval = statistics.mean_intervals(table, np.arange(60), replicates=100, alpha=0.05, seed=1)
    assert interval[1].mean == np.inf
    assert np.isnan(interval[1].low)
    assert interval[0].low < interval[0].mean < interval[0].high


def test_friedman_equals_scipy_and_ranks_by_direction():
    values = np.round(np.random.default_rng(3).normal([0, 0.5, 1], 1, (25, 3)), 1)
    values[4, 1] = np.nan
    ranking = ranks.rank_methods(values, higher_is_better=True, alpha=0.05)
    complete = np.delete(values, 4, axis=0)
    expected = stats.friedmanchisquare(*complete.T)
    assert ranking.n == 24
    assert ranking.statistic == pytest.approx(expected.statistic)
    assert ranking.p_value == pytest.approx(expected.pvalue)
    np.testing.assert_allclose(ranking.mean_ranks, stats.rankdata(-complete, axis=1).mean(axis=0))
    lower = ranks.rank_methods(values, higher_is_better=False, alpha=0.05)
    np.testing.assert_allclose(lower.mean_ranks, 4 - ranking.mean_ranks)


def test_critical_difference_equals_the_published_one():
    # Demšar 2006: four classifiers, 14 data sets, q = 2.569: CD = 1.25; table 5(a).
    assert ranks.critical_difference(4, 14, 0.05) == pytest.approx(1.25, abs=0.005)
    for methods, q in ((2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)):
        scale = np.sqrt(methods * (methods + 1) / (6 * 30))
        assert ranks.critical_difference(methods, 30, 0.05) / scale == pytest.approx(q, abs=0.001)


def test_equal_methods_share_their_ranks():
    ranking = ranks.rank_methods(np.ones((5, 3)), higher_is_better=True, alpha=0.05)
    assert ranking.mean_ranks.tolist() == [2, 2, 2]
    assert ranking.p_value == 1
    assert np.isnan(
        ranks.rank_methods(np.full((3, 2), np.nan), higher_is_better=True, alpha=0.05).mean_ranks
    ).all()


def test_rounding_errors_break_no_ties_of_ranks():
    sums = np.array([0.1 + 0.2, 0.3, 0.6 / 2])
    assert len(set(sums.tolist())) == 2
    for scale in (1e-9, 1, 1e9):
        ranking = ranks.rank_methods(
            np.tile(sums * scale, (9, 1)), higher_is_better=True, alpha=0.05
        )
        assert ranking.mean_ranks.tolist() == [2, 2, 2]
    with_inf = np.array([[np.inf, 2, 1], [np.inf, 1, 3]])
    ranking = ranks.rank_methods(with_inf, higher_is_better=False, alpha=0.05)
    assert ranking.mean_ranks.tolist() == [3, 1.5, 1.5]


def test_order_statistics_interval_is_chexlocalizes():
    values = np.array([0.1, np.nan, 0.5, 0.9, 0.3])
    interval = statistics.order_statistics_intervals(values, np.arange(5), seed=2)[0]
    weights = statistics.resampling_weights(5, 1000, 2).astype(int)
    means = sorted(np.nanmean(np.repeat(values, weight)) for weight in weights)
    assert interval.mean == pytest.approx(np.mean(means))
    assert [interval.low, interval.high] == pytest.approx([means[24], means[974]])


def mixed_rows(case_spread, explainers=("lime", "gradcam"), patients=30, noise=0.05):
    rng = np.random.default_rng(2)
    rows = []
    for patient in range(patients):
        of_patient = rng.normal(0, 0.2)
        for case in range(2):
            of_case = of_patient + rng.normal(0, case_spread)
            for classifier in ("a", "b"):
                for place, explainer in enumerate(explainers):
                    score = 0.3 + 0.1 * place + of_case + rng.normal(0, noise)
                    rows.append((score, explainer, classifier, f"p{patient}", f"c{patient}-{case}"))
    table = pd.DataFrame(rows, columns=["score", "explainer", "classifier", "patient", "case"])
    return table.assign(
        explainer=pd.Categorical(table["explainer"], categories=list(explainers)),
        classifier=table["classifier"].astype("category"),
    )


def test_mixed_model_finds_what_was_put_in():
    rows = mixed_rows(0.1)
    fit = mixed_model.fit_mixed_model(rows, alpha=0.05)
    assert fit.status == "ok"
    terms = {row["term"]: row for row in fit.terms}
    effect = terms["explainer[T.gradcam]"]
    assert effect["ci_low"] < 0.1 < effect["ci_high"]
    assert effect["p_value"] < 0.001
    assert "explainer[T.gradcam]:classifier[T.b]" in terms
    # For balanced data, REML's variances equal those of the analysis of variance.
    of_cases = rows.groupby(["patient", "case"])["score"].mean()
    within = of_cases.groupby("patient").var().mean()
    residual = terms["variance: residual"]["estimate"]
    assert residual == pytest.approx(0.05**2, rel=0.3)
    assert terms["variance: patient"]["estimate"] == pytest.approx(
        of_cases.groupby("patient").mean().var() - within / 2, rel=0.01
    )
    assert terms["variance: case within patient"]["estimate"] == pytest.approx(
        within - residual / 4, rel=0.01
    )


@pytest.mark.parametrize("of_explainer", [0.0, 0.1])
def test_mixed_model_keeps_its_level_where_nothing_differs(of_explainer):
    """This also holds if a case suits one explainer under every classifier.

    The model has no term for that. The explainer's term is for the reference classifier, so such an
    effect counts only once in it.
    """
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(80):
        cases, classifiers, explainers = (part.ravel() for part in np.indices((24, 2, 2)))
        score = rng.normal(0, 0.2, 24)[cases] + rng.normal(0, 0.1, len(cases))
        score += rng.normal(0, of_explainer, (24, 2))[cases, explainers]
        names = [f"c{case}" for case in cases]
        rows = pd.DataFrame({"score": score, "patient": names, "case": names})
        rows["explainer"] = pd.Categorical.from_codes(explainers, ["lime", "gradcam"])
        rows["classifier"] = pd.Categorical.from_codes(classifiers, ["a", "b"])
        fit = mixed_model.fit_mixed_model(rows, alpha=0.05)
        p_values += [t["p_value"] for t in fit.terms if t["term"] == "explainer[T.gradcam]"]
    assert len(p_values) >= 60
    # At a level of .05, more than 10 of 80 occur with a probability of .002.
    assert sum(value < 0.05 for value in p_values) <= 10
    assert max(p_values) > 0.5


def test_a_singular_or_too_small_mixed_model_is_said_not_shown():
    rows = mixed_rows(0.1)
    # Without differences between patients, their variance is zero.
    flat = rows.assign(score=np.random.default_rng(1).normal(0, 1, len(rows)))
    centred = flat["score"] - flat.groupby("patient")["score"].transform("mean")
    fit = mixed_model.fit_mixed_model(flat.assign(score=centred), alpha=0.05)
    assert (fit.status, fit.terms) == ("singular", [])
    assert (
        mixed_model.fit_mixed_model(rows[rows["patient"] == "p1"], alpha=0.05).status == "too_few"
    )
    gap = rows[~((rows["explainer"] == "lime") & (rows["classifier"] == "b"))]
    assert mixed_model.fit_mixed_model(gap, alpha=0.05).status == "singular"
    one = rows[(rows["explainer"] == "lime") & (rows["classifier"] == "a")]
    assert mixed_model.fit_mixed_model(one, alpha=0.05).status == "too_few"


@pytest.mark.parametrize("repeats", [1, 2])
def test_columns_that_follow_from_others_are_named(repeats):
    rng = np.random.default_rng(3)
    names = [f"p{number}" for number in range(60)] * repeats
    rows = pd.DataFrame({"patient": names, "case": names, "size": rng.normal(size=len(names))})
    rows["score"] = 0.1 * rows["size"] + rng.normal(size=len(names))
    rows["view"] = np.where(rows["size"] > 0, "lateral", "frontal")
    rows["finding"] = np.where(rows["size"] > 0, "nodule", "mass")
    fit = mixed_model.fit_regression(rows, ["size"], ["view", "finding"], alpha=0.05)
    assert (fit.status, fit.terms) == ("singular", [])
    assert fit.note == "these columns follow from the others: C(finding)[T.nodule]"
    twice = rows.assign(again=2 * rows["size"] + 1)
    fit = mixed_model.fit_regression(twice, ["size", "again"], [], alpha=0.05)
    assert fit.note.endswith(": again")


def test_a_coefficient_of_one_row_has_no_robust_error():
    rng = np.random.default_rng(3)
    names = [f"p{number}" for number in range(60)]
    rows = pd.DataFrame({"patient": names, "case": names, "size": rng.normal(size=60)})
    rows["score"] = 0.1 * rows["size"] + rng.normal(size=60)
    views = ["lateral", *["frontal"] * 59]
    fit = mixed_model.fit_regression(rows.assign(view=views), ["size"], ["view"], alpha=0.05)
    assert (fit.status, fit.terms) == ("singular", [])
    assert fit.note.endswith("(leverage 1): C(view)[T.lateral]")
    views[1] = "lateral"
    fit = mixed_model.fit_regression(rows.assign(view=views), ["size"], ["view"], alpha=0.05)
    assert fit.status == "ok"


def test_holm_by_hand_skips_missing_tests():
    adjusted = multiplicity.holm([0.01, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(adjusted, [0.03, 0.06, np.nan, 0.06])


@pytest.mark.parametrize("number", [1, 2, 10, 45])
def test_holm_equals_statsmodels(number):
    p_values = np.random.default_rng(number).uniform(0, 0.2, number) ** 2
    p_values[number // 2] = p_values[0]
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(multiplicity.holm(p_values), expected, rtol=1e-14)


def test_holm_of_nothing_is_nothing():
    assert multiplicity.holm([]).shape == (0,)
    assert np.isnan(multiplicity.holm([np.nan])).all()
