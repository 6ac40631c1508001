"""Cases that are not used: why, how many, and whether there are too many to continue."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.base.files import write_csv
from fidelity.datasets.indexing.leakage import PRIORITY

# The default of the schema, for callers without a config.
MAX_UNUSABLE = 0.05
# A single damaged file is never too many, however small the split is.
FEWEST = 2
NO_REFERENCE = "no reference mask"
# A name as Python quotes it (not the apostrophe of "reader's"), or text in parentheses.
_VARYING = re.compile(r"(?<!\w)'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\([^()]*\)")
_NUMBER = re.compile(r"[\d.,]*\d")


@dataclass(frozen=True)
class Quarantined:
    """A case that is left out.

    Attributes:
        file: the affected file, relative to the data root.
        cause: the same text for all cases with the same reason. If a setting excludes the case on
            purpose, it is that setting.
        on_purpose: whether a setting excludes it, instead of a fault of its files.
    """

    case: str
    split: str
    file: str
    reason: str
    cause: str = ""
    on_purpose: bool = False


def cause_of(problem: InputError) -> str:
    """Reduce a problem to the text that all similar problems share: no names, numbers, details."""
    text = _NUMBER.sub("…", _VARYING.sub("", problem.problem))
    return re.sub(r"\s+", " ", text).strip(" :;,")


def check_unusable(
    left_out: Iterable[Quarantined], totals: Mapping[str, int], share: float, root: Path
) -> list[InputError]:
    """Find splits that lose too many cases to one cause; exclusions on purpose do not count.

    Args:
        totals: cases per split that the settings request, including the unusable ones.
        share: largest share of a split that one cause may take.

    Returns:
        One error per split and cause with more than that share and at least two cases.
    """
    groups: dict[tuple[str, str], list[Quarantined]] = {}
    for entry in left_out:
        if not entry.on_purpose:
            groups.setdefault((entry.split, entry.cause), []).append(entry)
    return [
        InputError(
            f"{len(group)} of {totals[split]} cases of the split {split!r} cannot be used:"
            f" {cause} (first: {group[0].case!r}: {group[0].reason})",
            file=root / group[0].file,
            field="max_unusable",
            remedy="Fix the files. To go on without these cases, set max_unusable:"
            f" {_rounded_up(len(group) / totals[split]):g} for the data set",
        )
        for (split, cause), group in groups.items()
        if len(group) >= FEWEST and len(group) > share * totals[split]
    ]


def write_quarantine(path: str | Path, entries: Iterable[Quarantined]) -> None:
    """Write the cases that were left out as CSV.

    Columns: case, split, file, reason, cause, on_purpose (yes, no).
    """
    import pandas as pd  # imported here: explainers need only the constants of this module

    names = [field.name for field in fields(Quarantined)]
    table = pd.DataFrame(map(vars, entries), columns=names)
    write_csv(table.assign(on_purpose=table["on_purpose"].map({True: "yes", False: "no"})), path)


def count_rows(
    used: Mapping[str, int],
    left_out: Iterable[Quarantined],
    excluded: Mapping[tuple[str, str], int],
    unscored: Mapping[str, int],
) -> list[tuple[str, str, str, int]]:
    """Count the cases of each split by their status.

    Args:
        excluded: cases that a setting leaves out before their files are read, by split and setting.
        unscored: cases per split that are used, but not scored because they lack a reference mask.

    Returns:
        Rows of (split, status, cause, n). The status is `used`; `unusable`, by cause; `excluded`,
        by setting; or `unscored`, by cause. The unscored cases are also among the used ones.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for split, n in used.items():
        counts[split, "used", ""] += n
    for entry in left_out:
        status = "excluded" if entry.on_purpose else "unusable"
        counts[entry.split, status, entry.cause] += 1
    for (split, setting), n in excluded.items():
        counts[split, "excluded", setting] += n
    for split, n in unscored.items():
        counts[split, "unscored", NO_REFERENCE] += n
    ranked = sorted(counts, key=lambda key: (PRIORITY.index(key[0]), key[1] != "used", key))
    return [(*key, counts[key]) for key in ranked if counts[key]]


def _rounded_up(share: float) -> float:
    """Round up to hundredths, so that a limit of this value is not exceeded by the share itself."""
    return min(1.0, math.ceil(share * 100 - 1e-9) / 100)
