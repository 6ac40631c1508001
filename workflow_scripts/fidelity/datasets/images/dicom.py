"""Read one grey image from a DICOM file; from its header, read only what the image needs.

The steps are those of DICOM PS3.3: modality LUT or rescale (C.11.1), VOI LUT or window (C.11.2),
inversion of MONOCHROME1. Only the elements in ELEMENTS are read from the header. So no patient data
can appear in a table, a log or an error. View, sex and age are read only if the setting `strata`
requests them (FACTS).
"""

import io
import logging
import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.pixels import apply_windowing, get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from fidelity.base.errors import InputError
from fidelity.datasets.pixel_spacing import is_plausible

if TYPE_CHECKING:
    from fidelity.digests.markers import Message

# Suppressed, because pydicom's messages quote the values they complain about.
config.settings.reading_validation_mode = config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module="pydicom")

MARK_AT, MARK = 128, b"DICM"
ITEM = b"\xfe\xff\x00\xe0"
NO_SYNTAX: "Message" = (
    "are DICOM without a Transfer Syntax UID; they were read by the standard's default"
    " (uncompressed, little endian)"
)
NO_PREAMBLE: "Message" = "are DICOM without a preamble; they were read from their first byte on"
HIGH_BITS: "Message" = (
    "are DICOM with values beyond BitsStored; the bits above it were ignored, which is right for an"
    " overlay alone"
)
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing")
ELEMENTS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "PlanarConfiguration",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleIntercept",
    "RescaleSlope",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
    *SPACINGS,
)
# Stratum → its element, and the argument of `datasets.facts.facts_of`.
FACTS = {
    "view": ("ViewPosition", "view"),
    "sex": ("PatientSex", "sex"),
    "age_group": ("PatientAge", "age"),
}


@dataclass(frozen=True)
class DicomImage:
    """Grey values as the file states that they should be shown; greater values are brighter.

    Attributes:
        values: (H, W), integer or float64.
        bits: stored bits per pixel.
        padding: (H, W) bool, pixels that the file declares to be padding; None if it declares none.
        notes: what the file should declare but does not, or declares wrongly.
        stored: the largest stored value and the number of stored bits, if no LUT or window states
            which value is white; else None.
    """

    values: np.ndarray
    black: float
    white: float
    bits: int
    padding: np.ndarray | None
    notes: tuple[str, ...] = ()
    stored: tuple[int, int] | None = None


def decode_dicom(data: bytes, path: str, max_pixels: int) -> DicomImage:
    """Decode the bytes of a file with a single-frame grey image of at most `max_pixels`.

    A VOI LUT has priority over a window, and the first of several is used, as in pydicom's
    `apply_voi_lut`. LUTs are applied by this module: pydicom 3.0 overflows if a LUT's output has
    fewer bits than its input.

    Returns:
        The image. Without a VOI transform, black and white are the ends of the stored range (by
        BitsStored) after the modality transform.

    Raises:
        InputError: the file is damaged, too large, not a grey image, has several frames, or is
            compressed by a method that no installed plugin reads. The error quotes nothing of the
            header that could be patient data.
    """
    header, assumed = _read_header(data, path)
    _check(header, path, max_pixels)
    high_bits = _has_high_bits(header)
    if high_bits and int(header.get("HighBit") or 0) >= int(header.BitsStored):
        raise InputError(
            "the DICOM pixels are stored in the upper bits (HighBit), which is not read",
            file=path,
            remedy="Export the image again, with HighBit one below BitsStored",
        )
    stored = _stored_values(header, path)
    try:
        values, black, white = _modality(stored, header)
        values, black, white = _voi(values, black, white, header)
    except Exception as error:
        # `from None`: the library's own message may quote the header.
        raise InputError(
            f"the grey scale of the DICOM file cannot be applied ({type(error).__name__})",
            file=path,
            remedy="Correct its rescale, window or LUT elements, or export it as 16-bit PNG",
        ) from None
    if header.PhotometricInterpretation == "MONOCHROME1":
        values = black + white - values.astype(np.float64)
    padding = _padding(stored, header)
    bits, plain = int(header.BitsStored), _is_plain(header)
    seen = stored if padding is None or padding.all() else stored[~padding]
    notes = [note for note in (assumed, HIGH_BITS if high_bits else "") if note]
    largest = (int(seen.max()), bits) if plain else None
    return DicomImage(values, black, white, bits, padding, tuple(notes), largest)


def _is_plain(header: Dataset) -> bool:
    """Check whether only the number of stored bits states which value is white."""
    shown = ("ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth")
    return not header.PixelRepresentation and not any(header.get(name) for name in shown)


def _has_high_bits(header: Dataset) -> bool:
    """Check whether uncompressed 16-bit values use bits above the stored bits."""
    bits = int(header.BitsStored)
    if int(header.BitsAllocated) != 16 or bits == 16 or header.PixelRepresentation:
        return False
    syntax = header.file_meta.TransferSyntaxUID
    if syntax.is_compressed:
        return False
    order = "<" if syntax.is_little_endian else ">"
    count = int(header.Rows) * int(header.Columns)
    raw = np.frombuffer(header.PixelData[: 2 * count], f"{order}u2")
    return bool((raw >> bits).any())


def dicom_spacing(data: bytes, path: str) -> tuple[tuple[float, float], str] | None:
    """Read the size of a pixel from the bytes of a DICOM file.

    PixelSpacing has priority: if a projection radiograph has it, it is calibrated or equal to
    ImagerPixelSpacing. ImagerPixelSpacing is measured at the detector. It is not corrected for the
    magnification of the patient in front of it (PS3.3 C.8.7.1.1.3), about 5 to 20 % in chest
    X-rays.

    Returns:
        (row, column) spacing in mm and the name of its element; None if the header has no plausible
        spacing.

    Raises:
        InputError: the header cannot be read.
    """
    header, _ = _read_header(data, path)
    for name in SPACINGS:
        try:
            row, column = (float(value) for value in header.get(name))
        except (TypeError, ValueError):
            continue
        if is_plausible(row, column):
            return (row, column), name
    return None


def dicom_facts(data: bytes, path: str, wanted: Iterable[str]) -> dict[str, str]:
    """Read the `wanted` entries of FACTS as the header writes them; read no other element.

    Returns:
        Arguments of `facts_of`; blank if the header lacks the element.

    Raises:
        InputError: the header cannot be read.
    """
    elements = dict(FACTS[name] for name in wanted)
    header, _ = _read_header(data, path, tuple(elements))
    return {key: str(header.get(name) or "") for name, key in elements.items()}


def _read_header(data: bytes, path: str, more: tuple[str, ...] = ()) -> tuple[Dataset, str]:
    """Return the required elements (and `more`), and a note on what the file does not declare.

    A file without preamble begins with its first element. A file without a Transfer Syntax UID is
    read by the standard's default, implicit VR little endian (PS3.5 10.1). If its first element has
    an explicit VR, that is used: programs that leave the UID out often do not change the rest.
    """
    marked = data[MARK_AT : MARK_AT + len(MARK)] == MARK
    try:
        meta = FileMetaDataset(
            read_dataset(
                io.BytesIO(data[MARK_AT + len(MARK) if marked else 0 :]),
                is_implicit_VR=False,
                is_little_endian=True,
                stop_when=lambda tag, *_: tag.group != 2,
            )
        )
        syntax = meta.get("TransferSyntaxUID")
        if syntax != DeflatedExplicitVRLittleEndian:
            header = pydicom.dcmread(
                io.BytesIO(data), specific_tags=[*ELEMENTS, *more], force=not marked
            )
            list(header)  # pydicom decodes a value when it is first read, so damage is found here
            if not syntax:
                _assume_syntax(header, path)
            return header, NO_SYNTAX if not syntax else "" if marked else NO_PREAMBLE
    except InputError:
        raise
    except Exception as error:
        raise _damaged(path, error) from None
    # Its size is not known before decompression: a small file may fill the memory.
    raise InputError(
        "the whole DICOM file is compressed (transfer syntax Deflated Explicit VR)",
        file=path,
        remedy="Save it with another transfer syntax",
    )


def _assume_syntax(header: Dataset, path: str) -> None:
    """Set the syntax with which pydicom has read a file that does not name one."""
    implicit, little = header.original_encoding
    if not little:
        syntax = ExplicitVRBigEndian
    else:
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    if header.get("PixelData", b"")[: len(ITEM)] == ITEM:
        raise InputError(
            "the DICOM file has compressed pixels and no Transfer Syntax UID, so the compression is"
            " not known",
            file=path,
            remedy="Export it again, with element (0002,0010) or uncompressed",
        )
    header.file_meta.TransferSyntaxUID = syntax


def _check(header: Dataset, path: str, max_pixels: int) -> None:
    """Check that this is one grey image of 8 to 16 bit, before any pixel is decoded."""
    try:
        rows, columns = int(header.Rows), int(header.Columns)
        frames = int(header.get("NumberOfFrames") or 1)
        allocated, stored = int(header.BitsAllocated), int(header.BitsStored)
        photometric, samples = str(header.PhotometricInterpretation), int(header.SamplesPerPixel)
        syntax = header.file_meta.TransferSyntaxUID
        int(header.PixelRepresentation), int(header.get("HighBit") or 0)
        present = "PixelData" in header and rows > 0 and columns > 0
    except Exception:  # an element is absent, or of a wrong type
        present = False
    if not present:
        raise InputError(
            "the DICOM file holds no image",
            file=path,
            remedy="Leave out reports, structures and the like",
        )
    if rows * columns > max_pixels:
        raise InputError(
            f"the image is too large ({columns} x {rows} pixels; at most "
            f"{max_pixels // 10**6} million)",
            file=path,
            remedy="Shrink it",
        )
    if frames != 1:
        raise InputError(
            f"the file holds {frames} frames",
            file=path,
            remedy="Save each in a file of its own; only single radiographs are read",
        )
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        known = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")
        shown = photometric if photometric in known else "unknown"
        raise InputError(
            f"the DICOM image is not grey ({shown})",
            file=path,
            remedy="Use MONOCHROME1 or MONOCHROME2 images",
        )
    if allocated not in (8, 16) or not 8 <= stored <= allocated:
        raise InputError(
            f"the DICOM image has {stored} of {allocated} bits per pixel",
            file=path,
            remedy="Use images of 8 to 16 bit",
        )
    _check_decoder(syntax, path)


def _check_decoder(syntax: pydicom.uid.UID, path: str) -> None:
    try:
        decoder = get_decoder(syntax)
    except (NotImplementedError, TypeError, ValueError):  # unknown, or damaged: not a UID
        raise InputError(
            "the DICOM file's transfer syntax is unknown",
            file=path,
            remedy="Save it uncompressed (Explicit VR Little Endian)",
        ) from None
    if not decoder.is_available:
        raise InputError(
            f"no installed plugin decodes {syntax.name}",
            file=path,
            remedy=_plugins(syntax),
        )


def _plugins(syntax: pydicom.uid.UID) -> str:
    missing = "; or ".join(get_decoder(syntax).missing_dependencies)
    # gdcm is the name of the module; the package is python-gdcm.
    missing = missing.replace("gdcm - requires gdcm", "python-gdcm - requires python-gdcm")
    installed = f"Install a pydicom plugin: {missing}. " if missing else ""
    return f"{installed}Or save the file uncompressed"


def _stored_values(header: Dataset, path: str) -> np.ndarray:
    syntax = header.file_meta.TransferSyntaxUID
    try:
        stored = header.pixel_array
    except Exception as error:
        if not syntax.is_compressed:
            raise _damaged(path, error) from None
        raise InputError(
            f"the {syntax.name} pixels are damaged, or the installed plugins cannot decode them",
            file=path,
            remedy=_plugins(syntax),
        ) from None
    low, high = _stored_range(header)
    if stored.ndim != 2 or stored.min() < low or stored.max() > high:
        raise InputError(
            "the DICOM pixels do not fit the header (shape, or values beyond BitsStored)",
            file=path,
            remedy="Export the image again, without overlays in the pixels",
        )
    return stored


def _stored_range(header: Dataset) -> tuple[int, int]:
    bits = int(header.BitsStored)
    if header.PixelRepresentation:
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def _modality(stored: np.ndarray, header: Dataset) -> tuple[np.ndarray, float, float]:
    """Apply the modality LUT or rescale; also return the range of values that it can give."""
    low, high = _stored_range(header)
    if header.get("ModalityLUTSequence"):
        return _looked_up(stored, header.ModalityLUTSequence[0])
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if slope is None or intercept is None:
        return stored, low, high
    slope, intercept = float(slope), float(intercept)
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0:
        raise ValueError("the scale is not finite or is 0")
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return stored.astype(np.float64) * slope + intercept, *ends


def _voi(
    values: np.ndarray, black: float, white: float, header: Dataset
) -> tuple[np.ndarray, float, float]:
    """Apply the first VOI LUT, or else the first window."""
    if header.get("VOILUTSequence"):
        return _looked_up(values, header.VOILUTSequence[0])
    if header.get("WindowCenter") is None and header.get("WindowWidth") is None:
        return values, black, white
    shown = apply_windowing(values, header)
    if not header.get("ModalityLUTSequence") and float(header.get("RescaleSlope") or 1) < 0:
        # pydicom's output range is then reversed; greater values must stay brighter.
        shown = black + white - shown
    return shown, black, white


def _looked_up(values: np.ndarray, item: Dataset) -> tuple[np.ndarray, float, float]:
    """Apply a LUT: values below its range get its first entry, values above it the last entry."""
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    entries = entries % 2**16 or 2**16
    if not 8 <= bits <= 16:
        raise ValueError("the LUT has not 8 to 16 bits")
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if item.is_little_endian is not False else ">"
        data = np.frombuffer(data, "u1" if len(data) < 2 * entries else f"{order}u2")
    table = np.asarray(data)[:entries].astype(np.uint16)
    if len(table) < entries:
        raise ValueError("the LUT is shorter than its header states")
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, entries - 1)
    return table[index], 0, 2**bits - 1


def _padding(stored: np.ndarray, header: Dataset) -> np.ndarray | None:
    ends = [header.get(name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    ends = [int(end) for end in ends if isinstance(end, int)]
    if not ends:
        return None
    return (stored >= min(ends)) & (stored <= max(ends))


def _damaged(path: str, error: Exception) -> InputError:
    return InputError(
        f"the DICOM file is damaged or cut off ({type(error).__name__})",
        file=path,
        remedy="Copy or export it again",
    )
