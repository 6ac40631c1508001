"""The prepared form of a shard: working images, lung masks, references as run lengths, in HDF5."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from fidelity.base.errors import InputError
from fidelity.base.hdf5 import atomic_hdf5, reading
from fidelity.masks.boxes import Box, FloatBox
from fidelity.masks.run_lengths import RLE

SCHEMA = "fidelity-prepared-1"
# Cases read or written at once: bounds memory, spares HDF5 calls.
BLOCK = 64
AGAIN = "Delete it and explained.json beside it, and run again"


@dataclass(frozen=True)
class PreparedCase:
    """A case as classifiers, explainers and scores see it.

    Attributes:
        case: case id.
        patient: patient id.
        split: `train`, `val` or `test`.
        labels: source classes.
        image: (S, S) uint8, the working image after the input setting.
        lung: (S, S) bool, the lung mask of the same region; None if the source has none.
        native_size: (height, width) of the original image in pixels.
        box: (y0, x0, y1, x1), the region of the native image that the working image shows.
        references: reference mask per annotated source class of the case, at native size; where
            a class has boxes and no mask, its boxes, filled.
        lung_native: lung mask at native size; None if the source has none.
        digest: hash of the bytes of the image and its masks.
        second_references: a second reader's mask per class, at native size, where there is one.
        spacing: (row, column) size of a native pixel in mm; None if unknown.
        uncertain: source classes that the case may or may not show.
        reference_boxes: reference boxes per annotated source class, one per instance, (y0, x0, y1,
            x1) in native pixels; empty where the case was read for the class and nothing was found.
        filled: classes whose reference is their boxes, filled.
        organs: mask per organ, at native size; empty where the source has none.
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
    second_references: dict[str, RLE] = field(default_factory=dict)
    spacing: tuple[float, float] | None = None
    uncertain: tuple[str, ...] = ()
    reference_boxes: dict[str, tuple[FloatBox, ...]] = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    organs: dict[str, RLE] = field(default_factory=dict)

    def reference_kind(self, cls: str) -> Literal["mask", "box"]:
        """State how the reference of a class was drawn."""
        return "box" if cls in self.filled else "mask"


def write_prepared(path: str | Path, cases: Iterable[PreparedCase], attrs: dict[str, Any]) -> None:
    """Write a shard, atomically and byte-identically for equal cases.

    Args:
        path: the HDF5 file.
        cases: none at all is valid; they are taken one by one, never held all at once.
        attrs: `image_size` (S) and `classes` (model classes in order) at least; lists and dicts
            are stored as JSON.

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


class PreparedShard:
    """Reader of a prepared shard; use it as a context manager.

    Attributes:
        path: the file.
        attrs: what was given to `write_prepared`, lists decoded.
        classes: model classes in order.
        images: (n, S, S) uint8, all working images at once.
    """

    def __init__(self, path: str | Path) -> None:
        """Name the file; it is opened on entering the context."""
        self.path = Path(path)

    def __enter__(self) -> "PreparedShard":
        """Open the file.

        Raises:
            InputError: it is missing, damaged or of another kind.
        """
        with reading(self.path, remedy=AGAIN):
            self._file = h5py.File(self.path, "r")
        try:
            with reading(self.path, remedy=AGAIN):
                found = self._file.attrs.get("schema")
                if found != SCHEMA:
                    raise InputError(
                        "is not a prepared shard of this version"
                        f" (schema {found!r}, not {SCHEMA!r})",
                        file=self.path,
                        remedy=AGAIN,
                    )
                self.attrs = {key: _decoded(value) for key, value in self._file.attrs.items()}
                self.classes: list[str] = self.attrs["classes"]
                counts = {len(self._file[name]) for name in ("images", "lungs", "cases")}
                if len(counts) != 1:
                    raise ValueError("images and cases differ in number")
        except InputError:
            self._file.close()
            raise
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


def _checked(case: PreparedCase, side: int) -> np.ndarray:
    for array, dtype in ((case.image, np.uint8), (case.lung, np.bool_)):
        if array is not None and (array.shape != (side, side) or array.dtype != dtype):
            raise ValueError(f"{case.case}: expected ({side}, {side}) {np.dtype(dtype)}")
    return case.image


def _record(case: PreparedCase) -> str:
    """Everything but the pixels, as JSON."""
    return json.dumps(
        {
            "case": case.case,
            "patient": case.patient,
            "split": case.split,
            "labels": case.labels,
            "has_lung": case.lung is not None,
            "native_size": case.native_size,
            "box": case.box,
            "references": case.references,
            "lung_native": case.lung_native,
            "digest": case.digest,
            "second_references": case.second_references,
            "spacing": case.spacing,
            "uncertain": case.uncertain,
            "reference_boxes": case.reference_boxes,
            "filled": case.filled,
            **({"organs": case.organs} if case.organs else {}),
        },
        sort_keys=True,
        ensure_ascii=False,
    )


def _case(record: dict[str, Any], image: np.ndarray, lung: np.ndarray) -> PreparedCase:
    has_lung = record.pop("has_lung")
    for name in ("labels", "native_size", "box", "uncertain", "filled"):
        record[name] = tuple(record.get(name, ()))
    # Files of earlier versions have no boxes.
    record["reference_boxes"] = {
        cls: tuple(map(tuple, boxes)) for cls, boxes in record.get("reference_boxes", {}).items()
    }
    if record.get("spacing") is not None:
        record["spacing"] = tuple(record["spacing"])
    return PreparedCase(**record, image=image, lung=lung.astype(bool) if has_lung else None)


def _decoded(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value
