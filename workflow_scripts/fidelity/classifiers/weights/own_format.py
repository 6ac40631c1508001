"""Classifiers on disk: safetensors with everything in the metadata."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import nn

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier, outputs_of
from fidelity.classifiers.weights.checkpoint import ScriptedNetwork, corrupt, open_safetensors
from fidelity.classifiers.weights.tensor_names import raise_misfit

SCHEMA = "fidelity-classifier-2"
TORCHSCRIPT = "torchscript"
_CODE = "torchscript_archive"


def save(
    classifier: Classifier, path: str | Path, training: Mapping[str, Any] | None = None
) -> None:
    """Write a classifier, atomically; equal classifiers give equal bytes.

    Args:
        training: facts about the training that JSON can store; without times and paths.
    """
    network = classifier.network
    if classifier.architecture == TORCHSCRIPT:
        tensors = {_CODE: torch.frombuffer(bytearray(network.archive), dtype=torch.uint8)}
    else:
        # Cloned: safetensors refuses tensors that share memory, and channels_last strides.
        tensors = {
            name: value.detach().cpu().contiguous().clone()
            for name, value in network.state_dict().items()
        }
    meta = {
        "schema": SCHEMA,
        "architecture": classifier.architecture,
        "classes": list(classifier.classes),
        "activation": classifier.activation,
        "head": "one_logit" if classifier.activation == "one_logit" else "softmax",
        "channels": classifier.channels,
        "mean": list(classifier.mean),
        "std": list(classifier.std),
        "image_size": classifier.image_size,
        "output_values": classifier.output_values,
        "training": dict(training or {}),
    }
    meta["checksum"] = _checksum(tensors, meta)
    # All metadata are in one entry, because safetensors does not keep the order of entries.
    text = json.dumps(meta, sort_keys=True, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_bytes(tensors, metadata={"fidelity": text}))


def load(path: str | Path, *, plugins: Sequence[str | Path] = ()) -> Classifier:
    """Read a classifier that `save` wrote, to the CPU and in eval mode.

    Raises:
        InputError: the file is missing, corrupt or not of this project, or the weights do not fit
            the architecture.
    """
    meta, tensors = _read_saved(path)
    if meta["architecture"] == TORCHSCRIPT:
        # Such a file exists only after an import with trusted: true.
        network: nn.Module = ScriptedNetwork(tensors[_CODE].numpy().tobytes(), path)
    else:
        outputs = outputs_of(meta["activation"], len(meta["classes"]))
        network = build(
            meta["architecture"],
            outputs,
            image_size=meta["image_size"],
            channels=meta["channels"],
            plugins=plugins,
        )
        own = network.state_dict()
        if own.keys() != tensors.keys() or any(
            own[key].shape != value.shape for key, value in tensors.items()
        ):
            raise_misfit(own, tensors, (), path, meta["architecture"])
        network.load_state_dict(tensors)
    classifier = Classifier(
        network,
        meta["architecture"],
        tuple(meta["classes"]),
        meta["activation"],
        meta["channels"],
        tuple(meta["mean"]),
        tuple(meta["std"]),
        meta["image_size"],
        meta.get("output_values", "logits"),
    )
    # The fastest memory layout for convolutions, on CPU and GPU.
    return classifier.eval().to(memory_format=torch.channels_last)


def _read_saved(path: str | Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read what `save` wrote: the metadata and the tensors."""
    with open_safetensors(path) as file:
        text = (file.metadata() or {}).get("fidelity")
        if text is None:
            raise InputError(
                "the safetensors file was not written by this project",
                file=path,
                remedy="Import it: give its path under the weights of the classifier",
            )
        try:
            meta = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise corrupt(path, error) from error
        if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
            raise InputError(
                f"is not a classifier of this version (its header is {text[:80]!r})",
                file=path,
                remedy=f"Delete it and run again; this version reads {SCHEMA!r}",
            )
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if meta.get("checksum") != _checksum(tensors, meta):
        raise InputError(
            "the weights or their metadata differ from what was saved (the checksum does not"
            " match)",
            file=path,
            remedy="The file is damaged. Delete it and run again",
        )
    return meta, tensors


def _checksum(tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> str:
    """Hash names, values and metadata; safetensors itself would not detect changes."""
    digest = hashlib.blake2b(digest_size=16)
    noted = {key: value for key, value in meta.items() if key != "checksum"}
    digest.update(json.dumps(noted, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
