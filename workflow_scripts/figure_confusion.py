"""Draw the confusion matrix and the reliability diagram of a classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import job_log
from fidelity.figures import confusion as figure
from fidelity.figures import style
from fidelity.tables.layout import read_results

BINS = ["bin_low", "bin_high", "n", "confidence", "accuracy"]


def main(
    confusion: str,
    calibration: str,
    classifier: str,
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw both for one classifier.

    Args:
        confusion: confusion.csv of the data set.
        calibration: calibration.csv of the data set.
        classifier: the rows to draw.
        settings: dpi.
        output: .png and .pdf to write.
    """
    matrix, bins = read_results(confusion, ["n"]), read_results(calibration, BINS)
    drawn = figure.draw(
        matrix[matrix["classifier"] == classifier], bins[bins["classifier"] == classifier]
    )
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            confusion=snakemake.input.confusion,
            calibration=snakemake.input.calibration,
            classifier=snakemake.params.classifier,
            settings=snakemake.params.get("settings", {}),
            output=[snakemake.output.png, snakemake.output.pdf],
        )
