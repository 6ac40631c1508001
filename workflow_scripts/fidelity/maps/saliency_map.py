"""Saliency maps: their native form, how they are stored, and how they are rendered.

A CAM is stored as its low-resolution grid. A superpixel explanation is stored as a label image and
one weight per superpixel. Everything else is stored as a dense array. All values are float32, as
they were computed: fewer bits would create ties that the explainer did not make. Maps are rendered
to image size when they are read. So the order "upsample, then normalise" (CheXlocalize) is exact
and remains a choice.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import h5py
import numpy as np

from fidelity.base.errors import InputError
from fidelity.base.hdf5 import atomic_hdf5, reading
from fidelity.maps.resize import bilinear
from fidelity.masks.boxes import Box

SCHEMA = "fidelity-maps-1"
REMEDY = "Delete the file and run again: only this shard is recomputed"

Kind = Literal["grid", "superpixels", "dense", "binary"]
Sign = Literal["positive", "absolute", "signed"]


@dataclass(frozen=True)
class SaliencyMap:
    """A saliency map in native form.

    Attributes:
        kind: `grid` (values (h, w), the CAM's own resolution); `superpixels` (values (k,), one
            weight per label of `segments`); `dense` (values (h, w)); or `binary` (values (h, w), 0
            or 1: the map is its own mask under every binarization).
        values: signed attributions in the explainer's own unit.
        segments: label image (h, w) with labels 0 … k-1; only for `superpixels`.
    """

    kind: Kind
    values: np.ndarray
    segments: np.ndarray | None = None

    def __post_init__(self) -> None:
        if (self.kind == "superpixels") != (self.segments is not None):
            raise ValueError("maps of the kind 'superpixels' have segments; others have none")
        if not np.isfinite(self.values).all():
            raise ValueError("the map has values that are not finite")


@dataclass(frozen=True)
class MapRecord:
    """The result of explaining one case and class.

    Attributes:
        cls: source class whose reference mask the map is scored against.
        target: model class that was explained; empty if no classifier was used.
        status: `ok`, or `failed` with `reason`.
        seconds: wall-clock time of this map (its share of the batch).
        extras: further values from the explainer (surrogate R², layer, …).
        map: the map; None if the explainer failed.
    """

    case: str
    cls: str
    target: str
    status: Literal["ok", "failed"]
    reason: str
    seconds: float
    extras: dict[str, Any] = field(default_factory=dict)
    map: SaliencyMap | None = None


def write_maps(path: str | Path, records: Iterable[MapRecord], attrs: dict[str, str | int]) -> None:
    """Write the records of one shard as HDF5, atomically.

    Args:
        attrs: how the maps were made (method, seed), and how many of the shard's cases and classes
            have no map on purpose (`unanswered`).
    """
    with atomic_hdf5(path) as file:
        file.attrs["schema"] = SCHEMA
        for key, value in attrs.items():
            file.attrs[key] = value
        count = 0
        for record in records:
            write_record(file.create_group(f"{count:06d}"), record)
            file.check()
            count += 1
        file.attrs["records"] = count


def write_record(group: h5py.Group, record: MapRecord) -> None:
    """Write one record to an empty HDF5 group."""
    meta = {
        "case": record.case,
        "cls": record.cls,
        "target": record.target,
        "status": record.status,
        "reason": record.reason,
        "seconds": record.seconds,
        "extras": record.extras,
    }
    if record.map is not None:
        meta["kind"] = record.map.kind
        dtype = np.uint8 if record.map.kind == "binary" else np.float32
        values = record.map.values.astype(dtype)
        group.create_dataset("values", data=values, **_compression(values))
        if record.map.segments is not None:
            segments = record.map.segments.astype(np.int32)
            group.create_dataset("segments", data=segments, **_compression(segments))
    group.attrs["record"] = json.dumps(meta, sort_keys=True, ensure_ascii=False)


def _compression(array: np.ndarray) -> dict[str, Any]:
    """Return the compression of a dataset: none for tiny arrays, which HDF5 cannot compress."""
    return (
        {"compression": "gzip", "compression_opts": 4, "shuffle": True} if array.size > 64 else {}
    )


def read_maps(path: str | Path) -> Iterator[MapRecord]:
    """Read the records of a shard one by one.

    Raises:
        InputError: the file is damaged, of another kind, or has lost records.
    """
    with reading(path, remedy=REMEDY):
        file = h5py.File(path, "r")
    with file:
        with reading(path, remedy=REMEDY):
            schema, count = file.attrs.get("schema"), file.attrs.get("records")
            names = sorted(file)
        if schema != SCHEMA:
            raise InputError(
                f"is not a map file of this version (schema {schema!r})",
                file=path,
                remedy=f"Delete it and run again; this version reads {SCHEMA!r}",
            )
        # Files of older versions do not state the number of records.
        if count is not None and int(count) != len(names):
            raise InputError(f"has {len(names)} of {count} maps", file=path, remedy=REMEDY)
        for name in names:
            with reading(path, remedy=REMEDY):
                record = read_record(file[name])
            yield record


def unanswered(path: str | Path) -> int | None:
    """Return how many cases and classes of the shard a map file leaves out on purpose.

    Returns:
        The attribute `unanswered`; None if the file does not have it.
    """
    with reading(path, remedy=REMEDY), h5py.File(path, "r") as file:
        found = file.attrs.get("unanswered")
        return None if found is None else int(found)


def read_record(group: h5py.Group) -> MapRecord:
    """Read one record from its HDF5 group."""
    meta = json.loads(group.attrs["record"])
    kind = meta.pop("kind", None)
    saliency = None
    if kind is not None:
        segments = group["segments"][()] if "segments" in group else None
        values = group["values"][()]
        if values.dtype == np.float16:  # dense maps of earlier versions
            values = values.astype(np.float32)
        saliency = SaliencyMap(kind, values, segments)
    return MapRecord(**meta, map=saliency)


def raw_map(saliency: SaliencyMap, size: tuple[int, int], sign: Sign = "signed") -> np.ndarray:
    """Render the attributions at a size, before any normalisation.

    The sign is applied to the map's own cells, before they are interpolated. The ReLU of Grad-CAM
    also acts on the grid (Selvaraju et al. 2017; pytorch-grad-cam, CheXlocalize). After
    interpolation, a negative cell would reduce its positive neighbours.

    Grids and dense maps are interpolated bilinearly with half-pixel centres (torch's
    `align_corners=False`, as CheXlocalize does). Superpixels and binary maps use the nearest
    neighbour.
    """
    height, width = size
    values = signed_part(saliency.values, sign)
    if saliency.kind == "superpixels":
        segments = cv2.resize(
            saliency.segments.astype(np.int32),
            (width, height),
            interpolation=cv2.INTER_NEAREST_EXACT,
        )
        return values.astype(np.float32)[segments]
    if saliency.kind == "binary":
        return cv2.resize(
            np.ascontiguousarray(values, dtype=np.float32),
            (width, height),
            interpolation=cv2.INTER_NEAREST_EXACT,
        )
    return bilinear(values, size)


def signed_part(raw: np.ndarray, sign: Sign) -> np.ndarray:
    """Apply the sign to signed attributions.

    Args:
        sign: `positive` returns max(x, 0), `absolute` |x|, `signed` x unchanged.
    """
    if sign == "positive":
        return np.maximum(raw, 0)
    if sign == "absolute":
        return np.abs(raw)
    if sign == "signed":
        return raw
    raise ValueError(f"unknown sign {sign!r}")


def normalise(raw: np.ndarray, sign: Sign = "positive") -> np.ndarray:
    """Apply the sign, then scale by minimum and maximum.

    Returns:
        float32 array in [0, 1]; zeros if the result is constant (for example, if no value is
        positive).
    """
    part = signed_part(raw, sign)
    low, high = float(part.min()), float(part.max())
    if not high > low:
        return np.zeros(raw.shape, np.float32)
    return ((part - low) / (high - low)).astype(np.float32)


def render(
    saliency: SaliencyMap, box: Box, size: tuple[int, int], sign: Sign = "positive"
) -> np.ndarray:
    """Render a map at image size: apply the sign, upsample to the box, normalise, place it.

    Args:
        box: (y0, x0, y1, x1), the part of the image that the classifier saw, in pixels of `size`.

    Returns:
        float32 array (height, width) in [0, 1]; 0 outside the box.
    """
    y0, x0, y1, x1 = box
    inside = raw_map(saliency, (y1 - y0, x1 - x0), sign)
    inside = inside if saliency.kind == "binary" else normalise(inside, sign)
    return _placed(inside, box, size)


def render_relevance(
    saliency: SaliencyMap, box: Box, size: tuple[int, int], sign: Sign = "positive"
) -> np.ndarray:
    """Render the positive relevance of a map in its own unit, at image size.

    This is `render` without the scaling by minimum and maximum, because shares of a sum depend on
    where zero is.

    Returns:
        float32 array (height, width), at least 0; 0 outside the box.
    """
    y0, x0, y1, x1 = box
    inside = raw_map(saliency, (y1 - y0, x1 - x0), sign)
    return _placed(np.maximum(inside, 0).astype(np.float32, copy=False), box, size)


def _placed(inside: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Place the part that the classifier saw in the image; 0 around it."""
    y0, x0, y1, x1 = box
    if (y0, x0, y1, x1) == (0, 0, *size):
        return inside
    canvas = np.zeros(size, np.float32)
    canvas[y0:y1, x0:x1] = inside
    return canvas
