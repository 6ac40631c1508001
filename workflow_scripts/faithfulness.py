"""Measure the faithfulness of the maps of one explainer to one classifier."""

from collections.abc import Sequence
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.settings.faithfulness import Faithfulness


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    model: str,
    classes: str,
    settings: Faithfulness,
    sign: str,
    derivative: bool,
    target: str,
    seed: int,
    compute: dict[str, Any],
    plugins: Sequence[str],
    output: str,
    masks: str | None = None,
) -> None:
    """Write one row per map.

    Args:
        target: rule for the class whose output is measured, for maps made without a classifier.
    """
    import cv2

    from fidelity.base.compute import configure
    from fidelity.base.files import read_json, write_parquet
    from fidelity.classifiers.predict import predict_logits
    from fidelity.classifiers.weights.own_format import load
    from fidelity.explainers.runner import tasks_of
    from fidelity.faithfulness.case_rows import measure_maps
    from fidelity.faithfulness.requested_metrics import measures_of
    from fidelity.maps.case_maps import explained_cases
    from fidelity.masks.run_lengths import read_masks

    cv2.setNumThreads(1)
    classifier = load(model, plugins=list(plugins)).to(configure(compute))
    labels = read_json(classes)["labels"]
    # A map made without a classifier has no target: use the target of the other explainers.
    tasks = tasks_of(prepared, classifier, target, labels, compute["batch"], predict_logits)
    targets = {(task.case.case, task.cls): task.target for task in tasks}
    table = measure_maps(
        explained_cases(maps, prepared),
        targets,
        None if masks is None else read_masks(masks),
        measures_of(classifier, settings, compute, derivative=derivative),
        sign=sign,
        seed=seed,
    )
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
