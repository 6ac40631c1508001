"""Check one explainer of one classifier: randomise the weights, explain another class."""

from collections.abc import Sequence
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.settings.explainers import Explainer, plugins_of


def main(
    prepared: Sequence[str],
    classes: str,
    model: str,
    explainer: Explainer,
    cases: int,
    tests: Sequence[str],
    layers: int,
    sign: str,
    target: str,
    seed: int,
    compute: dict[str, Any],
    plugins: Sequence[str],
    output: str,
    own_plugins: Sequence[str] = (),
) -> None:
    """Write sanity.parquet, for a number of cases per class."""
    from fidelity.base.compute import configure
    from fidelity.base.files import read_json, write_parquet
    from fidelity.classifiers.predict import predict_logits
    from fidelity.classifiers.weights.own_format import load
    from fidelity.explainers.base import Context
    from fidelity.explainers.rerun import some_tasks
    from fidelity.explainers.runner import tasks_of
    from fidelity.sanity.run_checks import check

    classifier = load(model, plugins=list(plugins)).to(configure(compute))
    labels = read_json(classes)["labels"]
    tasks = list(tasks_of(prepared, classifier, target, labels, compute["batch"], predict_logits))
    table = check(
        Context(classifier, compute["batch"], seed, explainer.method, None, compute, own_plugins),
        explainer,
        some_tasks(tasks, cases, seed),
        tests=tests,
        layers=layers,
        sign=sign,
    )
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        keep=True,
        own_plugins=lambda job: plugins_of(job.params.explainer),
    )
