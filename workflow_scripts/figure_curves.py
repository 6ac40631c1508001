"""Draw overlap against the threshold, with the tuned thresholds."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.threshold_curves import COLUMNS
from fidelity.base.files import read_parquet
from fidelity.base.job_log import job_log
from fidelity.figures import style
from fidelity.figures import threshold_curves as figure
from fidelity.tables.layout import read_results

THRESHOLD_NUMBERS = ["threshold", "mean", "n"]


def main(
    curves: Sequence[str],
    explainers: Sequence[str],
    settings: Mapping[str, Any],
    output: Sequence[str],
    thresholds: Mapping[str, str] | None = None,
) -> None:
    """Draw the curves of several explainers.

    Args:
        curves: what `threshold_curves` wrote for the classifier, and for explainers without one.
        explainers: in the order of the config.
        settings: dpi, and where given families.
        output: .png and .pdf to write.
        thresholds: {explainer: thresholds.csv} of one tuned binarization.
    """
    table = pd.concat([read_parquet(path, COLUMNS) for path in curves])
    tuned = {
        name: read_results(path, THRESHOLD_NUMBERS) for name, path in (thresholds or {}).items()
    }
    drawn = figure.draw(table, explainers, tuned=tuned, families=settings.get("families"))
    style.save(drawn, output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            curves=snakemake.input.curves,
            explainers=snakemake.params.explainers,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
            thresholds=snakemake.params.get("thresholds"),
        )
