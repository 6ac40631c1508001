"""Read the saliency maps that CheXlocalize publishes as pickles, without running their code.

A pickle is a program: it can import any function and call it. The pickles of CheXlocalize need
three names to rebuild tensors. Every other name is refused before anything is called. Opcodes that
allocate memory are checked first, and a tensor may not be larger than its stored values.
"""

import collections
import io
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from fidelity.base.errors import InputError

REMEDY = "Use files from the data set's own publisher only; see rajpurkarlab/cheXlocalize"
MAX_VALUES = 100_000_000
KEYS = ("map", "prob", "task", "cxr_dims")


@dataclass(frozen=True)
class PublishedMap:
    """A saliency map of one image and pathology.

    Attributes:
        values: float32 (h, w), at the resolution of the network's last layer; not normalised.
        probability: the classifier's probability of the pathology.
        size: (height, width) of the original image in pixels.
    """

    values: np.ndarray
    probability: float
    task: str
    size: tuple[int, int]


def read_map(path: str | Path) -> PublishedMap:
    """Read one pickled map; the pickle's copies of image and annotation are ignored.

    Args:
        path: a file `{image}_{task}_map.pkl`.

    Raises:
        InputError: the pickle needs a name that a map does not need, is damaged, or holds something
            else.
    """
    try:
        with open(path, "rb") as file:
            _check_memo(file)
            file.seek(0)
            content = _Unpickler(file, path).load()
    except InputError as error:
        raise (
            error if error.file else InputError(error.problem, file=path, remedy=REMEDY)
        ) from error
    except Exception as error:  # A damaged pickle can raise any exception.
        raise InputError(
            f"cannot be read as a pickle ({error})", file=path, remedy=REMEDY
        ) from error
    missing = [key for key in KEYS if not isinstance(content, dict) or key not in content]
    if missing:
        raise InputError(f"the entries {', '.join(missing)} are missing", file=path, remedy=REMEDY)
    values = _values(content["map"], path)
    if values.ndim != 4 or values.shape[:2] != (1, 1):
        raise InputError(
            f"map has shape {values.shape}, not (1, 1, h, w)", file=path, remedy=REMEDY
        )
    try:
        width, height = (int(length) for length in content["cxr_dims"])
        probability = float(np.asarray(content["prob"]).reshape(-1)[0])
    except (ValueError, TypeError, IndexError, OverflowError, RuntimeError) as error:
        raise InputError(
            f"prob or cxr_dims are not numbers ({error})", file=path, remedy=REMEDY
        ) from error
    return PublishedMap(values[0, 0], probability, str(content["task"]), (height, width))


def _values(found: Any, path: str | Path) -> np.ndarray:
    """Turn the tensor into an array.

    The size is checked first: a view can claim more elements than the file has bytes.
    """
    import torch

    if not isinstance(found, torch.Tensor):
        raise InputError(f"map is a {type(found).__name__}, not a tensor", file=path, remedy=REMEDY)
    if found.numel() > MAX_VALUES or not found.is_floating_point():
        raise InputError(
            f"map has shape {tuple(found.shape)} of {found.dtype}", file=path, remedy=REMEDY
        )
    return found.detach().cpu().float().numpy()


def _check_memo(file: IO[bytes]) -> None:
    """Refuse a memo larger than the file: Python allocates it up to the highest index."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"} and argument > size:
            raise InputError(
                f"the pickle refers to object number {argument}, but has only {size} bytes"
            )


class _Unpickler(pickle.Unpickler):
    """An unpickler that allows only plain data and the names that rebuild tensors on the CPU."""

    def __init__(self, file: Any, path: str | Path) -> None:
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        allowed = _allowed()
        if (module, name) not in allowed:
            raise InputError(
                f"the pickle needs {module}.{name}, which a saliency map does not need",
                file=self._path,
                remedy=REMEDY,
            )
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise InputError(
            "the pickle refers to data outside the file", file=self._path, remedy=REMEDY
        )


def _allowed() -> dict[tuple[str, str], Callable[..., Any]]:
    import torch

    def load_storage(data: bytes) -> Any:
        """Replace `torch.storage._load_from_bytes`, whose `torch.load` would unpickle anything."""
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)

    def rebuild(storage: Any, offset: int, size: Any, stride: Any, *rest: Any) -> Any:
        """Rebuild a tensor as torch does, but refuse one that is larger than its storage.

        Torch would fill the rest with arbitrary values.
        """
        needed = offset + 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if min(offset, *size, *stride, 0) < 0 or (0 not in size and needed > storage._size()):
            raise InputError(
                f"a tensor of shape {tuple(size)} does not fit its {storage._size()} stored values"
            )
        return torch._utils._rebuild_tensor_v2(storage, offset, size, stride, *rest)

    return {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild,
        ("torch.storage", "_load_from_bytes"): load_storage,
    }
