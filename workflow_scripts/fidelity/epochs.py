"""The state of a training after its last finished epoch, on disk, so that a killed job resumes."""

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

from fidelity.files import atomic_path

log = logging.getLogger(__name__)

# What torch.load raises on a damaged or foreign file.
DAMAGE = (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError)


class EpochStore:
    """One file with the state of a training; it is no declared output of its job.

    Snakemake deletes the outputs of a failed job, so the state is in a hidden folder beside them.
    """

    def __init__(self, output: Path | None = None, code: str = "") -> None:
        """Choose the file.

        Args:
            output: what the training will write in the end; None stores nothing.
            code: digest of the code that trains.
        """
        self.path = output and output.parent / ".partial" / f"{output.stem}.pt"
        self.code = code
        self.fingerprint = ""

    def load(self, *made_of: Any) -> dict[str, Any] | None:
        """Read the state of a training that was stopped, and set the random numbers back to it.

        Args:
            made_of: everything that decides the training beside the code: settings, the initial
                weights (a state dict), arrays of examples. A state of other parts is ignored.

        Returns:
            What `save` was given; None if there is nothing to resume.
        """
        if self.path is None:
            return None
        self.fingerprint = _fingerprint(self.code, *made_of)
        if not self.path.exists():
            return None
        try:
            found = torch.load(self.path, map_location="cpu", weights_only=True)
            if found["fingerprint"] != self.fingerprint:
                log.info("the stopped training had other settings or data: training starts over")
                return None
            _set_random_state(found["random"])
        except DAMAGE as error:
            log.warning("%s cannot be read (%s): training starts over", self.path, error)
            return None
        return found["state"]

    def save(self, state: Mapping[str, Any]) -> None:
        """Store the state after an epoch, atomically.

        Args:
            state: tensors, numbers, text, lists and dicts of them.

        Raises:
            InputError: the disk is full, or the folder cannot be written to.
        """
        if self.path is None:
            return
        content = {
            "fingerprint": self.fingerprint,
            "random": _random_state(),
            "state": dict(state),
        }
        # Through memory: torch's own writer reports a full disk as an internal error.
        buffer = io.BytesIO()
        torch.save(content, buffer)
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def clear(self) -> None:
        """Remove the file, once the trained weights are written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _random_state() -> dict[str, Any]:
    """Return the state of torch's own generators; dropout draws from them."""
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
