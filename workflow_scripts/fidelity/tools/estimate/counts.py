"""Count the images and maps of a data set from the cheapest source available."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fidelity.datasets import registry
from fidelity.datasets.cases import Case, read_cases
from fidelity.datasets.images.images import intensity_of, read_image
from fidelity.datasets.splits import SPLITS
from fidelity.settings.config import Config
from fidelity.study import paths


@dataclass(frozen=True)
class Counts:
    """Counts of one data set.

    Attributes:
        images: split → images.
        maps: split → number of maps per explainer, one for each annotated class of an image.
        side: native side in pixels: the square root of the area of a typical image.
    """

    images: Mapping[str, int]
    maps: Mapping[str, int]
    side: int = 256


def count_cases(config: Config, dataset: str) -> Counts:
    """Count the images of a data set.

    Returns:
        Counts from the case table if it exists. Otherwise from the files that can be listed without
        opening them.
    """
    entry = config.datasets[dataset]
    annotated = set(entry.annotated_classes)
    table = Path(paths.CASES.format(dataset=dataset))
    follow = True
    if table.exists():
        cases = read_cases(table)
    elif entry.source == "phantom":
        images = {s: min(n, 3 * (entry.limit or n)) for s, n in entry.cases}
        share = len(annotated) / 3
        return Counts(images, {s: round(n * share) for s, n in images.items()}, entry.size)
    else:
        root = config.root_of(dataset)
        reader = registry.reader(entry.source)
        follow = getattr(reader, "masks_follow_labels", True)
        several = getattr(reader, "multilabel", False)
        cases = [
            case
            for case in reader.find_cases(root, entry)
            if several or any(entry.labels.get(name, name) is not None for name in case.labels)
        ]
    images = {s: sum(c.split == s for c in cases) for s in SPLITS}
    maps = {
        s: sum(
            len(annotated & set(c.labels if follow else c.annotated)) for c in cases if c.split == s
        )
        for s in SPLITS
    }
    if entry.limit:
        labels = {label for case in cases for label in case.labels}
        images = {s: min(n, entry.limit * len(labels)) for s, n in images.items()}
        maps = {s: min(n, entry.limit * len(annotated)) for s, n in maps.items()}
    return Counts(images, maps, _side(cases, config, dataset))


def _side(cases: list[Case], config: Config, dataset: str) -> int:
    """Return the median native side of a few cases, from the table or from the images."""
    sides = []
    for case in cases[:: max(1, len(cases) // 5)][:5]:
        if case.width and case.height:
            sides.append((case.width * case.height) ** 0.5)
        else:
            root = config.root_of(dataset)
            how = intensity_of(config.datasets[dataset])
            height, width = read_image(root / case.image, how).shape[:2]
            sides.append((width * height) ** 0.5)
    return round(sorted(sides)[len(sides) // 2]) if sides else 256
