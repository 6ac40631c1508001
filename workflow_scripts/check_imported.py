"""Check that the maps of an `imported` explainer exist and are readable, before all other jobs."""

import csv
import hashlib
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path
from fidelity.base.formulas import guard
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import Case, read_cases
from fidelity.explainers.imported import is_squeezed, is_there, read_saliency
from fidelity.maps.imported_files import arrays_in, masks_in
from fidelity.maps.imported_paths import FIELD, format_of, location, pattern_of
from fidelity.masks.coco import ONLY
from fidelity.settings.explainers import Imported

COLUMNS = ("case", "class", "file", "found")
SHOWN = 3  # number of errors in the message; it only counts the others


def main(
    cases: str,
    explainer: str,
    settings: Imported,
    annotated: Collection[str],
    splits: Collection[str],
    output: str,
) -> None:
    """Read every map that will be scored, and list them.

    Args:
        output: imported.csv: case, class, file, and whether the file was found.

    Raises:
        InputError: maps are missing (unless `missing: skip`) or cannot be used; the error states
            how many and names the first. Also if no map was found, if two cases or classes share
            one file, or if the class of a file's only category is unclear.
    """
    rows, problems, maps, squeezed = [], [], {}, []
    found_cases = list(read_cases(cases))
    _check_only_category(settings, annotated)
    _check_collisions(found_cases, settings, annotated, splits)
    for case in found_cases:
        if case.split in splits:
            for cls in annotated:
                if cls in case.annotated:  # the explained classes; a reference may have no label
                    others = {str(settings.classes.get(c, c)) for c in annotated if c != cls}
                    rows.append(_look(case, cls, others, settings, problems, maps, squeezed))
    found = sum(row[-1] for row in rows)
    if problems:
        shown = "; ".join(str(problem) for problem in problems[:SHOWN])
        raise InputError(
            f"{len(problems)} of {len(rows)} imported maps cannot be used: {shown}",
            field=f"explainers.{explainer}",
        )
    if rows and not found:
        raise InputError(
            f"none of {len(rows)} maps was found; the first missing file is {rows[0][2]!r}",
            field=f"explainers.{explainer}",
            remedy="Correct 'folder' and 'pattern'",
        )
    _tell_odd_values(maps, settings)
    if squeezed:
        logging.warning(
            "%d of %d maps are square, and their images are not. They are read as maps of the whole"
            " image, squeezed to a square. If the network saw a crop or a padded image, write maps"
            " of the whole image. The first: %s",
            len(squeezed),
            found,
            squeezed[0],
        )
    with atomic_path(output) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*map(guard, row[:3]), row[3]] for row in rows)
    logging.info("%d of %d maps found and readable", found, len(rows))


def _check_only_category(settings: Imported, annotated: Collection[str]) -> None:
    if format_of(settings) != "masks_json":
        return
    path = location(settings, "", "")
    unnamed = [cls for cls in annotated if cls not in settings.classes]
    masks = masks_in(path, settings.min_score)
    only = next(iter(masks.values()), {}) if len(annotated) > 1 and unnamed else {}
    if ONLY in only and not set(unnamed) & set(only):
        category = next(name for name in only if name != ONLY)
        raise InputError(
            f"the file has only the category {category!r}, but the data set has {len(annotated)}"
            " annotated classes",
            file=path,
            field="classes",
            remedy=f"State the class that it shows: classes: {{{unnamed[0]}: {category}}}",
        )


def _check_collisions(
    cases: Collection[Case],
    settings: Imported,
    annotated: Collection[str],
    splits: Collection[str],
) -> None:
    """Refuse two cases, or two classes, that would share one map file ("/" becomes "_")."""
    if format_of(settings) == "masks_json":
        return
    by_class = "class" in FIELD.findall(pattern_of(settings))
    owners: dict[Path, tuple[str, str]] = {}
    # Scored cases first. Cases that are not scored may share a name, as their maps are not read.
    for case in sorted(cases, key=lambda case: case.split not in splits):
        for me in [(case.case, cls) for cls in (annotated if by_class else [""])]:
            try:
                path = location(settings, *me)
            except InputError:  # `_look` reports an id that leads out of the folder
                continue
            owner = owners.setdefault(path, me) if case.split in splits else owners.get(path, me)
            if owner != me:
                which, place = ("cases", 0) if owner[0] != me[0] else ("classes", 1)
                raise InputError(
                    f"the {which} {owner[place]!r} and {me[place]!r} have the same file name",
                    file=path,
                    field=me[0],
                    remedy='Rename one of the two ("/" becomes "_" in file names)',
                )


def _tell_odd_values(maps: Mapping[str, tuple[float, float, str]], settings: Imported) -> None:
    """Warn about maps that mark nothing, and about maps that are all equal."""
    flat = [path for path, (low, high, _) in maps.items() if low == high]
    below = [path for path, (low, high, _) in maps.items() if low < high <= 0]
    if flat:
        logging.warning(
            "%d of %d maps have the same value in all pixels, so they mark nothing. The first: %s",
            len(flat),
            len(maps),
            flat[0],
        )
    if below and settings.sign == "study":
        logging.warning(
            "%d of %d maps have no value above 0. Only positive values count, unless"
            " postprocess.sign changes this. If negative values mark the finding, set sign:"
            " absolute for this explainer. If all values count, set sign: signed. The first: %s",
            len(below),
            len(maps),
            below[0],
        )
    if len(maps) > 1 and not flat and len({digest for *_, digest in maps.values()}) == 1:
        logging.warning(
            "all %d maps are equal, although the images differ. Check how they were written",
            len(maps),
        )


def _look(
    case: Case,
    cls: str,
    others: Collection[str],
    settings: Imported,
    problems: list[InputError],
    maps: dict[str, tuple[float, float, str]],
    squeezed: list[str],
) -> tuple[str, str, str, int]:
    """Read one map; append errors to `problems`.

    For a map that is not a mask, store its minimum, maximum and hash in `maps`. If it is square and
    its image is not, append its path to `squeezed`. `others` are the names of the other classes.
    """
    path, found = "", False
    try:
        path = location(settings, case.case, cls)
        found = is_there(case.case, cls, settings)
        if found or settings.missing == "error":
            size = (case.height, case.width)
            read = read_saliency(case.case, cls, size, (0, 0, *size), settings)
            if format_of(settings) == "npz":
                _check_array(path, str(settings.classes.get(cls, cls)), others)
            if is_squeezed(read.values.shape, size):
                squeezed.append(str(path))
            if read.kind != "binary":
                values = read.values
                digest = hashlib.blake2b(values.tobytes(), digest_size=16).hexdigest()
                maps[str(path)] = float(values.min()), float(values.max()), digest
    except InputError as error:
        problems.append(error)
    return case.case, cls, str(path), int(found)


def _check_array(path: Path, name: str, others: Collection[str]) -> None:
    """Refuse an npz file whose only array is that of another class.

    Raises:
        InputError: it is.
    """
    names = arrays_in(path)
    if name not in names and others.intersection(names):
        raise InputError(
            f"has no array {name!r}; its only array {names[0]!r} is of another class",
            file=path,
            field=name,
            remedy="Add the array, or set the pattern to one file per class and missing: skip",
        )


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
