"""Measure how much the maps of one explainer change when the images change slightly."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.settings.explainers import Explainer, plugins_of


def main(
    prepared: Sequence[str],
    classes: str,
    explainer: Explainer,
    samples: int,
    radius: float,
    cases: int | None,
    sign: str,
    target: str,
    seed: int,
    compute: dict[str, Any],
    plugins: Sequence[str],
    output: str,
    own_plugins: Sequence[str] = (),
    model: str | None = None,
    fitted: str | None = None,
) -> None:
    """Write sensitivity.parquet.

    Args:
        model: file of the classifier; None for explainers without a classifier.
        fitted: file fitted to the training split; None for most explainers.
        cases: number of cases per class; None for all.
    """
    from fidelity.base.files import read_json, write_parquet
    from fidelity.explainers.base import Context
    from fidelity.explainers.rerun import explainer_of, some_tasks
    from fidelity.explainers.runner import tasks_of
    from fidelity.faithfulness.sensitivity import measure_sensitivity

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
        explainer.method,
        None if fitted is None else Path(fitted),
        compute,
        own_plugins,
    )
    table = measure_sensitivity(
        explainer_of(context, explainer),
        some_tasks(tasks, cases, seed),
        samples=samples,
        radius=radius,
        absolute=sign == "absolute",
        batch=compute["batch"],
        seed=seed,
    )
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        keep=True,
        own_plugins=lambda job: plugins_of(job.params.explainer),
    )
