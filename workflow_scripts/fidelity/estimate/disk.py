"""What maps take on disk."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from fidelity.maps import MapRecord, read_maps, write_maps

SMALLEST = 0.999  # factor of a value; a float32 has some 16,000 values from there to 1


def size_of_distinct(path: Path) -> int:
    """Measure what a file of maps would take if the values of each map differed from each other.

    A mean over the few masks of a miniature has few distinct values, which compress well; over the
    masks of a study it has about as many as pixels. Zeros stay zeros.

    Args:
        path: HDF5, as `write_maps` writes it.

    Returns:
        Bytes.
    """
    rng = np.random.default_rng(0)

    def changed() -> Iterator[MapRecord]:
        for record in read_maps(path):
            if record.map is None or record.map.kind != "dense":
                yield record
                continue
            values = record.map.values
            factors = rng.uniform(SMALLEST, 1, values.shape).astype(np.float32)
            yield replace(record, map=replace(record.map, values=values * factors))

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        write_maps(copy, changed(), {})
        return copy.stat().st_size
