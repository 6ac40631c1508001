"""Organ masks of CheXmask: match rows to cases, and count what is missing."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fidelity.analysis.columns.cases import ORGAN_MASKS
from fidelity.base.errors import InputError
from fidelity.datasets.annotations import chexmask
from fidelity.datasets.annotations.chexmask import COLUMN_OF, HEART, raise_if_rows_differ
from fidelity.datasets.annotations.drawn import RESTORE
from fidelity.datasets.cases import Case
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.settings.datasets import Dataset

# A row has no case if its image is missing, or if the study does not use the image.
USED, LOW, NO_ROW, NO_CASE = "used", "low quality", "no row", "no case"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Match:
    """A row of the file, a case, or both.

    Attributes:
        row: the row's image as the file names it; empty for a case without a row.
        case: the case; None for a row without one.
        status: USED, LOW (below `lung_quality`), NO_ROW or NO_CASE.
        quality: the row's estimated quality; None if it has none.
        organs: organs for which the row has masks.
    """

    row: str
    case: Case | None
    status: str
    quality: float | None = None
    organs: tuple[str, ...] = ()


def matches_of(cases: Iterable[Case], path: Path, least: float) -> list[Match]:
    """Match the rows of CheXmask's file to cases.

    A row names its image by path, by name or by name without ending, depending on its data set. The
    longest path that fits is used; a case has one row. (`CaseNames` knows whole paths only, but the
    rows of CheXpert leave out the first folders.) `least` is the lowest quality at which a row is
    used.

    Returns:
        The cases in their order, then the rows without a case in the order of the file.

    Raises:
        InputError: the file cannot be read, lacks a column, a row fits several images, or two
            different rows are of one image.
    """
    rows = chexmask.read_rows(path, quality=least > 0)
    raise_if_rows_differ(path, _plain)
    known = {_plain(name): name for name in rows}
    cases = list(cases)
    keys = [next((key for key in _names(case) if key in known), None) for case in cases]
    images: defaultdict[str | None, set[str]] = defaultdict(set)
    for case, key in zip(cases, keys, strict=True):
        images[key].add(case.image)
    found = []
    for case, key in zip(cases, keys, strict=True):
        if key is not None and len(images[key]) > 1:
            first, second, *_ = sorted(images[key])
            raise InputError(
                f"the row of {key!r} fits {len(images[key])} images ({first}, {second})",
                file=path,
                field="lungs",
                remedy="Name the images in the file by their paths, or give each its own name",
            )
        name = known.pop(key, None)
        if name is None:
            found.append(Match("", case, NO_ROW))
            continue
        row = rows[name]
        enough = row.quality is None or row.quality >= least
        found.append(Match(name, case, USED if enough else LOW, row.quality, row.organs))
    rest = [Match(n, None, NO_CASE, rows[n].quality, rows[n].organs) for n in known.values()]
    return [*found, *rest]


def with_organs(cases: Sequence[Case], root: Path, settings: Dataset) -> list[Case]:
    """Add the lung masks of CheXmask's file to all cases; under `chexmask`, also those per organ.

    Missing masks are counted in the log, with one sentence for each kind.

    Raises:
        InputError: the file cannot be read, lacks a column, or is for other images.
    """
    # Jobs get the keys of a file of lung masks only if there is such a file.
    if not getattr(settings, "lungs", None):
        return list(cases)
    path = root / settings.lungs
    matches = matches_of(cases, path, settings.lung_quality)
    _report(matches, path, settings.lung_quality)
    each = settings.lung_masks == "chexmask"
    found = []
    for match in matches[: len(cases)]:
        of = {
            organ: reference_to(settings.lungs, match.row, column)
            for organ, column in COLUMN_OF.items()
            if match.status == USED and column in match.organs
        }
        lungs = all(COLUMN_OF[organ] in match.organs for organ in ("left_lung", "right_lung"))
        lung = reference_to(settings.lungs, match.row, chexmask.LUNGS)
        found.append(
            replace(
                match.case,
                lung_mask=lung if match.status == USED and lungs else None,
                organs=of if each else {},
            )
        )
    return found


def check_hearts(cases: Iterable[Case], root: Path, settings: Dataset) -> None:
    """Raise InputError if no case has a heart mask, which the baseline `heart_mask` needs."""
    if not any(HEART in case.organs for case in cases):
        raise InputError(
            "the explainer heart_mask needs heart masks, but no case has one",
            file=root / settings.lungs,
            field="lungs",
            remedy="Name a file with the column Heart, or leave heart_mask out",
        )


def table_of(matches: Iterable[Match]) -> pd.DataFrame:
    """Convert matches to the table organ_masks.csv."""
    names = {column: organ for organ, column in COLUMN_OF.items()}
    return ORGAN_MASKS.frame(
        (
            match.row,
            match.case.case if match.case else "",
            match.case.split if match.case else "",
            match.status,
            match.quality,
            " ".join(names[organ] for organ in match.organs),
        )
        for match in matches
    )


def _report(matches: Sequence[Match], path: Path, least: float) -> None:
    counts = Counter(match.status for match in matches)
    if not counts[USED] + counts[LOW]:
        raise InputError(
            f"no row belongs to an image of the data set (first row: {matches[-1].row!r})"
            if counts[NO_CASE]
            else "the file has no rows",
            file=path,
            field="lungs",
            remedy="Give the CheXmask file of this data set",
        )
    low = sorted(m.quality for m in matches if m.status == LOW)
    sentences = {
        NO_CASE: "rows are of images that are not here. Add the images, or ignore this if the"
        " data set is a part of the published one",
        NO_ROW: "cases have no row, so no organ mask. Name the file that covers them, or set"
        " lung_masks: predicted",
        LOW: f"cases have masks of an estimated quality below {least:g} ({low[0]:.2f} to"
        f" {low[-1]:.2f}), which are not used. Lower lung_quality to use them"
        if low
        else "",
    }
    for status in (NO_CASE, NO_ROW, LOW):
        if counts[status]:
            first = next(m for m in matches if m.status == status)
            name = first.case.case if first.case else first.row
            log.warning("%s: %d %s (first: %s)", path, counts[status], sentences[status], name)
    used = [match for match in matches if match.status == USED]
    hearts = sum(COLUMN_OF[HEART] in match.organs for match in used)
    if used and not hearts:
        log.warning(
            "%s: no row has a mask in the column %s, so there are no heart masks. %s",
            path,
            COLUMN_OF[HEART],
            RESTORE,
        )
    elif hearts < len(used):
        log.warning("%s: %d of %d cases have no heart mask", path, len(used) - hearts, len(used))


def _plain(name: str) -> str:
    """Normalise a path: "/" between folders, without the image's ending."""
    name = name.strip().replace("\\", "/")
    folder, cut, file = name.rpartition("/")
    stem, dot, ending = file.rpartition(".")
    # Ids contain dots too ("1.2.826.0.1"), so only letters count as an ending.
    return folder + cut + (stem if dot and ending.isalpha() else file)


def _names(case: Case) -> tuple[str, ...]:
    """Return the names that a row may use for a case, the longest path first."""
    return (*_endings(case.image), _plain(case.case))


def _endings(image: str) -> Iterable[str]:
    """Yield a path without ending, then the same without its first folder, and so on."""
    parts = _plain(image).split("/")
    return ("/".join(parts[start:]) for start in range(len(parts)))
