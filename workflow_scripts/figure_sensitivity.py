"""Draw the explainers' ranks under every protocol and binarization."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.localization import NO_CLASSIFIER
from fidelity.base.job_log import job_log
from fidelity.figures import rank_by_protocol as figure
from fidelity.figures import style
from fidelity.tables.layout import LOCALIZATION_NUMBERS, read_results


def main(
    localization: str,
    classifier: str,
    statistics: Mapping[str, Any],
    diagnostic: Sequence[str],
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw the heat maps of one classifier.

    Args:
        localization: localization.csv of the data set.
        classifier: the rows to draw, beside those that need none.
        statistics: primary, primary_binarization.
        diagnostic: binarizations that see the reference.
        settings: dpi, families.
        output: .png and .pdf to write.
    """
    table = read_results(localization, LOCALIZATION_NUMBERS)
    drawn = figure.draw(
        table[table["classifier"].isin([classifier, NO_CLASSIFIER])],
        families=settings["families"],
        primary=statistics["primary"],
        primary_binarization=statistics["primary_binarization"],
        diagnostic=diagnostic,
    )
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            localization=snakemake.input.localization,
            classifier=snakemake.wildcards.classifier,
            statistics=snakemake.params.statistics,
            diagnostic=snakemake.params.diagnostic,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )
