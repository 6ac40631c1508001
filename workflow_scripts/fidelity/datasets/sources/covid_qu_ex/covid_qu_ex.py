"""COVID-QU-Ex (Tahir et al. 2021) in its own folder layout.

    Infection Segmentation Data/{Train,Val,Test}/{class}/{images,infection masks,lung masks}/*.png
    Lung Segmentation Data/{Train,Val,Test}/{class}/{images,lung masks}/*.png

Both parts are from one collection. The images of the first part have infection masks. The second
part has all images, with a different split and only lung masks.

Kaggle's archive unpacks to the same layout, with the first folder twice. The phantom is also
written in this layout, with an optional `patients.csv` (columns case,patient) at the root. If
readers are requested, it has folders `second reader masks` or `reader <name> masks` next to
`infection masks`.

Images and masks may have any image extension. A mask belongs to the image of the same name without
extension. Folder names may be in other upper and lower case. Files that macOS and Windows add are
ignored.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.folders import (
    by_stem,
    check_root,
    folder_named,
    folders_in,
    images_in,
)
from fidelity.datasets.annotations.drawn import read_rows
from fidelity.datasets.cases import SPLIT_ALIASES, Case
from fidelity.datasets.readers.names import SECOND
from fidelity.datasets.splits import SPLITS
from fidelity.settings.datasets import CovidQuEx, Phantom

# Image and masks of a case have the same size in this data set, except in a damaged copy.
same_size = True

TOP = "Infection Segmentation Data"
TOPS = {"infection": TOP, "lung": "Lung Segmentation Data"}
# Folders of masks by reader, next to `infection masks`.
SECOND_FOLDER, READER_FOLDER = "second reader masks", "reader {} masks"
_OF_READER = re.compile(READER_FOLDER.format(r"(\S+)"))

# Published numbers of images. Infection part: per split and class, from the original LIME study;
# the data set's page gives the same sums. Lung part: the page gives classes, not splits.
INFECTION_COUNTS = {
    "COVID-19": {"train": 1864, "val": 466, "test": 583},
    "Non-COVID": {"train": 932, "val": 233, "test": 292},
    "Normal": {"train": 932, "val": 233, "test": 291},
}
LUNG_COUNTS = {"COVID-19": 11_956, "Non-COVID": 11_263, "Normal": 10_701}


def find_cases(root: Path, settings: CovidQuEx | Phantom) -> Iterator[Case]:
    """Yield one case per image, by split, class and file name.

    The root is the data set's top folder, one inside it, or one above it. `masks` has the infection
    mask of every class that has one, annotated or not; `annotated_classes` decides later which ones
    are used. The data set has no patient ids: without a `patients.csv`, every case is its own
    patient.

    Raises:
        InputError: the root does not exist or has no such layout.
    """
    base = find_base(root, part_of(settings))
    listed = _patients_file(root, base)
    patients = None if listed is None else _patients(listed)
    splits = _split_folders(base)
    simulated = isinstance(settings, Phantom) and settings.simulated_readers
    for split in SPLITS:
        for group in folders_in(splits[split]) if split in splits else []:
            infection, lung = (
                by_stem(images_in(folder_named(group, name)))
                for name in ("infection masks", "lung masks")
            )
            named = {SECOND: folder_named(group, SECOND_FOLDER)} | {
                found[1]: folder
                for folder in folders_in(group)
                if (found := _OF_READER.fullmatch(folder.name))
            }
            readers = {reader: by_stem(images_in(folder)) for reader, folder in named.items()}
            for image in images_in(folder_named(group, "images")):
                name = image.stem
                # With simulated readers, the true mask is not the mask of any reader.
                mask = None if simulated else _mask(infection, image, root)
                yield Case(
                    case=name,
                    patient=name if patients is None else _patient(patients, name, listed),
                    split=split,
                    labels=(group.name,),
                    image=image.relative_to(root).as_posix(),
                    lung_mask=_mask(lung, image, root),
                    masks={group.name: mask} if mask else {},
                    readers={
                        reader: {group.name: path}
                        for reader, masks in readers.items()
                        if (path := _mask(masks, image, root))
                    },
                )


def tables(root: Path, settings: CovidQuEx | Phantom) -> list[Path | None]:
    """List the tables that are read: `patients.csv`, if it exists."""
    return [_patients_file(root, find_base(root, part_of(settings)))]


def unexpected_counts(cases: Iterable[Case], settings: CovidQuEx | Phantom) -> str | None:
    """Compare the numbers of images, before any is left out, with the published ones.

    Returns:
        The numbers that were found and expected if they differ; None if they agree, or for a
        phantom.
    """
    if settings.source != "covid_qu_ex":
        return None
    cases, part = list(cases), part_of(settings)
    if part == "lung":
        found = Counter((label,) for case in cases for label in case.labels)
        expected = {(name,): count for name, count in LUNG_COUNTS.items()}
    else:
        found = Counter((case.split, label) for case in cases for label in case.labels)
        expected = {
            (split, name): count
            for name, counts in INFECTION_COUNTS.items()
            for split, count in counts.items()
        }
    differing = [
        f"{' '.join(key)} {found[key]} of {expected.get(key, 0)}"
        for key in [*expected, *sorted(set(found) - set(expected))]
        if found[key] != expected.get(key, 0)
    ]
    if not differing:
        return None
    return (
        f"the {part} part of COVID-QU-Ex has {sum(expected.values())} images, and"
        f" {len(cases)} are here ({', '.join(differing)})"
    )


def part_of(settings: CovidQuEx | Phantom) -> str:
    return getattr(settings, "part", "infection")


def find_base(root: Path, part: str = "infection") -> Path:
    """Find the folder that contains Train, Val and Test, below `root` or equal to it.

    The root may be that folder, the part's folder (`Infection Segmentation Data`, `Lung
    Segmentation Data`) above it, or up to two levels above.

    Raises:
        InputError: there is none, or more than one.
    """
    top = TOPS[part]
    check_root(root, "the folder of the unpacked data set")
    if _split_folders(root):
        others = {name.lower() for name in TOPS.values()} - {top.lower()}
        if root.resolve().name.lower() in others:
            raise InputError(
                f"this is the folder of the other part of the data set, not {top!r}",
                file=root,
                field="part",
                remedy=f"Set 'root' to the folder that contains {top!r}, or change 'part'",
            )
        return root
    inside = folders_in(root)
    above = [root, *inside, *(folder for parent in inside for folder in folders_in(parent))]
    found = sorted({path for folder in above for path in _part(folder, top)})
    if not found:
        raise InputError(
            f"no folder '{top}' with Train, Val and Test was found below the data root",
            file=root,
            field="root",
            remedy=f"Set 'root' of the data set to the folder that contains '{top}'",
        )
    if len(found) > 1:
        listed = ", ".join(str(path.relative_to(root)) for path in found)
        raise InputError(
            f"several copies of the data set are below the data root ({listed})",
            file=root,
            field="root",
            remedy="Set 'root' of the data set to one of them",
        )
    return found[0]


def _part(folder: Path, top: str) -> list[Path]:
    """List the part's folder and the folder of the same name inside it, if they have splits."""
    outer = folder_named(folder, top)
    return [path for path in (outer, folder_named(outer, top)) if _split_folders(path)]


def _split_folders(folder: Path) -> dict[str, Path]:
    """Find the folders of the splits; their names may be in any case (`Train`, `train`, `Valid`).

    Raises:
        InputError: two folders are for the same split.
    """
    found: dict[str, Path] = {}
    for path in folders_in(folder):
        name = path.name.lower()
        split = SPLIT_ALIASES.get(name, name)
        if split not in SPLITS:
            continue
        if split in found:
            raise InputError(
                f"the folders {found[split].name!r} and {path.name!r} are both of the split"
                f" {split!r}",
                file=folder,
                field="root",
                remedy="Merge them into one folder, or remove one",
            )
        found[split] = path
    return found


def _mask(masks: dict[str, list[Path]], image: Path, root: Path) -> str | None:
    """Return the path of an image's mask, relative to the root; None without one.

    Raises:
        InputError: several masks have the image's name, and none also has its extension.
    """
    found = masks.get(image.stem, [])
    same = [path for path in found if path.name == image.name]
    chosen = same or found
    if len(chosen) > 1:
        raise InputError(
            f"{chosen[0].name!r} and {chosen[1].name!r} are both a mask of {image.name!r}",
            file=chosen[0].parent,
            remedy="Keep one of them",
        )
    return chosen[0].relative_to(root).as_posix() if chosen else None


def _patients_file(root: Path, base: Path) -> Path | None:
    return next((p for p in (root / "patients.csv", base / "patients.csv") if p.is_file()), None)


def _patients(path: Path) -> dict[str, str]:
    """Read `patients.csv`: patient by case."""
    remedy = "patients.csv has the columns case,patient"
    rows = read_rows(path, ("case", "patient"), remedy=remedy)
    return {row.cells["case"]: row.cells["patient"] for row in rows}


def _patient(patients: dict[str, str], case: str, path: Path) -> str:
    if not patients.get(case):
        # Using the case id here instead could hide a patient who is in two splits.
        raise InputError(
            f"the case {case!r} has no patient",
            file=path,
            field="patient",
            remedy="Add a row for every image, or remove patients.csv",
        )
    return patients[case]
