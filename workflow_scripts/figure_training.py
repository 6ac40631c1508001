"""Draw the training curves of a classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.files import read_csv
from fidelity.base.job_log import job_log
from fidelity.figures import style
from fidelity.figures import training as figure


def main(training: str, settings: Mapping[str, Any], output: Sequence[str]) -> None:
    """Draw loss and accuracy by epoch.

    Args:
        training: training.csv of the classifier.
        settings: dpi.
        output: .png and .pdf to write.
    """
    drawn = figure.draw(read_csv(training))
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            training=snakemake.input.training,
            settings=snakemake.params.get("settings", {}),
            output=[snakemake.output.png, snakemake.output.pdf],
        )
