"""What maps take on disk."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from fidelity.maps.saliency_map import MapRecord, read_maps, write_maps


def size_of_distinct(path: Path) -> int:
    """Measure what a file of maps would take if all values of a map differed from each other.

    A mean over the few masks of a miniature has few distinct values, and zeros between them. So it
    compresses well. A mean over the masks of a study does not. Dense maps are therefore filled with
    noise, within the bounding box of the values that are not 0.
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
