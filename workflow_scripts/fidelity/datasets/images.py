"""Reading images and masks from files that are not trusted to be sound."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from fidelity.errors import InputError

# A small file can claim to be huge; the largest radiographs have about 30 million pixels.
MAX_PIXELS = 100_000_000
FORMATS = ("PNG", "JPEG", "TIFF")


def read_bytes(path: str | Path) -> bytes:
    """Read a file.

    Raises:
        InputError: it does not exist, cannot be read or has zero bytes.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"the file cannot be read ({error.strerror})",
            file=path,
            remedy="Check the path and the permissions",
        ) from error
    if not data:
        raise InputError("the file has zero bytes", file=path, remedy="Copy it again")
    return data


def read_image(path: str | Path) -> np.ndarray:
    """Read an image file as grey values; see `decode_image`."""
    return decode_image(read_bytes(path), path)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask file as booleans; see `decode_mask`."""
    return decode_mask(read_bytes(path), path)


def decode_image(data: bytes, path: str | Path) -> np.ndarray:
    """Decode an image to grey values in 0 … 255.

    Colour becomes luma (ITU-R BT.601, as OpenCV does), alpha is dropped. 8-bit values stay as they
    are (uint8); any deeper type is stretched from its own minimum and maximum to 0 … 255 per image
    (float32), because 10- to 16-bit radiographs use varying parts of their range.

    Args:
        data: the bytes of a PNG, JPEG or TIFF file.
        path: named in errors.

    Returns:
        (H, W) uint8, or float32 where the file is deeper than 8 bit.

    Raises:
        InputError: the image is unreadable, too large or has values that are not finite.
    """
    pixels = _decode(data, path)
    if pixels.ndim == 3:
        colour = pixels if pixels.dtype in (np.uint8, np.uint16) else pixels.astype(np.float32)
        pixels = cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_BGR2GRAY)
    if pixels.dtype == np.uint8:
        return pixels
    values = pixels.astype(np.float64)
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            "the image has values that are not finite", file=path, remedy="Export it again"
        )
    if high == low:
        return np.zeros(values.shape, np.float32)
    return ((values - low) * (255.0 / (high - low))).astype(np.float32)


def decode_mask(data: bytes, path: str | Path) -> np.ndarray:
    """Decode a mask: 0 is background, the one other value is foreground.

    Args:
        data: the bytes of a PNG, JPEG or TIFF file.
        path: named in errors.

    Returns:
        (H, W) bool. A file of zeros alone is an empty mask.

    Raises:
        InputError: the file is unreadable or has other values than 0 and one more.
    """
    pixels = _decode(data, path)
    if pixels.ndim == 3:
        pixels = pixels.max(axis=2)
    mask = pixels != 0
    if not (pixels[mask] == pixels.max()).all():
        values = np.unique(pixels)
        shown = ", ".join(f"{value:g}" for value in values[:4])
        raise MaskValueError(
            f"the mask has {values.size} values ({shown}{', …' if values.size > 4 else ''})"
            " instead of 0 and one other",
            file=path,
            remedy="Threshold it, and save it as PNG: JPEG compression blurs masks",
        )
    return mask


def decode_values(data: bytes, path: str | Path) -> np.ndarray:
    """Decode a grey image to the numbers that are in the file, unscaled.

    Args:
        data: the bytes of a PNG or TIFF file of 8 or 16 bit or of floats.
        path: named in errors.

    Returns:
        (H, W) of the file's own type.

    Raises:
        InputError: the file is unreadable, too large, or in colour: a colour map's values are lost.
    """
    pixels = _decode(data, path)
    if pixels.ndim == 3:
        if not (pixels == pixels[:, :, :1]).all():
            raise InputError(
                "the map is in colour, so its values cannot be read",
                file=path,
                remedy="Write the values themselves: grey PNG, TIFF or .npy",
            )
        pixels = pixels[:, :, 0]
    return pixels


class MaskValueError(InputError):
    """A mask that is not binary."""


def _decode(data: bytes, path: str | Path) -> np.ndarray:
    """Decode to (H, W) or (H, W, 3), after a look at the header alone."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as header:
            width, height = header.size
            frames = getattr(header, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"the file is not a readable image ({len(data)} bytes)",
            file=path,
            remedy=f"Use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}",
        ) from error
    if width * height > MAX_PIXELS:
        raise _too_large(path, f"{width} x {height}")
    if frames > 1:
        raise InputError(
            f"the file holds {frames} images", file=path, remedy="Save each in a file of its own"
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise InputError(
            "the image is damaged or cut off", file=path, remedy="Copy or export it again"
        )
    if pixels.ndim == 3:
        pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, 0]
    return pixels


def _too_large(path: str | Path, size: str) -> InputError:
    return InputError(
        f"the image is too large ({size} pixels; at most {MAX_PIXELS // 10**6} million)",
        file=path,
        remedy="Shrink it",
    )
