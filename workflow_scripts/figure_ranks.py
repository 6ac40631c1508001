"""Draw the critical-difference diagram of a classifier's explainers."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.localization import DEFAULT_PROTOCOL
from fidelity.analysis.ranks import RANKS
from fidelity.base.job_log import job_log
from fidelity.figures import critical_difference as figure
from fidelity.figures import style
from fidelity.tables.layout import read_results


def main(
    ranks: str,
    classifier: str,
    binarization: str,
    metric: str,
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw the diagram of one binarization and metric under the default protocol.

    Args:
        ranks: ranks.csv of the data set.
        classifier: the rows to draw.
        binarization: the rows to draw.
        metric: the rows to draw.
        settings: dpi, families.
        output: .png and .pdf to write.
    """
    table = read_results(ranks, RANKS[RANKS.index("n_patients") :])
    chosen = table[
        (table["classifier"] == classifier)
        & (table["binarization"] == binarization)
        & (table["protocol"] == DEFAULT_PROTOCOL)
        & (table["metric"] == metric)
    ]
    style.save(
        figure.draw(chosen, settings.get("families")), output, settings.get("dpi", style.DPI)
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            ranks=snakemake.input.ranks,
            classifier=snakemake.wildcards.classifier,
            binarization=snakemake.params.binarization,
            metric=snakemake.params.metric,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )
