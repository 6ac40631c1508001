"""Check a classifier's architecture and the layers that explainers name, before any training."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.settings.classifiers import Classifier


def main(
    name: str,
    dataset: str,
    settings: Classifier,
    loaded: bool,
    layers: dict[str, str | None],
    backward: dict[str, str],
    image_size: int,
    plugins: list[str],
    output: str,
    data: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Build the network, pass images through it, find every layer.

    Weights that are not trained here are read in full, so that problems are reported at once.

    Args:
        settings: of the classifier: `architecture` and all that states how its weights are read.
        layers: explainer → layer ("auto" or dotted name); null where it reads none.
        backward: explainer → its method, of those that change the backward pass: each must have a
            rule for all that the network computes.
        data: of the data set: `uncertain`; if the config does not name the outputs of a loaded
            classifier, also the keys that locate its cases, and its `folder`.
        output: JSON with architecture, parameters, and name and size of each explainer's layer.

    Raises:
        InputError: something cannot be used; says the whole config key.
    """
    import torch

    from fidelity.base.errors import InputError, first_line, under
    from fidelity.base.files import write_text
    from fidelity.classifiers import check
    from fidelity.classifiers.cam_layers.choose import cam_size
    from fidelity.classifiers.network_facts import check_outputs_are, sides_taken
    from fidelity.datasets.class_names import class_names
    from fidelity.explainers.gradients.operations import with_known_operations
    from fidelity.settings.datasets import Dataset

    architecture = settings.architecture
    try:
        with under(f"classifiers.{name}", check.FIELDS):
            if loaded:
                names = (
                    class_names(Dataset.of_job(data), data["folder"]) if "source" in data else ()
                )
                three_way = data.get("uncertain") == "multi-class"
                classifier = check.loaded(settings, names, three_way, image_size, plugins)
            else:
                classifier = check.to_be_trained(settings, image_size, plugins)
    except InputError as error:
        if error.field != "image_size":
            raise
        where = f"datasets.{dataset}.image_size"
        raise InputError(
            error.problem, file=error.file, field=where, remedy=error.remedy
        ) from error
    network, channels = classifier.network, classifier.channels
    try:
        with torch.no_grad():
            logits = classifier(torch.zeros(1, channels, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        taken = next(sides_taken(network.eval(), channels), None)
        raise InputError(
            f"{architecture} cannot take an image of {image_size} px: {first_line(error)}",
            field=f"datasets.{dataset}.image_size",
            remedy="Choose another image_size or architecture"
            if taken is None
            else f"It takes images of {taken} px: write image_size: {taken}",
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        raise InputError(
            "the network does not return one row of values per image",
            field=f"classifiers.{name}.architecture",
        )
    if architecture.startswith("plugin:") and not loaded:
        with under(f"classifiers.{name}"):
            check_outputs_are(network, channels, image_size, settings.output_values)
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
    run_job(main, snakemake, name="classifier")
