"""Build or load a classifier of a config before anything is computed, to check it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from fidelity.base.errors import InputError, first_line, under
from fidelity.base.plugins import PREFIX, failure, load_plugin_function
from fidelity.classifiers.cam_layers.choose import cam_size
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.network_facts import sides_taken
from fidelity.classifiers.weights.file_facts import no_row
from fidelity.classifiers.weights.foreign import classifier_of, initialise, untrained, weights_of
from fidelity.classifiers.xrv import output_names
from fidelity.settings.classifiers import Classifier as Entry

# Keys of the config that errors may name in `field`; other fields refer to a file.
FIELDS = ("weights", "weights_entry", "classes", "head", "mean", "transform_input")
FIELDS += ("output_values",)
# How often one image is classified, to check that the output is not random.
REPEATS = 3
# Largest relative and absolute difference between two batch sizes.
SAME = 1e-3


def loaded(
    settings: Entry, classes: Sequence[str], three_way: bool, image_size: int, plugins: list[str]
) -> Classifier:
    """Read a classifier that is not trained here, as `import_classifier` does later.

    Args:
        classes: classes of the data set, shown in the error if nothing states the order of the
            outputs.
        three_way: whether uncertain labels are a third class of each task.

    Raises:
        InputError: see `read_foreign` and `foreign.classifier_of`.
    """
    foreign = weights_of(settings, image_size, plugins, settings.trusted)
    if foreign.by_name:
        # The number of outputs for the classes is only known after the data set is indexed.
        output = next(filter(None, output_names(settings.architecture)))
        unnamed = settings.model_copy(update={"outputs": None})
        return classifier_of(foreign, [output], "sigmoid", unnamed)
    activation = "one_logit" if settings.head == "one_logit" else "softmax"
    if three_way:
        activation = "three_way"
    order = foreign.order(settings.classes, classes, activation)
    return classifier_of(foreign, order, activation, settings)


def to_be_trained(settings: Entry, image_size: int, plugins: list[str]) -> Classifier:
    """Build a network with a head of two outputs, from the weights its training starts with.

    Raises:
        InputError: the architecture is unknown, or weights are not available or do not fit.
    """
    foreign = None
    if settings.weights not in (None, "imagenet"):
        foreign = weights_of(settings, image_size, plugins)
    # The number of classes is not known yet, and no layer depends on it. ImageNet weights are
    # downloaded now: without an internet connection, this fails before anything is computed.
    classifier = untrained(settings, ("a", "b"), "softmax", image_size, plugins, 0, foreign)
    if foreign is not None:
        initialise(classifier.network, foreign)
    return classifier.eval()


def check_statistics(architecture: str, plugins: Sequence[str]) -> None:
    """Check `mean` and `std` of the user's function that builds a network.

    Raises:
        InputError: they are not lists of numbers; a number alone fails, and a tensor cannot be
            stored with the weights.
    """
    if not architecture.startswith(PREFIX):
        return
    function = load_plugin_function(architecture, plugins)
    for name in ("mean", "std"):
        values = getattr(function, name, [])
        if not isinstance(values, list | tuple) or not all(
            isinstance(value, int | float) for value in values
        ):
            raise InputError(
                f"{name} of the function {architecture.removeprefix(PREFIX)} is {values!r}, not a"
                " list of numbers",
                field="architecture",
                remedy=f"Give it one number per channel, such as {name} = [0.5]",
            )


def takes_images(
    classifier: Classifier, image_size: int, size_field: str, architecture_field: str
) -> None:
    """Check that a classifier accepts an image of a size, and always returns the same row for it.

    Raises:
        InputError: it does not; the error names one of the two config keys.
    """
    network, channels = classifier.network, classifier.channels
    try:
        with torch.no_grad():
            logits = classifier(torch.zeros(1, channels, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        taken = next(sides_taken(network.eval(), channels), None)
        raise InputError(
            f"{classifier.architecture} cannot take an image of {image_size} px and {channels}"
            f" channel{'s' * (channels > 1)}: {first_line(error)}",
            field=size_field,
            remedy="Choose another image_size or architecture"
            if taken is None
            else f"It takes images of {taken} px: write image_size: {taken}",
        ) from error
    except Exception as error:  # the user's own code may raise any error
        raise failure(classifier.architecture, error, architecture_field) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != 1:
        raise no_row(architecture_field)
    # With negative values, as a normalised image has.
    noise = torch.randn((1, channels, image_size, image_size), generator=torch.Generator())

    given = noise.clone()
    with torch.no_grad():
        first = classifier(given)
        if not given.equal(noise):
            raise InputError(
                "the network overwrites the image that it is given",
                field=architecture_field,
                remedy="Write x = x - 0.5, for example, in place of x -= 0.5",
            )
        others = [classifier(noise) for _ in range(REPEATS - 1)]

        together = classifier(torch.cat([noise, torch.zeros_like(noise)]))
    if len(together) != 2:
        raise no_row(architecture_field)
    if not first.isfinite().all():
        raise InputError(
            "for an image of noise, the network returns values that are not finite",
            field=architecture_field,
            remedy="Check its weights, and look for a division by 0 or a logarithm of 0",
        )
    remedy = "Call eval() before a network is traced. Switch off what works in training alone, such"
    remedy += " as F.dropout(x, training=self.training)"
    if not all(torch.allclose(first, other) for other in others):
        raise InputError(
            "the network returns other values for the same image each time",
            field=architecture_field,
            remedy=remedy,
        )
    if not torch.allclose(first, together[:1], rtol=SAME, atol=SAME):
        raise InputError(
            "what the network returns for an image depends on the other images of the batch",
            field=architecture_field,
            remedy=remedy,
        )


def check_gradient(
    classifier: Classifier, image_size: int, trained: bool, explainers: Sequence[str]
) -> None:
    """Check that the outputs have the gradients that training and explainers need.

    Args:
        trained: whether the classifier is trained here: some parameter needs a gradient.
        explainers: those that use the gradient at the image.

    Raises:
        InputError: there is no such gradient. The error names the field `architecture`.
    """
    image = torch.zeros(1, classifier.channels, image_size, image_size)
    with torch.enable_grad():
        if trained and not classifier(image).requires_grad:
            raise InputError(
                "no parameter of the network gets a gradient, so it cannot be trained",
                field="architecture",
                remedy="Look for detach() and no_grad() in the network's code",
            )
        if not explainers:
            return
        try:
            torch.autograd.grad(classifier(image.requires_grad_()).sum(), image)
        except RuntimeError as error:
            raise InputError(
                f"the gradient of the outputs does not reach the image ({first_line(error)}), but"
                f" is needed for: {', '.join(sorted(explainers))}",
                field="architecture",
                remedy="Look for detach() and no_grad() in the network's code, or use only"
                " explainers without gradients, such as lime",
            ) from error


def sizes_of_layers(
    classifier: Classifier, layers: Mapping[str, str | None]
) -> dict[str, dict[str, Any]]:
    """Find the layers that explainers read: {explainer: its layer and the layer's size}.

    Args:
        layers: explainer → layer ("auto" or dotted name); null if it reads no layer.

    Raises:
        InputError: the layer does not exist, or a CAM cannot use its output.
    """
    found, known = {}, {}
    for explainer, layer in sorted(layers.items()):
        if layer is not None:
            if layer not in known:
                with under(f"explainers.{explainer}"):
                    known[layer] = cam_size(classifier, layer)
            found_layer, size = known[layer]
            found[explainer] = {"layer": found_layer, "size": list(size)}
    return found
