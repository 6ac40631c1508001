"""Estimate the disk space of maps."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from fidelity.maps.saliency_map import MapRecord, read_maps, write_maps


def size_of_distinct(path: Path) -> int:
    """Measure the size of a file of maps if all values of a map were different.

    In a miniature, a mean over few masks has few distinct values, with zeros between them. It
    therefore compresses well. The mean over the many masks of a study does not. Dense maps are thus
    filled with noise, within the bounding box of their nonzero values.
    """
    rng = np.random.default_rng(0)

    def changed() -> Iterator[MapRecord]:
        for record in read_maps(path):
            if record.map is None or record.map.kind != "dense" or not record.map.values.any():
                yield record
                continue
            values = record.map.values.astype(np.float32)
            rows, columns = np.nonzero(values)
            part = values[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            part[part == 0] = 1
            part *= rng.uniform(0.5, 1, part.shape).astype(np.float32)
            yield replace(record, map=replace(record.map, values=values))

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        write_maps(copy, changed(), {})
        return copy.stat().st_size
