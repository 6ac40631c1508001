"""Score boxes over sets of images into tables/boxes.csv and tables/box_comparisons.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.boxes import box_comparisons, box_values, load_box_scores
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    combos: Sequence[tuple[str, str]],
    dataset: str,
    sets: Mapping[str, Any],
    statistics: Mapping[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the box scores of each set with their intervals, and the paired differences."""
    found = load_box_scores(scores, combos)
    options = {"dataset": dataset, "sets": sets, "statistics": statistics}
    return box_values(found, **options), box_comparisons(found, **options)


if __name__ == "__main__":
    run_job(main, snakemake)
