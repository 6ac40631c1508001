"""Progress messages of a job: cases done, seconds per case, time left.

Code digests ignore this module, because messages about a run change no result.
"""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

# Seconds between two lines, so that quick methods do not flood the terminal.
EVERY = 10.0


class Progress:
    """The progress of one job: a line at most every `EVERY` seconds, and one at the end."""

    def __init__(self, what: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock."""
        self.what, self.total, self.clock = what, total, clock
        self.started = self.told = clock()
        self.fresh = 0

    def update(self, done: int, fresh: int) -> None:
        """Record finished cases.

        Args:
            done: number of cases finished so far, including those of an earlier run of the job.
            fresh: number of these cases that this run finished since the last call.
        """
        self.fresh += fresh
        now = self.clock()
        if self.fresh and (now - self.told >= EVERY or done == self.total):
            self.told = now
            log.info("%s", line(self.what, done, self.total, (now - self.started) / self.fresh))


def line(
    what: str, done: int, total: int, seconds: float, jobs: int = 1, unit: str = "case"
) -> str:
    """Return one line of progress.

    Args:
        what: what is explained or trained.
        seconds: seconds per case.
        jobs: number of jobs that run at the same time.

    Returns:
        Text such as "lime, resnet18: 64 of 128 cases, 1.2 s per case, 1 min 17 s left".
    """
    text = f"{what}: {done:,} of {total:,} {unit}s, {_digits(seconds)} s per {unit}"
    left = (total - done) * seconds / jobs
    return f"{text}, {duration(left)} left" if done < total else text


def duration(seconds: float) -> str:
    """Format a time in its two largest units: "1 h 52 min", "3 min 5 s", "0.4 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {small}"
    return f"{whole} s"


def _digits(seconds: float) -> str:
    return (
        f"{seconds:.3f}"
        if seconds < 0.1
        else f"{seconds:.2f}"
        if seconds < 10
        else f"{seconds:.0f}"
    )
