"""How many cases a data set has, by split and label."""

from collections import Counter
from collections.abc import Iterable

from fidelity.datasets.cases import Case


def count_labels(cases: Iterable[Case], multilabel: bool) -> Counter[tuple[str, str]]:
    """Count cases by split and label; of several labels each by itself, with "any" for all."""
    if not multilabel:
        return Counter((case.split, "|".join(case.labels) or "no label") for case in cases)
    counts: Counter[tuple[str, str]] = Counter()
    for case in cases:
        counts.update((case.split, label) for label in ("any", *case.labels))
        counts.update((case.split, f"uncertain {label}") for label in case.uncertain)
    return counts
