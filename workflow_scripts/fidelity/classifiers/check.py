"""The classifier of a config before anything is computed, as training or loading will make it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.weights.file_facts import read_foreign
from fidelity.classifiers.weights.foreign import classifier_of, initialise, input_normalisation
from fidelity.classifiers.xrv import output_names
from fidelity.datasets.class_names import class_names

# Keys of the config among the fields of errors; others are of a file.
FIELDS = ("weights", "weights_entry", "classes", "head", "mean", "transform_input")
FIELDS += ("output_values",)


def loaded(
    settings: Mapping[str, Any], data: Mapping[str, Any], image_size: int, plugins: list[str]
) -> Classifier:
    """Read a classifier that is not trained here, as `import_classifier` will.

    Args:
        settings: of the classifier.
        data: of the data set: `uncertain`; where the config does not state which output is which,
            also the keys that state where its cases are, and its `folder`.
        image_size: side of the working images in pixels.
        plugins: Python files for "plugin:<function>".

    Raises:
        InputError: see `foreign.load_foreign`.
    """
    foreign = read_foreign(
        settings["weights"],
        settings["architecture"],
        image_size=image_size,
        trusted=settings["trusted"],
        plugins=plugins,
        entry=settings["weights_entry"],
    )
    if foreign.by_name:
        # Which outputs the classes need is known once the data set is indexed.
        output = next(filter(None, output_names(settings["architecture"])))
        return classifier_of(foreign, [output], "sigmoid", {**settings, "outputs": None})
    folder = data.get("folder")
    example = class_names(data, Path(folder) if folder else None) if "source" in data else ()
    activation = "one_logit" if settings["head"] == "one_logit" else "softmax"
    if data.get("uncertain") == "multi-class":
        activation = "three_way"
    classes = foreign.order(settings["classes"], example, activation)
    return classifier_of(foreign, classes, activation, {**settings, "training": None})


def to_be_trained(settings: Mapping[str, Any], image_size: int, plugins: list[str]) -> Classifier:
    """Build a network with a head of two outputs, from the weights its training starts with.

    Args:
        settings: of the classifier.
        image_size: side of the working images in pixels.
        plugins: Python files for "plugin:<function>".

    Raises:
        InputError: an unknown architecture, or weights that cannot be had or do not fit.
    """
    architecture, weights = settings["architecture"], settings.get("weights")
    foreign = None
    if weights not in (None, "imagenet"):
        entry = settings.get("weights_entry")
        foreign = read_foreign(
            weights, architecture, image_size=image_size, plugins=plugins, entry=entry
        )
    channels = foreign.channels if foreign else None
    # The number of classes is not known yet, and no layer depends on it. ImageNet's weights are
    # fetched now: without a network, this fails before anything is computed.
    network = build(
        architecture,
        2,
        weights == "imagenet",
        image_size=image_size,
        channels=channels,
        plugins=plugins,
    )
    if foreign is not None:
        initialise(network, foreign)
    trained = {**settings, "training": {}}
    mean, std = input_normalisation(architecture, trained, plugins, foreign)
    return Classifier(
        network, architecture, ("a", "b"), "softmax", len(mean), mean, std, image_size
    ).eval()
