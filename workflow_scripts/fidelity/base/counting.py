"""Count the images that pass through networks in a job, as a measure of its computing effort.

Every network counts: classifier, randomised copy, U-Net, or a plugin's own network. They need not
register, because torch calls a hook around every module. The outermost module that has parameters
is a network. Code digests ignore this module, because counting changes no result.
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
    """Number of images that passed through the networks of a process.

    Attributes:
        forward: images in forward passes, including those that pad the last batch.
        backward: images in backward passes from a network's output.
        device: `cpu`, or the name of the GPU; empty if no network ran.
    """

    forward: int = 0
    backward: int = 0
    device: str = ""


class _Counter:
    """The hooks, and the stack of modules that are currently running."""

    def __init__(self) -> None:
        self.passes = Passes()
        self.took: dict[str, float] = {}  # by the job that computed restored results
        self.handles: list[Any] = []
        self.lock = Lock()
        self.thread = local()
        self.is_tensor: Any = None  # torch.is_tensor, once torch is imported

    @property
    def open(self) -> list[Any]:
        """The modules that are running in this thread, the network first."""
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
            # Also called if forward raises; otherwise the stack would stay wrong for the rest of
            # the job.
            register_module_forward_hook(self._leave, always_call=True),
        ]

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles, self.thread = [], local()

    def _enter(self, module: Any, args: tuple) -> None:
        # Losses are modules too, but only a module with parameters is a network.
        if self.open or next(module.parameters(), None) is not None:
            self.open.append(module)

    def _leave(self, module: Any, args: tuple, output: Any) -> None:
        if not self.open or self.open[-1] is not module:
            return
        self.open.pop()
        # Inputs that are not tensors are symbolic values: torch.fx traces a network and computes
        # nothing.
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
    """Start counting in this process; a second call has no effect. Imports torch."""
    _counter.install()


@contextmanager
def counted() -> Iterator[Passes]:
    """Count from zero within a block; the counts can still be read after it."""
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
    """Reset the counts for a new job, and delete the counts of its earlier run."""
    _counter.passes, _counter.took = Passes(), {}
    beside(log).unlink(missing_ok=True)


def passes() -> dict[str, Any]:
    """Return the counts of this process since `begin`, with the fields of `Passes`."""
    return asdict(_counter.passes)


def restore(counts: dict[str, Any], took: dict[str, float]) -> None:
    """Set the counts and cost of restored results to those of their original computation.

    Args:
        counts: what `passes` returned after the original computation.
        took: seconds, cpu_seconds and peak_memory_mb of the original computation.
    """
    _counter.passes, _counter.took = Passes(**counts), took


def finish(log: str | Path) -> None:
    """Write a job's counts next to its log; no file if no network ran and nothing was restored."""
    if _counter.passes.forward or _counter.took:
        took = {"took": _counter.took} if _counter.took else {}
        write_text(beside(log), json.dumps(asdict(_counter.passes) | took) + "\n")


def beside(log: str | Path) -> Path:
    """Return the path of a job's counts: that of its log with another suffix."""
    return Path(log).with_suffix(SUFFIX)


def _name_of(device: Any) -> str:
    if device.type != "cuda":
        return str(device.type)
    import torch

    return torch.cuda.get_device_name(device)
