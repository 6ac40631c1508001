"""Intervals and tests against scipy, statsmodels, hand-made examples and known coverage."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fidelity import statistics


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
    # Taking images of one patient as independent promises too much.
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


def test_paired_comparison_by_hand():
    # Differences per patient: 3, −1, 2 (mean of 1 and 3); ranks 3, 1, 2.
    result = statistics.paired_comparison(
        [4.0, 1.0, 2.0, 5.0, np.nan],
        [1.0, 2.0, 1.0, 2.0, 0.0],
        ["p", "q", "r", "r", "s"],
        replicates=200,
        alpha=0.05,
        seed=1,
    )
    assert (result.n, result.n_clusters) == (4, 3)
    assert result.mean_difference == pytest.approx(4 / 3)
    assert result.effect_size == pytest.approx((5 - 1) / 6)
    assert result.p_value == pytest.approx(stats.wilcoxon([3, -1, 2]).pvalue)
    assert -1 <= result.low <= result.mean_difference <= result.high <= 3


def test_equal_methods_do_not_differ():
    result = statistics.paired_comparison(
        [1.0, 2.0], [1.0, 2.0], ["a", "b"], replicates=100, alpha=0.05, seed=1
    )
    assert (result.mean_difference, result.effect_size, result.p_value) == (0.0, 0.0, 1.0)


def test_comparison_without_a_common_value_is_undefined():
    result = statistics.paired_comparison(
        [np.nan, 1.0], [1.0, np.nan], ["a", "b"], replicates=100, alpha=0.05, seed=1
    )
    assert result.n == 0
    assert np.isnan(result.p_value)


def test_holm_by_hand_skips_missing_tests():
    adjusted = statistics.holm([0.01, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(adjusted, [0.03, 0.06, np.nan, 0.06])


@pytest.mark.parametrize("number", [1, 2, 10, 45])
def test_holm_equals_statsmodels(number):
    p_values = np.random.default_rng(number).uniform(0, 0.2, number) ** 2
    p_values[number // 2] = p_values[0]
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(statistics.holm(p_values), expected, rtol=1e-14)


def test_holm_of_nothing_is_nothing():
    assert statistics.holm([]).shape == (0,)
    assert np.isnan(statistics.holm([np.nan])).all()
