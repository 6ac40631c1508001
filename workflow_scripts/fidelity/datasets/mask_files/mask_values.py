"""The setting `mask_values`: the meaning of the values in a data set's mask files.

Imports nothing heavy: config checks use it too.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fidelity.settings.datasets import Dataset

LUNG, FOREGROUND, BACKGROUND = "lung", "foreground", "background"

Colour = tuple[int, int, int]
# Numbers (grey values or palette positions) and colours per class, lung, foreground, background.
MaskValues = Mapping[str, frozenset[float | Colour]]


def mask_values_of(settings: "Dataset") -> MaskValues:
    """Read the key `mask_values` of a data set's settings."""
    return {
        name: frozenset(map(_value, listed if isinstance(listed, list) else [listed]))
        for name, listed in settings.mask_values.items()
    }


def _value(given: float | str | Sequence[int]) -> float | Colour:
    if isinstance(given, str):
        return tuple(bytes.fromhex(given.removeprefix("#")))
    return given if isinstance(given, int | float) else tuple(given)
