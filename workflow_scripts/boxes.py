"""Score boxes over sets of images into tables/boxes.csv and tables/box_comparisons.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.boxes import box_comparisons, box_values, load_box_scores
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    combos: Sequence[tuple[str, str]],
    dataset: str,
    sets: Mapping[str, Any],
    statistics: Mapping[str, Any],
    seed: int,
    boxes: str,
    comparisons: str,
) -> None:
    """Write the values of the sets with their intervals, and the paired differences.

    Args:
        scores: box_scores.parquet files.
        combos: (classifier, explainer) of each.
        sets: `protocols`, `hit` and `false_positives`, as in the config.
    """
    found = load_box_scores(scores, combos)
    options = {"dataset": dataset, "sets": sets, "statistics": statistics, "seed": seed}
    write_csv(box_values(found, **options), boxes)
    write_csv(box_comparisons(found, **options), comparisons)


if __name__ == "__main__":
    run_job(main, snakemake)
