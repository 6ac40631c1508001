"""Find the maps of an `imported` explainer. Imports nothing heavy: config checks use it too."""

import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError

if TYPE_CHECKING:  # the settings that are checked here
    from fidelity.settings.explainers import Imported

SUFFIXES = {
    "chexlocalize": (".pkl", ".pickle"),
    "npy": (".npy",),
    "npz": (".npz",),
    "png": (".png", ".tif", ".tiff", ".bmp", ".gif"),
    "masks_json": (".json",),
}
# The pattern of files where the config gives a format and no pattern.
PATTERNS = {
    "chexlocalize": "{case}_{class}_map.pkl",
    "npy": "{case}.npy",
    "npz": "{case}.npz",
    "png": "{case}.png",
}
FIELD = re.compile(r"\{([^{}]*)\}")


def for_dataset(settings: "Imported", dataset: str) -> "Imported":
    """Replace `{dataset}` in `folder` and `file` by a data set's name."""
    places = {"folder": settings.folder, "file": settings.file}
    named = {key: path and path.replace("{dataset}", dataset) for key, path in places.items()}
    return settings.model_copy(update=named)


def root_of(settings: "Imported") -> Path:
    """Return the folder, or the one file, that contains all maps of an entry."""
    return Path(settings.folder or settings.file)


def format_of(settings: "Imported") -> str:
    """Return the format of an entry; `auto` uses the ending of the name; refuse others."""
    if settings.format != "auto":
        return settings.format
    name = settings.file or settings.pattern or ""
    for known, suffixes in SUFFIXES.items():
        if name.lower().endswith(suffixes):
            return known
    listed = ", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    raise InputError(
        f"the format cannot be recognised from the name {name!r}",
        field="format",
        remedy=f"Give a pattern that ends in one of {listed}, or set format",
    )


def pattern_of(settings: "Imported") -> str:
    """Return the pattern of the file names below `folder`."""
    return settings.pattern or PATTERNS[format_of(settings)]


def check_entry(settings: "Imported") -> None:
    """Check that the keys of an entry are consistent.

    Raises:
        InputError: the keys are not consistent; its `field` is the key within the entry.
    """
    if (settings.folder is None) == (settings.file is None):
        raise InputError(
            "requires either a folder of maps or one file of masks",
            field="folder",
            remedy="Set folder (with a pattern), or file: masks.json; not both",
        )
    chosen = format_of(settings)
    if (chosen == "masks_json") != (settings.file is not None):
        raise InputError(
            f"{chosen} cannot be read from a {'file' if settings.file else 'folder'}",
            field="format",
            remedy="file is a masks.json of all cases; other formats have a folder and a pattern",
        )
    if chosen == "masks_json":
        return
    pattern = pattern_of(settings)
    fields, rest = FIELD.findall(pattern), FIELD.sub("", pattern)
    if "case" not in fields or set(fields) - {"case", "class"} or "{" in rest or "}" in rest:
        raise InputError(
            f"the pattern {pattern!r} must contain {{case}}, and may contain {{class}}",
            field="pattern",
            remedy='For example "{case}.npy" or "{class}/{case}.png"',
        )
    if _leaves(pattern):
        raise InputError(
            f"the pattern {pattern!r} leaves the folder",
            field="pattern",
            remedy="Name a folder that contains all maps",
        )


def has_files(settings: "Imported") -> bool:
    """Check whether any file below the folder matches the pattern."""
    return next(root_of(settings).glob(any_map(settings)), None) is not None


def any_map(settings: "Imported") -> str:
    """Return a glob pattern that matches all maps; "*" if there is one common file."""
    if settings.file is not None:
        return "*"
    return FIELD.sub("*", re.sub(r"([*?\[])", r"[\1]", pattern_of(settings)))


def location(settings: "Imported", case: str, cls: str) -> Path:
    """Return the path of the file with the map of a case and class; the file may be missing.

    Args:
        case: case id; "/" in it becomes "_", as in the masks that this project writes as PNG.

    Raises:
        InputError: the id leads out of the folder.
    """
    if settings.file is not None:
        return Path(settings.file)
    values = {"case": case, "class": str(settings.classes.get(cls, cls))}
    # Replace all fields in one pass, because a case id may contain braces.
    name = FIELD.sub(lambda found: values[found[1]].replace("/", "_"), pattern_of(settings))
    if _leaves(name) or "\0" in name:
        raise InputError(
            f"the map's path {name!r} leaves the folder",
            file=settings.folder,
            field=case,
            remedy="Rename the case",
        )
    return Path(settings.folder) / name


def _leaves(name: str) -> bool:
    """Check whether a relative path may point out of its folder; uses its text only."""
    windows = PureWindowsPath(name)
    return (
        PurePosixPath(name).is_absolute()
        or bool(windows.drive or windows.root)
        or ".." in windows.parts
    )
