"""Classifiers on disk: safetensors with everything in the metadata; foreign checkpoints, safely."""

import hashlib
import io
import json
import logging
import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from fidelity.classifiers import xrv
from fidelity.classifiers.architectures import build, current_names, normalisation
from fidelity.classifiers.model import Activation, Classifier, outputs_of
from fidelity.errors import InputError, first_line
from fidelity.files import atomic_path

log = logging.getLogger(__name__)

SCHEMA = "fidelity-classifier-2"
TORCHSCRIPT = "torchscript"
_CODE = "torchscript_archive"
# Where training scripts nest the state dict.
NESTED = ("state_dict", "model_state_dict", "model")
# What wrappers put before the names (DataParallel, torch.compile, Lightning).
WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "net.")
SHOWN = 4
MORE_MEMORY = "Give the job more memory; where the file is small, it is damaged: fetch it again"
# The package's own files are pickled modules.
EXPORT_XRV = (
    "Export it once where you trust its origin: import torch, torchxrayvision as xrv; "
    "torch.save(xrv.models.DenseNet(weights='densenet121-res224-all').state_dict(), 'xrv.pt')"
)


@dataclass(frozen=True)
class _Content:
    """What `save` wrote: the metadata and the tensors."""

    meta: dict[str, Any]
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)


def save(
    classifier: Classifier, path: str | Path, training: Mapping[str, Any] | None = None
) -> None:
    """Write a classifier, atomically; equal classifiers give equal bytes.

    Args:
        classifier: on any device.
        path: the .safetensors file.
        training: JSON-able facts about how it came about; without times and paths.
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
        "training": dict(training or {}),
    }
    meta["checksum"] = _checksum(tensors, meta)
    # One metadata entry alone: safetensors does not keep an order between several.
    text = json.dumps(meta, sort_keys=True, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_bytes(tensors, metadata={"fidelity": text}))


def load(path: str | Path, *, plugins: Sequence[str | Path] = ()) -> Classifier:
    """Read a classifier that `save` wrote.

    Args:
        path: the .safetensors file.
        plugins: Python files, for an architecture "plugin:<function>".

    Returns:
        The classifier on the CPU, in eval mode.

    Raises:
        InputError: missing, corrupt or foreign file; weights that do not fit the architecture.
    """
    content = _read_saved(path)
    meta = content.meta
    if meta["architecture"] == TORCHSCRIPT:
        # Reaches this file only through an import with trusted: true.
        network: nn.Module = ScriptedNetwork(content.tensors[_CODE].numpy().tobytes(), path)
    else:
        outputs = outputs_of(meta["activation"], len(meta["classes"]))
        network = build(
            meta["architecture"], outputs, image_size=meta["image_size"], plugins=plugins
        )
        _fit(network, content.tensors, path, meta["architecture"])
    classifier = Classifier(
        network,
        meta["architecture"],
        tuple(meta["classes"]),
        meta["activation"],
        meta["channels"],
        tuple(meta["mean"]),
        tuple(meta["std"]),
        meta["image_size"],
    )
    # The layout that convolutions are fastest in, on CPU and GPU alike.
    return classifier.eval().to(memory_format=torch.channels_last)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read what `save` noted beside the weights, `training` included, without the weights."""
    return _read_saved(path, tensors=False).meta


def _read_saved(path: str | Path, tensors: bool = True) -> _Content:
    with _open_safetensors(path) as file:
        text = (file.metadata() or {}).get("fidelity")
        if text is None:
            raise InputError(
                "the safetensors file was not written by this project",
                file=path,
                remedy="Import it: name it under the classifier's weights",
            )
        try:
            meta = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _corrupt(path, error) from error
        if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
            raise InputError(
                f"is no classifier of this version (it says {text[:80]!r})",
                file=path,
                remedy=f"Delete it and run again; this version reads {SCHEMA!r}",
            )
        values = {key: file.get_tensor(key) for key in file.keys()} if tensors else {}  # noqa: SIM118
    if tensors and meta.get("checksum") != _checksum(values, meta):
        raise InputError(
            "the weights or what is noted beside them are not those that were saved (the checksum"
            " differs)",
            file=path,
            remedy="The file is damaged: delete it and run again",
        )
    return _Content(meta, values)


def _checksum(tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> str:
    """Hash names, values and metadata; safetensors itself would not notice that they changed."""
    digest = hashlib.blake2b(digest_size=16)
    noted = {key: value for key, value in meta.items() if key != "checksum"}
    digest.update(json.dumps(noted, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _open_safetensors(path: str | Path) -> safe_open:
    if not Path(path).is_file():
        raise InputError("the checkpoint does not exist", file=path, field="weights")
    try:
        return safe_open(str(path), framework="pt", device="cpu")
    except (SafetensorError, OSError) as error:
        raise _corrupt(path, error) from error


def load_foreign(
    path: str | Path,
    architecture: str,
    classes: Sequence[str],
    *,
    activation: Activation = "softmax",
    image_size: int = 224,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    trusted: bool = False,
    plugins: Sequence[str | Path] = (),
    output_names: Mapping[str, str] | None = None,
) -> Classifier:
    """Read a checkpoint made elsewhere.

    Args:
        path: state dict (.pt, .pth; also nested under "state_dict" or "model"), safetensors, or
            TorchScript with architecture "torchscript".
        architecture: see `architectures.build`.
        classes: model classes in the order of the checkpoint's outputs.
        activation: how its outputs become probabilities.
        image_size: side of the input in pixels.
        mean: per channel; by default the architecture's (see `architectures.normalisation`).
        std: the same.
        trusted: allow TorchScript, which is code.
        plugins: Python files, for an architecture "plugin:<function>".
        output_names: class → output of a checkpoint of torchxrayvision, where names differ.

    Returns:
        The classifier on the CPU, in eval mode.

    Raises:
        InputError: missing or corrupt file, a pickle that runs code, TorchScript without trust,
            weights or a number of outputs that do not fit.
    """
    outputs = outputs_of(activation, len(classes))
    if architecture == TORCHSCRIPT:
        network: nn.Module = trusted_torchscript(path, trusted)
        channels = network.channels
    else:
        state = read_state_dict(path)
        network = build(architecture, outputs, image_size=image_size, plugins=plugins)
        if architecture.startswith(xrv.PREFIX):
            state = xrv.choose_outputs(state, architecture, classes, output_names)
        _fit(network, state, path, architecture)
        channels = 0
    default_mean, default_std = normalisation(architecture, True, plugins)
    channels = channels or len(default_mean)
    if channels == 1 and len(default_mean) != 1:
        default_mean, default_std = (float(np.mean(default_mean)),), (float(np.mean(default_std)),)
    classifier = Classifier(
        network,
        architecture,
        tuple(classes),
        activation,
        channels,
        tuple(mean or default_mean),
        tuple(std or default_std),
        image_size,
    ).eval()
    _check_outputs(classifier, path, outputs)
    return classifier


def initialise(network: nn.Module, path: str | Path, architecture: str) -> list[str]:
    """Start a training from a checkpoint; a head with another number of outputs stays fresh.

    Args:
        network: as `build` returns it; changed in place.
        path: see `load_foreign`.
        architecture: its name, for the error.

    Returns:
        Names of the parameters left fresh (at most the head's weight and bias).

    Raises:
        InputError: more than a head is missing or has another shape.
    """
    state = _unwrap(read_state_dict(path), network)
    own = network.state_dict()
    fresh = sorted(k for k, v in own.items() if k in state and state[k].shape != v.shape)
    layers = {name.rpartition(".")[0] for name in fresh}
    if len(layers) > 1 or any(own[name].shape[1:] != state[name].shape[1:] for name in fresh):
        _raise_misfit(own, state, path, architecture)
    kept = {key: value for key, value in state.items() if key not in fresh}
    _fit(network, kept | {key: own[key] for key in fresh}, path, architecture)
    if fresh:
        log.info("%s: %s stay fresh (another number of classes)", path, ", ".join(fresh))
    return fresh


def read_state_dict(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint without running any code in it.

    Args:
        path: safetensors, or a file of torch.save.

    Returns:
        {name: tensor} as stored, on the CPU.

    Raises:
        InputError: missing, corrupt, TorchScript, or a pickle that asks for code.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        with _open_safetensors(path) as file:
            found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return _state_dict_of(found, path)
    if not path.is_file():
        raise InputError("the checkpoint does not exist", file=path, field="weights")
    if _is_torchscript(path):
        raise InputError(
            "the checkpoint is TorchScript, which is code",
            file=path,
            field="weights",
            remedy="Set architecture: torchscript and trusted: true if you trust its origin",
        )
    _check_unpacked(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except Exception as error:  # damaged bytes make the unpickler raise almost anything
        raise _corrupt(path, error) from error
    return _state_dict_of(content, path)


def _state_dict_of(content: object, path: Path) -> dict[str, torch.Tensor]:
    """Find the state dict in what torch.load returned."""
    for key in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    tensors = (
        {
            key: value
            for key, value in content.items()
            if isinstance(key, str) and isinstance(value, torch.Tensor)
        }
        if isinstance(content, Mapping)
        else {}
    )
    if not tensors:
        raise InputError(
            "the checkpoint holds no state dict",
            file=path,
            field="weights",
            remedy="Save model.state_dict()",
        )
    return tensors


def _refused(path: Path, error: pickle.UnpicklingError) -> InputError:
    """Name what a pickle asked for; or call the file corrupt if it asked for nothing."""
    text = str(error)
    found = re.search(r"(?:GLOBAL|global|function|class) `?([\w]+(?:\.[\w]+)+)", text)
    if found is None:
        return _corrupt(path, error)
    return InputError(
        f"the checkpoint is a pickle that asks to run code ({found.group(1)}) and was refused",
        file=path,
        field="weights",
        remedy=EXPORT_XRV
        if found.group(1).startswith("torchxrayvision.")
        else "Save model.state_dict() alone, or convert it to safetensors",
    )


def _corrupt(path: str | Path, error: Exception) -> InputError:
    return InputError(
        f"the checkpoint cannot be read ({first_line(error)})",
        file=path,
        field="weights",
        remedy=MORE_MEMORY
        if isinstance(error, MemoryError)
        else "The file is damaged or no checkpoint; fetch or train it again",
    )


def _is_torchscript(path: Path) -> bool:
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _corrupt(path, error) from error


def _check_unpacked(path: Path) -> None:
    """Refuse compressed members: torch.save makes none, and a small file could fill the memory."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = [entry for entry in archive.infolist() if entry.compress_type]
    if packed:
        raise InputError(
            f"the checkpoint is a compressed archive ({packed[0].filename!r} unpacks from"
            f" {packed[0].compress_size} to {packed[0].file_size} bytes)",
            file=path,
            field="weights",
            remedy="Save it by torch.save, which does not compress, or as safetensors",
        )


class ScriptedNetwork(nn.Module):
    """A TorchScript network that keeps its archive, so that it can be saved as it came.

    Attributes:
        archive: bytes of the TorchScript file.
        channels: channels its first convolution reads (3 where it has none).
    """

    def __init__(self, archive: bytes, path: str | Path) -> None:
        """Read the archive; raises InputError (naming `path`) if it is not TorchScript."""
        super().__init__()
        self.archive = archive
        try:
            self.script = torch.jit.load(io.BytesIO(archive), map_location="cpu")
        except RuntimeError as error:
            raise _corrupt(path, error) from error
        kernels = [value for value in self.script.parameters() if value.ndim == 4]
        self.channels = int(kernels[0].shape[1]) if kernels else 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the script returns."""
        return self.script(x)


def trusted_torchscript(path: str | Path, trusted: bool) -> ScriptedNetwork:
    if not trusted:
        raise InputError(
            "a TorchScript checkpoint is code and is loaded only when trusted",
            file=path,
            field="trusted",
            remedy="Set trusted: true if you trust its origin, or use a state dict",
        )
    if not Path(path).is_file():
        raise InputError("the checkpoint does not exist", file=path, field="weights")
    return ScriptedNetwork(Path(path).read_bytes(), path)


def _check_outputs(classifier: Classifier, path: str | Path, outputs: int) -> None:
    side = classifier.image_size
    with torch.no_grad():
        out = classifier.network(torch.zeros(1, classifier.channels, side, side))
    if not isinstance(out, torch.Tensor) or out.numel() != outputs:
        found = out.numel() if isinstance(out, torch.Tensor) else type(out).__name__
        raise InputError(
            f"the network returns {found} values per image where {outputs} classes are expected",
            file=path,
            field="classes",
            remedy="List the classes in the order of its outputs",
        )


def _unwrap(state: Mapping[str, torch.Tensor], network: nn.Module) -> dict[str, torch.Tensor]:
    """Strip prefixes of wrappers that all names share and the network's own do not."""
    own = set(network.state_dict())
    # Operating points that torchxrayvision keeps beside its weights; no part of the network.
    state = {key: value for key, value in state.items() if key != "op_threshs"}
    while state and not own & state.keys():
        prefix = next((p for p in WRAPPERS if all(key.startswith(p) for key in state)), None)
        if prefix is None:
            break
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state if own == state.keys() else current_names(state)


def _fit(
    network: nn.Module, state: Mapping[str, torch.Tensor], path: str | Path, architecture: str
) -> None:
    """Load the state into the network; raise InputError unless every name and shape fits."""
    state = _unwrap(state, network)
    own = network.state_dict()
    # Older files lack BatchNorm's counter, which no result depends on.
    state = {key: v for key, v in own.items() if key.endswith("num_batches_tracked")} | state
    if own.keys() != state.keys() or any(own[key].shape != state[key].shape for key in own):
        _raise_misfit(own, state, path, architecture)
    network.load_state_dict(state)


def _raise_misfit(
    own: Mapping[str, torch.Tensor],
    state: Mapping[str, torch.Tensor],
    path: str | Path,
    architecture: str,
) -> None:
    missing = sorted(own.keys() - state.keys())
    unexpected = sorted(state.keys() - own.keys())
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and own[key].shape != state[key].shape
    ]
    parts = [
        f"{len(names)} {what} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", shapes),
        )
        if names
    ]
    only_head = shapes and not missing and not unexpected and len(shapes) <= 2
    raise InputError(
        f"the checkpoint does not fit {architecture}: {'; '.join(parts)}",
        file=path,
        field="weights",
        remedy="List all classes of the checkpoint, in the order of its outputs, under classes"
        if only_head
        else "Name the architecture that it was trained with",
    )
