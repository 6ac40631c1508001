"""Store the state of a training after each epoch on disk, so that a killed job can resume."""

import hashlib
import io
import json
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fidelity.base.files import all_but_newest, atomic_path

log = logging.getLogger(__name__)

# Errors that torch.load raises for a damaged or foreign file.
DAMAGE = (
    OSError,
    RuntimeError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)

# Number of states kept per training: trying other settings then loses no finished epoch.
BOUND = 2


class EpochStore:
    """Files with the state of a training, one per fingerprint.

    They are not declared as outputs of the job, because Snakemake deletes the outputs of a failed
    job. They are in a hidden folder next to the outputs.
    """

    def __init__(self, output: Path | None = None, code: str = "") -> None:
        """Choose the file.

        Args:
            output: final output file of the training; None stores nothing.
        """
        self.output, self.code = output, code
        self.fingerprint = ""

    def load(self, *made_of: Any) -> dict[str, Any] | None:
        """Return what `save` stored (None for nothing), and restore the random generators.

        Args:
            made_of: everything besides the code that decides the training: settings, the initial
                weights (a state dict), arrays of examples.
        """
        if self.output is None:
            return None
        self.fingerprint = _fingerprint(self.code, *made_of)
        if not self.path.exists():
            return None
        try:
            found = torch.load(self.path, map_location="cpu", weights_only=True)
            _set_random_state(found["random"])
        except DAMAGE as error:
            log.warning("%s cannot be read (%s): training starts over", self.path, error)
            return None
        return found["state"]

    def save(self, state: Mapping[str, Any]) -> None:
        """Store the state after an epoch, atomically.

        Raises:
            InputError: the disk is full, or the folder cannot be written to.
        """
        if self.output is None:
            return
        content = {"random": _random_state(), "state": dict(state)}
        # Through memory, because torch's own writer reports a full disk as an internal error.
        buffer = io.BytesIO()
        torch.save(content, buffer)
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(buffer.getbuffer())
        for path in all_but_newest(self._states(), BOUND):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all states, once the trained weights are written."""
        for path in self._states():
            path.unlink(missing_ok=True)

    @property
    def path(self) -> Path:
        """Path of this training's state; valid after a call of `load`."""
        return self._folder / f"{self.output.stem}.{self.fingerprint}.pt"

    @property
    def _folder(self) -> Path:
        return self.output.parent / ".partial"

    def _states(self) -> list[Path]:
        return [] if self.output is None else list(self._folder.glob(f"{self.output.stem}.*.pt"))


def _random_state() -> dict[str, Any]:
    """Return the state of torch's own generators, from which dropout draws."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _set_random_state(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])


def _fingerprint(*parts: Any) -> str:
    """Hash settings, arrays and state dicts."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        tensors = isinstance(part, Mapping) and any(
            isinstance(value, torch.Tensor) for value in part.values()
        )
        if tensors:
            for name, value in part.items():
                found.update(name.encode())
                found.update(value.detach().cpu().contiguous().numpy())
        elif isinstance(part, np.ndarray):
            found.update(np.ascontiguousarray(part))
        else:
            found.update(json.dumps(part, sort_keys=True, default=str).encode())
    return found.hexdigest()
