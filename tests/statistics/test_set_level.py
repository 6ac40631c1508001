import numpy as np
import pytest

from fidelity.statistics.resampling import mean_intervals
from fidelity.statistics.set_level import ratio, set_result

VALUES = np.random.default_rng(3).random(60)
PATIENTS = np.repeat(np.arange(20), 3).astype(str)


def _result(values, clusters=PATIENTS):
    return set_result(ratio(values, np.ones(len(values))), clusters, 500, seed=4)


def test_a_mean_has_the_interval_of_means():
    """If a value is a mean, its interval equals that of all other tables."""
    expected = mean_intervals(VALUES, PATIENTS, replicates=500, alpha=0.05, seed=4)[0]
    found = _result(VALUES).interval(0.05)
    assert (found.mean, found.low, found.high) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )


def test_a_difference_is_paired():
    shifted = _result(VALUES + 0.25).minus(_result(VALUES)).interval(0.05)
    assert (shifted.mean, shifted.low, shifted.high) == pytest.approx((0.25, 0.25, 0.25))


def test_one_patient_has_no_interval():
    found = _result(VALUES, np.full(60, "a")).interval(0.05)
    assert found.mean == pytest.approx(VALUES.mean())
    assert np.isnan([found.low, found.high]).all()


def test_an_undefined_value_has_no_interval():
    found = set_result(ratio(VALUES, np.zeros(60)), PATIENTS, 500, 4).interval(0.05)
    assert np.isnan([found.mean, found.low, found.high]).all()
