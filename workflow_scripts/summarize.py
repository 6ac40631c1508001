"""Average scores into tables/localization.csv."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.coverage import check_coverage, cohort_of, unread_of
from fidelity.analysis.localization import scores_of, summarize
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases


def main(
    scores: pd.DataFrame, statistics: Mapping[str, Any], cases: str, cohort: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the means with their intervals.

    Args:
        cohort: what the scores must cover: `annotated` (classes) and `splits`. `incomplete` lists
            explainers that may lack cases; `partial` states whether all may. `reference` is the
            data set's setting of that name, empty if it has none.

    Raises:
        InputError: a file is damaged, or the scores cover only a part of the cohort.
    """
    known = read_cases(cases)
    expected = cohort_of(known, cohort["annotated"], cohort["splits"])
    unread = unread_of(known, expected, cohort.get("reference", ""))
    check_coverage(scores, expected, cohort["incomplete"], cohort["partial"], unread)
    return summarize(scores, statistics)


if __name__ == "__main__":
    run_job(main, snakemake, scores=scores_of)
