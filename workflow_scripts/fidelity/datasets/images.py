"""Reading images and masks from files that are not trusted to be sound."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from fidelity.errors import InputError

# A small file can claim to be huge; the largest radiographs have about 30 million pixels.
MAX_PIXELS = 100_000_000
MAX_BYTES = 1_000_000_000
FORMATS = ("PNG", "JPEG", "TIFF")
JPEG_START = b"\xff\xd8"
# Deeper images that span less of their range than this would be left with 32 grey values or fewer.
USED_RANGE = 1 / 8
# A DICOM file may lack its mark; its name then still says what it is meant to be.
DICOM_SUFFIXES = (".dcm", ".dicom")


@dataclass(frozen=True)
class Intensity:
    """Which grey value of a file becomes black (0) and which white (255).

    Attributes:
        mode: `full`, the ends of the range that the file declares: 0 and 2^bits − 1 of PNG, JPEG
            and TIFF; of DICOM the ends of the modality or VOI transform's output. `percentile`,
            two percentiles of the image itself; what lies beyond them is clipped.
        low: percentile that becomes black.
        high: percentile that becomes white.
    """

    mode: Literal["full", "percentile"] = "full"
    low: float = 0.5
    high: float = 99.5


FULL = Intensity()


def intensity_of(settings: Mapping[str, Any]) -> Intensity:
    """Read the keys `intensity` and `intensity_percentiles` of a data set's settings."""
    low, high = settings.get("intensity_percentiles", (FULL.low, FULL.high))
    return Intensity(settings.get("intensity", FULL.mode), float(low), float(high))


def read_bytes(path: str | Path) -> bytes:
    """Read a file.

    Raises:
        InputError: it does not exist, cannot be read, has zero bytes or more than MAX_BYTES.
    """
    try:
        size = Path(path).stat().st_size
        data = Path(path).read_bytes() if size <= MAX_BYTES else None
    except OSError as error:
        raise InputError(
            f"the file cannot be read ({error.strerror})",
            file=path,
            remedy="Check the path and the permissions",
        ) from error
    if data is None:
        raise InputError(
            f"the file has {size / 1e9:.1f} GB, more than {MAX_BYTES / 1e9:g}",
            file=path,
            remedy="Shrink the image",
        )
    if not data:
        raise InputError("the file has zero bytes", file=path, remedy="Copy it again")
    return data


def read_image(path: str | Path, intensity: Intensity = FULL) -> np.ndarray:
    """Read an image file as grey values; see `decode_image`."""
    return decode_image(read_bytes(path), path, intensity)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask file as booleans; see `decode_mask`."""
    return decode_mask(read_bytes(path), path)


def decode_image(data: bytes, path: str | Path, intensity: Intensity = FULL) -> np.ndarray:
    """Decode an image to grey values in 0 … 255.

    Colour becomes luma (ITU-R BT.601, as OpenCV does), alpha is dropped. Grey values are scaled
    linearly as `intensity` says, never truncated; a DICOM file's own transforms come before.

    Args:
        data: the bytes of a PNG, JPEG, TIFF or DICOM file.
        path: named in errors.
        intensity: what becomes black and white.

    Returns:
        (H, W) uint8 where all values are whole, so that an image is the same whatever file it
        comes in; else float32. A DICOM file's padding is black.

    Raises:
        InputError: the image is unreadable, too large or has values that are not finite.
        IntensityError: the file does not declare a range, or uses next to nothing of it.
    """
    if is_dicom(data) or Path(path).suffix.lower() in DICOM_SUFFIXES:
        return _scaled(*_decode_dicom(data, path), path, intensity)
    pixels = _decode(data, path)
    if pixels.ndim == 3:
        colour = pixels if pixels.dtype in (np.uint8, np.uint16) else pixels.astype(np.float32)
        pixels = cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_BGR2GRAY)
    if intensity.mode == "full" and pixels.dtype == np.uint8:
        return pixels
    unsigned = np.issubdtype(pixels.dtype, np.unsignedinteger)
    white = float(np.iinfo(pixels.dtype).max) if unsigned else None
    return _scaled(pixels, 0.0, white, None, path, intensity)


def is_dicom(data: bytes) -> bool:
    """Say whether the bytes are a DICOM file, by the mark of PS3.10; pydicom is not imported."""
    return data[128:132] == b"DICM"


def _decode_dicom(
    data: bytes, path: str | Path
) -> tuple[np.ndarray, float, float, np.ndarray | None]:
    # Not at the top: pydicom takes a third of a second, and most data sets have no DICOM file.
    from fidelity.datasets.dicom import decode_dicom

    if not is_dicom(data):
        raise InputError(
            "the file is not DICOM (the mark DICM is missing)",
            file=path,
            remedy="Export it again as a DICOM file (PS3.10), with its preamble",
        )
    found = decode_dicom(data, str(path), MAX_PIXELS)
    return found.values, found.black, found.white, found.padding


def _scaled(
    pixels: np.ndarray,
    black: float,
    white: float | None,
    padding: np.ndarray | None,
    path: str | Path,
    intensity: Intensity,
) -> np.ndarray:
    """Scale values linearly so that black becomes 0 and white 255; beyond them, clip."""
    values = pixels.astype(np.float64)
    seen = values if padding is None or padding.all() else values[~padding]
    low, high = float(seen.min()), float(seen.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            "the image has values that are not finite", file=path, remedy="Export it again"
        )
    if intensity.mode == "percentile":
        black, white = (float(v) for v in np.percentile(seen, [intensity.low, intensity.high]))
        if white <= black:  # nearly all pixels are alike
            black, white = low, high
        if white <= black:
            return np.zeros(values.shape, np.uint8)
    elif white is None:
        raise IntensityError(
            f"the image has {pixels.dtype} values, which declare no white",
            file=path,
            field="intensity",
            remedy="Set intensity: percentile, or export 8- or 16-bit grey values",
        )
    elif pixels.dtype != np.uint8 and 0 < high - low < USED_RANGE * (white - black):
        raise IntensityError(
            f"the image spans {low:g} to {high:g} of a range of {black:g} to {white:g}, which"
            " would leave it next to no contrast",
            file=path,
            field="intensity",
            remedy="Set intensity: percentile for the data set",
        )
    scaled = np.clip((values - black) * 255.0 / (white - black), 0, 255)
    if padding is not None:
        scaled[padding] = 0
    whole = np.rint(scaled)
    if np.abs(scaled - whole).max() < 1e-6:
        return whole.astype(np.uint8)
    return scaled.astype(np.float32)


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
            remedy="Threshold it, and save it as PNG: JPEG compression blurs masks"
            if data.startswith(JPEG_START)
            else "Threshold it, so that it holds 0 and one other value alone",
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


class IntensityError(InputError):
    """An image whose grey values do not fit the intensity setting: true of all its kind."""


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
