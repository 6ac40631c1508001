"""Join the tables of all data sets, and draw them side by side."""

from collections.abc import Sequence

import pandas as pd

from fidelity import tables
from fidelity.figures import overview, style
from fidelity.files import write_csv
from fidelity.joblog import job_log
from fidelity.summary import COMBO


def main(
    localization: Sequence[str],
    classification: Sequence[str],
    metric: str,
    dpi: int,
    localization_table: str,
    classification_table: str,
    figure: Sequence[str],
) -> None:
    """Write the joined tables, sorted, and the overview figure.

    Args:
        localization: localization.csv of each data set, in the order of the config.
        classification: classification.csv of each.
        metric: the one that is drawn.
        dpi: resolution of the PNG.
        localization_table: CSV to write.
        classification_table: CSV to write.
        figure: .png and .pdf to write.
    """
    scored = _joined(localization, tables.LOCALIZATION_NUMBERS)
    classified = _joined(classification, tables.CLASSIFICATION_NUMBERS)
    by = ["dataset", "split", *COMBO[1:], "class", "metric"]
    write_csv(tables.escape_formulas(scored.sort_values(by, kind="stable")), localization_table)
    by = ["dataset", "split", "classifier", "class", "metric"]
    write_csv(
        tables.escape_formulas(classified.sort_values(by, kind="stable")), classification_table
    )
    style.save(overview.draw(scored, metric), figure, dpi)


def _joined(paths: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    if not paths:  # a study of null baselines alone has no classifier
        return pd.DataFrame(
            columns=["dataset", "split", "classifier", "class", "metric", "value", "n"]
        )
    parts = [tables.read_results(path, numbers) for path in paths]
    # Empty tables have no types to agree with; keep one so that its columns stay.
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            localization=snakemake.input.localization,
            classification=snakemake.input.classification,
            metric=snakemake.params.metric,
            dpi=snakemake.params.dpi,
            localization_table=snakemake.output.localization,
            classification_table=snakemake.output.classification,
            figure=[snakemake.output.png, snakemake.output.pdf],
        )
