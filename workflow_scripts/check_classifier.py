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
    gradients: dict[str, str],
    image_size: int,
    plugins: list[str],
    output: str,
    data: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Build the network, pass images through it, and find every layer.

    Weights that are not trained here are read completely, so that problems show up at once.

    Args:
        settings: the classifier's settings: `architecture` and all keys on how its weights are
            read.
        layers: explainer → layer ("auto" or dotted name); null for explainers that read no layer.
        gradients: explainer → method, for methods that use the network's gradient. Some change the
            backward pass: they need a rule for each operation of the network.

        data: settings of the data set: `uncertain`. If the config does not name the outputs of a
            loaded classifier, also the keys that locate its cases, and its `folder`.
        output: JSON with architecture, parameters, and name and size of each explainer's layer.

    Raises:
        InputError: something cannot be used; the error names the full config key.
    """
    from fidelity.base.errors import InputError, under
    from fidelity.base.files import write_text
    from fidelity.classifiers import check
    from fidelity.classifiers.network_facts import check_outputs_are
    from fidelity.datasets.class_names import class_names
    from fidelity.explainers.gradients.operations import with_known_operations
    from fidelity.explainers.registry import method_of
    from fidelity.settings.datasets import Dataset

    architecture = settings.architecture
    with under(f"classifiers.{name}"):
        check.check_statistics(architecture, plugins)
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
        field = f"datasets.{dataset}.image_size"
        raise InputError(
            error.problem, file=error.file, field=field, remedy=error.remedy
        ) from error
    network, where = classifier.network, f"classifiers.{name}.architecture"
    check.takes_images(classifier, image_size, f"datasets.{dataset}.image_size", where)
    if architecture.startswith("plugin:") and not loaded:
        with under(f"classifiers.{name}"):
            check_outputs_are(network, classifier.channels, image_size, settings.output_values)
    with under(f"classifiers.{name}"):
        check.check_gradient(classifier, image_size, not loaded, list(gradients))
    found_layers = check.sizes_of_layers(classifier, layers)
    for method in sorted({each for each in gradients.values() if method_of(each).own_backward}):
        asking = min(key for key, each in gradients.items() if each == method)

        with under(f"explainers.{asking}"):
            with_known_operations(classifier, method)
    content = {
        "architecture": architecture,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "image_size": image_size,
        "layers": found_layers,
    }
    write_text(output, json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    run_job(main, snakemake, name="classifier")
