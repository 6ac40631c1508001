"""Decode an image file to its pixels, as every viewer shows them.

OpenCV decodes. Pillow reads headers, and the files whose palette or transparency OpenCV loses.
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from fidelity.base.errors import InputError

# A small file can claim to be huge; the largest radiographs have about 30 million pixels.
MAX_PIXELS = 100_000_000
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MASK_FORMATS = (*FORMATS, "GIF")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = 0x0112
WIDTH, HEIGHT, BITS, PHOTOMETRIC, SAMPLES = 256, 257, 258, 262, 277
WHITE_IS_ZERO = 0

# OpenCV's own messages on standard error name no file, so they are suppressed.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class Pixels:
    """A decoded image, upright.

    Attributes:
        values: (H, W) grey values with the data type of the file, or (H, W, 3) blue, green and red.
        alpha: (H, W) opacity; None if every pixel is opaque.
        index: (H, W) uint8, the positions in the palette; None in files without one.
        turned: whether the file has an orientation tag other than upright, which was applied.
        format: a name of MASK_FORMATS.
        inverted: whether zero is white in the file; the values were then inverted within the range
            of their type.
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    index: np.ndarray | None = None
    turned: bool = False
    format: str = "PNG"
    inverted: bool = False

    def grey(self) -> np.ndarray | None:
        """Return the grey values (H, W); None if the image is in colour."""
        if self.values.ndim == 2:
            return self.values
        first = self.values[:, :, 0]
        same = all(np.array_equal(first, self.values[:, :, n]) for n in (1, 2))
        return first if same else None


@dataclass(frozen=True)
class _Header:
    format: str
    size: tuple[int, int]
    several: bool
    by_pillow: bool
    orientation: int
    white_is_zero: bool = False


def decode(data: bytes, path: object, formats: tuple[str, ...] = FORMATS) -> Pixels:
    """Decode an image in one of some formats, after checking its header.

    The orientation tag (EXIF in JPEG, PNG and WebP, tag 274 in TIFF) is applied once. TIFF files in
    which zero is white are inverted.

    Raises:
        InputError: the file is unreadable, too large or has several images.
    """
    header = _read_header(data, path, formats)
    width, height = header.size
    if width * height > MAX_PIXELS:
        raise _too_large(path, f"{width} x {height}")
    if header.several:
        raise InputError(
            "the file holds several images",
            file=path,
            remedy="Save each image in its own file",
        )
    try:
        values, alpha, index = _by_pillow(data) if header.by_pillow else _by_opencv(data)
    except (cv2.error, OSError, SyntaxError, ValueError, MemoryError) as error:
        kind = ", or a kind of TIFF that is not read" if header.format == "TIFF" else ""
        raise InputError(
            f"the image is damaged or cut off{kind}",
            file=path,
            remedy=f"Copy or export it again{', for example as PNG' if kind else ''}",
        ) from error
    inverted = header.white_is_zero and values.dtype != np.uint8
    if inverted:
        kind = values.dtype.kind
        ends = np.iinfo(values.dtype).max if kind == "u" else values.max() + values.min()
        values = ends - values
    layers = (values, alpha, index)
    # Both libraries apply the orientation tag of TIFF files themselves, but not that of other
    # files.
    if header.orientation != 1 and header.format != "TIFF":
        layers = tuple(None if layer is None else _upright(layer, header) for layer in layers)
    values, alpha, index = layers
    return Pixels(values, alpha, index, header.orientation != 1, header.format, inverted)


def _read_header(data: bytes, path: object, formats: tuple[str, ...]) -> _Header:
    try:
        if data[:4] in TIFF_STARTS and "TIFF" in formats:
            return _tiff_header(data)
        with Image.open(io.BytesIO(data), formats=formats) as image:
            by_pillow = image.format == "GIF" or image.mode in ("P", "PA")
            several = getattr(image, "n_frames", 1) > 1
            return _Header(image.format, image.size, several, by_pillow, _orientation(image, data))
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, KeyError) as error:
        raise InputError(
            f"the file is not a readable image ({len(data)} bytes)",
            file=path,
            remedy=f"Use {', '.join(formats[:-1])} or {formats[-1]}",
        ) from error


def _tiff_header(data: bytes) -> _Header:
    """Read the first directory of a TIFF file: Pillow opens fewer kinds than OpenCV decodes."""
    file = io.BytesIO(data)
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if b"+" in data[:4] else 8])
        file.seek(tags.next)
        tags.load(file)
        width, height = int(tags[WIDTH]), int(tags[HEIGHT])
        samples, bits = int(tags.get(SAMPLES, 1)), tags.get(BITS, (1,))
    except Exception as error:  # Pillow does not catch errors of struct and of its own dictionaries
        raise ValueError("not a TIFF directory") from error
    palette, transparent = tags.get(PHOTOMETRIC) == 3, samples in (2, 4)
    if transparent and max(bits) > 8 and samples == 2:
        raise ValueError("16-bit grey with transparency")
    return _Header(
        "TIFF",
        (width, height),
        bool(tags.next),
        palette or (transparent and max(bits) <= 8),
        _known(tags.get(ORIENTATION)),
        tags.get(PHOTOMETRIC) == WHITE_IS_ZERO,
    )


def _orientation(image: Image.Image, data: bytes) -> int:
    """Read the orientation tag; of a PNG only if it has EXIF: Pillow must decode it to check."""
    if image.format == "PNG" and b"eXIf" not in data and b"Raw profile type" not in data:
        return 1
    try:
        return _known(image.getexif().get(ORIENTATION))
    except Exception:  # a damaged tag is ignored
        return 1


def _known(orientation: object) -> int:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _upright(layer: np.ndarray, header: _Header) -> np.ndarray:
    number = header.orientation
    if number >= 5:
        layer = np.swapaxes(layer, 0, 1)
    if number in (3, 4, 7, 8):
        layer = layer[::-1]
    if number in (2, 3, 6, 7):
        layer = layer[:, ::-1]
    return np.ascontiguousarray(layer)


def _by_opencv(data: bytes) -> tuple[np.ndarray, np.ndarray | None, None]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("not decoded")
    if pixels.ndim == 2:
        return pixels, None, None
    channels = pixels.shape[2]
    if channels not in (3, 4):
        return pixels[:, :, 0], _transparency(pixels[:, :, 1]) if channels == 2 else None, None
    return pixels[:, :, :3], _transparency(pixels[:, :, 3]) if channels == 4 else None, None


def _by_pillow(data: bytes) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    with Image.open(io.BytesIO(data), formats=MASK_FORMATS) as image:
        image.load()
        index = np.array(image) if image.mode == "P" else None
        pixels = np.array(image.convert("RGBA"))
    return pixels[:, :, 2::-1], _transparency(pixels[:, :, 3]), index


def _transparency(alpha: np.ndarray) -> np.ndarray | None:
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
    return None if (alpha == opaque).all() else alpha


def _too_large(path: object, size: str) -> InputError:
    return InputError(
        f"the image is too large ({size} pixels; at most {MAX_PIXELS // 10**6} million)",
        file=path,
        remedy="Shrink it",
    )
