"""JSRT (Shiraishi et al. 2000): 154 images with one nodule, 93 without.

References: a nodule's centre and diameter are *drawn*, as a disc. An image named JPCNN… is *read
and nothing found*, an empty reference. A nodule of unknown size is *not annotated*.

Splits: chosen by image, 70:10:20, seeded; every image is of another patient.

`CLNDAT_EN.txt` is tab-separated without a header: file, subtlety 1 to 5, size in mm, age, sex, x,
y, malignant or benign, place, diagnosis. In some copies, rows have lost their line breaks, so they
are found by the file's name.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, TableFile, locate
from fidelity.datasets.annotations.drawn import RESTORE, Row, read_text
from fidelity.datasets.annotations.shape_checks import raise_unless_place
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.facts import facts_of
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.splits import seeded_split

if TYPE_CHECKING:
    from fidelity.settings.datasets import Jsrt

CLASS, NEGATIVE = "Nodule", "No nodule"
SIZE = [2048, 2048]
SPACING = 0.175
WHERE = "Register at http://db.jsrt.or.jp/eng.php and download images and clinical information"
tables = partial(locate, (TableFile(("CLNDAT_EN.txt", "CLNDAT_EN.TXT")),), WHERE)
_NAME = re.compile(r"(JPCLN\d{3})\.IMG", re.IGNORECASE)

masks_follow_labels = False
partly_annotated = True


def find_cases(root: Path, settings: "Jsrt") -> Iterator[Case]:
    """Yield one case per image: those with nodules (by the table), then those without (by name)."""
    (table,) = tables(root, settings)
    files, file = ImageFiles(root), table.relative_to(root).as_posix()

    def case_of(image: str, **more: Any) -> Case:
        return Case(
            case=image,
            patient=image,
            split=seeded_split(image, settings.split_seed),
            image=files.find(image),
            spacing=(SPACING, SPACING),
            box_size=tuple(SIZE),
            **more,
        )

    for nodule in read_nodules(table):
        drawn = {CLASS: reference_to(file, nodule.image, CLASS)}
        yield case_of(
            nodule.image,
            labels=(CLASS,),
            masks=drawn if nodule.diameter is not None else {},
            facts=facts_of("PA", nodule.sex, nodule.age),
            place=Row(table, f"row of {nodule.image}").place,
        )
    for name in sorted(files.by_name):
        if name.startswith("jpcnn") and "." not in name:
            yield case_of(name.upper(), labels=(NEGATIVE,), masks={CLASS: NONE})


class Nodule(NamedTuple):
    """A row of the file.

    Attributes:
        image: name without ending, such as JPCLN001.
        subtlety: 1 (extremely subtle) to 5 (obvious); None if it is not given.
        diameter: in mm; None if it is not given.
        centre: (x, y) in pixels of the image of 2048 x 2048.
    """

    image: str
    subtlety: int | None
    diameter: float | None
    centre: tuple[float, float]
    malignant: bool
    age: str = ""
    sex: str = ""


def read_nodules(path: str | Path) -> list[Nodule]:
    """Read `CLNDAT_EN.txt`: the nodules in the order of the file.

    Raises:
        InputError: the file cannot be read or has no row, or a row has no centre.
    """
    # The text is ASCII except for single characters from its Japanese version.
    parts = _NAME.split(read_text(path, "latin-1"))
    if len(parts) == 1:
        raise InputError(
            "the file lists no image with a name such as JPCLN….IMG", file=path, remedy=RESTORE
        )
    rows = zip(parts[1::2], parts[2::2], strict=True)
    return [_nodule(name.upper(), rest, path) for name, rest in rows]


def read_entries(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read the nodules as entries of `mask_entries` (discs); leave out those of unknown size."""
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
        malignant = cells[6].lower().startswith("malig")
    except (IndexError, ValueError) as error:
        raise Row(path, image).wrong(
            "the row does not list subtlety, size, age, sex, x and y in this order", remedy=RESTORE
        ) from error
    raise_unless_place(image, x, y, path)
    return Nodule(image, subtlety, diameter, (x, y), malignant, *cells[2:4])
