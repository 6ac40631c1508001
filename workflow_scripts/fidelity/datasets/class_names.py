"""The classes of a data set before it is indexed, for messages."""

from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.registry import reader
from fidelity.settings.datasets import PHANTOM_CLASSES, Dataset


def class_names(entry: Dataset, root: str | Path | None) -> list[str]:
    """List the model classes of a data set, in alphabetical order.

    The list has all classes that can be known before indexing, at least the annotated ones. The
    root is None if the data set is generated or downloaded.
    """
    labels = {*entry.annotated_classes, *entry.labels}
    if entry.source == "phantom":
        labels |= {*PHANTOM_CLASSES}
    elif root is not None and Path(root).is_dir():
        try:
            found = reader(entry.source).find_cases(Path(root), entry)
            labels |= {label for case in found for label in case.labels}
        except (InputError, OSError):
            pass  # indexing reports what is wrong with the files
    mapped = {entry.labels.get(label, label) for label in labels}
    return sorted(mapped - {None})
