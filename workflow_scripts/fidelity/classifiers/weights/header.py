"""Read the shapes in a weights file without torch, because every job loads the config once."""

import io
import json
import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

# Networks of torchvision that rescale their input if they are built with transform_input. They
# always are if they start from ImageNet weights; a weights file does not state it.
RESCALING = ("googlenet", "inception_v3")
# A larger header is not read; the check of the classifier then finds what is wrong.
LARGEST = 64_000_000
# Position embeddings and the layer that makes the patches, after the same prefix: the names in timm
# and in torchvision.
NAMES = (
    ("pos_embed", "patch_embed.proj.weight"),
    ("encoder.pos_embedding", "conv_proj.weight"),
)


class _Shape(tuple):
    """The shape of a tensor."""


class Shell(list):
    """Replaces an object of a class that is not loaded; keeps its attributes and runs nothing."""

    def __new__(cls, *_args: object, **_kwargs: object) -> "Shell":
        return super().__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Keep attributes; drop any other state."""
        if isinstance(state, dict):
            self.__dict__.update({key: v for key, v in state.items() if isinstance(key, str)})


class _Nothing(Shell):
    """Replaces any object of a pickle, including mappings."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


class _Shapes(pickle.Unpickler):
    """Reads shapes from a pickle of torch.save; loads none of its classes and calls no function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda _storage, _offset, size, *_: _Shape(size)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else _Nothing

    def persistent_load(self, pid: object) -> None:
        return None


def fixed_size(path: str | Path) -> int | None:
    """Read the side in pixels of the images for which weights were made.

    Args:
        path: safetensors, or a file of torch.save (as a zip archive).

    Returns:
        The side, from the number of position embeddings and the size of their patches (ViT, DeiT,
        BEiT, …); None if the file does not show it.
    """
    shapes = _shapes(path)
    found = set()
    for name, shape in shapes.items():
        for positions, patches in NAMES:
            patch = shapes.get(name.removesuffix(positions) + patches, ())
            if name.endswith(positions) and len(shape) == 3 and _cuts_image(patch):
                # The square root rounds down: class and register tokens are added to the square.
                found.add(math.isqrt(shape[1]) * patch[-1])
    return found.pop() if len(found) == 1 else None


def _cuts_image(patch: tuple[int, ...]) -> bool:
    """Check whether a convolution cuts the image itself into adjacent patches.

    It does not if it reads the features of another network (ViT hybrids), or if its patches overlap
    (Hiera: 7 px with a stride of 4).
    """
    return len(patch) == 4 and patch[1] in (1, 3) and patch[-1] % 2 == 0


def noted(path: str | Path) -> dict[str, Any]:
    """Read the metadata that this project stores with its classifiers (`own_format.save`)."""
    return json.loads(_header(path)["__metadata__"]["fidelity"])


def trained_size(path: str | Path) -> int | None:
    """Read the image side with which a classifier of this project was trained.

    None if the file does not state it.
    """
    try:
        return int(noted(path)["image_size"])
    except (ValueError, KeyError, TypeError):
        return None


def _shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    if Path(path).suffix == ".safetensors":
        entries = _header(path).items()
        return {k: tuple(v["shape"]) for k, v in entries if isinstance(v, dict) and "shape" in v}
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith("/data.pkl") or n == "data.pkl"]
            if len(names) != 1 or archive.getinfo(names[0]).file_size > LARGEST:
                return {}
            content = _Shapes(io.BytesIO(archive.read(names[0]))).load()
    except Exception:  # not an archive, or damaged: reading the weights reports what is wrong
        return {}
    return dict(_named(content))


def _named(content: object, prefix: str = "", depth: int = 0) -> list[tuple[str, tuple]]:
    found: list[tuple[str, tuple]] = []
    if isinstance(content, dict) and depth < 4:
        for key, value in content.items():
            if isinstance(value, _Shape):
                found.append((f"{prefix}{key}", tuple(value)))
            elif isinstance(value, dict):
                found += _named(value, f"{prefix}{key}.", depth + 1)
    return found


def _header(path: str | Path) -> dict[str, Any]:
    if Path(path).suffix != ".safetensors":
        return {}
    try:
        with Path(path).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            found = json.loads(file.read(length)) if length < LARGEST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
