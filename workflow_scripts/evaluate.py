"""Tables on how well the classifiers of a data set classify."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import run_job


def main(
    predictions: Sequence[str],
    classes_json: str,
    classifiers: Sequence[str],
    dataset: str,
    statistics: Mapping[str, Any],
    seed: int,
    outputs: Mapping[str, str],
    tables: Mapping[str, str],
) -> None:
    """Evaluate every classifier on every split.

    Args:
        predictions: one predictions.csv per classifier.
        classes_json: classes.json of the data set, which says the task.
        classifiers: their names, in the same order.
        outputs: classifier whose order of classes may be wrong (loaded weights) → outputs.json, the
            class names of its outputs.
        tables: CSV files to write: `classification` (metrics), `confusion` (matrices),
            `calibration` (reliability bins), `order` (the class that each output of these
            classifiers fits).
    """
    import pandas as pd

    from fidelity.base.files import read_json, write_csv
    from fidelity.classifiers.evaluation.evaluate import evaluate
    from fidelity.classifiers.predictions import read_predictions

    task = read_json(classes_json)["task"]
    found = [
        evaluate(
            read_predictions(path),
            dataset,
            name,
            task,
            statistics=statistics,
            seed=seed,
            outputs=read_json(outputs[name]) if name in outputs else (),
        )
        for path, name in zip(predictions, classifiers, strict=True)
    ]
    for part, path in tables.items():
        # Empty tables have no types to agree with; keep one so that its columns stay.
        parts = [getattr(one, part) for one in found]
        parts = [table for table in parts if len(table)] or parts[:1]
        write_csv(pd.concat(parts, ignore_index=True), path)


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        classes_json="classes",
        outputs=lambda job: dict(zip(job.params.ordered, job.input.outputs, strict=True)),
        tables=lambda job: dict(job.output.items()),
    )
