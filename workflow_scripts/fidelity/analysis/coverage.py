"""Check that scores cover the whole cohort: means of a part must not pass for the whole."""

import logging
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from fidelity.analysis.columns.localization import COMBO
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case
from fidelity.datasets.readers.names import FIRST, RULES, SECOND

Key = tuple[str, str, str]

log = logging.getLogger(__name__)


def cohort_of(cases: Iterable[Case], annotated: Sequence[str], splits: Collection[str]) -> set[Key]:
    """List (split, case, class) of the reference masks that are explained and scored.

    Args:
        annotated: classes whose reference masks are scored.
    """
    return {
        (case.split, case.case, cls)
        for case in cases
        if case.split in splits
        for cls in annotated
        if cls in case.annotated
    }


def unread_of(cases: Iterable[Case], cohort: Collection[Key], reference: str) -> set[Key]:
    """List cases and classes without a reference, because the chosen reader did not read them.

    Each of them is logged. `PreparedCase.readers_of` applies the same rule to prepared cases.

    Args:
        reference: the data set's setting; empty if it has none.
    """
    if not reference or reference in RULES:
        return set()
    found = {
        (case.split, case.case, cls)
        for case in cases
        for cls in case.annotated
        if (case.split, case.case, cls) in cohort
        and reference not in (read := _readers_of(case, cls))
        # If the readers are not named, the reference is kept.
        and not read <= {FIRST}
    }
    if found:
        log.warning(
            "%d of the %d cases and classes of the cohort are left out, because the reader %r"
            " did not read them",
            len(found),
            len(cohort),
            reference,
        )
    for key in sorted(found):
        log.info("not read by %r: %s", reference, "/".join(key))
    return found


def check_coverage(
    scores: pd.DataFrame,
    cohort: Collection[Key],
    incomplete: Collection[str],
    partial: bool,
    unread: Collection[Key] = (),
) -> None:
    """Compare the scores of each combination with the cohort.

    Failed cases count as covered: they have rows, and `explain.max_failed_cases` has allowed them.

    Args:
        incomplete: explainers that may lack cases by their nature, such as a second reader.
        partial: whether other explainers may lack cases too (the config's
            `explain.partial_cohort`); it is logged.
        unread: cases and classes that no map has to be scored for. A reader's own masks may have
            scores for them, because they are compared with other readers.

    Raises:
        InputError: scores of cases outside the cohort, or of only a part of it.
    """
    cohort, unread = set(cohort), set(unread)
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
        missing = cohort - unread - found
        if not missing or key[COMBO.index("explainer")] in incomplete:
            continue
        problem = (
            f"{name} has no scores for {len(missing)} of the {len(cohort - unread)} cases and"
            f" classes of the cohort, first {'/'.join(min(missing))!r}"
        )
        if not partial:
            raise InputError(
                problem,
                field="explain.partial_cohort",
                remedy="Delete these scores and run again. To compute means over only a part of"
                " the cohort, set it to true",
            )
        log.warning("%s: means are computed over the rest", problem)


def _readers_of(case: Case, cls: str) -> set[str]:
    drawn = (*case.readers.items(), *case.reader_boxes.items())
    named = {reader for reader, classes in drawn if cls in classes}
    unnamed = cls in case.masks or named <= {SECOND}
    return named | {FIRST} if unnamed else named
