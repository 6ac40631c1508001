"""Fit the mixed model of the primary metric into tables/mixed_model.csv."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.chance import useless
from fidelity.analysis.columns.classifiers import CLASSIFICATION
from fidelity.analysis.localization import load_scores
from fidelity.analysis.mixed_model import mixed_model
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    bases: Mapping[str, str],
    output: str,
    classification: str = "",
) -> None:
    """Write the terms of the model, or why there are none.

    Args:
        scores: scores.parquet files; those of the primary binarization are enough.
        classification: classification.csv; empty without classifiers. Those that
            allow no conclusion are left out.
    """
    rated = CLASSIFICATION.read(classification) if classification else None
    left_out = useless(rated, statistics.get("least_accuracy"))
    table = mixed_model(load_scores(scores, combos), statistics, families, bases, left_out)
    for (split, name), part in table.groupby(["split", "class"], sort=False):
        logging.info("%s, %s: %s", split, name, part["status"].iloc[0])
    write_csv(table, output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
