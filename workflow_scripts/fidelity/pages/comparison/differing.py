"""What differs between two finished studies besides their scores: settings, data, versions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.pages.comparison.columns import DIFFERING
from fidelity.pages.comparison.finished import Finished
from fidelity.presentation.wording import ABSENT
from fidelity.provenance.provenance_page import flat

# Parts of provenance.json to compare; the cost of jobs is left out.
PARTS = ("code", "accepted", "inputs", "classifiers", "seeds", "environment", "hardware")
# Sections whose entries are named by data sets or classifiers.
NAMED = (
    ("config", "datasets"),
    ("config", "classifiers"),
    ("inputs", "start_weights"),
    ("classifiers",),
    ("seeds", "training"),
)


def differences(a: Finished, b: Finished, classifiers: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """List every setting and version in which two studies differ.

    Args:
        classifiers: the compared classifiers of A and of B; others are left out.

    Returns:
        The table DIFFERING, with the config first. Entries that are compared under two names have
        A's name. Parts that a study did not record are left out.
    """
    sides = []
    for number, one in enumerate((a, b)):
        names = {one.dataset: a.dataset}
        for compared in classifiers:
            names[compared[number]] = compared[0]
            names[_base(one, compared[number])] = _base(a, compared[0])
        parts = {"config": one.config, **{k: one.record[k] for k in PARTS if k in one.record}}
        sides.append(_renamed(parts, names))
    rows = [
        (a.dataset, b.dataset, part, *found)
        for part in ("config", *PARTS)
        if all(part in side for side in sides)
        for found in _between(sides[0][part], sides[1][part], "")
    ]
    return DIFFERING.frame(rows)


def _base(one: Finished, classifier: str) -> str:
    """Return a classifier's key in the config; names of its trainings also contain the seed."""
    return classifier if one.study is None else one.study.bases.get(classifier, classifier)


def _renamed(value: Any, names: Mapping[str, str], place: tuple[str, ...] = ()) -> Any:
    """Rename entries of data sets and classifiers to A's names, and drop those not compared."""
    if not isinstance(value, dict):
        return value
    if place in NAMED:
        return {names[key]: entry for key, entry in value.items() if key in names}
    return {key: _renamed(item, names, (*place, key)) for key, item in value.items()}


def _between(a: Any, b: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield (dotted path, value in A, value in B) of differences.

    An entry that only one study has is a single difference.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys([*a, *b]):
            below = f"{path}.{key}" if path else str(key)
            yield from _between(a.get(key), b.get(key), below)
    elif a != b:
        yield path, _text(a), _text(b)


def _text(value: Any) -> str:
    """Write a value, or an entry on one line: "method: lime, samples: 128"."""
    parts = [(key.lstrip("."), text) for key, text in flat(value, "")]
    return ", ".join(f"{key}: {text}" if key else text for key, text in parts) or ABSENT
