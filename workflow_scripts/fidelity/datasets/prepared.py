"""The prepared form of a shard: working images, lung masks, references as run lengths, in HDF5."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from fidelity.base.errors import InputError
from fidelity.base.files import content_hash
from fidelity.base.hdf5 import atomic_hdf5, reading
from fidelity.datasets.readers.names import ANY, FIRST, SECOND
from fidelity.datasets.splits import hash_of
from fidelity.masks.boxes import Box, FloatBox, fill_boxes
from fidelity.masks.run_lengths import RLE, encode

SCHEMA = "fidelity-prepared-1"
# Cases that are read or written at once: limits memory, and saves HDF5 calls.
BLOCK = 64
AGAIN = "Delete it and the file explained.json next to it, and run again"


@dataclass(frozen=True)
class Reference:
    """A reference per class, as the fields of a case: `references`, `reference_boxes`, `filled`."""

    masks: dict[str, RLE] = field(default_factory=dict)
    boxes: dict[str, tuple[FloatBox, ...]] = field(default_factory=dict)
    filled: tuple[str, ...] = ()


NOTHING = Reference()


@dataclass(frozen=True)
class PreparedCase:
    """A case as classifiers, explainers and scores use it.

    Attributes:
        image: (S, S) uint8, the working image after the input setting.
        lung: (S, S) bool, the lung mask of the same region; None if the source has none.
        native_size: (height, width) of the original image in pixels.
        box: (y0, x0, y1, x1), the region of the native image that the working image shows.
        references: reference mask per annotated source class of the case, at native size. If a
            class has boxes and no mask, these are its filled boxes.
        lung_native: lung mask at native size; None if the source has none.
        digest: hash of the bytes of the image and its masks.
        readers: reader → mask per class, at native size, for the classes the reader read the image
            for. A reference without a reader's name is not included.
        spacing: (row, column) size of a native pixel in mm; None if unknown.
        uncertain: source classes that the case may or may not show.
        reference_boxes: reference boxes per annotated source class, one per instance, (y0, x0, y1,
            x1) in native pixels; empty if the case was read for the class and nothing was found.
        filled: classes whose reference is their filled boxes.
        reader_boxes: boxes by reader, in the form of `reference_boxes`.
        agreed: classes whose reference was merged from those of readers.
        unread: classes that are explained, but have no reference by the chosen rule.
        without: reader → the reference that all other readers agree on; see `readers.references`.
        organs: mask per organ, at native size; empty if the source has none.
    """

    case: str
    patient: str
    split: str
    labels: tuple[str, ...]
    image: np.ndarray
    lung: np.ndarray | None
    native_size: tuple[int, int]
    box: Box
    references: dict[str, RLE]
    lung_native: RLE | None
    digest: str
    readers: dict[str, dict[str, RLE]] = field(default_factory=dict)
    spacing: tuple[float, float] | None = None
    uncertain: tuple[str, ...] = ()
    reference_boxes: dict[str, tuple[FloatBox, ...]] = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    organs: dict[str, RLE] = field(default_factory=dict)
    reader_boxes: dict[str, dict[str, tuple[FloatBox, ...]]] = field(default_factory=dict)
    agreed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    without: dict[str, "Reference"] = field(default_factory=dict)

    @property
    def explained(self) -> tuple[str, ...]:
        """The classes that have a map."""
        return (*self.references, *self.unread)

    def against(self, reader: str) -> "PreparedCase":
        """Return the case with the reference that all readers except one agree on.

        `left_out` may be `any`: one of the readers of the class, chosen by a hash.
        """
        chosen = {cls: self.one_reader(cls) if reader == ANY else reader for cls in self.explained}
        found = {
            c: self.without[r] for c, r in chosen.items() if c in self.without.get(r, NOTHING).masks
        }
        return replace(
            self,
            references={cls: of.masks[cls] for cls, of in found.items()},
            reference_boxes={cls: of.boxes[cls] for cls, of in found.items() if cls in of.boxes},
            filled=tuple(cls for cls, of in found.items() if cls in of.filled),
            unread=tuple(cls for cls in self.explained if cls not in found),
        )

    def readers_of(self, cls: str) -> list[str]:
        """List the readers of the case for a class; if nobody is named, the list is `first`."""
        drawn = (*self.readers.items(), *self.reader_boxes.items())
        named = sorted({reader for reader, classes in drawn if cls in classes})
        unnamed = cls in self.references and cls not in self.agreed
        return [*([FIRST] if unnamed and FIRST not in named else []), *named]

    def reading(self, cls: str, reader: str) -> RLE:
        """Return the mask of one of `readers_of`; boxes are filled."""
        if cls in self.readers.get(reader, {}):
            return self.readers[reader][cls]
        if cls in self.reader_boxes.get(reader, {}):
            return encode(fill_boxes(self.reader_boxes[reader][cls], self.native_size))
        return self.references[cls]

    def one_reader(self, cls: str) -> str:
        """Choose one reader with a name who read the case for a class; empty if there is none."""
        ranked = [reader for reader in self.readers_of(cls) if reader != FIRST]
        return ranked[hash_of(f"{self.case}\0{cls}") % len(ranked)] if ranked else ""

    def reference_kind(self, cls: str) -> Literal["mask", "box"]:
        """Return how the reference of a class was drawn."""
        return "box" if cls in self.filled else "mask"


def write_prepared(path: str | Path, cases: Iterable[PreparedCase], attrs: dict[str, Any]) -> None:
    """Write a shard, atomically and byte-identically for equal cases.

    Args:
        cases: may be empty; they are taken one by one, and are never all in memory.
        attrs: at least `image_size` (S) and `classes` (model classes in order); lists and dicts are
            stored as JSON.

    Raises:
        ValueError: an image is not (S, S) uint8.
    """
    side = int(attrs["image_size"])
    shape = {"shape": (0, side, side), "maxshape": (None, side, side), "chunks": (1, side, side)}
    packing = {"compression": "gzip", "compression_opts": 1}
    stream = iter(cases)
    with atomic_hdf5(path) as file:
        file.attrs["schema"] = SCHEMA
        for key, value in attrs.items():
            file.attrs[key] = json.dumps(value) if isinstance(value, list | tuple | dict) else value
        images = file.create_dataset("images", dtype=np.uint8, **shape, **packing)
        lungs = file.create_dataset("lungs", dtype=np.bool_, **shape, **packing)
        records = file.create_dataset(
            "cases", (0,), maxshape=(None,), chunks=(BLOCK,), dtype=h5py.string_dtype()
        )
        while block := list(islice(stream, BLOCK)):
            start, end = len(images), len(images) + len(block)
            for dataset in (images, lungs, records):
                dataset.resize(end, axis=0)
            images[start:end] = np.stack([_checked(case, side) for case in block])
            blank = np.zeros((side, side), np.bool_)
            lungs[start:end] = np.stack([blank if c.lung is None else c.lung for c in block])
            records[start:end] = np.array([_record(case) for case in block], dtype=object)
            file.check()


def write_references(path: str | Path, prepared: str | Path, cases: Iterable[PreparedCase]) -> None:
    """Write a shard with other references; its images stay in the prepared shard.

    Args:
        path: the HDF5 file; `PreparedShard` reads it in the same way as the prepared one.
        prepared: the shard of the cases; the file stores its path relative to `path`.
    """
    link = os.path.relpath(prepared, Path(path).parent)
    with h5py.File(prepared, "r") as source, atomic_hdf5(path) as file:
        file.attrs.update(source.attrs)
        # The digest of the images is stored, so that other images give another file.
        file.attrs["prepared"] = content_hash(prepared)
        for name in ("images", "lungs"):
            file[name] = h5py.ExternalLink(link, name)
        records = np.array([_record(case) for case in cases], dtype=object)
        file.create_dataset("cases", data=records, dtype=h5py.string_dtype())
        file.check()


class PreparedShard:
    """Reader of a prepared shard; use it as a context manager.

    Attributes:
        attrs: the attributes given to `write_prepared`, with lists decoded.
        images: (n, S, S) uint8, all working images at once.
    """

    def __init__(self, path: str | Path) -> None:
        """Set the path; the file is opened on entering the context."""
        self.path = Path(path)

    def __enter__(self) -> "PreparedShard":
        """Open the file; InputError if it is missing, damaged or of another kind."""
        with reading(self.path, remedy=AGAIN), ExitStack() as stack:
            self._file = stack.enter_context(h5py.File(self.path, "r"))
            found = self._file.attrs.get("schema")
            if found != SCHEMA:
                raise InputError(
                    f"is not a prepared shard of this version (schema {found!r}, not {SCHEMA!r})",
                    file=self.path,
                    remedy=AGAIN,
                )
            self.attrs = {key: _decoded(value) for key, value in self._file.attrs.items()}
            self.classes: list[str] = self.attrs["classes"]
            counts = {len(self._file[name]) for name in ("images", "lungs", "cases")}
            if len(counts) != 1:
                raise ValueError("images and cases differ in number")
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        """Count the cases."""
        return len(self._file["images"])

    def __iter__(self) -> Iterator[PreparedCase]:
        """Yield the cases in the order they were written."""
        for start in range(0, len(self), BLOCK):
            part = slice(start, start + BLOCK)
            with reading(self.path, remedy=AGAIN):
                images, lungs = self._file["images"][part], self._file["lungs"][part]
                records = self._file["cases"].asstr()[part]
                block = [
                    _case(json.loads(record), image, lung)
                    for image, lung, record in zip(images, lungs, records, strict=True)
                ]
            yield from block

    @property
    def images(self) -> np.ndarray:
        with reading(self.path, remedy=AGAIN):
            return self._file["images"][()]


def cases_in(paths: Iterable[str | Path]) -> Iterator[PreparedCase]:
    """Yield the cases of several prepared shards, one shard open at a time."""
    for path in paths:
        with PreparedShard(path) as shard:
            yield from shard


def _checked(case: PreparedCase, side: int) -> np.ndarray:
    for array, dtype in ((case.image, np.uint8), (case.lung, np.bool_)):
        if array is not None and (array.shape != (side, side) or array.dtype != dtype):
            raise ValueError(f"{case.case}: expected ({side}, {side}) {np.dtype(dtype)}")
    return case.image


def _record(case: PreparedCase) -> str:
    """Convert everything except the pixels to JSON."""
    record = vars(case) | {
        "has_lung": case.lung is not None,
        "readers": {r: masks for r, masks in case.readers.items() if r != SECOND},
        "second_references": case.readers.get(SECOND, {}),
        "without": {reader: vars(of) for reader, of in case.without.items()},
    }
    del record["image"], record["lung"]
    # Fields that only some data sets have are left out if empty, so that the files of other data
    # sets do not change.
    for name in ("readers", "reader_boxes", "agreed", "unread", "without", "organs"):
        if not record[name]:
            del record[name]
    return json.dumps(record, sort_keys=True, ensure_ascii=False)


def _case(record: dict[str, Any], image: np.ndarray, lung: np.ndarray) -> PreparedCase:
    has_lung = record.pop("has_lung")
    for name in ("labels", "native_size", "box", "uncertain", "filled", "agreed", "unread"):
        record[name] = tuple(record.get(name, ()))
    # Files of earlier versions have no boxes.
    record["reference_boxes"] = _boxes(record.get("reference_boxes", {}))
    second = record.pop("second_references", {})
    record["readers"] = {**({SECOND: second} if second else {}), **record.get("readers", {})}
    by_reader = record.get("reader_boxes", {})
    record["reader_boxes"] = {reader: _boxes(boxes) for reader, boxes in by_reader.items()}
    record["without"] = {
        reader: Reference(of["masks"], _boxes(of["boxes"]), tuple(of["filled"]))
        for reader, of in record.get("without", {}).items()
    }
    if record.get("spacing") is not None:
        record["spacing"] = tuple(record["spacing"])
    return PreparedCase(**record, image=image, lung=lung.astype(bool) if has_lung else None)


def _boxes(boxes: dict[str, Any]) -> dict[str, tuple[FloatBox, ...]]:
    return {cls: tuple(map(tuple, found)) for cls, found in boxes.items()}


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value
