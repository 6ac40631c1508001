"""Select the cases, classes and masks of a data set that are used, by its settings."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.images.image_similarity import Look
from fidelity.datasets.indexing.leakage import Leak, leak_errors
from fidelity.datasets.indexing.left_out import Quarantined
from fidelity.datasets.indexing.looks import looks_of, read_looks, twins_across
from fidelity.datasets.indexing.near_duplicates import NearDuplicate
from fidelity.datasets.indexing.problems import raise_first
from fidelity.datasets.label_names import model_class
from fidelity.datasets.readers.names import SECOND
from fidelity.datasets.splits import hash_of
from fidelity.settings.datasets import Dataset

log = logging.getLogger(__name__)


def limited(cases: Iterable[Case], limit: int | None) -> list[Case]:
    """Keep the first cases of each class and split by the hash of their id, in their given order.

    The choice does not depend on the order of files, and a greater limit includes the choice of a
    smaller one. A case of several classes counts for each of them. Without a limit (None), all are
    kept.
    """
    cases = list(cases)
    if limit is None:
        return cases
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for case in cases:
        for label in case.labels or ("",):
            groups[case.split, label].append(case.case)
    kept = {name for ids in groups.values() for name in sorted(ids, key=hash_of)[:limit]}
    return [case for case in cases if case.case in kept]


def without_absent_classes(cases: list[Case], settings: Dataset, adapter: ModuleType) -> Dataset:
    """Leave out classes that no image has, if the source's own list states that they exist."""
    own = getattr(adapter, "known_classes", ())
    present = {name for case in cases for name in (*case.labels, *case.annotated)}
    absent = [name for name in settings.annotated_classes if name not in present]
    unknown = [name for name in settings.labels if name not in present]
    gone = {name for name in (*absent, *unknown) if name in own}
    if not gone:
        return settings
    log.warning("no image has these classes, so they are left out: %s", ", ".join(sorted(gone)))
    annotated = [name for name in settings.annotated_classes if name not in gone]
    if not annotated:
        raise InputError(
            "no image has any of the annotated classes",
            field="annotated_classes",
            remedy="List classes that the images have",
        )
    labels = {k: v for k, v in settings.labels.items() if k not in gone}
    return settings.model_copy(update={"annotated_classes": annotated, "labels": labels})


def without_dropped_labels(cases: list[Case], settings: Dataset, multilabel: bool) -> list[Case]:
    """Leave out what 'labels' maps to null: the images, or in multilabel only the label."""

    def kept(labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(label for label in labels if model_class(label, settings.labels) is not None)

    if multilabel:
        return [replace(c, labels=kept(c.labels), uncertain=kept(c.uncertain)) for c in cases]
    return [case for case in cases if kept(case.labels) == case.labels]


def only_used_masks(case: Case, settings: Dataset, follow: bool) -> Case:
    """Drop masks that mean "not annotated"; the config decides which these are, not the pixels."""
    empty = settings.empty_references
    # If masks follow labels, masks of other classes mean "not annotated", unless they are `none`.
    said = {
        c
        for c in case.annotated
        if not case.boxes.get(c)
        and all(masks.get(c, NONE) == NONE for masks in (case.masks, *case.named_readers.values()))
    }
    annotated = [
        c for c in settings.annotated_classes if not follow or c in case.labels or c in said
    ]

    def used(drawn: Mapping[str, Any], classes: Sequence[str] = annotated) -> dict[str, Any]:
        return {c: drawn[c] for c in classes if c in drawn}

    shown = annotated if empty else [c for c in annotated if c not in said]
    return replace(
        case,
        masks={c: mask for c, mask in used(case.masks).items() if empty or mask != NONE},
        boxes={c: drawn for c, drawn in used(case.boxes).items() if empty or drawn},
        readers={
            r: kept
            for r, masks in case.readers.items()
            if (kept := used(masks, annotated if r == SECOND else shown))
        },
        reader_boxes={
            r: kept for r, boxes in case.reader_boxes.items() if (kept := used(boxes, shown))
        },
        lung_mask=case.lung_mask if settings.reads_lungs else None,
        lung_from=settings.lung_from if settings.lung_masks == "predicted" else "",
    )


def separate(
    leaks: list[Leak],
    cases: list[Case],
    settings: Dataset,
    quarantine: list[Quarantined],
) -> list[Case]:
    """Handle leaks as `duplicates` states; excluded cases are added to the quarantine."""
    rule = settings.duplicates
    if rule == "error":
        raise_first(leak_errors(leaks))
    if not leaks or rule == "keep":
        for leak in leaks:
            log.warning("%s in %s: %s, kept", leak.case.case, leak.case.split, leak.reason)
        return cases
    return _left_out(
        {leak.case.case: leak.reason for leak in leaks}, "duplicates", cases, quarantine
    )


def _left_out(
    reasons: Mapping[str, str], setting: str, cases: list[Case], quarantine: list[Quarantined]
) -> list[Case]:
    """Return the cases without a reason; move the others to the quarantine because of a setting."""
    quarantine += [
        Quarantined(c.case, c.split, c.image, reasons[c.case], setting, on_purpose=True)
        for c in cases
        if c.case in reasons
    ]
    return [case for case in cases if case.case not in reasons]


def without_near_duplicates(
    pairs: list[NearDuplicate], cases: list[Case], quarantine: list[Quarantined]
) -> list[Case]:
    """Leave out the cases that are marked as excluded."""
    # Reversed, so that each case gets the reason of its first pair.
    reasons = {pair.case.case: pair.reason for pair in reversed(pairs) if pair.excluded}
    return _left_out(reasons, "near_duplicates", cases, quarantine)


def without_twins_elsewhere(
    others: Mapping[str, str | Path],
    cases: list[Case],
    looks: Mapping[str, Look | None],
    settings: Dataset,
    quarantine: list[Quarantined],
) -> list[Case]:
    """Leave out train and val cases whose near-duplicates another data set uses in val or test."""
    mine = looks_of((case for case in cases if case.split != "test"), looks)
    reasons: dict[str, str] = {}
    for name, path in others.items():
        found = twins_across(
            {"": mine, name: read_looks(path)},
            settings.near_duplicate_distance,
            settings.near_duplicate_correlation,
        )
        for twins in found:
            if twins.twin_split != "train":
                reason = (
                    f"near-duplicate of {twins.twin!r} in {twins.twin_split} of"
                    f" {twins.twin_dataset} (hash distance {twins.distance}, correlation"
                    f" {twins.correlation:.3f})"
                )
                reasons.setdefault(twins.case, reason)
    return _left_out(reasons, "near_duplicates_of", cases, quarantine)


def count_lost(
    counts: Counter[tuple[str, str]], setting: str, before: Sequence[Case], after: Sequence[Case]
) -> None:
    """Count per split the cases that a setting has left out."""
    lost = Counter(case.split for case in before)
    lost.subtract(case.split for case in after)
    counts.update({(split, setting): n for split, n in lost.items() if n})
