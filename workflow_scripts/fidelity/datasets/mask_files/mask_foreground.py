"""Find the foreground pixels of a mask file: from the file itself, or by `mask_values`.

Without settings, a file is only read if its meaning is clear. Either black (0) is background, and
the only other value is foreground. Or transparent pixels are background, and all others have one
colour.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.images.pixels import Pixels
from fidelity.datasets.mask_files.mask_values import (
    BACKGROUND,
    FOREGROUND,
    LUNG,
    Colour,
    MaskValues,
)

LOSSY = ("JPEG", "WEBP")
BLACK = (0, 0, 0)
# In a mask blurred by JPEG, values from 64 to 191 are few, and only along its edges.
MIDDLE = (64, 192)
MIDDLE_SHARE = 0.25
EDGE = np.ones((9, 9), np.uint8)
SHOWN = 4
NAMED = 6
# Smaller whole numbers are counted in a table, without sorting.
COUNTED = 1 << 22

BLURRED = "are masks blurred by JPEG or WebP compression; they were cut at half of the grey range"
LARGE = "are masks over more than half of their image, as mask_values states"
BY_ALPHA = "are masks in an alpha channel; transparent pixels were read as background"


class MaskValueError(InputError):
    """A mask that can have several meanings; this affects all masks of its kind."""


@dataclass(frozen=True)
class Level:
    """One of the values in a mask.

    Attributes:
        number: the grey value, or the position in the palette; None in colour.
        colour: red, green and blue, 0 to 255; None for values that are deeper than 8 bits.
        alpha: opacity; None if the file has none.
        share: share of the pixels.
    """

    number: float | None
    colour: Colour | None
    alpha: int | None
    share: float

    @property
    def transparent(self) -> bool:
        return self.alpha == 0

    @property
    def black(self) -> bool:
        return self.number == 0 if self.colour is None else self.colour == BLACK

    def is_in(self, values: frozenset[float | Colour]) -> bool:
        return self.number in values or self.colour in values

    @property
    def hexadecimal(self) -> str:
        return "#{:02x}{:02x}{:02x}".format(*self.colour)


def foreground(
    pixels: Pixels,
    path: object,
    name: str | None = None,
    values: MaskValues | None = None,
    notes: list[str] | None = None,
) -> np.ndarray:
    """Find the foreground of a mask, (H, W) bool.

    Args:
        name: class of the reference mask, or LUNG. A mask that covers all corners must be confirmed
            by `values`. So must the mask of a class that covers more than half of the image. None
            for masks that are not references: any size is accepted.
        notes: facts that are reported once per data set are appended here.

    Raises:
        MaskValueError: the file can have several meanings, or has values that `values` do not name.
    """
    values, notes = values or {}, [] if notes is None else notes
    pixels = _sharpened(pixels, notes)
    codes, levels = _levels(pixels, path)
    own = values.get(name, values.get(FOREGROUND)) if name else None
    if own is not None:
        chosen = _by_settings(levels, path, name, own, values)
    elif pixels.alpha is not None:
        chosen = _by_alpha(levels, path)
        notes.append(BY_ALPHA)
    else:
        chosen = _by_black(levels, path, name, pixels.format)
    mask = np.array([level in chosen for level in levels])[codes]
    if name and own is None:
        _check_size(mask, chosen, levels, path, name)
    elif name and name != LUNG and mask.mean() > 0.5:
        notes.append(LARGE)
    return mask


def _sharpened(pixels: Pixels, notes: list[str]) -> Pixels:
    """Undo the blur of lossy compression if a mask clearly had only black and white."""
    grey = pixels.grey()
    if pixels.format not in LOSSY or pixels.alpha is not None or grey is None:
        return pixels
    counts = np.bincount(grey.ravel(), minlength=256)
    if np.count_nonzero(counts) <= 2:
        return pixels
    low, high = MIDDLE
    middle, bright, dark = (grey >= low) & (grey < high), grey >= high, grey < low
    few = middle.sum() <= MIDDLE_SHARE * min(bright.sum(), dark.sum())
    near = [cv2.dilate(part.view(np.uint8), EDGE).view(bool) for part in (bright, dark)]
    if not few or not bright.any() or (middle & ~(near[0] & near[1])).any():
        return pixels
    notes.append(BLURRED)
    return Pixels((grey > 127).astype(np.uint8) * 255, format=pixels.format)


def _levels(pixels: Pixels, path: object) -> tuple[np.ndarray, list[Level]]:
    """List the values of a mask, and return for each pixel the index of its value in that list."""
    grey = pixels.grey()
    if pixels.index is None and pixels.alpha is None and grey is not None:
        found, codes, counts = _counted(grey)
        if not np.isfinite(found).all():
            raise InputError(
                "the mask has values that are not finite", file=path, remedy="Export it again"
            )
        shallow = grey.dtype == np.uint8
        levels = [
            Level(float(v), (int(v),) * 3 if shallow else None, None, n / grey.size)
            for v, n in zip(found, counts, strict=True)
        ]
        return codes, levels
    if pixels.values.dtype != np.uint8:
        raise MaskValueError(
            f"the mask has colours or transparency of type {pixels.values.dtype}",
            file=path,
            remedy="Save it as 8-bit PNG",
        )
    colours = np.atleast_3d(pixels.values)
    channels = [colours[:, :, n] for n in ((0, 0, 0) if colours.shape[2] == 1 else (2, 1, 0))]
    # Channel by channel, so that codes stay small and need no sorting.
    packed, codes = np.zeros(1, np.int64), np.zeros(colours.shape[:2], np.int64)
    for layer in (*channels, pixels.alpha, pixels.index):
        if layer is None:
            packed <<= 8
            continue
        found, codes, counts = _counted(codes.astype(np.int64) << 8 | layer)
        packed = packed[found >> 8] << 8 | found & 255
    levels = []
    for value, count in zip(packed.tolist(), counts, strict=True):
        red, green, blue, alpha, index = value.to_bytes(5, "big")
        grey_value = red if red == green == blue else None
        levels.append(
            Level(
                grey_value if pixels.index is None else index,
                (red, green, blue),
                None if pixels.alpha is None else alpha,
                count / codes.size,
            )
        )
    return codes, levels


def _counted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the different values, the index of each pixel's value among them, and their counts."""
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= COUNTED:
        found, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
        return found, codes.reshape(values.shape), counts
    counts = np.bincount(values.ravel())  # without sorting: radiographs have millions of pixels
    found = np.flatnonzero(counts)
    places = np.zeros(counts.size, np.int32)
    places[found] = np.arange(found.size)
    return found, places[values], counts[found]


def _by_settings(
    levels: list[Level],
    path: object,
    name: str,
    own: frozenset[float | Colour],
    values: MaskValues,
) -> list[Level]:
    others = frozenset().union(*(v for key, v in values.items() if key not in (name, FOREGROUND)))
    # Several positions of a palette may be black. Then black does not show which is background.
    dark = [level for level in levels if level.black and not level.is_in(own)]
    is_background = len(dark) == 1 and BACKGROUND not in values
    chosen, unknown = [], []
    for level in levels:
        if level.transparent:
            continue
        if level.is_in(own):
            chosen.append(level)
        elif not level.is_in(others) and not (level.black and is_background):
            unknown.append(level)
    if unknown:
        listed = ", ".join(_written(unknown)[:NAMED])
        raise MaskValueError(
            f"the mask has values that mask_values does not list: {_described(unknown)}",
            file=path,
            remedy=f"Add them to a class, or to the background: {BACKGROUND}: [{listed}]",
        )
    # A single value confirms a mask of the whole image. With several, a mistake is likely.
    if len(chosen) == len(levels) and len(own) > 1 and name != LUNG:
        raise MaskValueError(
            f"the mask has {_described(levels)}, and with mask_values, all of it is foreground",
            file=path,
            remedy="List fewer values. Write a colour as text or in two brackets: [[255, 0, 0]]",
        )
    return chosen


def _by_alpha(levels: list[Level], path: object) -> list[Level]:
    seen = [level for level in levels if not level.transparent]
    # A fully transparent file of one colour is an empty mask of this kind.
    if (len(seen) == 1 and len(levels) > 1) or (not seen and len(levels) == 1):
        return seen
    raise MaskValueError(
        f"the mask has an alpha channel and {_described(levels)}, so it is unclear which part is"
        " foreground",
        file=path,
        remedy="Save it without transparency, as 8-bit PNG with 0 for the background and 255",
    )


def _by_black(levels: list[Level], path: object, name: str | None, kind: str) -> list[Level]:
    chosen = [level for level in levels if not level.black]
    faint = kind == "JPEG" and any((level.number or 0) < MIDDLE[0] for level in chosen)
    # Programs that store class numbers in a palette file may leave its palette black.
    hidden = len(levels) > len(chosen) + 1
    if len(chosen) <= 1 and not faint and not hidden:
        return chosen
    wrong = "instead of black (0) and one other"
    if hidden:
        wrong = "and its palette shows several of them in black"
    elif len(chosen) == len(levels):
        wrong = "and no pixel is black (0)"
    elif len(chosen) == 1:
        wrong = "which JPEG compression mixes up"
    remedy = "Threshold it"
    if kind in LOSSY:
        remedy += ", and save it as PNG: JPEG compression blurs masks"
    elif len(levels) <= NAMED:
        remedy += (
            f", or {_line(min(levels, key=lambda level: (level.black, level.share)), levels, name)}"
        )
    raise MaskValueError(f"the mask has {_described(levels)} {wrong}", file=path, remedy=remedy)


def _check_size(
    mask: np.ndarray, chosen: list[Level], levels: list[Level], path: object, name: str
) -> None:
    """Refuse a mask that seems to be inverted: black on white."""
    corners = mask[[0, 0, -1, -1], [0, -1, 0, -1]].all()
    if not corners and (mask.mean() <= 0.5 or name == LUNG):
        return
    where = " and all of its corners" if corners else ""
    # Transparent pixels are background, whatever `mask_values` states.
    others = [level for level in levels if level not in chosen and not level.transparent]
    turned = _line(others[0], levels, name) if others else "export it again"
    raise MaskValueError(
        f"the mask of {name!r} covers {mask.mean():.0%} of the image{where}, so it seems inverted",
        file=path,
        remedy=f"If it is inverted, {turned}. If it is right, {_line(chosen[0], [], name)}",
    )


def _line(level: Level, levels: list[Level], name: str | None) -> str:
    """Return the setting that makes one value foreground and the others background."""
    if name is None:
        return "save it as PNG with 0 for the background and one other value"
    written = dict(zip(levels, _written(levels), strict=True)) or {level: _written([level])[0]}
    others = [other for other in levels if other is not level and not other.transparent]
    rest = ", ".join(written[other] for other in others)
    needed = len(others) > 1 or any(not other.black for other in others)
    background = f", {BACKGROUND}: [{rest}]" if needed else ""
    return f"set for the data set mask_values: {{{name}: {written[level]}{background}}}"


def _described(levels: list[Level]) -> str:
    numbers = all(level.number is not None for level in levels)
    paletted = any(level.colour and level.number != level.colour[0] for level in levels)
    shown = _written(levels)[:SHOWN]
    if numbers and paletted:
        shown = [
            f"{text} = {level.hexadecimal}" for text, level in zip(shown, levels, strict=False)
        ]
    more = ", …" if len(levels) > SHOWN else ""
    kind = "value" if numbers else "colour"
    return f"{len(levels)} {kind}{'' if len(levels) == 1 else 's'} ({', '.join(shown)}{more})"


def _written(levels: list[Level]) -> list[str]:
    """Format values as `mask_values` expects them."""
    if all(level.number is not None for level in levels):
        return [f"{level.number:g}" for level in levels]
    return [f'"{level.hexadecimal}"' for level in levels]
