"""Counts of the images that went through networks in a job: what its energy went into.

Every network counts (classifier, randomised copy, U-Net, a plugin's own), and none is named: torch
calls a hook around every module. The outermost module that has parameters is a network. Digests
pass this module over: how passes are counted changes no result.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock, local
from typing import Any

from fidelity.base.files import write_text

SUFFIX = ".passes.json"


@dataclass
class Passes:
    """What went through the networks of a process.

    Attributes:
        forward: images in forward passes; those that fill a last batch up are computed, and count.
        backward: images in backward passes from a network's output.
        device: `cpu`, or the name of the GPU; empty where no network ran.
    """

    forward: int = 0
    backward: int = 0
    device: str = ""


class _Counter:
    """The hooks, and how deep in modules the process is."""

    def __init__(self) -> None:
        self.passes = Passes()
        self.took: dict[str, float] = {}  # by a job whose results were taken back
        self.handles: list[Any] = []
        self.lock = Lock()
        self.thread = local()
        self.is_tensor: Any = None  # torch's, once it is imported

    @property
    def open(self) -> list[Any]:
        """The modules that this thread is inside of, the network first."""
        if not hasattr(self.thread, "open"):
            self.thread.open = []
        return self.thread.open

    def install(self) -> None:
        if self.handles:
            return
        from torch import is_tensor
        from torch.nn.modules.module import (
            register_module_forward_hook,
            register_module_forward_pre_hook,
        )

        self.is_tensor = is_tensor
        self.handles = [
            register_module_forward_pre_hook(self._enter),
            # Also where forward raises: the depth would stay wrong for the rest of the job.
            register_module_forward_hook(self._leave, always_call=True),
        ]

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles, self.thread = [], local()

    def _enter(self, module: Any, args: tuple) -> None:
        # Losses are modules too; a network is what has weights.
        if self.open or next(module.parameters(), None) is not None:
            self.open.append(module)

    def _leave(self, module: Any, args: tuple, output: Any) -> None:
        if not self.open or self.open[-1] is not module:
            return
        self.open.pop()
        # Not a tensor: symbolic values, where torch.fx traces a network and nothing is computed.
        if self.open or not args or not self.is_tensor(args[0]) or output is None:
            return
        count = int(args[0].shape[0])
        with self.lock:
            self.passes.forward += count
            self.passes.device = _name_of(args[0].device)
        if getattr(output, "requires_grad", False):
            output.register_hook(lambda gradient: self._back(count))

    def _back(self, count: int) -> None:
        with self.lock:
            self.passes.backward += count


_counter = _Counter()


def install() -> None:
    """Count from now on in this process; a second call does nothing. Imports torch."""
    _counter.install()


@contextmanager
def counted() -> Iterator[Passes]:
    """Count within a block, from zero; what was counted stays readable after it."""
    before, was_on = _counter.passes, bool(_counter.handles)
    _counter.passes = Passes()
    _counter.install()
    try:
        yield _counter.passes
    finally:
        _counter.passes = before
        if not was_on:
            _counter.remove()


def begin(log: str | Path) -> None:
    """Start a job's account: forget counts, and those that an earlier run of the job left."""
    _counter.passes, _counter.took = Passes(), {}
    beside(log).unlink(missing_ok=True)


def passes() -> dict[str, Any]:
    """Give what this process has counted since `begin`, by the fields of `Passes`."""
    return asdict(_counter.passes)


def restore(counts: dict[str, Any], took: dict[str, float]) -> None:
    """Account for results that were computed earlier: with what that took, not the taking back.

    Args:
        counts: what `passes` gave then.
        took: seconds, cpu_seconds and peak_memory_mb.
    """
    _counter.passes, _counter.took = Passes(**counts), took


def finish(log: str | Path) -> None:
    """Write a job's counts beside its log; no file where no network ran and all was made now."""
    if _counter.passes.forward or _counter.took:
        took = {"took": _counter.took} if _counter.took else {}
        write_text(beside(log), json.dumps(asdict(_counter.passes) | took) + "\n")


def beside(log: str | Path) -> Path:
    """Give the place of a job's counts: its log's, with another suffix."""
    return Path(log).with_suffix(SUFFIX)


def _name_of(device: Any) -> str:
    if device.type != "cuda":
        return str(device.type)
    import torch

    return torch.cuda.get_device_name(device)
