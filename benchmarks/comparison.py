"""Shared by the benchmarks against other packages: a one-thread clock, and rows of one table.

Times are CPU-seconds, because other work on the machine affects them less than wall-clock seconds.
Both sides take turns in one process, so that remaining effects of other work affect both.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import cv2  # noqa: E402
import torch  # noqa: E402

from fidelity.base.compute import configure  # noqa: E402

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One comparison: CPU-seconds of both sides for the same work, and the results' difference."""

    task: str
    peer: str
    theirs: float
    ours: float
    error: str = "equal values"

    @property
    def ratio(self) -> float:
        """How many times faster this project is."""
        return self.theirs / self.ours


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Call a function; return its result and its CPU-seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def in_turns(*sides: Callable[[], object], rounds: int = 3) -> list[float]:
    """Time each side once per round; return the smallest CPU-seconds of each."""
    found: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, seconds in zip(sides, found, strict=True):
            seconds.append(timed(side)[1])
    return [min(seconds) for seconds in found]


def machine() -> str:
    """Describe the processor, its support of fast bfloat16, and PyTorch's version."""
    facts = dict(
        (part.strip() for part in line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if ":" in line
    )
    flags = facts.get("flags", "").split()
    fast = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in flags]
    return (
        f"{facts.get('model name', 'unknown processor')}, bfloat16 by "
        f"{' and '.join(fast) or 'emulation'}; one thread; PyTorch {torch.__version__}"
    )


def prepare() -> None:
    """Set up both sides as the rules do: one thread, and freed memory is kept."""
    configure({"threads": 1, "device": "cpu"})
    cv2.setNumThreads(1)


def show(rows: Iterable[Row]) -> None:
    """Print rows as a Markdown table, each as soon as it is measured."""
    prepare()
    print(f"{machine()}; CPU-seconds\n")
    print("| task | package | package, s | here, s | times faster | results |")
    print("|---|---|---:|---:|---:|---|")
    for row in rows:
        print(
            f"| {row.task} | {row.peer} | {row.theirs:.3g} | {row.ours:.3g} | {row.ratio:.1f} "
            f"| {row.error} |",
            flush=True,
        )
