"""JSRT (Shiraishi et al. 2000): 154 images with one nodule, 93 without.

References: a nodule's centre and diameter are *drawn*, as a disc. An image JPCNN is *read and
nothing found*, an empty reference. A nodule of unknown size is *not annotated*.

Splits: drawn by image, 70:10:20, seeded; every image is of another patient.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.annotations import jsrt
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import SHARES, ImageFiles, find_table, seeded_split
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.facts import facts_of
from fidelity.datasets.mask_files.mask_entries import reference_to
from fidelity.settings.datasets import Jsrt

same_size = False
masks_follow_labels = False
partly_annotated = True

TABLES = ("CLNDAT_EN.txt", "CLNDAT_EN.TXT")
NEGATIVE = "No nodule"
WHERE = "Register at http://db.jsrt.or.jp/eng.php and download images and clinical information"


def find_cases(root: Path, settings: Jsrt) -> Iterator[Case]:
    """Find the images of nodules (by the table) and those without (by their names).

    Args:
        root: a folder above images and table.
        settings: `split_seed`.

    Yields:
        One case per image.

    Raises:
        InputError: the table is missing, or cannot be understood.
    """
    root = Path(root)
    (table,) = tables(root, settings)
    files, file = ImageFiles(root), table.relative_to(root).as_posix()
    spacing = (jsrt.SPACING, jsrt.SPACING)
    for nodule in jsrt.read_nodules(table):
        drawn = {jsrt.CLASS: reference_to(file, nodule.image, jsrt.CLASS)}
        yield Case(
            case=nodule.image,
            patient=nodule.image,
            split=seeded_split(nodule.image, settings.split_seed, SHARES),
            labels=(jsrt.CLASS,),
            image=files.find(nodule.image),
            masks=drawn if nodule.diameter is not None else {},
            spacing=spacing,
            box_size=tuple(jsrt.SIZE),
            facts=facts_of("PA", nodule.sex, nodule.age),
            place=place_of(table, f"row of {nodule.image}"),
        )
    for name in sorted(files.by_name):
        if name.startswith("jpcnn") and "." not in name:
            image = name.upper()
            yield Case(
                case=image,
                patient=image,
                split=seeded_split(image, settings.split_seed, SHARES),
                labels=(NEGATIVE,),
                image=files.find(name),
                masks={jsrt.CLASS: NONE},
                spacing=spacing,
                box_size=tuple(jsrt.SIZE),
            )


def tables(root: Path, settings: Jsrt) -> list[Path]:
    """List the one table that is read."""
    return [find_table(Path(root), None, TABLES, "root", WHERE)]
