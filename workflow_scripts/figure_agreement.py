"""Draw how far the explainers' predicted masks agree."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.base.job_log import job_log
from fidelity.figures import mask_agreement as figure
from fidelity.figures import style
from fidelity.tables.layout import read_results


def main(
    agreement: str, explainers: Sequence[str], settings: Mapping[str, Any], output: Sequence[str]
) -> None:
    """Draw the heat map of one classifier.

    Args:
        agreement: agreement.csv of the classifier.
        explainers: their order.
        settings: dpi.
        output: .png and .pdf to write.
    """
    drawn = figure.draw(read_results(agreement, ["n", "mean_iou"]), explainers)
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            agreement=snakemake.input.agreement,
            explainers=snakemake.params.explainers,
            settings=snakemake.params.get("settings", {}),
            output=[snakemake.output.png, snakemake.output.pdf],
        )
