"""Intervals, tests and ranks, with patients as the unit of analysis."""

from fidelity.statistics.resampling import (
    Interval,
    bootstrap_means,
    mean_intervals,
    nan_mean,
    order_statistics_intervals,
    resampling_weights,
)

__all__ = [
    "Interval",
    "bootstrap_means",
    "mean_intervals",
    "nan_mean",
    "order_statistics_intervals",
    "resampling_weights",
]
