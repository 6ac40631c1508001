"""Read weights files of other programs without running any code in them: tensors and notes.

A training script saves more than weights: its arguments, scores as numpy scalars, the state of its
optimiser. Torch's reader (`weights_only`) refuses a file that contains any class it does not know.
Here, objects of such classes become empty shells, so that the weights next to them can be read.
"""

import io
import json
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from fidelity.base.errors import InputError, first_line
from fidelity.classifiers.weights.header import Shell

MORE_MEMORY = "Give the job more memory. If the file is small, it is damaged: download it again"
# Weights files of torchxrayvision are pickled modules.
EXPORT_XRV = (
    "Export it once where you trust its origin: import torch, torchxrayvision as xrv; "
    "torch.save(xrv.models.DenseNet(weights='densenet121-res224-all').state_dict(), 'xrv.pt')"
)
EXPORT = (
    "Save the weights alone where you trust the file's origin and its classes are installed: "
    "torch.save(model.state_dict(), 'weights.pt')"
)
# Packages whose objects are saved next to weights, not instead of them: arguments, scores, dates.
BESIDE = {
    "addict",
    "argparse",
    "box",
    "collections",
    "datetime",
    "easydict",
    "enum",
    "lightning",
    "lightning_fabric",
    "ml_collections",
    "numpy",
    "omegaconf",
    "pathlib",
    "pytorch_lightning",
    "torchmetrics",
    "types",
    "typing",
    "uuid",
    "yacs",
}
OTHER_PROGRAMS = (".onnx", ".h5", ".hdf5", ".keras", ".pb", ".tflite")
BUILTINS = {f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "set", "str")}
DEPTH = 4
NOTES = ("", "args", "cfg", "config", "hparams", "hyper_parameters", "meta")
CLASS_LISTS = ("classes", "class_names", "label_names")
CLASS_NUMBERS = ("class_to_idx", "class_to_index", "label2id")
NUMBERED_CLASSES = ("idx_to_class", "index_to_class", "id2label")


@dataclass(frozen=True)
class Checkpoint:
    """The content of a weights file.

    Attributes:
        sets: place in the file ("" for the top, "model_ema") → name → tensor; all on the CPU.
        classes: names of the outputs in their order, if the file states them.
        mean: per channel, the mean by which inputs (0 to 1) were normalised, if the file states it.
        std: the standard deviation of the same normalisation.
        unread: "mean" or "std" with its value, if the file states it in a form that is not read.
        ours: whether this project wrote the file; then nothing but mean and std changes the input.
    """

    path: Path
    sets: dict[str, dict[str, torch.Tensor]]
    ours: bool = False
    classes: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    unread: str | None = None


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a weights file without running any code in it.

    Args:
        path: safetensors (also files of this project), or a file of torch.save.

    Raises:
        InputError: the file is missing, corrupt, TorchScript, without tensors, or a pickle of
            classes that may hold weights or run code.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        with open_safetensors(path) as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            notes = _json((file.metadata() or {}).get("fidelity"))
        return _checkpoint(path, {"": tensors}, [notes], ours=bool(notes))
    content = _load(path)
    sets = dict(_sets(content))
    parts = [content.get(key) if key else content for key in NOTES] if _is_mapping(content) else []
    return _checkpoint(path, sets, [_mapping(part) for part in parts])


def _checkpoint(
    path: Path, sets: dict, notes: list[dict[str, Any]], ours: bool = False
) -> Checkpoint:
    sets = {name: tensors for name, tensors in sets.items() if tensors}
    if not sets:
        raise InputError(
            "the checkpoint does not contain a state dict",
            file=path,
            field="weights",
            remedy="Save model.state_dict()",
        )
    classes, mean, std, unread = None, None, None, None
    for part in notes:
        classes = classes or _classes(part)
        if mean is None:
            mean, std = _numbers(part.get("mean")), _numbers(part.get("std"))
            if mean is None or std is None or len(mean) != len(std):
                mean, std = None, None
                unread = unread or _unread(part)
    return Checkpoint(path, sets, ours, classes, mean, std, None if mean else unread)


def _unread(notes: dict[str, Any]) -> str | None:
    """Name a mean or std that is not read; a tensor may be part of the network instead."""
    for key in ("mean", "std"):
        value = notes.get(key)
        if isinstance(value, Shell):  # such as an array of numpy, whose numbers are not loaded
            return key
        if value is not None and not isinstance(value, torch.Tensor):
            return f"{key} {value!r}"
    return None


def _sets(content: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, dict]]:
    """Find every mapping from names to tensors, with its place in the file."""
    if not _is_mapping(content) or depth > DEPTH:
        return
    named = {key: value for key, value in content.items() if isinstance(key, str)}
    yield name, {key: value for key, value in named.items() if isinstance(value, torch.Tensor)}
    for key, value in named.items():
        yield from _sets(value, f"{name}.{key}" if name else key, depth + 1)


def _classes(notes: dict[str, Any]) -> tuple[str, ...] | None:
    for key in CLASS_LISTS:
        found = notes.get(key)
        if isinstance(found, list | tuple) and found and all(isinstance(v, str) for v in found):
            return tuple(found)
    pairs = [list(_mapping(notes.get(key)).items()) for key in CLASS_NUMBERS]
    pairs += [
        [(name, number) for number, name in _mapping(notes.get(key)).items()]
        for key in NUMBERED_CLASSES
    ]
    for names in pairs:
        try:
            order = {int(number): name for name, number in names}
        except (TypeError, ValueError):
            continue
        if order and sorted(order) == list(range(len(names))):
            return tuple(str(order[number]) for number in sorted(order))
    return None


def _numbers(value: object) -> tuple[float, ...] | None:
    """Read one or three numbers from a number, list or tensor; None for anything else."""
    if isinstance(value, int | float):
        value = [value]
    if isinstance(value, torch.Tensor) and value.numel() in (1, 3):
        return tuple(value.flatten().double().tolist())
    if isinstance(value, list | tuple) and len(value) in (1, 3):
        real = [v for v in value if isinstance(v, int | float) and not isinstance(v, bool)]
        return tuple(map(float, real)) if len(real) == len(value) else None
    return None


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _mapping(value: object) -> dict[str, Any]:
    """Return a mapping, or the attributes of a shell, as a dict; otherwise an empty dict."""
    if isinstance(value, Shell):
        return dict(vars(value))
    return dict(value) if _is_mapping(value) else {}


def _json(text: str | None) -> dict[str, Any]:
    try:
        return _mapping(json.loads(text or "{}"))
    except (ValueError, RecursionError):
        return {}


def _load(path: Path) -> object:
    if not path.is_file():
        raise missing(path)
    if is_torchscript(path):
        raise InputError(
            "the checkpoint is TorchScript, which is code",
            file=path,
            field="weights",
            remedy="Set architecture: torchscript and trusted: true if you trust its origin",
        )
    _check_unpacked(path)
    shells = _shells(path)
    try:
        with torch.serialization.safe_globals(shells):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except Exception as error:  # damaged bytes can raise almost any error
        raise corrupt(path, error) from error


def _shells(path: Path) -> list[tuple[type, str]]:
    """Return an empty shell for each class whose objects are saved next to weights."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not a zip archive, or damaged: torch.load reports which
        return []
    found: list[tuple[type, str]] = []
    for name in sorted(names):
        if name.partition(".")[0] in BESIDE or name in BUILTINS:
            found.append((_shell(name), name))
    return found


def _shell(name: str) -> Callable:
    """Choose the replacement of a class: torch's reader fills only dict and OrderedDict."""
    if name == "collections.defaultdict":
        return lambda *_: OrderedDict()
    return OrderedDict if name.endswith(("Dict", "CfgNode")) else type("Shell", (Shell,), {})


def missing(path: str | Path) -> InputError:
    return InputError(
        "the checkpoint does not exist", file=path, field="weights", remedy="Correct the path"
    )


def _refused(path: Path, error: pickle.UnpicklingError) -> InputError:
    """Name the code that a pickle would run; if it would run none, report a corrupt file."""
    text = str(error)
    found = re.search(r"(?:GLOBAL|global|function|class) `?([\w]+(?:\.[\w]+)+)", text)
    if found is None:
        return InputError(
            "the file is not a checkpoint of PyTorch, or it is damaged",
            file=path,
            field="weights",
            remedy=_remedy_for(path),
        )
    return InputError(
        f"the checkpoint is a pickle that would run code ({found.group(1)}), so it was not loaded",
        file=path,
        field="weights",
        remedy=EXPORT_XRV if found.group(1).startswith("torchxrayvision.") else EXPORT,
    )


def _remedy_for(path: Path) -> str:
    """State what to do with a file that torch.load does not recognise."""
    start = path.read_bytes()[:200].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "It is only a pointer of Git LFS: get the file itself (git lfs pull)"
    if start.startswith((b"<!doctype", b"<html")):
        return "It is a web page: download the file itself"
    if path.suffix.lower() in OTHER_PROGRAMS or start.startswith(b"\x89hdf"):
        return (
            "Files of ONNX, Keras and TensorFlow are not read: convert the network to PyTorch. Or"
            " compute the maps elsewhere, and score them here (docs/importing.md)"
        )
    return "Save model.state_dict() by torch.save, or download the file again"


def corrupt(path: str | Path, error: Exception) -> InputError:
    return InputError(
        f"the checkpoint cannot be read ({first_line(error)})",
        file=path,
        field="weights",
        remedy=MORE_MEMORY
        if isinstance(error, MemoryError)
        else "The file is damaged or is not a checkpoint. Download or train it again",
    )


def open_safetensors(path: str | Path) -> safe_open:
    if not Path(path).is_file():
        raise missing(path)
    try:
        return safe_open(str(path), framework="pt", device="cpu")
    except (SafetensorError, OSError) as error:
        raise corrupt(path, error) from error


def is_torchscript(path: Path) -> bool:
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise corrupt(path, error) from error


def _check_unpacked(path: Path) -> None:
    """Refuse compressed members: torch.save writes none, and a small file could fill the memory."""
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
    """A TorchScript network that keeps its archive, so that it can be saved unchanged.

    Attributes:
        channels: input channels of its first convolution (3 if it has none).
    """

    def __init__(self, archive: bytes, path: str | Path) -> None:
        """Read the archive; raises InputError (naming `path`) if it is not TorchScript."""
        super().__init__()
        self.archive = archive
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated
                self.script = torch.jit.load(io.BytesIO(archive), map_location="cpu")
        except RuntimeError as error:
            raise corrupt(path, error) from error
        kernels = [value for value in self.script.parameters() if value.ndim == 4]
        self.channels = int(kernels[0].shape[1]) if kernels else 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the script."""
        return self.script(x)


def trusted_torchscript(path: str | Path, trusted: bool) -> ScriptedNetwork:
    """Load a TorchScript file.

    Raises:
        InputError: the file is not trusted, missing or corrupt.
    """
    if not trusted:
        raise InputError(
            "a TorchScript checkpoint is code and is loaded only when trusted",
            file=path,
            field="trusted",
            remedy="Set trusted: true if you trust its origin, or use a state dict",
        )
    if not Path(path).is_file():
        raise missing(path)
    return ScriptedNetwork(Path(path).read_bytes(), path)
