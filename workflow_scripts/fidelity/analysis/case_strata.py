"""Assign single cases to strata, from files and references: the table strata_cases.csv."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from fidelity.analysis.columns.localization import STRATA_CASES
from fidelity.datasets.facts import AGE_GROUPS, FACTS
from fidelity.datasets.prepared import PreparedCase
from fidelity.masks.boxes import box_of
from fidelity.masks.run_lengths import decode
from fidelity.metrics.boxes.from_maps import boxes_of_mask

# The order of levels that are not in alphabetical order.
ORDER = {
    "view": ["PA", "AP"],
    "age_group": list(AGE_GROUPS.values()),
    "lesion_count": ["one", "two", "three or more"],
    "side": ["left", "right", "both"],
}
# Level of a case whose files do not state it; always the last one.
UNKNOWN = "unknown"
# The least share of a reference on one side for that side to count.
LEAST_SIDE = 0.1
# In a lateral view, the two lungs overlap: a lesion has no side. Views with "lat" in their name are
# lateral, too.
LATERAL = ("L", "LL", "RL", "LLD", "RLD")


def case_strata(
    cases: Iterable[PreparedCase], facts: Mapping[str, Mapping[str, str]], wanted: Sequence[str]
) -> pd.DataFrame:
    """List the level of each case and class in the requested strata.

    Args:
        cases: prepared cases; those without a reference have no row.
        facts: case → its entries in the case table.

    Returns:
        The table strata_cases.csv: case, class and a column per requested stratum. Unknown levels
        are UNKNOWN; an empty reference has neither a number of lesions nor a side.
    """
    rows = []
    for case in cases:
        known = facts.get(case.case, {})
        for cls in case.references:
            row = {name: known.get(name, UNKNOWN) for name in wanted if name in FACTS}
            if "lesion_count" in wanted:
                row["lesion_count"] = lesion_count(case, cls)
            if "side" in wanted:
                view = known.get("view", "")
                lateral = view in LATERAL or "lat" in view.lower()
                row["side"] = UNKNOWN if lateral else side(case, cls)
            rows.append({"case": case.case, "class": cls, **row})
    columns = [*STRATA_CASES.names[:2], *wanted]
    return pd.DataFrame(rows, columns=columns).fillna("")


def levels_in(stratum: str, values: Iterable[str]) -> list[str]:
    """Order the levels that occur in a stratum; UNKNOWN is the last."""
    found = {value for value in values if value}
    first = [name for name in ORDER.get(stratum, ()) if name in found]
    rest = sorted(found - {*first, UNKNOWN})
    return [*first, *rest, *([UNKNOWN] if UNKNOWN in found else [])]


def lesion_count(case: PreparedCase, cls: str) -> str:
    """Count the reference boxes of a class or, without boxes, the 8-connected parts of its mask."""
    boxes = case.reference_boxes.get(cls)
    number = len(boxes_of_mask(decode(case.references[cls])) if boxes is None else boxes)
    return ["", "one", "two", "three or more"][min(number, 3)]


def side(case: PreparedCase, cls: str) -> str:
    """Find on which side of the patient a reference lies.

    The midline is halfway between the centres of the two lungs. If their separate masks are
    missing, it is the middle of the box around the lung mask, or of the image. The patient's left
    is then assumed to be on the right of the image, as radiographs are usually shown.

    Returns:
        `left`, `right`, or `both` if each side has LEAST_SIDE of the reference; empty for an empty
        reference.
    """
    columns = np.nonzero(decode(case.references[cls]))[1]
    if not columns.size:
        return ""
    middle, turned = _midline(case)
    on_left = float(np.mean((columns + 0.5 > middle) != turned))
    if min(on_left, 1 - on_left) >= LEAST_SIDE:
        return "both"
    return "left" if on_left > 0.5 else "right"


def _midline(case: PreparedCase) -> tuple[float, bool]:
    """Return the column of the midline, and whether the patient's left is on the image's left."""
    lungs = [decode(case.organs[n]) for n in ("left_lung", "right_lung") if n in case.organs]
    if len(lungs) == 2 and all(lung.any() for lung in lungs):
        left, right = (float(np.nonzero(lung)[1].mean()) + 0.5 for lung in lungs)
        return (left + right) / 2, left < right
    box = None if case.lung_native is None else box_of(decode(case.lung_native))
    if box is not None:
        return (box[1] + box[3]) / 2, False
    return case.native_size[1] / 2, False
