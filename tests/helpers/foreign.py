"""Weights made elsewhere, as a study reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.classifiers.model import Activation, Classifier
from fidelity.classifiers.weights.file_facts import read_foreign
from fidelity.classifiers.weights.foreign import classifier_of
from fidelity.settings.classifiers import Classifier as Entry


def entry(architecture: str, **keys: Any) -> Entry:
    """Give the entry of a classifier, its other keys at their defaults; unchecked."""
    return Entry.model_construct(architecture=architecture, **keys)


def load_foreign(
    path: str | Path,
    architecture: str,
    classes: Sequence[str] | None,
    *,
    activation: Activation = "softmax",
    image_size: int = 224,
    trusted: bool = False,
    plugins: Sequence[str | Path] = (),
    output_names: dict[str, str] | None = None,
    weights_entry: str | None = None,
    **keys: Any,
) -> Classifier:
    """Read a checkpoint that is not trained here; `keys` are of its entry."""
    foreign = read_foreign(
        path,
        architecture,
        image_size=image_size,
        trusted=trusted,
        plugins=plugins,
        entry=weights_entry,
    )
    order = foreign.order(classes, activation=activation)
    return classifier_of(
        foreign, order, activation, entry(architecture, outputs=output_names, **keys)
    )
