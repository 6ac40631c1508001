"""Reporting many problems of a data set at once, so that the user fixes them in one round."""

from collections.abc import Sequence

from fidelity.base.errors import InputError

SHOWN = 5


def raise_first(problems: Sequence[InputError]) -> None:
    """Raise one InputError for all problems; do nothing if there is none.

    The error is the problem itself if it is the only one. Else it quotes the first few, in their
    fixed order, and counts the rest.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    quoted = "; ".join(str(problem) for problem in problems[:SHOWN])
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    raise InputError(f"{len(problems)} problems in the data set: {quoted}{more}")
