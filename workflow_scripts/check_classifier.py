"""Check a classifier's architecture and the layers that explainers name, before any training."""

import json
from typing import Any

from fidelity.joblog import job_log


def main(
    name: str,
    dataset: str,
    settings: dict[str, Any],
    layers: dict[str, str | None],
    backward: dict[str, str],
    image_size: int,
    plugins: list[str],
    output: str,
) -> None:
    """Build the network, pass a zero image through it, find every layer.

    Args:
        name: the classifier's, in the config.
        dataset: the data set's, in the config.
        settings: `architecture`, `weights`, `trusted` of the classifier.
        layers: explainer → layer ("auto" or dotted name); null where it reads none.
        backward: explainer → its method, of those that change the backward pass: each must have a
            rule for all that the network computes.
        image_size: side of the working images in pixels.
        plugins: Python files for "plugin:<function>".
        output: JSON with architecture, parameters, and name and size of each explainer's layer.

    Raises:
        InputError: something cannot be used; says the whole config key.
    """
    import torch

    from fidelity.classifiers import store
    from fidelity.classifiers.architectures import build, normalisation
    from fidelity.classifiers.cam_layers import cam_size
    from fidelity.classifiers.model import Classifier
    from fidelity.errors import InputError, under
    from fidelity.explainers.gradients.operations import with_known_operations
    from fidelity.files import write_text

    architecture, weights = settings["architecture"], settings.get("weights")
    channels = 3
    with under(f"classifiers.{name}"):
        if architecture == store.TORCHSCRIPT:
            network: torch.nn.Module = store.trusted_torchscript(
                weights, settings.get("trusted", False)
            )
            channels = network.channels
        else:
            # The number of classes is not known yet, and no layer depends on it. ImageNet's weights
            # are fetched now: a machine without a network says so before anything is computed.
            pretrained = weights == "imagenet"
            network = build(architecture, 2, pretrained, image_size=image_size, plugins=plugins)
            if weights not in (None, "imagenet"):
                store.initialise(network, weights, architecture)
            channels = len(normalisation(architecture, False, plugins)[0])
    mean, std = (0.5,) * channels, (0.5,) * channels
    classifier = Classifier(
        network, architecture, ("a", "b"), "softmax", channels, mean, std, image_size
    ).eval()
    try:
        with torch.no_grad():
            logits = classifier(torch.zeros(1, channels, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"{architecture} cannot take an image of {image_size} px: {error}",
            field=f"datasets.{dataset}.image_size",
            remedy="Choose another image_size or architecture",
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        raise InputError(
            "the network does not return one row of values per image",
            field=f"classifiers.{name}.architecture",
        )
    found, known = {}, {}
    for explainer, layer in sorted(layers.items()):
        if layer is not None:
            if layer not in known:
                with under(f"explainers.{explainer}"):
                    known[layer] = cam_size(classifier, layer)
            found_layer, size = known[layer]
            found[explainer] = {"layer": found_layer, "size": list(size)}
    for method in sorted(set(backward.values())):
        asking = min(key for key, each in backward.items() if each == method)
        with under(f"explainers.{asking}"):
            with_known_operations(classifier, method)
    content = {
        "architecture": architecture,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "image_size": image_size,
        "layers": found,
    }
    write_text(output, json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            snakemake.wildcards.classifier,
            snakemake.wildcards.dataset,
            snakemake.params.settings,
            snakemake.params.layers,
            snakemake.params.backward,
            snakemake.params.image_size,
            snakemake.params.plugins,
            output=snakemake.output[0],
        )
