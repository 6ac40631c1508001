"""Apply a classifier to images with a hidden lesion, and with an equal area hidden elsewhere."""

from collections.abc import Sequence
from typing import Any

from fidelity.base.job_log import run_job


def main(
    prepared: Sequence[str],
    model: str,
    classes: str,
    seed: int,
    compute: dict[str, Any],
    plugins: Sequence[str],
    output: str,
) -> None:
    """Write one row per case and annotated class."""
    import cv2

    from fidelity.base.compute import configure
    from fidelity.base.files import read_json, write_parquet
    from fidelity.classifiers.weights.own_format import load
    from fidelity.explainers.runner import tasks_of
    from fidelity.faithfulness.changed_images import answers_of
    from fidelity.faithfulness.hiding import hide_lesions

    cv2.setNumThreads(1)
    classifier = load(model, plugins=list(plugins)).to(configure(compute))
    labels = read_json(classes)["labels"]
    tasks = tasks_of(prepared, classifier, "reference", labels, compute["batch"])
    answers = answers_of(classifier, compute["batch"], compute["dtype"])
    write_parquet(hide_lesions(tasks, classifier.classes, answers, seed=seed), output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
