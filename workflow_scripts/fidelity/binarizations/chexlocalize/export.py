"""Export predicted masks in the format of CheXlocalize's own evaluation."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case
from fidelity.datasets.sources.chexpert.observation_names import PATHOLOGIES, canonical
from fidelity.masks.run_lengths import Masks, encode

# CheXpert-v1.0/valid/patient64541/study1/view1_frontal.jpg
PARTS = re.compile(r"(patient[^/]+)/(study[^/]+)/(view[^/]+)$")


def image_id(case: Case) -> str:
    """Return an image's id as in CheXlocalize, such as patient64541_study1_view1_frontal.

    Args:
        case: if its `image` is not a path in CheXpert's layout, its id is returned unchanged.
    """
    found = PARTS.search(PurePosixPath(case.image).with_suffix("").as_posix())
    return "_".join(found.groups()) if found else case.case


def export(masks: Masks, cases: Iterable[Case]) -> Masks:
    """Return an entry for all ten pathologies of every image.

    Args:
        masks: {case: {class: encoding}} at the images' original size.
        cases: the images to write, including those without a mask.

    Returns:
        {image id: {pathology: encoding}}; the encoding is a mask of zeros if nothing was predicted.

    Raises:
        InputError: no class is one of the pathologies, or a mask does not have the original size.
    """
    found: Masks = {}
    for case in cases:
        given = {canonical(cls): rle for cls, rle in masks.get(case.case, {}).items()}
        if unknown := sorted(set(given) - set(PATHOLOGIES)):
            raise InputError(
                f"{unknown[0]!r} is not one of CheXlocalize's pathologies",
                field=case.case,
                remedy=f"They are {', '.join(PATHOLOGIES)}. Rename the class in the case table",
            )
        size = [case.height, case.width]
        for cls, rle in given.items():
            if rle["size"] != size:
                raise InputError(
                    f"the mask has size {rle['size']}, but the image has {size}",
                    field=f"{case.case}/{cls}",
                    remedy="CheXlocalize compares at the original size: set scoring_size: original",
                )
        empty = encode(np.zeros(size, bool))
        found[image_id(case)] = {cls: given.get(cls, empty) for cls in PATHOLOGIES}
    return found
