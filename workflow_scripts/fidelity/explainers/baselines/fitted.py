"""Read and write what was fitted to the training split for a baseline."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path
from fidelity.datasets.prepared import PreparedCase, cases_in

SCHEMA = "fidelity-fitted-1"


def annotated_cases(shards: Sequence[Path]) -> Iterator[PreparedCase]:
    """Yield the cases that have a reference mask, shard by shard."""
    return (case for case in cases_in(shards) if case.references)


def no_training_masks() -> InputError:
    """Describe a training split that has nothing to learn from."""
    return InputError(
        "no training case has a reference mask to train on",
        field="datasets",
        remedy="Add annotated training cases. Or leave out mean_mask, unet and baselines of boxes",
    )


def write_fitted(
    path: Path,
    tensors: Mapping[str, np.ndarray],
    classes: Sequence[str],
    settings: Mapping[str, Any],
) -> None:
    """Write tensors and their classes atomically; equal contents give equal bytes.

    Args:
        classes: source classes that the tensors were fitted to, in the order of the tensors.
    """
    meta = {"schema": SCHEMA, "classes": list(classes), "settings": dict(settings)}
    # A single metadata entry: safetensors does not keep the order of several entries.
    text = json.dumps(meta, sort_keys=True, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(dict(tensors), metadata={"fidelity": text}))


def fitted_settings(path: Path) -> dict[str, Any]:
    """Read the settings that a file was fitted with; `read_fitted` checks the file."""
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["fidelity"])["settings"]


def read_fitted(path: Path, method: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read what `write_fitted` wrote: the arrays by name, and the source classes.

    Raises:
        InputError: the file is damaged, or was fitted for another method.
    """
    remedy = "Delete the file and run again"
    try:
        with safe_open(path, framework="numpy") as file:
            meta = json.loads((file.metadata() or {}).get("fidelity", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy=remedy) from error
    if meta.get("schema") != SCHEMA or meta["settings"]["method"] != method:
        raise InputError(f"was not fitted by {method}", file=path, remedy=remedy)
    return tensors, meta["classes"]
