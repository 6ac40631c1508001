"""Turn images with boxes and shapes, from any format, into cases."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fidelity.datasets.acquisition.source_files import ImageFiles
from fidelity.datasets.annotations.drawn import ImageBoxes
from fidelity.datasets.cases import SPLIT_ALIASES, Case
from fidelity.datasets.splits import SPLITS, seeded_split

if TYPE_CHECKING:
    from fidelity.settings.datasets import Container

log = logging.getLogger(__name__)


@dataclass
class FoundImage:
    """An image that an annotation file names; it was read for all classes of the file.

    Attributes:
        classes: classes of the file; one without box and shape is an empty reference.
        place: file and row, for errors.
        split: split of the file; empty if it states none. Then the image's folders decide.
        masks: references of the classes that have shapes.
    """

    boxes: ImageBoxes
    classes: list[str]
    place: str
    split: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)


def cases_of(
    images: Mapping[str, FoundImage], files: ImageFiles, settings: "Container"
) -> Iterator[Case]:
    """Yield one case per image, named after its file without ending.

    The index job reports several images with the same name.
    """
    nameless = []
    for name, image in images.items():
        case = name.rpartition("/")[2].rpartition(".")[0] or name
        match = re.search(settings.patient, case) if settings.patient else None
        if settings.patient and match is None:
            nameless.append(case)
        patient = match[1] if match else case
        shown = list(dict.fromkeys([*image.boxes.boxes, *image.masks]))
        # A class that is only drawn as a shape has no boxes; it was not annotated with boxes.
        shaped = set(image.masks) - set(image.boxes.boxes)
        path = files.find(name)
        split = image.split or split_of_folders(name) or split_of_folders(path)
        yield Case(
            case=case,
            patient=patient,
            split=split or seeded_split(patient, settings.split_seed),
            labels=tuple(shown),
            image=path,
            masks=dict(image.masks),
            place=image.place,
            **image.boxes.fields([cls for cls in image.classes if cls not in shaped]),
        )
    if nameless:
        log.warning(
            "'patient' %r does not match the names of %d images, the first: %s; each of them counts"
            " as one patient",
            settings.patient,
            len(nameless),
            nameless[0],
        )


def split_of_folders(path: str) -> str:
    """Return the split after which a folder of a path is named; empty if there is none."""
    return next(filter(None, map(split_named, path.split("/")[:-1])), "")


def split_named(name: str) -> str:
    """Return the split that a name such as `valid` means; empty if it means none."""
    split = SPLIT_ALIASES.get(name.lower(), name.lower())
    return split if split in SPLITS else ""
