"""Join the tables of all data sets, and draw their scores side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.chance import qualities
from fidelity.analysis.columns.classifiers import CLASSIFICATION
from fidelity.analysis.columns.described_table import Table as Columns
from fidelity.analysis.columns.described_table import joined
from fidelity.analysis.columns.localization import LOCALIZATION, WITHIN_DATASET
from fidelity.analysis.input_ablation import input_table
from fidelity.base.files import write_csv, write_text
from fidelity.base.job_log import run_job
from fidelity.figures import overview
from fidelity.figures.shared import style
from fidelity.presentation.page import render
from fidelity.presentation.titles import showing
from fidelity.tables.input_ablation import input_tables


def main(
    localization: Sequence[str],
    classification: Sequence[str],
    datasets: Mapping[str, Mapping[str, Any]],
    metric: str,
    binarization: str,
    least_accuracy: float | None,
    dpi: int,
    localization_table: str,
    classification_table: str,
    inputs_table: str,
    inputs_markdown: str,
    figure: Sequence[str],
) -> None:
    """Write the joined and sorted tables, the input ablation and the overview figure.

    Args:
        localization: localization.csv of each data set, in the order of the config.
        datasets: data set → its settings, including `source` and `input`.
        least_accuracy: minimum accuracy of a classifier for conclusions; None for no minimum.
    """
    scored = _joined(localization, LOCALIZATION)
    classified = _joined(classification, CLASSIFICATION)
    beside = input_table(scored, datasets, metric, binarization)
    write_csv(beside, inputs_table)
    rated = qualities(classified, least_accuracy=least_accuracy)
    laid_out = input_tables(beside, datasets, rated)
    write_text(inputs_markdown, render("inputs.md.j2", tables=laid_out))
    inputs = [datasets[name]["input"] for name in scored["dataset"]]
    scored.insert(scored.columns.get_loc("dataset") + 1, "input", inputs)
    by = ["dataset", "split", *WITHIN_DATASET, "class", "metric"]
    write_csv(scored.sort_values(by, kind="stable"), localization_table)
    by = ["dataset", "split", "classifier", "class", "metric"]
    write_csv(classified.sort_values(by, kind="stable"), classification_table)
    style.save(overview.plot(scored, metric), figure, dpi)


def _joined(paths: Sequence[str], table: Columns) -> pd.DataFrame:
    if not paths:  # a study with only null baselines has no classifier
        return table.frame()
    return joined([table.read(path) for path in paths])


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(
            main,
            snakemake,
            localization_table=lambda job: job.output.localization,
            classification_table=lambda job: job.output.classification,
            inputs_table="inputs",
            figure=lambda job: [job.output.png, job.output.pdf],
        )
