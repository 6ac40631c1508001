"""Prepared shards as the trainer reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fidelity.classifiers.labels import label_matrix
from fidelity.classifiers.train import Examples
from fidelity.datasets.prepared import PreparedShard


def read_examples(
    paths: Sequence[str | Path], classes: Mapping[str, Any], names: Sequence[str], image_size: int
) -> Examples:
    """Read shards into memory, sorted by case so that sharding changes nothing.

    Args:
        paths: prepared shards; empty ones are fine.
        classes: content of classes.json.
        names: model classes of the label columns.
        image_size: side of the images in pixels.

    Returns:
        The images and labels of all cases.

    Raises:
        InputError: a label belongs to no class.
    """
    images = [np.zeros((0, image_size, image_size), np.uint8)]
    cases: list[tuple[str, tuple[str, ...]]] = []
    for path in paths:
        with PreparedShard(path) as shard:
            if len(shard) == 0:
                continue
            images.append(shard.images)
            cases += [(case.case, tuple(case.labels)) for case in shard]
    order = sorted(range(len(cases)), key=lambda index: cases[index][0])
    stacked = np.concatenate(images)
    labels = label_matrix([cases[index][1] for index in order], classes, names)
    return Examples(stacked[order], labels)
