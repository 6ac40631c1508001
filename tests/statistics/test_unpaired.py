"""Two independent samples, against scipy."""

import numpy as np
import pytest
import scipy

from fidelity.statistics.unpaired import unpaired_tests

HOW = {"replicates": 4000, "alpha": 0.05, "seed": 1}


def test_they_agree_with_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.4, 0.1, (30, 3)), rng.normal(0.35, 0.2, (22, 3))
    a[:5, 1] = np.nan
    found = unpaired_tests(a, b, **HOW)
    assert found.n_a.tolist() == [30, 25, 30]
    assert found.n_b.tolist() == [22, 22, 22]
    for column in range(3):
        one, other = a[~np.isnan(a[:, column]), column], b[:, column]
        test = scipy.stats.mannwhitneyu(one, other)
        assert found.p_value[column] == test.pvalue
        above = np.mean(one[:, None] > other) - np.mean(one[:, None] < other)
        assert found.effect_size[column] == pytest.approx(above)
        assert found.difference[column] == pytest.approx(one.mean() - other.mean())
        drawn = scipy.stats.bootstrap(
            (one, other), lambda x, y, axis: x.mean(axis) - y.mean(axis), n_resamples=4000,
            method="percentile", rng=np.random.default_rng(3),
        ).confidence_interval  # fmt: skip
        assert found.low[column] == pytest.approx(drawn.low, abs=0.01)
        assert found.high[column] == pytest.approx(drawn.high, abs=0.01)


def test_equal_samples_are_not_resampled_alike():
    values = np.random.default_rng(0).normal(0.4, 0.1, (20, 1))
    found = unpaired_tests(values, values, **HOW)
    spread = 1.96 * np.sqrt(2 * values.var() / 20)
    assert found.difference[0] == 0
    assert found.high[0] == pytest.approx(spread, rel=0.15)
    assert found.low[0] == pytest.approx(-spread, rel=0.15)


def test_what_cannot_be_computed_is_nan():
    a = np.array([[1.0, np.nan, np.inf], [2.0, np.nan, 1.0]])
    b = np.array([[1.0, 3.0, np.inf]])
    found = unpaired_tests(a, b, **HOW)
    assert np.isnan(found.low).all()
    assert np.isnan(found.p_value).tolist() == [False, True, False]
    assert found.difference[0] == 0.5
    assert np.isnan(found.difference[1:]).all()
