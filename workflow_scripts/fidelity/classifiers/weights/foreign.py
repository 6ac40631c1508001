"""Classifiers of other programs: how their input is normalised and what their outputs are."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.base.plugins import PREFIX as PLUGIN
from fidelity.classifiers.architectures import build, normalisation, rescaled
from fidelity.classifiers.model import Activation, Classifier, outputs_of
from fidelity.classifiers.network_facts import check_outputs_are
from fidelity.classifiers.weights.file_facts import (
    Foreign,
    ask_outputs,
    expected_channels,
    read_foreign,
)
from fidelity.classifiers.weights.header import RESCALING
from fidelity.settings.classifiers import Classifier as Entry

log = logging.getLogger(__name__)


def classifier_of(
    foreign: Foreign, classes: Sequence[str], activation: Activation, entry: Entry
) -> Classifier:
    """Make a classifier from a weights file, without a training: on the CPU, in eval mode.

    Args:
        classes: see `Foreign.order`.
        entry: the classifier's entry in the config: `mean`, `std`, `outputs`, `output_values`,
            `transform_input`.

    Raises:
        InputError: the number of outputs does not fit, or the outputs are not logits; see
            `input_normalisation`.
    """
    outputs, architecture = outputs_of(activation, len(classes)), foreign.architecture
    if not foreign.by_name and outputs != foreign.outputs:
        raise _wrong_number(foreign, classes, activation)
    mean, std = input_normalisation(entry, False, foreign.plugins, foreign)
    values = entry.output_values
    network = foreign.network(classes, outputs, entry.outputs).eval()
    _check_finite(network, foreign)
    if foreign.script is not None or architecture.startswith(PLUGIN) or values == "probabilities":
        ask_outputs(foreign, network)
        check_outputs_are(network, foreign.channels, foreign.image_size, values, file=foreign.path)
    return Classifier(
        network,
        architecture,
        tuple(classes),
        activation,
        foreign.channels,
        mean,
        std,
        foreign.image_size,
        values or "logits",
    ).eval()


def _check_finite(network: nn.Module, foreign: Foreign) -> None:
    """Refuse weights that are not finite, from a training that diverged."""
    state = [(key, value) for key, value in network.named_parameters()]
    state += [(key, value) for key, value in network.named_buffers() if ".running_" in key]
    bad = [key for key, value in state if not value.isfinite().all()]
    if bad:
        raise InputError(
            f"the weights are not finite (first: {bad[0]}). A training that diverged can cause"
            " this",
            file=foreign.path,
            field="weights",
            remedy="Use the weights of an earlier epoch, or train again",
        )


def _wrong_number(foreign: Foreign, classes: Sequence[str], activation: Activation) -> InputError:
    """Return an error for outputs that do not match the classes, with the line to write."""
    values = "1 value" if foreign.outputs == 1 else f"{foreign.outputs} values"
    expected = outputs_of(activation, len(classes))
    field = "classes"
    remedy = "List all classes of the checkpoint, in the order of its outputs, under classes"
    if foreign.outputs == 1 and len(classes) == 2 and activation == "softmax":
        field = "head"
        remedy = "Write head: one_logit. The first of classes is then the class of outputs below 0"
    elif activation == "one_logit":
        field = "head"
        remedy = "Leave head: one_logit out"
    return InputError(
        f"the network returns {values} per image where {expected}"
        f" {'is' if expected == 1 else 'are'} expected for the classes {', '.join(classes)}",
        file=foreign.path,
        field=field,
        remedy=remedy,
    )


def weights_of(
    entry: Entry, image_size: int, plugins: Sequence[str | Path], trusted: bool = False
) -> Foreign:
    """Read the weights file of a config's entry; see `read_foreign`."""
    return read_foreign(
        entry.weights,
        entry.architecture,
        image_size=image_size,
        trusted=trusted,
        plugins=plugins,
        entry=entry.weights_entry,
    )


def untrained(
    entry: Entry,
    classes: tuple[str, ...],
    activation: Activation,
    image_size: int,
    plugins: Sequence[str | Path],
    seed: int,
    foreign: Foreign | None,
) -> Classifier:
    """Make the classifier that a training starts with, with ImageNet weights or random ones.

    Args:
        seed: seed of the random weights; torch's global generator is set to it.
        foreign: the file from which `initialise` will later load other weights.

    Raises:
        InputError: the architecture is unknown, or weights are not available.
    """
    torch.manual_seed(seed)
    network = build(
        entry.architecture,
        outputs_of(activation, len(classes)),
        entry.weights == "imagenet",
        image_size=image_size,
        channels=foreign.channels if foreign else None,
        plugins=plugins,
    )
    convolutions = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    first = next((layer.in_channels for layer in convolutions), None)
    channels = expected_channels(entry.architecture, first, plugins)
    mean, std = input_normalisation(entry, True, plugins, foreign, channels)
    return Classifier(
        network, entry.architecture, classes, activation, len(mean), mean, std, image_size
    )


def initialise(network: nn.Module, foreign: Foreign) -> list[str]:
    """Load a checkpoint to start a training; a head with another number of outputs stays random.

    Args:
        network: as `build` returns it, with the file's channels; changed in place.

    Returns:
        Names of the parameters that keep their random values (those of the head).
    """
    own, found = network.state_dict(), foreign.match
    fresh = sorted(found.misshapen(own))
    network.load_state_dict(found.state | {key: own[key] for key in fresh})
    _check_finite(network, foreign)
    if fresh:
        names = ", ".join(fresh)
        log.info(
            "%s: %s keep random start weights, because the number of classes differs",
            foreign.path,
            names,
        )
    return fresh


def input_normalisation(
    entry: Entry,
    trained: bool,
    plugins: Sequence[str | Path] = (),
    foreign: Foreign | None = None,
    channels: int | None = None,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Decide the mean and std by which images in [0, 1] are normalised.

    Args:
        entry: the classifier's entry in the config: `architecture`, `mean`, `std`,
            `transform_input`, `weights`.
        foreign: the file of its weights; None for random or ImageNet weights.
        channels: channels of the network without a file; None: those of the architecture.

    Returns:
        (mean, std), one value per channel. They come from the config, or else from the file, or
        else from the architecture; the effect of `transform_input` is included.

    Raises:
        InputError: the file's values are not for images in [0, 1], or it is not stated how a loaded
            GoogLeNet or Inception v3 was built.
    """
    architecture, given = entry.architecture, foreign is not None or entry.weights is not None
    mean, std = normalisation(architecture, given, plugins)
    channels = foreign.channels if foreign else channels or len(mean)
    stated = entry.mean and entry.std
    own = _own_normalisation(foreign) if foreign and not stated else None
    if own is not None:
        mean, std = own
    elif channels == 1 and len(mean) == 3:
        log.info("grey input: mean and std are averages over the three channels")
    mean = tuple(entry.mean or _spread(mean, channels))
    std = tuple(entry.std or _spread(std, channels))
    log.info("images from 0 to 1 are normalised with mean %s and std %s", list(mean), list(std))
    ours = foreign is not None and foreign.checkpoint is not None and foreign.checkpoint.ours
    if not ours and not _is_for_unit_range(mean, std):
        raise _not_for_unit_range("", mean, std)
    if architecture not in RESCALING or channels != 3 or ours:
        return mean, std
    rescales = entry.transform_input
    if rescales is None:
        if foreign is not None and not trained:
            raise InputError(
                f"torchvision's {architecture} may rescale its input, and a weights file does not"
                " state whether this one did",
                file=foreign.path,
                field="transform_input",
                remedy="Write transform_input: true if its training started from the ImageNet"
                " weights (torchvision then always rescales). Otherwise, write"
                " transform_input: false",
            )
        rescales = given
    return rescaled(mean, std) if rescales else (mean, std)


def _own_normalisation(
    foreign: Foreign,
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the mean and std that the file states, or that a layer of its network has.

    Buffers of these names that the network itself has are not returned: it normalises with them.
    """
    if foreign.match is not None and {"mean", "std"} <= foreign.match.state.keys():
        return None
    if foreign.checkpoint is not None and foreign.checkpoint.unread:
        raise InputError(
            f"the file states {foreign.checkpoint.unread}, but no mean and std that can be used",
            file=foreign.path,
            field="mean",
            remedy="Write mean and std of its training in the config, one number per channel",
        )
    for holder in (foreign.match, foreign.checkpoint):
        mean, std = getattr(holder, "mean", None), getattr(holder, "std", None)
        if mean is None or std is None:
            continue
        ours = holder is foreign.checkpoint and foreign.checkpoint.ours
        if not ours and not _is_for_unit_range(mean, std):
            raise _not_for_unit_range("the file's own ", mean, std, file=foreign.path)
        log.info("%s states its own mean %s and std %s", foreign.path, list(mean), list(std))
        return mean, std
    return None


def _is_for_unit_range(mean: Sequence[float], std: Sequence[float]) -> bool:
    return min(mean) >= 0 and max(mean) <= 1 and min(std) > 0


def _not_for_unit_range(
    whose: str, mean: Sequence[float], std: Sequence[float], **where: object
) -> InputError:
    return InputError(
        f"{whose}mean {list(mean)} and std {list(std)} are not for images from 0 to 1",
        field="mean",
        remedy="Write mean and std for images from 0 to 1; for images from 0 to 255 divide both by"
        " 255",
        **where,
    )


def _spread(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return one value per channel: average three for grey, or repeat the grey value."""
    if len(values) == channels:
        return tuple(values)
    return (float(np.mean(values)),) * channels
