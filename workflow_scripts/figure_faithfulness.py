"""Draw the faithfulness of one classifier's explainers against where their maps point."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.localization import NO_CLASSIFIER
from fidelity.base.job_log import job_log
from fidelity.figures import faithfulness as figure
from fidelity.figures import style
from fidelity.tables.layout import LOCALIZATION_NUMBERS, read_results


def main(
    faithfulness: str,
    localization: str,
    classifier: str,
    binarization: str,
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw faithfulness against localization.

    Args:
        faithfulness: faithfulness.csv of the data set.
        localization: localization.csv of the data set.
        classifier: whose rows to draw; null baselines without one stand beside them.
        binarization: whose masks count.
        settings: dpi, families.
        output: .png and .pdf to write.
    """
    measured = read_results(faithfulness, ["n", "mean", "ci_low", "ci_high"])
    found = read_results(localization, LOCALIZATION_NUMBERS)
    drawn = figure.draw(
        measured[measured["classifier"] == classifier],
        found[found["classifier"].isin([classifier, NO_CLASSIFIER])],
        binarization,
        settings["families"],
    )
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            faithfulness=snakemake.input.faithfulness,
            localization=snakemake.input.localization,
            classifier=snakemake.wildcards.classifier,
            binarization=snakemake.params.binarization,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )
