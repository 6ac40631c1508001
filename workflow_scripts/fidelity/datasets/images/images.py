"""Read images and masks from files that may be damaged."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.images.pixels import MASK_FORMATS, MAX_PIXELS, decode
from fidelity.datasets.mask_files.mask_foreground import foreground
from fidelity.datasets.mask_files.mask_values import MaskValues

if TYPE_CHECKING:
    from fidelity.settings.datasets import Dataset

MAX_BYTES = 1_000_000_000
# A deeper image that spans less of its range than this would have 32 grey values or fewer.
USED_RANGE = 1 / 8
JSRT_SIDE, JSRT_WHITE = 2048, 4095
# A DICOM file may lack its mark; its name then still shows that it should be DICOM.
DICOM_SUFFIXES = (".dcm", ".dicom")


@dataclass(frozen=True)
class Intensity:
    """Which grey value of a file becomes black (0) and which becomes white (255).

    Attributes:
        mode: `full`: the ends of the range that the file declares, 0 and 2^bits − 1 (floats: 0 and
            1); for DICOM, the ends of the output range of the modality or VOI transform.
            `percentile`: two percentiles of the image itself; values beyond them are clipped.
        low: percentile that becomes black.
        high: percentile that becomes white.
        bits: bits of the grey values that `full` expects in files deeper than 8 bits; None takes
            the bits of the file.
    """

    mode: Literal["full", "percentile"] = "full"
    low: float = 0.5
    high: float = 99.5
    bits: int | None = None


FULL = Intensity()


def intensity_of(settings: "Dataset") -> Intensity:
    """Read the keys of a data set's settings that begin with `intensity`."""
    low, high = map(float, settings.intensity_percentiles)
    return Intensity(settings.intensity, low, high, settings.intensity_bits)


@dataclass
class Findings:
    """Facts found while reading one case that are reported once per data set.

    Attributes:
        notes: sentences without a full stop, whose subject is a number of files.
        largest: the largest value of an image deeper than 8 bits that is scaled by the file's own
            bits; None for other images.
        stored: largest stored value and bits of a DICOM image without a LUT or window; None for
            other images.
        span: largest minus smallest value of an 8-bit image that is not scaled; None for other
            images.
    """

    notes: list[str] = field(default_factory=list)
    largest: int | None = None
    stored: tuple[int, int] | None = None
    span: int | None = None


TURNED = "are turned upright, as their orientation tag (EXIF) says"
COLOURED = "are in colour; their brightness (luma) was taken as the grey value"
TRANSPARENT = "have transparent pixels; their colours count as if they were opaque"
# An image counts as coloured from this mean distance of its lightest and darkest channel. JPEG
# compression tints grey images by less.
TINT = 8
UNIT_FLOATS = "hold floating-point grey values from 0 to 1; 1 is white"
OTHER_FLOATS = (
    "hold floating-point grey values beyond 0 to 1; each was scaled from its own minimum (black) to"
    " its own maximum (white); intensity: percentile is less sensitive to single pixels"
)


def read_bytes(path: str | Path) -> bytes:
    """Read a file; InputError if it cannot be read, is empty or has more than MAX_BYTES bytes."""
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


# The remedy for an image that uses almost nothing of the range that its file declares.
CONTRAST_REMEDY = (
    "Set intensity_bits for the data set (12 if no image has a value above 4095), or"
    " intensity: percentile"
)


def read_image(path: str | Path, intensity: Intensity = FULL) -> np.ndarray:
    """Read an image file as grey values; see `decode_image`."""
    return decode_image(read_bytes(path), path, intensity)


def decode_image(
    data: bytes,
    path: str | Path,
    intensity: Intensity = FULL,
    findings: Findings | None = None,
) -> np.ndarray:
    """Decode an image to grey values in 0 … 255.

    Colour becomes luma (ITU-R BT.601, as OpenCV does), and alpha is dropped. An orientation tag is
    applied. Grey values are scaled linearly by `intensity`, never truncated; a DICOM file's own
    transforms are applied first. For floating-point values, 1 is white. If they leave the range
    from 0 to 1, they are scaled from minimum to maximum.

    Args:
        data: the bytes of a PNG, JPEG, TIFF, BMP, WebP or DICOM file, or of JSRT's .IMG.

    Returns:
        (H, W) uint8 if all values are whole numbers, so that the result does not depend on the file
        type; else float32. A DICOM file's padding is black.

    Raises:
        InputError: the image is unreadable, too large or has values that are not finite.
        IntensityError: the file does not declare a range, or uses almost nothing of it.
    """
    findings = Findings() if findings is None else findings
    if is_dicom(data) or Path(path).suffix.lower() in DICOM_SUFFIXES:
        found = _decode_dicom(data, path, findings)
        return _scaled(*found, path, intensity, "Set intensity: percentile")
    if Path(path).suffix.lower() == ".img":
        return _scaled(_decode_jsrt(data, path), 0.0, JSRT_WHITE, None, path, intensity)
    decoded = decode(data, path)
    if decoded.turned:
        findings.notes.append(TURNED)
    pixels = decoded.values
    if decoded.alpha is not None and (pixels == pixels[:1, :1]).all():
        raise InputError(
            "the image has one colour, and its picture is in the alpha channel",
            file=path,
            remedy="Save the picture as grey values, without transparency",
        )
    if decoded.alpha is not None:
        findings.notes.append(TRANSPARENT)
    if pixels.ndim == 3:
        if _is_coloured(pixels):
            findings.notes.append(COLOURED)
        colour = pixels if pixels.dtype in (np.uint8, np.uint16) else pixels.astype(np.float32)
        pixels = cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_BGR2GRAY)
    if intensity.mode == "full" and pixels.dtype == np.uint8:
        findings.span = int(pixels.max()) - int(pixels.min())
        return pixels
    if decoded.inverted and intensity.bits is not None and pixels.dtype == np.uint16:
        pixels = _inverted_within(pixels, intensity.bits)
    white = _white(pixels, path, intensity, findings) if intensity.mode == "full" else None
    return _scaled(pixels, 0.0, white, None, path, intensity)


def _is_coloured(pixels: np.ndarray) -> bool:
    """Check whether the channels (H, W, 3) of an image differ by more than compression causes."""
    white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    tint = pixels.max(axis=2).astype(np.float32) - pixels.min(axis=2)
    return bool(tint.mean() * 255 > TINT * white)


def _decode_jsrt(data: bytes, path: str | Path) -> np.ndarray:
    """Read an image of JSRT: 2048 x 2048 big-endian values of 12 bits, white is zero, no header."""
    if len(data) != 2 * JSRT_SIDE**2:
        raise InputError(
            f"the file has {len(data)} bytes; an image of JSRT has {2 * JSRT_SIDE**2}",
            file=path,
            remedy="Copy it again, or convert it to PNG",
        )
    values = np.frombuffer(data, ">u2").reshape(JSRT_SIDE, JSRT_SIDE)
    return JSRT_WHITE - np.minimum(values, JSRT_WHITE).astype(np.int32)


def _inverted_within(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Redo an inversion that was made within 16 bits, so that it is within `bits` bits."""
    stored, white = np.iinfo(pixels.dtype).max - pixels, 2**bits - 1
    return white - stored if stored.max() <= white else pixels


def _white(
    pixels: np.ndarray, path: str | Path, intensity: Intensity, findings: Findings
) -> float | None:
    """Return the value that is white in the file; None for floats that leave 0 to 1."""
    low, high = float(pixels.min()), float(pixels.max())
    if pixels.dtype.kind == "f":
        unit = low >= 0 and high <= 1
        findings.notes.append(UNIT_FLOATS if unit else OTHER_FLOATS)
        return 1.0 if unit else None
    if pixels.dtype.kind != "u":
        raise IntensityError(
            f"the image has {pixels.dtype} values, so its white level is not known",
            file=path,
            field="intensity",
            remedy="Set intensity: percentile, or export 8- or 16-bit grey values",
        )
    if intensity.bits is None or pixels.dtype == np.uint8:
        findings.largest = None if pixels.dtype == np.uint8 else int(high)
        return float(np.iinfo(pixels.dtype).max)
    white = float(2**intensity.bits - 1)
    if high > white:
        raise IntensityError(
            f"the image has values up to {high:g}, more than {intensity.bits} bits hold"
            f" ({white:g})",
            file=path,
            field="intensity_bits",
            remedy=f"Set intensity_bits: {int(high).bit_length()} or more",
        )
    return white


def is_dicom(data: bytes) -> bool:
    """Check whether the bytes are a DICOM file; pydicom is not imported.

    The check uses the mark of PS3.10 or, in files without preamble, the first element. That element
    must be of group 0002 or 0008, with a value representation or a length that fits the file.
    """
    if data[128:132] == b"DICM":
        return True
    length = int.from_bytes(data[4:8], "little")
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    begins = data[:2] in (b"\x02\0", b"\x08\0") and data[3:4] == b"\0"
    return begins and (explicit or length < len(data))


def _decode_dicom(
    data: bytes, path: str | Path, findings: Findings
) -> tuple[np.ndarray, float, float, np.ndarray | None]:
    # Imported here: pydicom takes a third of a second, and most data sets have no DICOM file.
    from fidelity.datasets.images.dicom import decode_dicom

    if not is_dicom(data):
        raise InputError(
            "the file is not DICOM (the mark DICM is missing, and it does not begin with a DICOM"
            " element)",
            file=path,
            remedy="Export it again as a DICOM file (PS3.10), with its preamble",
        )
    found = decode_dicom(data, str(path), MAX_PIXELS)
    findings.notes += found.notes
    findings.stored = found.stored
    return found.values, found.black, found.white, found.padding


def _scaled(
    pixels: np.ndarray,
    black: float,
    white: float | None,
    padding: np.ndarray | None,
    path: str | Path,
    intensity: Intensity,
    remedy: str = CONTRAST_REMEDY,
) -> np.ndarray:
    """Scale values linearly so that black becomes 0 and white 255; clip values beyond them."""
    values = pixels.astype(np.float64)
    seen = values if padding is None or padding.all() else values[~padding]
    low, high = float(seen.min()), float(seen.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            "the image has values that are not finite", file=path, remedy="Export it again"
        )
    if intensity.mode == "percentile":
        black, white = (float(v) for v in np.percentile(seen, [intensity.low, intensity.high]))
        if white <= black:  # nearly all pixels are equal
            black, white = low, high
        if white <= black:
            return np.zeros(values.shape, np.uint8)
    elif white is None:
        black, white = low, high
        if white <= black:
            return np.zeros(values.shape, np.uint8)
    elif pixels.dtype != np.uint8 and 0 < high - low < USED_RANGE * (white - black):
        raise IntensityError(
            f"the image spans only {low:g} to {high:g} of the range {black:g} to {white:g}, and"
            " would have almost no contrast",
            file=path,
            field="intensity",
            remedy=remedy,
        )
    scaled = np.clip((values - black) * 255.0 / (white - black), 0, 255)
    if padding is not None:
        scaled[padding] = 0
    whole = np.rint(scaled)
    if np.abs(scaled - whole).max() < 1e-6:
        return whole.astype(np.uint8)
    return scaled.astype(np.float32)


def decode_mask(
    data: bytes,
    path: str | Path,
    name: str | None = None,
    values: MaskValues | None = None,
    notes: list[str] | None = None,
) -> np.ndarray:
    """Decode a PNG, JPEG, TIFF, BMP, WebP or GIF file; see `mask_foreground.foreground`.

    Returns:
        (H, W) bool. A file that contains only zeros is an empty mask.

    Raises:
        InputError: the file is unreadable, or its foreground is not clear.
    """
    pixels = decode(data, path, MASK_FORMATS)
    if pixels.turned and notes is not None:
        notes.append(TURNED)
    return foreground(pixels, path, name, values, notes)


def decode_values(data: bytes, path: str | Path) -> np.ndarray:
    """Decode a grey image of 8 or 16 bit or of floats to the numbers in the file, unscaled.

    Returns:
        (H, W), with the data type of the file.

    Raises:
        InputError: the file is unreadable, too large, in colour (a colour map's values are lost) or
            partly transparent.
    """
    pixels = decode(data, path)
    if pixels.alpha is not None:
        raise InputError(
            "the map has an alpha channel that is not opaque, so it is not clear which channel"
            " holds the values",
            file=path,
            remedy="Write the values as grey PNG, TIFF or .npy, without transparency",
        )
    grey = pixels.grey()
    if grey is None:
        raise InputError(
            "the map is in colour, so its values cannot be read",
            file=path,
            remedy="Write the values themselves: grey PNG, TIFF or .npy",
        )
    return grey


class IntensityError(InputError):
    """The grey values of an image, and of all its kind, do not fit the intensity setting."""
