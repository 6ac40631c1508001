"""Make the reference of a case from its readings, by a rule that can be changed at any time."""

import csv
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fidelity.base.errors import InputError, at_case
from fidelity.base.suggestions import suggestion
from fidelity.datasets.annotations.drawn import Drawn
from fidelity.datasets.cases import readers_in
from fidelity.datasets.prepared import PreparedCase, Reference
from fidelity.datasets.readers.consensus import agreed_boxes, agreed_mask
from fidelity.datasets.readers.names import FIRST, RULES
from fidelity.masks.boxes import FloatBox, fill_boxes
from fidelity.masks.run_lengths import RLE, decode, encode
from fidelity.metrics.boxes.from_maps import boxes_of_mask

log = logging.getLogger(__name__)


def refer(cases: Iterable[PreparedCase], rule: str) -> Iterator[PreparedCase]:
    """Give cases the reference that a rule makes from their readings.

    Args:
        rule: see `consensus.agreed_mask`; with a reader's name or `first`, the reference is that
            reader's.

    Yields:
        The cases with `references`, `reference_boxes`, `filled` and `unread`. `without` has for
        each reader what the others agree on by the same rule. If the rule names the reader who is
        left out, the majority rule is used. A class without any reader's name keeps its reference.
    """
    counts: Counter[str] = Counter()
    for case in cases:
        with at_case(case.case):
            yield _referred(case, rule, counts)
    log.info("%d references by the rule %s", counts["joined"], rule)
    if counts["kept"]:
        log.warning("%d references do not state a reader and are unchanged", counts["kept"])
    if counts["unread"]:
        log.warning(
            "for %d combinations of case and class, the rule %s gives no reference",
            counts["unread"],
            rule,
        )


def check_rule(rule: str, cases: str | Path) -> None:
    """Check the setting `reference` against the readers in a data set's cases.csv.

    Raises:
        InputError: it is neither a rule nor one of these readers.
    """
    with open(cases, encoding="utf-8", newline="") as handle:
        columns = next(csv.reader(handle))
    known = sorted(readers_in(columns))
    if rule not in (*RULES, FIRST, *known):
        raise InputError(
            f"no reader of the data set is called {rule!r}",
            field="reference",
            remedy=suggestion(rule, [*RULES, *known], "Rules and readers"),
        )


# A mask, its boxes if the readers drew boxes, and whether the mask is these filled boxes.
Joined = tuple[RLE, tuple[FloatBox, ...] | None, bool]


def _referred(case: PreparedCase, rule: str, counts: Counter[str]) -> PreparedCase:
    chosen: dict[str, Joined] = {}
    without: dict[str, dict[str, Joined]] = {}
    first: dict[str, RLE] = {}
    for cls, mask in case.references.items():
        read = case.readers_of(cls)
        if set(read) <= {FIRST}:
            counts["kept"] += 1
            chosen[cls] = mask, case.reference_boxes.get(cls), cls in case.filled
            continue
        joined = _joined(case, cls, read, rule)
        counts["unread" if joined is None else "joined"] += 1
        if joined is not None:
            chosen[cls] = joined
        for reader in read if len(read) > 1 else ():
            others = [name for name in read if name != reader]
            kept = rule if rule in RULES or rule in others else "majority"
            without.setdefault(reader, {})[cls] = _joined(case, cls, others, kept)
        if FIRST in read:
            first[cls] = case.reading(cls, FIRST)
    found = _reference(chosen)
    return replace(
        case,
        references=found.masks,
        reference_boxes=found.boxes,
        filled=found.filled,
        unread=tuple(cls for cls in case.references if cls not in chosen),
        # A mask without a reader's name is no longer the reference, but is still a reading.
        readers=case.readers | ({FIRST: case.readers.get(FIRST, {}) | first} if first else {}),
        agreed=tuple(cls for cls in case.references if cls in case.agreed or cls in first),
        without={reader: _reference(joined) for reader, joined in without.items()},
    )


def _joined(case: PreparedCase, cls: str, read: Sequence[str], rule: str) -> Joined | None:
    """Merge the readings of a class: their boxes if all of them are boxes, else their masks."""
    boxes = {
        reader: found[cls]
        for reader, found in case.reader_boxes.items()
        # A drawn mask has priority over the class's boxes.
        if reader in read and cls in found and cls not in case.readers.get(reader, {})
    }
    if FIRST in read and cls in case.filled:
        boxes.setdefault(FIRST, case.reference_boxes[cls])
    of_boxes = set(boxes) == set(read)
    if of_boxes and rule != "staple":
        drawn = [Drawn(box, "", reader) for reader in read for box in boxes[reader]]
        agreed = agreed_boxes(drawn, read, rule)
        if agreed is None:
            return None
        sides = tuple(one.box for one in agreed)
        return encode(fill_boxes(sides, case.native_size)), sides, True
    mask = agreed_mask({reader: decode(case.reading(cls, reader)) for reader in read}, rule)
    if mask is None:
        return None
    if not of_boxes:
        return encode(mask), None, False
    sides = tuple(map(tuple, boxes_of_mask(mask).tolist()))
    return encode(fill_boxes(sides, case.native_size)), sides, True


def _reference(joined: Mapping[str, Joined]) -> Reference:
    return Reference(
        {cls: mask for cls, (mask, _, _) in joined.items()},
        {cls: boxes for cls, (_, boxes, _) in joined.items() if boxes is not None},
        tuple(cls for cls, (_, _, filled) in joined.items() if filled),
    )
