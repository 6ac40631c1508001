"""Find the files below a data root that a source reads: images by name, and annotation files."""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.folders import CLUTTER, IMAGE_SUFFIXES, PASSED_OVER, check_root

if TYPE_CHECKING:
    from fidelity.settings.datasets import Dataset

SUFFIXES = {*IMAGE_SUFFIXES, ".dcm", ".dicom", ".img"}

log = logging.getLogger(__name__)


class TableFile(NamedTuple):
    """An annotation file.

    Attributes:
        names: possible names of the downloaded file; the first one that is found is used.
        key: the config key that may name another file; "root" if there is none.
    """

    names: Sequence[str]
    key: str = "root"
    needed: bool = True


class ImageFiles:
    """The image files below a data root, by name."""

    def __init__(self, root: Path) -> None:
        """List the image files; InputError if the root does not exist."""
        check_root(root, "its folder")
        self.root = root
        self.used: set[str] = set()
        self.by_name: dict[str, list[str]] = {}
        for path in files_below(root, SUFFIXES):
            name = path.rpartition("/")[2]
            for key in {name.lower(), name.rpartition(".")[0].lower()}:
                self.by_name.setdefault(key, []).append(path)

    def find(self, name: str, within: Callable[[str], bool] = lambda path: True) -> str:
        """Return the path of an image relative to the root; if there is no file, the name itself.

        Args:
            name: name of its file, with or without ending and folder; the file may have another
                ending.
            within: which file is meant if several have the same name.

        Raises:
            InputError: several files match.
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


def warn_of_unused(files: ImageFiles, table: str) -> None:
    """Log how many images have no row in a table."""
    unused = {path for paths in files.by_name.values() for path in paths} - files.used
    if unused:
        log.warning(
            "%d images have no row in %s and are not used (first: %s)",
            len(unused),
            table,
            min(unused),
        )


def files_below(root: Path, suffixes: Collection[str]) -> list[str]:
    """List files with given endings below a folder, sorted, relative to it, with "/"."""
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


def locate(
    files: Iterable[TableFile], where: str, root: Path, settings: "Dataset"
) -> list[Path | None]:
    """Return the path of each annotation file; None for an optional file that is missing.

    Args:
        settings: with the keys that may name other files, relative to the root.

    Raises:
        InputError: a file is missing, or several have its name.
    """
    chosen = [(file, None if file.key == "root" else getattr(settings, file.key)) for file in files]
    sought = [name for file, given in chosen if given is None for name in file.names]
    # Listing a large data set takes long: it is done once, and not at all if the config names all
    # files.
    below = files_below(root, endings(sought)) if sought else []
    found = []
    for (names, key, needed), given in chosen:
        path = find_file(root, names, below, key) if given is None else root / given
        if path is None or not path.is_file():
            path = None
            if needed:
                raise InputError(
                    f"the annotation file {given or ' or '.join(names)} was not found",
                    file=root,
                    field=key,
                    remedy=where,
                )
        found.append(path)
    return found


def locate_by_split(files: Mapping[str, Sequence[str]], where: str, root: Path) -> dict[str, Path]:
    """Locate the annotation files of the splits, {split: names}; one may be missing.

    Raises:
        InputError: no file is found, or several have the same name.
    """
    below = files_below(root, endings(name for names in files.values() for name in names))
    found = {split: find_file(root, names, below) for split, names in files.items()}
    if not any(found.values()):
        first = " nor ".join(names[0] for names in files.values())
        raise InputError(f"neither {first} was found", file=root, field="root", remedy=where)
    return {split: path for split, path in found.items() if path}


def endings(names: Iterable[str]) -> set[str]:
    """Return the endings of file names in lower case, as `files_below` takes them."""
    return {os.path.splitext(name)[1].lower() for name in names}


def find_file(
    root: Path, names: Sequence[str], below: Sequence[str], field: str = "root"
) -> Path | None:
    """Find the first file with one of some names below a root; None if there is none.

    Args:
        below: the result of `files_below`. A caller that looks for several files lists them once.
        field: config key that may choose one of several files.

    Raises:
        InputError: several files have the name.
    """
    for name in names:
        same = [path for path in below if path.rpartition("/")[2] == name]
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
