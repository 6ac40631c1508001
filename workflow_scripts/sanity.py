"""Check one explainer of one classifier: randomise the weights, ask about another class."""

from collections.abc import Sequence
from typing import Any

from fidelity.base.job_log import run_job


def main(
    prepared: Sequence[str],
    classes: str,
    model: str,
    explainer: dict[str, Any],
    settings: dict[str, Any],
    target: str,
    seed: int,
    compute: dict[str, Any],
    plugins: Sequence[str],
    output: str,
) -> None:
    """Write sanity.parquet.

    Args:
        model: the classifier's file.
        explainer: the explainer's config entry.
        settings: cases (per class), tests, layers, sign.
        target: reference, predicted, or a model class.
    """
    from fidelity.base.compute import configure
    from fidelity.base.files import read_json, write_parquet
    from fidelity.classifiers.predict import predict_logits
    from fidelity.classifiers.weights.own_format import load
    from fidelity.explainers.base import Context
    from fidelity.explainers.rerun import some_tasks
    from fidelity.explainers.runner import tasks_of
    from fidelity.sanity.run_checks import check
    from fidelity.settings.explainers import entry_of, plugins_of

    entry, own = entry_of(explainer), plugins_of(explainer)
    classifier = load(model, plugins=list(plugins)).to(configure(compute))
    labels = read_json(classes)["labels"]
    tasks = list(tasks_of(prepared, classifier, target, labels, compute["batch"], predict_logits))
    table = check(
        Context(classifier, compute["batch"], seed, entry.method, None, compute, own),
        entry,
        some_tasks(tasks, settings["cases"], seed),
        tests=settings["tests"],
        layers=settings["layers"],
        sign=settings["sign"],
    )
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
