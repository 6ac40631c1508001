"""Write tables on how well the classifiers of a data set classify."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.columns.described_table import joined
from fidelity.base.files import read_json
from fidelity.base.job_log import run_job
from fidelity.classifiers.evaluation.evaluate import evaluate
from fidelity.classifiers.predictions import read_predictions


def main(
    predictions: Sequence[str],
    classes_json: str,
    classifiers: Sequence[str],
    dataset: str,
    statistics: Mapping[str, Any],
    outputs: Mapping[str, str],
) -> tuple[pd.DataFrame, ...]:
    """Evaluate every classifier on every split.

    Args:
        classes_json: classes.json of the data set, which states the task.
        outputs: classifier → outputs.json, the class names of its outputs; only for classifiers
            whose class order may be wrong (loaded weights).

    Returns:
        Tables of metrics, of confusion matrices, of reliability bins, and of the best-fitting class
        for each output of the classifiers in `outputs`.
    """
    task = read_json(classes_json)["task"]
    found = [
        evaluate(
            read_predictions(path),
            dataset,
            name,
            task,
            statistics=statistics,
            outputs=read_json(outputs[name]) if name in outputs else (),
        )
        for path, name in zip(predictions, classifiers, strict=True)
    ]
    parts = ("classification", "confusion", "calibration", "order")
    return tuple(joined([getattr(one, part) for one in found]) for part in parts)


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        classes_json="classes",
        outputs=lambda job: dict(zip(job.params.ordered, job.input.outputs, strict=True)),
    )
