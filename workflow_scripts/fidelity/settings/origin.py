"""Checks of where a data set's files come from, and of what they can be used for."""

from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError


def check_origin(key: str, settings: dict[str, Any], source: str) -> None:
    """Check that a data set says once where its files are, and has masks to score.

    Args:
        key: of the data set.
        settings: of the data set, defaults filled in.
        source: file of the config, for errors.

    Raises:
        InputError: none or several of root, archive and download are set, or annotated_classes
            does not go with the part of the data set.
    """
    path = f"datasets.{key}"
    if "archive" in settings:
        given = [name for name in ("root", "archive", "download") if settings.get(name)]
        if len(given) != 1:
            several = " and ".join(given)
            raise InputError(
                f"{several} are set together" if given else "does not say where its files are",
                file=source,
                field=path,
                remedy="Set one of root: <folder>, archive: <.zip file> and download: kaggle",
            )
    lungs_only = settings.get("part") == "lung"
    if lungs_only and settings["annotated_classes"]:
        raise InputError(
            "part lung has no infection masks, so no class of it is annotated",
            file=source,
            field=f"{path}.annotated_classes",
            remedy="Set annotated_classes: [], or part: infection",
        )
    if not lungs_only and not settings["annotated_classes"]:
        raise InputError(
            "is empty, so nothing would be scored",
            file=source,
            field=f"{path}.annotated_classes",
            remedy="Name the classes that have reference masks",
        )


def check_archive(key: str, path: Path | None, source: str) -> None:
    """Check that a data set's archive is a file that looks like a zip.

    Args:
        key: of the data set.
        path: the archive; None checks nothing.
        source: file of the config, for errors.

    Raises:
        InputError: it is not there, or begins otherwise.
    """
    if path is None:
        return
    if not path.is_file():
        raise InputError(
            f"the file {str(path)!r} does not exist",
            file=source,
            field=f"datasets.{key}.archive",
            remedy="Give the zip's path relative to data_root",
        )
    with open(path, "rb") as handle:
        if handle.read(2) != b"PK":
            raise InputError(
                f"the file {str(path)!r} is no zip archive",
                file=source,
                field=f"datasets.{key}.archive",
                remedy="Download it again (a web page saved as .zip is a sign of a missing login)",
            )
