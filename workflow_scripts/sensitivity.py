"""Measure how far the maps of one explainer move when the images change a little."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job


def main(
    prepared: Sequence[str],
    classes: str,
    explainer: dict[str, Any],
    settings: dict[str, Any],
    target: str,
    seed: int,
    compute: dict[str, Any],
    plugins: Sequence[str],
    output: str,
    model: str | None = None,
    fitted: str | None = None,
) -> None:
    """Write sensitivity.parquet.

    Args:
        model: the classifier's file; None for explainers without one.
        fitted: what was fitted to the training split; None for most.
        explainer: its config entry.
        settings: samples, radius, cases (per class, None for all), sign.
        target: reference, predicted, or a model class.
    """
    from fidelity.base.files import read_json, write_parquet
    from fidelity.explainers.base import Context
    from fidelity.explainers.rerun import explainer_of, some_tasks
    from fidelity.explainers.runner import tasks_of
    from fidelity.faithfulness.sensitivity import measure_sensitivity
    from fidelity.settings.explainers import entry_of, plugins_of

    entry = entry_of(explainer)
    classifier, predict = None, None
    if model is not None:
        from fidelity.base.compute import configure
        from fidelity.classifiers.predict import predict_logits as predict
        from fidelity.classifiers.weights.own_format import load

        classifier = load(model, plugins=list(plugins)).to(configure(compute))
    labels = read_json(classes)["labels"]
    tasks = list(tasks_of(prepared, classifier, target, labels, compute["batch"], predict))
    context = Context(
        classifier,
        compute["batch"],
        seed,
        entry.method,
        None if fitted is None else Path(fitted),
        compute,
        plugins_of(explainer),
    )
    table = measure_sensitivity(
        explainer_of(context, entry),
        some_tasks(tasks, settings["cases"], seed),
        samples=settings["samples"],
        radius=settings["radius"],
        absolute=settings["sign"] == "absolute",
        batch=compute["batch"],
        seed=seed,
    )
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
