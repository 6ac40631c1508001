"""Tables on how well the classifiers of a data set classify."""

from collections.abc import Sequence

from fidelity.joblog import job_log


def main(
    predictions: Sequence[str],
    classes_json: str,
    classifiers: Sequence[str],
    dataset: str,
    out_classification: str,
    out_confusion: str,
    out_calibration: str,
) -> None:
    """Evaluate every classifier on every split.

    Args:
        predictions: one predictions.csv per classifier.
        classes_json: classes.json of the data set, which says the task.
        classifiers: their names, in the same order.
        dataset: name of the data set.
        out_classification: CSV of metrics.
        out_confusion: CSV of the confusion matrices.
        out_calibration: CSV of the reliability bins.
    """
    import pandas as pd

    from fidelity.classifiers.evaluate import evaluate, read_predictions
    from fidelity.files import read_json, write_csv

    task = read_json(classes_json)["task"]
    tables = [
        evaluate(read_predictions(path), dataset, name, task)
        for path, name in zip(predictions, classifiers, strict=True)
    ]
    outputs = (out_classification, out_confusion, out_calibration)
    for parts, output in zip(zip(*tables, strict=True), outputs, strict=True):
        write_csv(pd.concat(parts, ignore_index=True), output)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            snakemake.input.predictions,
            snakemake.input.classes,
            snakemake.params.classifiers,
            snakemake.params.dataset,
            snakemake.output.classification,
            snakemake.output.confusion,
            snakemake.output.calibration,
        )
