"""Check the files of one case before anything is computed from them."""

import hashlib
import os
import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.folders import similar_file
from fidelity.datasets.annotations.drawn import RELATIVE
from fidelity.datasets.cases import MASK_PREFIX, NONE, Case, reader_column
from fidelity.datasets.facts import facts_of, missing
from fidelity.datasets.images.image_similarity import Look, look_at
from fidelity.datasets.images.images import (
    Findings,
    IntensityError,
    decode_image,
    intensity_of,
    is_dicom,
    read_bytes,
)
from fidelity.datasets.indexing.box_fit import (
    ASPECT_TOLERANCE,
    BoxMisfitError,
    differ_in_shape,
    fitted_boxes,
)
from fidelity.datasets.mask_files.mask_entries import decode_reference, read_reference
from fidelity.datasets.mask_files.mask_foreground import MaskValueError
from fidelity.datasets.mask_files.mask_places import file_of
from fidelity.datasets.mask_files.mask_values import LUNG, mask_values_of
from fidelity.datasets.readers.names import SECOND
from fidelity.masks.boxes import FloatBox
from fidelity.masks.run_lengths import at_size
from fidelity.settings.datasets import Dataset

Boxes = dict[str, tuple[FloatBox, ...]]


class MisfitError(InputError):
    """A mask is missing or does not fit its image: a fault of the data set, not of one file."""


class OutsideError(InputError):
    """A file of the data set is a link to a file outside the data root."""


# Faults of the data set or of its settings, which affect all files of a kind.
FATAL = (MaskValueError, MisfitError, IntensityError, OutsideError, BoxMisfitError)


@dataclass(frozen=True)
class Examined:
    """The result of reading the files of a case.

    Attributes:
        case: with width, height and digest, if the files can be used.
        image_digest: hash of the image's size and grey values; empty if unreadable. Two files of
            the same image have the same hash, whatever their format, compression and metadata are.
        problem: the problem of the first bad file, else None.
        file: that file, relative to the data root.
        fatal: whether the problem is one of the data set, not of a single damaged file. Leaving
            such cases out would bias the scores without notice.
        look: hash and thumbnail of the image, to compare it with others; None if not needed.
        other_size: masks, relative to the data root, that do not have their image's size although
            they are scored at that size. Each has its reader; the reader is empty if it has no
            name.
        findings: facts found while reading that are reported once per data set.
        marked: (reader, class) of masks and boxes that are not empty; the reader is empty for those
            that name none.
        drawn: hash and path of each mask that is not empty.
        outside: classes whose mask has no pixel within the mask of the lungs.
    """

    case: Case
    image_digest: str = ""
    problem: InputError | None = None
    file: str = ""
    fatal: bool = False
    look: Look | None = None
    other_size: tuple[tuple[str, str], ...] = ()
    findings: Findings = field(default_factory=Findings)
    marked: frozenset[tuple[str, str]] = frozenset()
    drawn: tuple[tuple[str, str], ...] = ()
    outside: tuple[str, ...] = ()


def examine(case: Case, root: Path, settings: Dataset, adapter: ModuleType) -> Examined:
    """Read the image and masks of a case and check that they fit together.

    Args:
        case: only with masks that are used.
        settings: settings of the data set. If the lung mask decides the classifier's `input`, it
            must not be empty. Only the requested `strata` are read from a DICOM header.

    Returns:
        The case with size, digest, boxes in native pixels, pixel spacing and the requested facts;
        or the first problem. Spacing and facts are from the table, or else from a DICOM header.
    """
    found = _Examination(case, root, settings, adapter)
    try:
        done = found.read()
    except InputError as error:
        return Examined(case, found.image_digest, error, found.file, isinstance(error, FATAL))
    return Examined(
        done,
        found.image_digest,
        look=found.look,
        other_size=tuple(found.other_size),
        findings=found.findings,
        marked=frozenset(found.marked),
        drawn=tuple(found.drawn),
        outside=tuple(found.outside),
    )


class _Examination:
    """Reads the files of a case one after another, and records what is found.

    Attributes:
        file: the file that is read, relative to the data root; after an error, the bad file.
        shape: shape of the image; None before it is read.
    """

    def __init__(self, case: Case, root: Path, settings: Dataset, adapter: ModuleType) -> None:
        self.case, self.root, self.settings, self.adapter = case, root, settings, adapter
        self.mask_values = mask_values_of(settings)
        self.native_is_mask = getattr(adapter, "native_is_mask", False)
        self.file, self.image_digest = case.image, ""
        self.digest = hashlib.blake2b(digest_size=16)
        self.findings = Findings()
        self.shape: tuple[int, int] | None = None
        self.look: Look | None = None
        self.other_size: list[tuple[str, str]] = []
        by_name = {"": case.boxes, **case.reader_boxes}
        self.marked = {(r, cls) for r, of in by_name.items() for cls, found in of.items() if found}
        self.drawn: list[tuple[str, str]] = []
        self.outside: list[str] = []

    def read(self) -> Case:
        """Return the case with all that its files state.

        Raises:
            InputError: the first problem.
        """
        self._check_paths()
        data = self._image()
        spacing, spacing_from, facts = self._header(data)
        lung = self._lung()
        for name, path in sorted(self.case.organs.items()):
            self.file = path
            self._mask("organ:", name, path)
        native = self._references(lung)
        self.file = self.case.image
        boxes, reader_boxes = self._boxes(native)
        height, width = native
        return replace(
            self.case,
            width=width,
            height=height,
            digest=self.digest.hexdigest(),
            spacing=spacing,
            spacing_from=spacing_from,
            boxes=boxes,
            reader_boxes=reader_boxes,
            box_size=None,
            facts=facts,
        )

    def _check_paths(self) -> None:
        case, path = self.case, self.root / self.case.image
        if not self.settings.outside_links:
            check_inside(case, self.root)
        if case.place and not os.path.isfile(path):
            raise InputError(
                f"{case.place}: the image {case.image!r} does not exist",
                file=path,
                remedy=f"{_meant(self.root, case.image)}Add the image, or remove the row",
            )

    def _image(self) -> bytes:
        """Read the image; return the content of its file."""
        path = self.root / self.case.image
        data = read_bytes(path)
        image = decode_image(data, path, intensity_of(self.settings), self.findings)
        _check_grey_values(image, path)
        self.image_digest, self.shape = pixel_digest(image), image.shape
        if compares_looks(self.settings):
            self.look = look_at(image)
        self.digest.update(f"image {len(data)}\n".encode() + data)
        return data

    def _header(self, data: bytes) -> tuple[tuple[float, float] | None, str, dict[str, str]]:
        """Return the pixel spacing, its origin, and the requested facts.

        All are from the table, or else from a DICOM header; other files have none.
        """
        case, name = self.case, str(self.root / self.case.image)
        spacing, origin = case.spacing, (case.spacing_from or "table") if case.spacing else ""
        facts: dict[str, str] = {}
        if is_dicom(data):
            from fidelity.datasets.images.dicom import FACTS, dicom_facts, dicom_spacing

            if spacing is None:
                spacing, origin = dicom_spacing(data, name) or (None, "")
            if wanted := missing(case, getattr(self.settings, "strata", ())):
                found = facts_of(**dicom_facts(data, name, [w for w in wanted if w in FACTS]))
                facts = {key: text for key, text in found.items() if key in wanted}
        other_size = case.box_size not in (None, RELATIVE, self.shape)
        if case.spacing and not case.spacing_from and other_size:
            spacing = tuple(float(s) for s in np.multiply(spacing, case.box_size) / self.shape)
        return spacing, origin, {**facts, **case.facts}

    def _mask(self, prefix: str, name: str, path: str, reader: str = "") -> np.ndarray:
        """Read a mask and check that it fits the image."""
        data = read_reference(self.root, path)
        notes = self.findings.notes
        values = decode_reference(
            data, self.root, path, name, self.mask_values, notes, size=self.shape
        )
        same_size = getattr(self.adapter, "same_size", False)
        _check_size(values.shape, self.shape, self.root / path, same_size, reader)
        if values.shape != self.shape and not self.native_is_mask:
            self.other_size.append((path, reader))
        self.digest.update(f"{prefix}{name} {len(data)}\n".encode() + data)
        if values.any():
            self.drawn.append((pixel_digest(values), path))
        return values

    def _lung(self) -> np.ndarray | None:
        """Read the mask of the lungs, and check that it exists if it is expected or needed."""
        case, settings = self.case, self.settings
        self.file = case.lung_mask or case.image
        needed = settings.input != "full"
        if case.lung_mask is None:
            may_lack = getattr(self.adapter, "lungs_may_lack", False)
            if settings.reads_lungs and not (getattr(settings, "lungs", None) or may_lack):
                raise MisfitError(
                    f"the case {case.case!r} has no lung mask",
                    file=self.root / case.image,
                    field="lung_masks",
                    remedy="Add the mask, or set lung_masks: none",
                )
            if needed:
                raise InputError(
                    "the case has no lung mask, but the setting input needs it",
                    file=self.root / case.image,
                    field="input",
                    remedy="Set input: full",
                )
            return None
        lung = self._mask("", LUNG, case.lung_mask)
        if not lung.any() and needed:
            raise InputError(
                "the lung mask is empty, but the setting input needs it",
                file=self.root / case.lung_mask,
                field="input",
                remedy="Correct the mask, or set input: full",
            )
        return lung

    def _references(self, lung: np.ndarray | None) -> tuple[int, int]:
        """Read the masks of all readers; return the native size, at which the case is scored."""
        native = self.shape
        for reader, masks in (("", self.case.masks), *sorted(self.case.readers.items())):
            for name, path in sorted(masks.items()):
                self.file = path
                column = reader_column(reader, name) if reader else f"{MASK_PREFIX}{name}"
                # `isfile` is also False if a name is too long.
                if path != NONE and not os.path.isfile(self.root / file_of(path)):
                    raise _absent_mask(self.case, reader, name, column, self.root, path)
                drawn = self._mask(column.removesuffix(name), name, path, reader)
                if drawn.any():
                    self.marked.add((reader, name))
                    if not reader and lung is not None and lung.any():
                        inside = at_size(lung, drawn.shape) & drawn
                        self.outside += [] if inside.any() else [name]
                if self.native_is_mask and not reader:
                    native = drawn.shape
        return native

    def _boxes(self, native: tuple[int, int]) -> tuple[Boxes, dict[str, Boxes]]:
        """Return the boxes in native pixels: those without a reader's name, and those by reader."""
        case, outside = self.case, self.settings.boxes_outside
        boxes = fitted_boxes(case, self.shape, native, outside, self.root, self.findings.notes)
        if boxes:
            self.digest.update(f"boxes {boxes}\n".encode())
        by_reader = {r: replace(case, boxes=b, box_places={}) for r, b in case.reader_boxes.items()}
        reader_boxes = {
            reader: fitted_boxes(own, self.shape, native, outside, self.root, [])
            for reader, own in by_reader.items()
        }
        if reader_boxes:
            self.digest.update(f"boxes by reader {reader_boxes}\n".encode())
        return boxes, reader_boxes


def compares_looks(settings: Dataset) -> bool:
    """Check whether the setting `near_duplicates` or `near_duplicates_of` compares images."""
    # YAML 1.1 reads an unquoted `off` as false.
    return settings.near_duplicates not in ("off", False) or bool(settings.near_duplicates_of)


def pixel_digest(image: np.ndarray) -> str:
    """Hash an image's size and grey values (H, W): only equal images have equal hashes."""
    kind = f"{image.dtype.name} {image.shape}\n".encode()
    return hashlib.blake2b(kind + np.ascontiguousarray(image).tobytes(), digest_size=16).hexdigest()


def is_inside(root: Path, path: str) -> bool:
    """Check that the file of a reference is below the data root after links are followed."""
    home = os.path.realpath(root)
    return os.path.commonpath([home, os.path.realpath(root / file_of(path))]) == home


def check_inside(case: Case, root: Path) -> None:
    """Raise InputError if a link leads from a file of a case out of the data root."""
    masks = (*case.mask_paths, *case.organs.values())
    for path in (case.image, *([case.lung_mask] if case.lung_mask else []), *masks):
        if path == NONE:
            continue
        if not is_inside(root, path):
            raise OutsideError(
                "is a link to a file outside the data root,"
                f" {os.path.realpath(root / file_of(path))}",
                file=root / file_of(path),
                field="outside_links",
                remedy="Copy the file, choose a root that contains it, or set outside_links:"
                " true if you trust the targets of the links",
            )


def _check_grey_values(image: np.ndarray, path: Path) -> None:
    """Refuse a blank image, and a mask that was given as an image."""
    low, high = image.min(), image.max()
    if ((image == low) | (image == high)).all():
        count = "one grey value" if low == high else "two grey values, as a mask has"
        raise InputError(
            f"the image has only {count}",
            file=path,
            remedy="Export it again, or correct its path. For a DICOM image, also check the window",
        )


def _meant(root: Path, path: str) -> str:
    """Suggest an existing file whose name is similar to that of a missing one."""
    found = similar_file(root, path)
    if found == path:
        return "It is a folder, or a link that leads nowhere. "
    if found and unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", path):
        return (
            f"The file {found!r} only looks the same: it stores accents as separate characters, or"
            " the table does. Copy its name into the table, or rename it. "
        )
    return f"Did you mean {found!r}? " if found else ""


def _absent_mask(
    case: Case, reader: str, name: str, column: str, root: Path, path: str
) -> MisfitError:
    whose = {"": "reference", SECOND: "second reader's"}.get(reader, f"reader {reader}'s")
    return MisfitError(
        f"the {whose} mask of the case {case.case!r}, class {name!r}, does not exist",
        file=root / path,
        field=column,
        remedy=_meant(root, path)
        + "Unite several masks in one file. " * (";" in path or "|" in path)
        + (
            "Add the file, or leave the cell empty if this reader did not annotate the image"
            if reader
            else "Add the file (all zeros if the image does not show the class), or correct its"
            " path"
        ),
    )


def _check_size(
    mask: tuple[int, ...], image: tuple[int, ...], path: Path, same_size: bool, reader: str = ""
) -> None:
    if mask == image:
        return
    of = f" of the reader {reader}" if reader else ""
    sizes = f"the mask{of} is {mask[1]} x {mask[0]} pixels, its image {image[1]} x {image[0]}"
    if same_size:
        raise MisfitError(
            f"{sizes}: this source has masks of the image's size",
            file=path,
            remedy="Restore the original file",
        )
    if differ_in_shape(mask, image):
        raise MisfitError(
            f"{sizes}: the aspect ratios differ by more than {ASPECT_TOLERANCE:.0%}",
            file=path,
            remedy="Check that the mask belongs to this image and was not cropped (CheXmask: use"
            " the file in OriginalResolution)",
        )
