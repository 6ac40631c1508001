"""JSRT: `CLNDAT_EN.txt`, the centre and the diameter of one nodule for each image.

Tab-separated without a header: file, subtlety 1 to 5, size in mm, age, sex, x, y, malignant or
benign, place, diagnosis. Rows run together in some copies, so they are found by the file's name.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import RESTORE

CLASS = "Nodule"
SIZE = [2048, 2048]
SPACING = 0.175
_NAME = re.compile(r"(JPCLN\d{3})\.IMG", re.IGNORECASE)


class Nodule(NamedTuple):
    """A row of the file.

    Attributes:
        image: name without ending, such as JPCLN001.
        subtlety: 1 (extremely subtle) to 5 (obvious); None where it is not given.
        diameter: in mm; None where it is not given.
        centre: (x, y) in pixels of the image of 2048 x 2048.
        malignant: the diagnosis.
        age: in years, as written.
        sex: as written.
    """

    image: str
    subtlety: int | None
    diameter: float | None
    centre: tuple[float, float]
    malignant: bool
    age: str = ""
    sex: str = ""


def read_nodules(path: str | Path) -> list[Nodule]:
    """Read the file.

    Args:
        path: `CLNDAT_EN.txt`.

    Returns:
        The nodules in the order of the file.

    Raises:
        InputError: the file cannot be read or holds no row, or a row has no centre.
    """
    try:
        # Its text is ASCII but for single signs of its Japanese twin.
        text = Path(path).read_bytes().decode("latin-1")
    except OSError as error:
        raise InputError(
            f"the file cannot be read ({error.strerror})", file=path, remedy=RESTORE
        ) from error
    parts = _NAME.split(text)
    nodules = [
        _nodule(name.upper(), rest, path)
        for name, rest in zip(parts[1::2], parts[2::2], strict=True)
    ]
    if not nodules:
        raise InputError("names no image JPCLN….IMG", file=path, remedy=RESTORE)
    return nodules


def read_entries(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read the nodules as entries of `mask_entries`: discs; those of unknown size are left out."""
    found: dict[str, dict[str, Any]] = {}
    for nodule in read_nodules(path):
        if nodule.diameter is None:
            continue
        radius = nodule.diameter / SPACING / 2
        entry = found.setdefault(nodule.image, {}).setdefault(CLASS, {"size": SIZE, "ellipses": []})
        entry["ellipses"].append([*nodule.centre, radius, radius])
    return found


def _nodule(image: str, rest: str, path: str | Path) -> Nodule:
    cells = rest.split()
    try:
        subtlety = int(cells[0]) if cells[0].isdecimal() else None
        diameter = float(cells[1]) if re.fullmatch(r"\d+(\.\d+)?", cells[1]) else None
        x, y = float(cells[4]), float(cells[5])
        verdict = cells[6].lower()
    except (IndexError, ValueError) as error:
        raise InputError(
            "has no subtlety, size, age, sex, x and y in this order",
            file=path,
            field=image,
            remedy=RESTORE,
        ) from error
    return Nodule(image, subtlety, diameter, (x, y), verdict.startswith("malig"), *cells[2:4])
