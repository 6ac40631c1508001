"""Prepared shards as the trainer reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fidelity.classifiers.labels import known_matrix, label_matrix
from fidelity.classifiers.training.examples import Examples
from fidelity.datasets.prepared import PreparedShard


def read_examples(
    paths: Sequence[str | Path], classes: Mapping[str, Any], names: Sequence[str], image_size: int
) -> Examples:
    """Read shards into memory, sorted by case so that sharding does not change the result.

    Args:
        paths: prepared shards; they may be empty.

    Returns:
        The images and labels of all cases, and which labels are known.

    Raises:
        InputError: a label belongs to no class.
    """
    cases: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []
    for path in paths:
        with PreparedShard(path) as shard:
            cases += [(case.case, tuple(case.labels), case.uncertain) for case in shard]
    order = sorted(range(len(cases)), key=lambda index: cases[index][0])
    place = np.argsort(order)
    # Each shard is read directly into its final place: a training split can fill half of the
    # memory.
    images = np.empty((len(cases), image_size, image_size), np.uint8)
    start = 0
    for path in paths:
        with PreparedShard(path) as shard:
            images[place[start : start + len(shard)]] = shard.images
            start += len(shard)
    labels = [cases[index][1] for index in order]
    known = known_matrix(labels, [cases[index][2] for index in order], classes, names)
    return Examples(images, label_matrix(labels, classes, names), known)
