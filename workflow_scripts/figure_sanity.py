"""Draw the sanity checks of one classifier's explainers."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import job_log
from fidelity.figures import sanity as figure
from fidelity.figures import style
from fidelity.tables.layout import read_results

NUMBERS = ["depth", "parameters_share", "n", "mean", "ci_low", "ci_high"]


def main(sanity: str, classifier: str, settings: Mapping[str, Any], output: Sequence[str]) -> None:
    """Draw similarity against the depth of randomisation.

    Args:
        sanity: sanity.csv of the data set.
        classifier: whose rows to draw.
        settings: dpi, families.
        output: .png and .pdf to write.
    """
    table = read_results(sanity, NUMBERS).astype({"depth": int})
    drawn = figure.draw(table[table["classifier"] == classifier], settings["families"])
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            sanity=snakemake.input.sanity,
            classifier=snakemake.wildcards.classifier,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )
