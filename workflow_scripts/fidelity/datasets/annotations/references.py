"""From what readers return to the fields of a case: references, files below a root, splits."""

import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.folders import CLUTTER, IMAGE_SUFFIXES
from fidelity.datasets.annotations.drawn import RESTORE, Drawn, ImageBoxes
from fidelity.datasets.readers.names import FIRST
from fidelity.masks.boxes import FloatBox

SUFFIXES = {*IMAGE_SUFFIXES, ".dcm", ".dicom", ".img"}
# Folders of this workflow and of tools: a data root may be the working folder itself.
PASSED_OVER = {"results", ".snakemake", ".git", ".venv", "__pycache__"}
# Of data sets without splits of their own.
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
# Part of the official training split that becomes the validation split where there is none.
VALIDATION = {"train": 0.9, "val": 0.1}
# Of patients without a training split.
THIRDS = {"val": 1 / 3, "test": 2 / 3}

log = logging.getLogger(__name__)


def drawn_boxes(
    image: ImageBoxes | None,
    read: Iterable[str] = (),
    keep: Callable[[Drawn], bool] = lambda one: True,
) -> dict[str, Any]:
    """Give the fields of a case that hold its boxes.

    Args:
        image: its boxes; None if it has none.
        read: classes that were read for: without a box, nothing was found. All others without a
            box were not annotated.
        keep: which boxes count, such as those of one reader.

    Returns:
        `boxes`, `box_size` and `box_places`.
    """
    found = {} if image is None else image.boxes
    kept = {cls: [one for one in drawn if keep(one)] for cls, drawn in found.items()}
    kept = {cls: drawn for cls, drawn in kept.items() if drawn}
    return {
        "boxes": {cls: tuple(one.box for one in kept.get(cls, ())) for cls in (*kept, *read)},
        "box_size": None if image is None else image.size,
        "box_places": {cls: tuple(one.place for one in drawn) for cls, drawn in kept.items()},
    }


def boxes_by_reader(
    image: ImageBoxes, read: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, tuple[FloatBox, ...]]]:
    """Give the boxes of an image by reader, for the field `reader_boxes` of a case.

    Args:
        image: its boxes.
        read: reader → classes that this reader looked for, with or without a box.

    Returns:
        Reader → class → boxes; nothing if nobody has a name. What has none beside others that have
        one is the reader's `first`.
    """
    found = {reader or FIRST: {cls: () for cls in classes} for reader, classes in read.items()}
    for cls, drawn in image.boxes.items():
        for one in drawn:
            of = found.setdefault(one.reader or FIRST, {})
            of[cls] = (*of.get(cls, ()), one.box)
    return {} if set(found) <= {FIRST} else found


def seeded_split(unit: str, seed: int, shares: Mapping[str, float]) -> str:
    """Draw the split of a patient, or of an image where patients are unknown.

    The draw depends on the id and the seed alone: more or fewer images move nobody.

    Args:
        unit: id.
        seed: `split_seed` of the data set.
        shares: of each split; they add up to 1.

    Returns:
        The split.
    """
    digest = hashlib.blake2b(f"{seed}\0{unit}".encode(), digest_size=8).digest()
    draw = int.from_bytes(digest, "big") / 2**64
    for split, share in shares.items():
        draw -= share
        if draw < 0:
            return split
    return split


def with_validation(official: str, unit: str, seed: int) -> str:
    """Give the official split; a part of the training split becomes the validation split."""
    return seeded_split(unit, seed, VALIDATION) if official == "train" else official


class ImageFiles:
    """The image files below a data root, by name."""

    def __init__(self, root: Path) -> None:
        """List them.

        Raises:
            InputError: the root does not exist.
        """
        if not root.is_dir():
            raise InputError(
                "the data root does not exist",
                file=root,
                field="root",
                remedy="Set 'root' of the data set in the config to its folder",
            )
        self.root = root
        self.used: set[str] = set()
        self.by_name: dict[str, list[str]] = {}
        for path in files_below(root, SUFFIXES):
            name = path.rpartition("/")[2]
            for key in {name.lower(), name.rpartition(".")[0].lower()}:
                self.by_name.setdefault(key, []).append(path)

    def find(self, name: str, within: Callable[[str], bool] = lambda path: True) -> str:
        """Give the path of an image relative to the root.

        Args:
            name: of its file, with or without ending and folder; the ending may be another one.
            within: which of several files of one name are meant.

        Returns:
            The path; the name itself if there is no such file.

        Raises:
            InputError: there are several.
        """
        name = name.replace("\\", "/")
        short = name.rpartition("/")[2]
        found = self.by_name.get(short.lower()) or []
        if not found and short.lower().endswith(tuple(SUFFIXES)):
            found = self.by_name.get(short.rpartition(".")[0].lower()) or []
        found = [path for path in found if within(path)]
        stem = name.rpartition(".")[0] or name
        exact = [path for path in found if f"/{path}".endswith(f"/{name}")]
        beside = [path for path in found if f"/{path.rpartition('.')[0]}".endswith(f"/{stem}")]
        found = exact or beside or found
        if len(found) > 1:
            raise InputError(
                f"several files are called {short!r}: {found[0]} and {found[1]}",
                file=self.root,
                field="root",
                remedy="Set 'root' to a folder that holds one copy of the images",
            )
        path = found[0] if found else name
        self.used.add(path)
        return path

    def report_unused(self, table: str) -> None:
        """Warn of images that no row of a table is of."""
        unused = {path for paths in self.by_name.values() for path in paths} - self.used
        if unused:
            log.warning(
                "%d images have no row in %s and are not used, the first: %s",
                len(unused),
                table,
                min(unused),
            )


def files_below(root: Path, suffixes: Collection[str]) -> list[str]:
    """List files with some endings below a folder, sorted, relative to it, with "/"."""
    found = []
    for folder, inside, names in os.walk(root, followlinks=True):
        inside[:] = sorted(
            name
            for name in inside
            if name not in PASSED_OVER and name.lower() not in CLUTTER and not name.startswith(".")
        )
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        found += [
            prefix + name
            for name in names
            if not name.startswith("._") and os.path.splitext(name)[1].lower() in suffixes
        ]
    return sorted(found)


def find_table(
    root: Path, given: str | None, names: Iterable[str], field: str, remedy: str = ""
) -> Path:
    """Locate an annotation file below a root.

    Args:
        root: the data root.
        given: path of the config, relative to the root; None looks for the names.
        names: names that the file has where it was downloaded, the first found counts.
        field: key of the config, for errors.
        remedy: where the file is to be had.

    Returns:
        Its path.

    Raises:
        InputError: there is none, or more than one of a name.
    """
    found = optional_table(root, given, names, field)
    if found is None:
        names = list(names)
        raise InputError(
            f"the annotation file {given or ' or '.join(names)} was not found",
            file=root,
            field=field,
            remedy=remedy or RESTORE,
        )
    return found


def tables_by_split(root: Path, names: Mapping[str, Sequence[str]], remedy: str) -> dict[str, Path]:
    """Locate the annotation files of the splits; one may be missing.

    Args:
        root: the data root.
        names: split → names of its file where it was downloaded.
        remedy: where the files are to be had.

    Raises:
        InputError: there is none, or more than one of a name.
    """
    found = {split: optional_table(root, None, known, "root") for split, known in names.items()}
    if not any(found.values()):
        first = " nor ".join(known[0] for known in names.values())
        raise InputError(f"neither {first} was found", file=root, field="root", remedy=remedy)
    return {split: path for split, path in found.items() if path}


def optional_table(root: Path, given: str | None, names: Iterable[str], field: str) -> Path | None:
    """Locate a file that need not be there; see `find_table`."""
    if given is not None:
        return root / given if (root / given).is_file() else None
    suffixes = {os.path.splitext(name)[1] for name in names}
    files = files_below(root, suffixes)
    for name in names:
        same = [path for path in files if path.rpartition("/")[2] == name]
        if len(same) > 1:
            raise InputError(
                f"several files could be meant ({', '.join(same)})",
                file=root,
                field=field,
                remedy=f"Name one: {field}: {same[0]}",
            )
        if same:
            return root / same[0]
    return None
