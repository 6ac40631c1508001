"""Draw overlap against the threshold."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.figures import curves as figure
from fidelity.figures import style
from fidelity.joblog import job_log


def main(
    curves: Sequence[str],
    explainers: Sequence[str],
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Draw the curves of several explainers.

    Args:
        curves: curves.parquet files.
        explainers: the explainer of each.
        settings: dpi, and where given replicates, alpha, cluster, seed.
        output: .png and .pdf to write.
    """
    tables = {name: pd.read_parquet(path) for name, path in zip(explainers, curves, strict=True)}
    options = {
        key: settings[key] for key in ("replicates", "alpha", "cluster", "seed") if key in settings
    }
    style.save(figure.draw(tables, **options), output, settings.get("dpi", style.DPI))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            curves=snakemake.input.curves,
            explainers=snakemake.params.explainers,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )
