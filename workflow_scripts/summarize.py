"""Average scores into tables/localization.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.files import write_csv
from fidelity.joblog import job_log
from fidelity.summary import load_scores, summarize
from fidelity.tables.layout import escape_formulas


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    localization: str,
) -> None:
    """Write the means with their intervals.

    Args:
        scores: scores.parquet and ranking.parquet files.
        combos: per file dataset, classifier, explainer, binarization, protocol.
        statistics: the config's `statistics`.
        seed: the config's seed.
        localization: the CSV to write.
    """
    table = summarize(load_scores(scores, combos), statistics, seed)
    write_csv(escape_formulas(table), localization)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            scores=snakemake.input.scores,
            combos=snakemake.params.combos,
            statistics=snakemake.params.statistics,
            seed=snakemake.params.seed,
            localization=snakemake.output.localization,
        )
