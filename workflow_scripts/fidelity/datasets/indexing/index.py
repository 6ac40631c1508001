"""Index a data set: find its cases, check everything, and state what is used and what is not."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from fidelity.analysis.columns.cases import CASE_COUNTS
from fidelity.base.errors import InputError
from fidelity.base.files import write_csv
from fidelity.datasets import registry
from fidelity.datasets.cases import Case, count_labels, sort_key
from fidelity.datasets.facts import with_facts
from fidelity.datasets.indexing import doubts, problems, selection
from fidelity.datasets.indexing.data_warnings import IN_TABLES
from fidelity.datasets.indexing.examine import Examined, examine
from fidelity.datasets.indexing.leakage import find_leaks
from fidelity.datasets.indexing.left_out import (
    NO_REFERENCE,
    Quarantined,
    cause_of,
    count_rows,
    write_quarantine,
)
from fidelity.datasets.indexing.looks import Looks, looks_of, write_looks
from fidelity.datasets.indexing.near_duplicates import (
    NearDuplicate,
    excluded,
    find_near_duplicates,
    write_near_duplicates,
)
from fidelity.datasets.indexing.organs import check_hearts, with_organs
from fidelity.datasets.label_names import model_class, name_errors, respelled
from fidelity.datasets.readers.folders import with_folders
from fidelity.settings.datasets import Dataset

# Threads help: reading waits for the disk, and OpenCV releases the interpreter lock.
READERS = 4

log = logging.getLogger(__name__)


class Index(NamedTuple):
    """The result of indexing a data set.

    Attributes:
        cases: by split and id, with size, digest and only the masks that are used.
        left_out: cases that are not used, by split and id.
        classes: facts of the classes:

            - "classes": model classes in order, those of annotated_classes first;
            - "task": `multiclass` or `multilabel`;
            - "annotated": annotated source classes;
            - "labels": the model class of each source class;
            - "uncertain": "multi-class", if uncertain labels are a third class of each task.
        near: near-duplicates across splits, and exact copies if `duplicates` keeps them.
        counts: rows of case_counts.csv.
        looks: hashes and thumbnails of the used images, to compare data sets.
    """

    cases: list[Case]
    left_out: list[Quarantined]
    classes: dict[str, Any]
    near: list[NearDuplicate]
    counts: list[tuple[str, str, str, int]]
    looks: Looks

    def write_reports(
        self,
        quarantine: str | Path,
        near_duplicates: str | Path | None = None,
        counts: str | Path | None = None,
        looks: str | Path | None = None,
    ) -> None:
        """Write the cases that were left out, and each of the other files that has a path."""
        write_quarantine(quarantine, self.left_out)
        if near_duplicates is not None:
            write_near_duplicates(near_duplicates, self.near)
        if counts is not None:
            write_csv(CASE_COUNTS.frame(self.counts), counts)
        if looks is not None:
            write_looks(looks, self.looks)


def index_cases(
    root: str | Path,
    settings: Dataset,
    explained: Sequence[str] = (),
    trained: bool = False,
    others: Mapping[str, str | Path] = MappingProxyType({}),
    hearts: bool = False,
) -> Index:
    """Find and check the cases of a data set.

    The case of a damaged file is put into quarantine. Damaged files are fatal under `strict`, or if
    there are more than `max_unusable`. Problems of the data set as a whole are always fatal:

    - ambiguous ids, and labels that are one name written in two ways;
    - masks that are unclear or missing, and grey values that do not fit `intensity`;
    - links out of the root;
    - one image or patient in two splits (unless `duplicates` allows it).

    Args:
        explained: splits in which every annotated class must have a case.
        trained: whether a classifier is trained, on cases of every class.
        others: {data set: its file of `write_looks`} for the setting near_duplicates_of.
        hearts: whether masks of the heart are needed.

    Raises:
        InputError: states the first problems and counts all of them.
    """
    indexing = _Indexing.found(Path(root), settings)
    indexing.select(hearts)
    good = indexing.read_files(explained, trained)
    near, looks = indexing.separate(good, others)
    cases, left_out, dropped = indexing.cases, indexing.left_out, indexing.dropped
    problems.raise_first(problems.empty_classes(cases, left_out, indexing.settings))
    cases.sort(key=sort_key)
    left_out.sort(key=lambda entry: (entry.split, entry.case))
    classes = _classes(cases, indexing.settings, indexing.multilabel)
    _tell_without_marks(good)
    _report(cases, left_out, dropped, indexing.multilabel)
    _report_absent(cases, classes)
    used, unscored = (Counter(e.split for e in of) for of in (cases, indexing.unscored))
    return Index(
        cases, left_out, classes, near, count_rows(used, left_out, dropped, unscored), looks
    )


@dataclass
class _Indexing:
    """A data set while it is checked.

    Attributes:
        settings: with the classes named as in the images.
        cases: the cases that are still used.
        left_out: cases that are not used, although their files were to be read.
        dropped: number of cases that a setting leaves out before that, by split and setting.
        unscored: used cases that lack a reference mask, if labels do not decide on masks.
    """

    root: Path
    settings: Dataset
    adapter: ModuleType
    cases: list[Case]
    multilabel: bool
    left_out: list[Quarantined] = field(default_factory=list)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    unscored: list[Quarantined] = field(default_factory=list)

    @classmethod
    def found(cls, root: Path, settings: Dataset) -> "_Indexing":
        """Find the cases of the source, and check their ids and labels."""
        adapter = registry.reader(settings.source)
        found = list(with_folders(adapter.find_cases(root, settings), root, settings))
        if not found:
            raise InputError("no image was found", file=root, remedy="Check 'root' of the data set")
        problems.check_counts(adapter, found, root, settings)
        problems.raise_first(problems.repeated_ids(found))
        found = with_facts(with_organs(found, root, settings), root, settings)
        found, settings = respelled(found, settings)
        problems.raise_first(name_errors(found, settings))
        settings = selection.without_absent_classes(found, settings, adapter)
        problems.raise_first(problems.unknown_classes(found, settings))
        multilabel = _is_multilabel(found, settings, adapter)
        doubts.tell_several_labels(found, settings, adapter)
        problems.raise_first(problems.blank_labels(found, multilabel))
        return cls(root, settings, adapter, found, multilabel)

    @property
    def follow(self) -> bool:
        """Whether labels decide which masks a case has."""
        return getattr(self.adapter, "masks_follow_labels", True)

    def select(self, hearts: bool) -> None:
        """Choose cases and masks by what the source states about them; no file is read for this."""
        root, settings = self.root, self.settings
        cases = selection.without_dropped_labels(self.cases, settings, self.multilabel)
        selection.count_lost(self.dropped, "labels", self.cases, cases)
        # If the source has no patient ids, every case is its own patient, and this finds nothing.
        patients = find_leaks(((c.patient, c) for c in cases), "patient")
        cases = selection.separate(patients, cases, settings, self.left_out)
        few = selection.limited(cases, settings.limit)
        selection.count_lost(self.dropped, "limit", cases, few)
        # Before masks are dropped: `empty_references: false` drops those that a reader left empty.
        problems.raise_first(problems.not_annotated(few, root, settings) if self.follow else [])
        self.cases = [selection.only_used_masks(case, settings, self.follow) for case in few]
        doubts.tell_unused_masks(few, self.cases, root, settings)
        if settings.reads_lungs and not any(case.lung_mask for case in self.cases):
            raise InputError(
                "no case has a lung mask",
                file=root,
                field="lung_masks",
                remedy="Set lung_masks: none, or add the masks",
            )
        if hearts:
            check_hearts(self.cases, root, settings)

    def read_files(self, explained: Sequence[str], trained: bool) -> list[Examined]:
        """Read images and masks, leave out damaged ones, and check that enough cases remain."""
        root, settings, adapter = self.root, self.settings, self.adapter
        with ThreadPoolExecutor(READERS) as pool:
            check = partial(examine, root=root, settings=settings, adapter=adapter)
            examined = list(pool.map(check, self.cases))
        bad = [one for one in examined if one.problem]
        problems.raise_first([one.problem for one in bad if one.fatal or settings.strict])
        doubts.check_brightness(examined, root)
        problems.check_depth(examined, root)
        _report_findings(examined)
        problems.check_other_sizes(examined, root, settings.strict)
        self.left_out += [_quarantined(one) for one in bad]
        if not self.follow:
            self.unscored = _unscored(self.cases, settings, explained)
        # In some data sets, only some of the images with a label have a reference by design.
        missing = [] if getattr(adapter, "partly_annotated", False) else self.unscored
        problems.raise_first(
            problems.too_many_unusable(self.cases, self.left_out, missing, settings, root)
        )
        good = [one for one in examined if not one.problem]
        self.cases = [one.case for one in good]
        problems.raise_first(
            problems.absent_in_split(self.cases, bad, settings, self.follow, explained, trained)
        )
        # If labels and references are from two sources, a rare finding may have no outline at all.
        problems.raise_first(doubts.only_empty(good, explained, root) if self.follow else [])
        return good

    def separate(
        self, good: list[Examined], others: Mapping[str, str | Path]
    ) -> tuple[list[NearDuplicate], Looks]:
        """Handle images that are in two splits or data sets.

        Returns:
            The near-duplicates, and the hashes and thumbnails of the remaining images.
        """
        settings, left_out = self.settings, self.left_out
        leaks = find_leaks(((one.image_digest, one.case) for one in good), "image")
        cases = selection.separate(leaks, self.cases, settings, left_out)
        doubts.tell_copies(good, {case.case for case in cases})
        doubts.tell_shared_masks(good)
        doubts.check_lungs(good, self.root)
        doubts.tell_negatives(good)
        near = _near_duplicates(cases, good, settings)
        cases = selection.without_near_duplicates(near, cases, left_out)
        looks = {one.case.case: one.look for one in good}
        self.cases = selection.without_twins_elsewhere(others, cases, looks, settings, left_out)
        if settings.duplicates == "keep":
            near += [NearDuplicate(leak.case, leak.twin, 0, 1.0) for leak in leaks]
        return near, looks_of(self.cases, looks)


def _is_multilabel(cases: list[Case], settings: Dataset, adapter: ModuleType) -> bool:
    """Check whether images may have several classes or none: by the source, `task` or a label."""
    if getattr(adapter, "multilabel", False) or getattr(settings, "task", None) == "multilabel":
        return True
    # Labels that 'labels' leaves out are included.
    return any(
        len({model_class(label, settings.labels) for label in case.labels}) > 1 for case in cases
    )


def _near_duplicates(
    cases: list[Case], examined: list[Examined], settings: Dataset
) -> list[NearDuplicate]:
    """Find the near-duplicates among the remaining cases, marked as the settings state."""
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
        log.warning(
            "%d near-duplicates across splits; near_duplicates.csv lists them",
            len(pairs),
            extra=IN_TABLES,
        )
    return excluded(pairs) if settings.near_duplicates == "exclude" else pairs


def _report_findings(examined: list[Examined]) -> None:
    """Log once per data set the assumptions that were made for single files."""
    counts = Counter(note for one in examined for note in one.findings.notes)
    for note, count in sorted(counts.items()):
        log.warning("%d files %s", count, note)


def _tell_without_marks(examined: list[Examined]) -> None:
    """Warn of readers who read images for a class, but marked it in no image."""
    read: Counter[tuple[str, str]] = Counter()
    marked: set[tuple[str, str]] = set()
    for one in examined:
        marked |= one.marked
        for reader, drawn in (*one.case.readers.items(), *one.case.reader_boxes.items()):
            read.update((reader, cls) for cls in drawn)
    for reader, cls in sorted(set(read) - marked):
        log.warning(
            "the reader %s read %d images for the class %s, but did not mark it in any of them",
            reader,
            read[reader, cls],
            cls,
        )


def _quarantined(one: Examined) -> Quarantined:
    """Make the quarantine entry of a problem; the table has its own column for the file."""
    problem = one.problem
    reason = f"{problem.problem}. {problem.remedy}" if problem.remedy else problem.problem
    return Quarantined(one.case.case, one.case.split, one.file, reason, cause_of(problem))


def _unscored(cases: list[Case], settings: Dataset, explained: Sequence[str]) -> list[Quarantined]:
    """List the cases that show an annotated class, but have no reference mask at all."""
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
    """Warn of classes that no image of a split has: their metrics are undefined in that split."""
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
            log.warning(
                "%d cases: the pixel spacing is that at the detector, without correction"
                " for magnification",
                count,
            )
        elif origin:
            log.info("%d cases: pixel spacing from %s", count, origin)
    for (split, setting), count in sorted(dropped.items()):
        log.info("%s: %d cases are left out by the setting '%s'", split, count, setting)
    if quarantine:
        log.warning(
            "%d cases are left out; the quarantine table lists them",
            len(quarantine),
            extra=IN_TABLES,
        )
        for entry in quarantine[:5]:
            log.warning("left out: %s: %s", entry.file, entry.reason, extra=IN_TABLES)
