"""Find images and patients that are in two splits."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case

# A copy is kept in the first of these splits: a mistake in training must not reduce the test.
PRIORITY = ("test", "val", "train")


@dataclass(frozen=True)
class Leak:
    """A case whose image or patient is also in a split of higher priority."""

    case: Case
    twin: Case
    kind: str

    @property
    def reason(self) -> str:
        return f"same {self.kind} as {self.twin.case!r} in {self.twin.split}"


def find_leaks(keyed: Iterable[tuple[str, Case]], kind: str) -> list[Leak]:
    """Find the cases to remove so that each key is in one split only, in input order.

    Args:
        keyed: (key, case); the key is a patient or the hash of an image.
        kind: `patient` or `image`, for messages.

    Returns:
        One leak per case that is outside the first split (test, val, train) with its key.
    """
    keyed = list(keyed)
    best: dict[str, Case] = {}
    for key, case in keyed:
        kept = best.setdefault(key, case)
        if PRIORITY.index(case.split) < PRIORITY.index(kept.split):
            best[key] = case
    return [Leak(c, best[key], kind) for key, c in keyed if c.split != best[key].split]


def leak_errors(leaks: Iterable[Leak]) -> list[InputError]:
    """Return errors for leaks, one per twin."""
    grouped: dict[str, list[Leak]] = defaultdict(list)
    for leak in leaks:
        grouped[leak.twin.case].append(leak)
    return [
        InputError(
            f"{first.reason}: the classifier would be tested on data that it was trained on"
            + (f" ({len(group)} cases like this)" if len(group) > 1 else ""),
            file=first.case.image,
            field=f"{first.case.split} case {first.case.case}",
            remedy="Put them in one split, or set duplicates of the data set: exclude (leaves out"
            " the case of the other split) or keep (uses both)",
        )
        for group in grouped.values()
        for first in group[:1]
    ]
