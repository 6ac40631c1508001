"""Indexing a data set: find its cases, check everything, state what is used and what is not."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from fidelity.analysis.columns.cases import CASE_COUNTS
from fidelity.base.errors import InputError
from fidelity.base.files import write_csv
from fidelity.base.suggestions import suggestion
from fidelity.datasets import registry
from fidelity.datasets.cases import NONE, Case, count_labels, sort_key
from fidelity.datasets.facts import with_facts
from fidelity.datasets.images.image_similarity import Look
from fidelity.datasets.images.images import (
    OTHER_FLOATS,
    UNIT_FLOATS,
    IntensityError,
)
from fidelity.datasets.indexing.doubts import (
    check_brightness,
    check_lungs,
    only_empty,
    tell_copies,
    tell_negatives,
    tell_several_labels,
    tell_shared_masks,
    tell_unused_masks,
)
from fidelity.datasets.indexing.examine import Examined, examine
from fidelity.datasets.indexing.leakage import Leak, find_leaks, leak_errors
from fidelity.datasets.indexing.left_out import (
    NO_REFERENCE,
    Quarantined,
    cause_of,
    check_unusable,
    count_rows,
)
from fidelity.datasets.indexing.looks import (
    looks_of,
    read_looks,
    twins_across,
    write_looks,
)
from fidelity.datasets.indexing.near_duplicates import (
    NearDuplicate,
    excluded,
    find_near_duplicates,
    write_near_duplicates,
)
from fidelity.datasets.indexing.organs import check_hearts, with_organs
from fidelity.datasets.label_names import model_class, name_errors, respelled
from fidelity.datasets.readers.folders import with_folders
from fidelity.datasets.readers.names import SECOND
from fidelity.datasets.splits import SPLITS, hash_of
from fidelity.settings.datasets import Dataset

# Reading waits for the disk and OpenCV releases the interpreter lock while it decodes.
READERS = 4
# Problems of a data set that are quoted: the user fixes them in one round.
SHOWN = 5

log = logging.getLogger(__name__)


def index_cases(
    root: str | Path,
    settings: Dataset,
    explained: Sequence[str] = (),
    trained: bool = False,
    near_report: str | Path | None = None,
    counts_report: str | Path | None = None,
    looks_file: str | Path | None = None,
    others: Mapping[str, str | Path] = MappingProxyType({}),
    hearts: bool = False,
) -> tuple[list[Case], list[Quarantined], dict[str, Any]]:
    """Find and check the cases of a data set.

    A damaged file puts its case into quarantine. Under `strict`, or if there are more than
    `max_unusable`, damaged files are fatal. Problems of the data set as a whole are always fatal:

    - ambiguous ids, and labels that are one name written in two ways;
    - masks that are unclear or missing, and grey values that do not fit `intensity`;
    - links out of the root;
    - one image or patient in two splits (unless `duplicates` allows it).

    Args:
        root: the data root.
        settings: of the data set, as in the config.
        explained: splits in which every annotated class must have a case.
        trained: whether a classifier is trained, on cases of every class.
        near_report: CSV file for the near-duplicates across splits, if they are to be written.
        counts_report: CSV file for the number of cases that are used and left out, likewise.
        looks_file: file for what the used images look like, to compare data sets, likewise.
        others: {data set: its `looks_file`} of the setting near_duplicates_of.
        hearts: whether an explainer needs heart masks.

    Returns:
        The cases by split and id, with size, digest and only the masks that are used; what was
        left out; and facts of the classes:

        - "classes": model classes in order, those of annotated_classes first;
        - "task": `multiclass` or `multilabel`;
        - "annotated": annotated source classes;
        - "labels": the model class of each source class;
        - "uncertain": "multi-class", if uncertain labels are a third class of each task.

    Raises:
        InputError: names the first problems and counts them.
    """
    root = Path(root)
    adapter = registry.reader(settings.source)
    found = list(with_folders(adapter.find_cases(root, settings), root, settings))
    if not found:
        raise InputError("no image was found", file=root, remedy="Check 'root' of the data set")
    _check_counts(adapter, found, root, settings)
    raise_first(_repeated_ids(found))
    found = with_facts(with_organs(found, root, settings), root, settings)
    found, settings = respelled(found, settings)
    raise_first(name_errors(found, settings))
    settings = _without_absent_classes(found, settings, adapter)
    raise_first(_unknown_classes(found, settings))
    multilabel = _is_multilabel(found, settings, adapter)
    tell_several_labels(found, settings, adapter)
    raise_first(_blank_labels(found, multilabel))
    dropped: Counter[tuple[str, str]] = Counter()
    quarantine: list[Quarantined] = []
    cases = _without_dropped_labels(found, settings, multilabel)
    _count_lost(dropped, "labels", found, cases)
    # Every case is its own patient where the source knows none, so this finds nothing then.
    patients = find_leaks(((c.patient, c) for c in cases), "patient")
    cases = _separate(patients, cases, settings, quarantine)
    follow = getattr(adapter, "masks_follow_labels", True)
    few = limited(cases, settings.limit)
    _count_lost(dropped, "limit", cases, few)
    cases = [_only_used_masks(case, settings, follow) for case in few]
    tell_unused_masks(few, cases, root, settings)
    if settings.reads_lungs and not any(case.lung_mask for case in cases):
        raise InputError(
            "no case has a lung mask",
            file=root,
            field="lung_masks",
            remedy="Set lung_masks: none, or add the masks",
        )
    if hearts:
        check_hearts(cases, root, settings)
    with ThreadPoolExecutor(READERS) as pool:
        check = partial(examine, root=root, settings=settings, adapter=adapter)
        examined = list(pool.map(check, cases))
    problems = [(one, one.problem) for one in examined if one.problem]
    raise_first([problem for one, problem in problems if one.fatal or settings.strict])
    _check_depth(examined, root)
    _report_findings(examined)
    _tell_other_sizes(examined, root, settings.strict)
    bad = [one for one, _ in problems]
    quarantine += [_quarantined(one) for one in bad]
    unscored = [] if follow else _unscored(cases, settings, explained)
    # Some data sets draw only some of the images that have a label.
    missing = [] if getattr(adapter, "partly_annotated", False) else unscored
    raise_first(_too_many_unusable(cases, quarantine, missing, settings, root))
    good = [one for one in examined if not one.problem]
    kept = [one.case for one in good]
    raise_first(_absent_in_split(kept, bad, settings, follow, explained, trained))
    # Where labels and references are of two sources, a rare finding may be outlined nowhere.
    raise_first(only_empty(good, explained, root) if follow else [])
    leaks = find_leaks(((one.image_digest, one.case) for one in good), "image")
    cases = _separate(leaks, kept, settings, quarantine)
    tell_copies(good, {case.case for case in cases})
    tell_shared_masks(good)
    check_lungs(good, root)
    tell_negatives(good)
    near = _near_duplicates(cases, good, settings)
    cases = _without_near_duplicates(near, cases, quarantine)
    looks = {one.case.case: one.look for one in good}
    cases = _without_twins_elsewhere(others, cases, looks, settings, quarantine)
    if looks_file is not None:
        write_looks(looks_file, cases, [looks[case.case] for case in cases])
    if settings.duplicates == "keep":
        near += [NearDuplicate(leak.case, leak.twin, 0, 1.0) for leak in leaks]
    if near_report is not None:
        write_near_duplicates(near_report, near)
    raise_first(_empty_classes(cases, quarantine, settings))
    cases.sort(key=sort_key)
    quarantine.sort(key=lambda entry: (entry.split, entry.case))
    classes = _classes(cases, settings, multilabel)
    _tell_without_marks(good)
    _report(cases, quarantine, dropped, multilabel)
    _report_absent(cases, classes)
    if counts_report is not None:
        used = Counter(case.split for case in cases)
        without = Counter(entry.split for entry in unscored)
        rows = count_rows(used, quarantine, dropped, without)
        write_csv(CASE_COUNTS.frame(rows), counts_report)
    return cases, quarantine, classes


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


def limited(cases: Iterable[Case], limit: int | None) -> list[Case]:
    """Keep the first cases of each class and split by the hash of their id, in their given order.

    The choice depends on no order of files; a greater limit contains a smaller one. A case of
    several classes counts for each; without a limit (None), all are kept.
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


def _check_counts(adapter: ModuleType, cases: list[Case], root: Path, settings: Dataset) -> None:
    """Compare the number of images with what the source is known to have, if it is known."""
    difference = getattr(adapter, "unexpected_counts", lambda cases, settings: None)(
        cases, settings
    )
    if difference is None:
        return
    problem = InputError(
        difference,
        file=root.resolve(),
        field="strict",
        remedy="Complete or restore the copy; if this part of it is what you want, set"
        " strict: false",
    )
    if settings.strict:
        raise problem
    log.warning("%s. Scores from it are not those of the whole data set", difference)


def _repeated_ids(cases: list[Case]) -> list[InputError]:
    files: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        files[case.case].append(case.image)
    return [
        InputError(
            f"the case id {name!r} is used for {len(images)} images (also {images[1]})",
            file=images[0],
            field="case",
            remedy="Give every image an id of its own",
        )
        for name, images in files.items()
        if len(images) > 1
    ]


def _unknown_classes(cases: list[Case], settings: Dataset) -> list[InputError]:
    present = sorted({label for case in cases for label in case.labels})
    named = [("annotated_classes", name) for name in settings.annotated_classes]
    named += [("labels", name) for name in settings.labels]
    return [
        InputError(
            f"no image has the class {name!r}", field=field, remedy=suggestion(name, present)
        )
        for field, name in named
        if name not in present
    ]


def _is_multilabel(cases: list[Case], settings: Dataset, adapter: ModuleType) -> bool:
    """Check whether images may have several classes, or none: by the source, `task` or a label."""
    if getattr(adapter, "multilabel", False) or getattr(settings, "task", None) == "multilabel":
        return True
    # Those that 'labels' leaves out count too.
    return any(
        len({model_class(label, settings.labels) for label in case.labels}) > 1 for case in cases
    )


def _blank_labels(cases: list[Case], multilabel: bool) -> list[InputError]:
    """Refuse cases without a class where each has one; a table names their rows earlier."""
    blank = [] if multilabel else [case for case in cases if not case.labels]
    if not blank:
        return []
    return [
        InputError(
            f"{len(blank)} of {len(cases)} cases have no label, first {blank[0].case!r}",
            file=blank[0].image,
            field="label",
            remedy="Label them, or declare the source to be multi-label",
        )
    ]


def _without_absent_classes(cases: list[Case], settings: Dataset, adapter: ModuleType) -> Dataset:
    """Leave classes out that no image has, where the source's own list states that they exist."""
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
            remedy="Name classes that the images have",
        )
    labels = {k: v for k, v in settings.labels.items() if k not in gone}
    return settings.model_copy(update={"annotated_classes": annotated, "labels": labels})


def _without_dropped_labels(cases: list[Case], settings: Dataset, multilabel: bool) -> list[Case]:
    """Leave out what 'labels' maps to null: images of that class, or that one of several labels."""

    def kept(labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(label for label in labels if model_class(label, settings.labels) is not None)

    if multilabel:
        return [replace(c, labels=kept(c.labels), uncertain=kept(c.uncertain)) for c in cases]
    return [case for case in cases if kept(case.labels) == case.labels]


def _only_used_masks(case: Case, settings: Dataset, follow: bool) -> Case:
    """Drop masks that mean "not annotated": the config states which these are, never the pixels."""
    empty = settings.empty_references
    # Where masks follow labels, those of another class are not annotated, unless they are `none`.
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


def _separate(
    leaks: list[Leak],
    cases: list[Case],
    settings: Dataset,
    quarantine: list[Quarantined],
) -> list[Case]:
    """Deal with leaks as `duplicates` says; excluded cases are added to the quarantine."""
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
    """Give the cases that have no reason to go; a setting moves the others to the quarantine."""
    quarantine += [
        Quarantined(c.case, c.split, c.image, reasons[c.case], setting, on_purpose=True)
        for c in cases
        if c.case in reasons
    ]
    return [case for case in cases if case.case not in reasons]


def _near_duplicates(
    cases: list[Case], examined: list[Examined], settings: Dataset
) -> list[NearDuplicate]:
    """Find the near-duplicates among the remaining cases, marked as the settings say."""
    if settings.near_duplicates in ("off", False):
        return []
    by_id = {one.case.case: one for one in examined}
    remaining = [by_id[case.case] for case in cases]
    pairs = find_near_duplicates(
        cases,
        [one.look for one in remaining],
        [one.image_digest for one in remaining],
        distance=settings.near_duplicate_distance,
        correlation=settings.near_duplicate_correlation,
    )
    if pairs:
        log.warning("%d near-duplicates across splits, see near_duplicates.csv", len(pairs))
    return excluded(pairs) if settings.near_duplicates == "exclude" else pairs


def _without_near_duplicates(
    pairs: list[NearDuplicate], cases: list[Case], quarantine: list[Quarantined]
) -> list[Case]:
    """Leave out the marked cases."""
    # Each enters with its first twin.
    reasons = {pair.case.case: pair.reason for pair in reversed(pairs) if pair.excluded}
    return _left_out(reasons, "near_duplicates", cases, quarantine)


def _without_twins_elsewhere(
    others: Mapping[str, str | Path],
    cases: list[Case],
    looks: Mapping[str, Look | None],
    settings: Dataset,
    quarantine: list[Quarantined],
) -> list[Case]:
    """Leave out cases of training and validation that another data set is tested or tuned on."""
    own = [case for case in cases if case.split != "test" and looks[case.case] is not None]
    mine = looks_of(own, [looks[case.case] for case in own])
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


def _check_depth(examined: list[Examined], root: Path) -> None:
    """Refuse grey scales that the files leave unknown, as only all images together show it."""
    check_brightness(examined, root)
    largest = {one.findings.largest: one for one in examined if one.findings.largest is not None}
    bits = max(largest, default=0).bit_length()
    if 0 < bits < 16:
        raise IntensityError(
            f"none of the {sum(one.findings.largest is not None for one in examined)} 16-bit images"
            f" has a value above {max(largest)}, so they seem to hold {bits} bits. Read as 16 bits,"
            " all would be dark",
            file=root / largest[max(largest)].case.image,
            field="intensity_bits",
            remedy=f"Set intensity_bits: {bits} (or 16 if the images are this dark)",
        )
    notes = {note: one for one in examined for note in one.findings.notes}
    if UNIT_FLOATS in notes and OTHER_FLOATS in notes:
        raise IntensityError(
            "some images hold floating-point values from 0 to 1, others go beyond, so it is not"
            " clear which value is white",
            file=root / notes[OTHER_FLOATS].case.image,
            field="intensity",
            remedy="Set intensity: percentile, or export all images in one range",
        )


def _report_findings(examined: list[Examined]) -> None:
    """Log once per data set what single files left to be assumed."""
    counts = Counter(note for one in examined for note in one.findings.notes)
    for note, count in sorted(counts.items()):
        log.warning("%d files %s", count, note)


def _tell_other_sizes(examined: list[Examined], root: Path, strict: bool) -> None:
    """Warn of masks that are brought to their image's size; under `strict`, refuse them."""
    by_reader: dict[str, list[str]] = defaultdict(list)
    for one in examined:
        for path, reader in one.other_size:
            by_reader[reader].append(path)
    for reader, masks in sorted(by_reader.items()):
        problem = (
            f"{len(masks)} masks{f' of the reader {reader}' if reader else ''} have their image's"
            " aspect ratio, but not its size. They would be resampled (nearest neighbour) and"
            " scored at the image's size"
        )
        if strict:
            raise InputError(
                problem,
                file=root / masks[0],
                field="strict",
                remedy="Give the masks at their images' sizes, or set strict: false",
            )
        log.warning("%s. The first: %s", problem, root / masks[0])


def _tell_without_marks(examined: list[Examined]) -> None:
    """Warn of readers who read images for a class, and marked it in none."""
    read: Counter[tuple[str, str]] = Counter()
    marked: set[tuple[str, str]] = set()
    for one in examined:
        marked |= one.marked
        for reader, drawn in (*one.case.readers.items(), *one.case.reader_boxes.items()):
            read.update((reader, cls) for cls in drawn)
    for reader, cls in sorted(set(read) - marked):
        log.warning(
            "the reader %s read %d images for the class %s, and marked it in none",
            reader,
            read[reader, cls],
            cls,
        )


def _quarantined(one: Examined) -> Quarantined:
    """Word a problem for the quarantine table, which has a column for the file."""
    problem = one.problem
    reason = f"{problem.problem}. {problem.remedy}" if problem.remedy else problem.problem
    return Quarantined(one.case.case, one.case.split, one.file, reason, cause_of(problem))


def _count_lost(
    counts: Counter[tuple[str, str]], setting: str, before: Sequence[Case], after: Sequence[Case]
) -> None:
    """Count per split the cases that a setting has left out."""
    lost = Counter(case.split for case in before)
    lost.subtract(case.split for case in after)
    counts.update({(split, setting): n for split, n in lost.items() if n})


def _unscored(cases: list[Case], settings: Dataset, explained: Sequence[str]) -> list[Quarantined]:
    """List the cases that show an annotated class, and have no reference mask of any."""
    annotated = set(settings.annotated_classes)
    return [
        Quarantined(
            case.case,
            case.split,
            case.image,
            "its image has no entry in the file of reference masks, so it is not scored",
            NO_REFERENCE,
        )
        for case in cases
        if case.split in explained and annotated.intersection(case.labels) and not case.annotated
    ]


def _too_many_unusable(
    cases: list[Case],
    quarantine: list[Quarantined],
    unscored: list[Quarantined],
    settings: Dataset,
    root: Path,
) -> list[InputError]:
    share = settings.max_unusable
    totals = Counter(case.split for case in cases)
    annotated = set(settings.annotated_classes)
    shown = Counter(case.split for case in cases if annotated.intersection(case.labels))
    return [
        *check_unusable(quarantine, totals, share, root),
        *check_unusable(unscored, shown, share, root),
    ]


def _empty_classes(
    cases: list[Case], quarantine: list[Quarantined], settings: Dataset
) -> list[InputError]:
    present = {label for case in cases for label in case.labels}
    first = f" (first: {quarantine[0].file}: {quarantine[0].reason})" if quarantine else ""
    return [
        InputError(
            f"no usable image is left of the class {name!r};"
            f" {len(quarantine)} cases were left out{first}",
            field="annotated_classes",
            remedy="Fix the files, or drop the class",
        )
        for name in settings.annotated_classes
        if name not in present
    ]


def _absent_in_split(
    cases: list[Case],
    bad: list[Examined],
    settings: Dataset,
    follow: bool,
    explained: Sequence[str],
    trained: bool,
) -> list[InputError]:
    """Find annotated classes without a case to explain, and classes without one to train on."""
    by_split = {
        split: {
            name
            for case in cases
            if case.split == split
            # What is explained is what has a mask; where labels state which these are, labels.
            for name in (case.labels if follow or split == "train" else case.annotated)
        }
        for split in SPLITS
    }
    labels = {label for case in cases for label in case.labels}
    lost = {(one.case.split, label): one for one in bad for label in one.case.labels}
    asked = [(s, c) for s in explained for c in settings.annotated_classes]
    asked += [("train", label) for label in sorted(labels) if trained]
    return [
        InputError(
            f"the class {label!r} has no image"
            f"{'' if follow or split == 'train' else ' with a reference'} in the split {split!r}"
            f"{_lost_to(lost.get((split, label)))}",
            field="annotated_classes",
            remedy="Add cases, drop the class (labels: {class: null}) or the split",
        )
        for split, label in asked
        if label not in by_split[split]
    ]


def _lost_to(one: Examined | None) -> str:
    """State which case was left out for a file that cannot be used, if one was."""
    if one is None or one.problem is None:
        return ""
    return (
        f"; {one.case.case!r} was left out ({one.problem.file or one.file}: {one.problem.problem})"
    )


def _classes(cases: list[Case], settings: Dataset, multilabel: bool) -> dict[str, Any]:
    labels = sorted({label for case in cases for label in case.labels})
    mapping = {label: model_class(label, settings.labels) for label in labels}
    first = [mapping[name] for name in settings.annotated_classes]
    rest = sorted(set(mapping.values()) - set(first))
    three_way = getattr(settings, "uncertain", None) == "multi-class"
    return {
        "classes": [*dict.fromkeys(first), *rest],
        "task": "multilabel" if multilabel else "multiclass",
        "annotated": list(settings.annotated_classes),
        "labels": mapping,
        **({"uncertain": "multi-class"} if three_way else {}),
    }


def _report_absent(cases: list[Case], classes: dict[str, Any]) -> None:
    """Warn of classes that no image of a split has: measures of them are undefined there."""
    seen: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        seen[case.split] |= {classes["labels"].get(label) for label in case.labels}
    for split, present in seen.items():
        absent = [name for name in classes["classes"] if name not in present]
        if absent:
            log.warning("%s: no image has the class %s", split, ", ".join(absent))


def _report(
    cases: list[Case],
    quarantine: list[Quarantined],
    dropped: Counter[tuple[str, str]],
    multilabel: bool,
) -> None:
    for (split, label), count in count_labels(cases, multilabel).items():
        log.info("%s, %s: %d cases", split, label, count)
    for origin, count in Counter(case.spacing_from for case in cases).items():
        if origin == "ImagerPixelSpacing":
            log.warning("%d cases: pixel spacing at the detector, not magnification-free", count)
        elif origin:
            log.info("%d cases: pixel spacing from %s", count, origin)
    for (split, setting), count in sorted(dropped.items()):
        log.info("%s: %d cases are left out by the setting '%s'", split, count, setting)
    if quarantine:
        log.warning("%d cases left out, see the quarantine table", len(quarantine))
        for entry in quarantine[:5]:
            log.warning("left out: %s: %s", entry.file, entry.reason)
