"""Draw the phantom's images again, with and without the planted mark, to test its effect."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.sources.covid_qu_ex.covid_qu_ex import TOP
from fidelity.datasets.sources.phantom.phantom import SPLIT_FOLDERS, make_image, plan
from fidelity.settings.datasets import Phantom, Shortcut

MARKS = "shortcut masks"


@dataclass(frozen=True)
class Retouched:
    """One image in three versions, each (size, size) uint8.

    Attributes:
        erased: without the mark; equal to `as_is` if that has no mark.
        planted: with the mark; equal to `as_is` if that has the mark.
    """

    case: str
    as_is: np.ndarray
    erased: np.ndarray
    planted: np.ndarray
    marked: bool


def retouch(root: str | Path, cases: Iterable[str]) -> Iterator[Retouched]:
    """Draw the wanted images of a phantom again, in its own order; all else is equal to the pixel.

    Raises:
        InputError: the root has no phantom.
    """
    settings, seed = _note(Path(root))
    wanted = set(cases)
    for item in plan(dict(settings.cases), seed):
        if item.case not in wanted:
            continue
        made = make_image(item, settings, seed)
        erased = make_image(item, settings.model_copy(update={"shortcut": Shortcut()}), seed)
        surely = Shortcut(class_=item.label, probability=1.0)
        planted = make_image(item, settings.model_copy(update={"shortcut": surely}), seed)
        marked = bool(made.shortcut.any())
        yield Retouched(item.case, made.image, erased.image, planted.image, marked)


def read_mark(root: str | Path, split: str, label: str, case: str) -> np.ndarray:
    """Read the place of an image's planted mark: bool (size, size), all False without a mark.

    Raises:
        InputError: the file does not exist, because the phantom was made without a shortcut.
    """
    return read_mask_at(Path(root), f"{TOP}/{SPLIT_FOLDERS[split]}/{label}/{MARKS}/{case}.png")


def _note(root: Path) -> tuple[Phantom, int]:
    path = root / "phantom.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"the phantom's settings cannot be read ({error})",
            file=path,
            remedy="Delete the folder and run again",
        ) from error
    return Phantom.of_job(facts), facts["seed"]
