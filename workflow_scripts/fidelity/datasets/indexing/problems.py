"""Find faults of a whole data set: each check returns its problems, or raises the first one."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.cases import Case
from fidelity.datasets.images.images import OTHER_FLOATS, UNIT_FLOATS, IntensityError
from fidelity.datasets.indexing.examine import Examined
from fidelity.datasets.indexing.left_out import Quarantined, check_unusable
from fidelity.datasets.splits import SPLITS
from fidelity.settings.datasets import Dataset

# Number of problems that an error quotes, so that the user can fix them together.
SHOWN = 5

log = logging.getLogger(__name__)


def raise_first(problems: Sequence[InputError]) -> None:
    """Raise one InputError for all problems; do nothing if there is none.

    A single problem is raised itself. Otherwise the error quotes the first few, in their fixed
    order, and counts the others.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    quoted = "; ".join(str(problem) for problem in problems[:SHOWN])
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    raise InputError(f"{len(problems)} problems in the data set: {quoted}{more}")


def check_counts(adapter: ModuleType, cases: list[Case], root: Path, settings: Dataset) -> None:
    """Compare the number of images with the known number of the source, if there is one."""
    difference = getattr(adapter, "unexpected_counts", lambda cases, settings: None)(
        cases, settings
    )
    if difference is None:
        return
    problem = InputError(
        difference,
        file=root.resolve(),
        field="strict",
        remedy="Complete or restore the copy. If you want to use only this part, set strict: false",
    )
    if settings.strict:
        raise problem
    log.warning("%s. The scores will be those of this part, not of the whole data set", difference)


def repeated_ids(cases: list[Case]) -> list[InputError]:
    files: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        files[case.case].append(case.image)
    return [
        InputError(
            f"the case id {name!r} is used for {len(images)} images (also {images[1]})",
            file=images[0],
            field="case",
            remedy="Give every image its own id",
        )
        for name, images in files.items()
        if len(images) > 1
    ]


def unknown_classes(cases: list[Case], settings: Dataset) -> list[InputError]:
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


def blank_labels(cases: list[Case], multilabel: bool) -> list[InputError]:
    """Refuse cases without a class if each needs one; a table reports their rows earlier."""
    blank = [] if multilabel else [case for case in cases if not case.labels]
    if not blank:
        return []
    return [
        InputError(
            f"{len(blank)} of {len(cases)} cases have no label, first {blank[0].case!r}",
            file=blank[0].image,
            field="label",
            remedy="Give each case a label. If images may have no class, use a source with"
            " several labels per image, such as a table with task: multilabel",
        )
    ]


def not_annotated(cases: Sequence[Case], root: Path, settings: Dataset) -> list[InputError]:
    """Find cases of an annotated class that have no reference of it."""
    return [
        InputError(
            f"{f'{case.place}: ' if case.place else ''}the case {case.case!r} of the annotated"
            f" class {name!r} has neither a reference mask nor boxes",
            file=root / case.image,
            field="annotated_classes",
            remedy="Add one of them. If the image does not show the class, add a black mask, or"
            " write none in the cell of a table. Or remove the class from annotated_classes",
        )
        for case in cases
        for name in sorted({*settings.annotated_classes}.intersection(case.labels) - case.annotated)
    ]


def check_depth(examined: list[Examined], root: Path) -> None:
    """Refuse images whose white level is unknown; only all images together show this."""
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


def check_other_sizes(examined: list[Examined], root: Path, strict: bool) -> None:
    """Warn of masks that are resized to their image's size; under `strict`, refuse them."""
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


def too_many_unusable(
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


def empty_classes(
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


def absent_in_split(
    cases: list[Case],
    bad: list[Examined],
    settings: Dataset,
    follow: bool,
    explained: Sequence[str],
    trained: bool,
) -> list[InputError]:
    """Find annotated classes without a case to explain, and classes without a training case."""
    by_split = {
        split: {
            name
            for case in cases
            if case.split == split
            # Cases with a mask are explained; if labels decide on masks, cases with the label.
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
    """State which case was left out because of an unusable file, if there is one."""
    if one is None or one.problem is None:
        return ""
    return (
        f"; {one.case.case!r} was left out ({one.problem.file or one.file}: {one.problem.problem})"
    )
