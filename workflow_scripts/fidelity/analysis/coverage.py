"""Are the scores those of the whole cohort? Means of a part of it must not pass for the whole."""

import logging
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from fidelity.analysis.columns.localization import COMBO
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case

Key = tuple[str, str, str]

log = logging.getLogger(__name__)


def cohort_of(cases: Iterable[Case], annotated: Sequence[str], splits: Collection[str]) -> set[Key]:
    """List what is explained and scored.

    Args:
        cases: of the case table.
        annotated: classes whose reference masks are scored.
        splits: those that are explained.

    Returns:
        (split, case, class) of every reference mask.
    """
    return {
        (case.split, case.case, cls)
        for case in cases
        if case.split in splits
        for cls in annotated
        if cls in case.annotated
    }


def check_coverage(
    scores: pd.DataFrame, cohort: Collection[Key], incomplete: Collection[str], partial: bool
) -> None:
    """Compare the scores of each combination with the cohort.

    Failed cases count as there: they have rows, and `explain.max_failed_cases` has allowed them.

    Args:
        scores: as `load_scores` returns it.
        cohort: from `cohort_of`.
        incomplete: explainers that may lack cases by their nature, such as a second reader.
        partial: whether others may too (the config's `explain.partial_cohort`); it is logged.

    Raises:
        InputError: scores of cases outside the cohort, or of a part of it.
    """
    cohort = set(cohort)
    columns = ["split", "case", "class"]
    for key, rows in scores.groupby(COMBO, sort=False):
        found = set(rows[columns].itertuples(index=False, name=None))
        name = "/".join(key[1:])
        if found - cohort:
            raise InputError(
                f"the scores of {name} have cases that are not in the case table",
                field="/".join(min(found - cohort)),
                remedy="Delete these scores and run again",
            )
        missing = cohort - found
        if not missing or key[COMBO.index("explainer")] in incomplete:
            continue
        problem = (
            f"the scores of {name} lack {len(missing)} of the {len(cohort)} cases and classes of"
            f" the cohort, first {'/'.join(min(missing))!r}"
        )
        if not partial:
            raise InputError(
                problem,
                field="explain.partial_cohort",
                remedy="Delete these scores and run again. To compute means over a part of the"
                " cohort, set it to true",
            )
        log.warning("%s: means are computed over the rest", problem)
