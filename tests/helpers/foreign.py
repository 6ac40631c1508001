"""Load weights from elsewhere in the way a study does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.classifiers.model import Activation, Classifier
from fidelity.classifiers.weights.file_facts import read_foreign
from fidelity.classifiers.weights.foreign import classifier_of
from fidelity.settings.classifiers import Classifier as Entry


def entry(architecture: str, **keys: Any) -> Entry:
    """Return a classifier's entry with defaults for missing keys. It is not validated."""
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
    """Load a checkpoint that was not trained here; `keys` are further keys of its entry."""
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
