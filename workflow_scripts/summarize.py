"""Average scores into tables/localization.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.coverage import check_coverage, cohort_of, unread_of
from fidelity.analysis.localization import load_scores, summarize
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    cases: str,
    cohort: Mapping[str, Any],
    localization: str,
) -> None:
    """Write the means with their intervals.

    Args:
        scores: scores.parquet and ranking.parquet files.
        cohort: what is to be there: `annotated` (classes), `splits`, `incomplete` (explainers that
            may lack cases), `partial` (whether all may), `reference` (where a reader's counts).

    Raises:
        InputError: a file is damaged, or the scores are those of a part of the cohort.
    """
    table = load_scores(scores, combos)
    known = read_cases(cases)
    expected = cohort_of(known, cohort["annotated"], cohort["splits"])
    unread = unread_of(known, expected, cohort.get("reference", ""))
    check_coverage(table, expected, cohort["incomplete"], cohort["partial"], unread)
    write_csv(summarize(table, statistics, seed), localization)


if __name__ == "__main__":
    run_job(main, snakemake)
