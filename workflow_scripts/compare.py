"""Compare explainers pairwise into tables/comparisons.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.files import write_csv
from fidelity.joblog import job_log
from fidelity.summary import compare, load_scores
from fidelity.tables import escape_formulas


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    comparisons: str,
) -> None:
    """Write the paired comparisons.

    Args:
        scores: scores.parquet files.
        combos: per file dataset, classifier, explainer, binarization, protocol.
        statistics: the config's `statistics`.
        seed: the config's seed.
        comparisons: the CSV to write.
    """
    table = compare(load_scores(scores, combos), statistics, seed)
    write_csv(escape_formulas(table), comparisons)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            scores=snakemake.input.scores,
            combos=snakemake.params.combos,
            statistics=snakemake.params.statistics,
            seed=snakemake.params.seed,
            comparisons=snakemake.output.comparisons,
        )
