"""Tables of what explainers cost: summed, and job by job."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Table, count, number, text
from fidelity.study import paths

_MEMORY = number("peak_memory_mb", "highest of any job; empty where it was never sampled", "MB")
_PASSES = (
    count("forward", "images that went through the network"),
    count("backward", "images whose gradients were taken"),
)
COST = Table(
    paths.table("cost"),
    (
        common.DATASET,
        common.CLASSIFIER,
        common.EXPLAINER,
        text("step", "rule, or `all`: all of the explainer's jobs"),
        count("jobs", "jobs that were timed"),
        number("wall_hours", "time from start to end, added up", "hours"),
        number("cpu_hours", "time of processors, added up", "hours"),
        _MEMORY,
        *_PASSES,
    ),
)
# Measured for one job; in a unit's cost.csv next to its rule and wildcards.
MEASURED = (
    number("seconds", "time from start to end", "seconds"),
    number("cpu_seconds", "time of processors; empty where it was never sampled", "seconds"),
    _MEMORY,
    *_PASSES,
    text("device", "what the network ran on"),
)
