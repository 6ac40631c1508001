"""Draw which explainers of one classifier find the planted mark."""

from collections.abc import Sequence

from fidelity.analysis.checks.known_truth import NUMBERS
from fidelity.analysis.localization import NO_CLASSIFIER
from fidelity.base.job_log import job_log
from fidelity.figures import known_truth as figure
from fidelity.figures import style
from fidelity.tables.layout import read_results


def main(table: str, classifier: str, dpi: int, output: Sequence[str]) -> None:
    """Draw the explainers of one classifier and those without one.

    Args:
        table: known_truth.csv.
        classifier: whose rows to draw.
        dpi: resolution of the PNG.
        output: .png and .pdf to write.
    """
    rows = read_results(table, NUMBERS)
    rows = rows[rows["classifier"].isin([classifier, NO_CLASSIFIER])]
    style.save(figure.draw(rows), output, dpi)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            snakemake.input.table,
            snakemake.wildcards.classifier,
            snakemake.params.dpi,
            [snakemake.output.png, snakemake.output.pdf],
        )
