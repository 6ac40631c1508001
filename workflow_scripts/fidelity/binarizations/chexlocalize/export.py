"""Predicted masks as CheXlocalize's own evaluation reads them."""

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
    """Name an image as CheXlocalize does: patient, study and view joined by "_".

    Args:
        case: its `image` is a path in CheXpert's layout; if not, its id is taken as it is.

    Returns:
        Such as patient64541_study1_view1_frontal.
    """
    found = PARTS.search(PurePosixPath(case.image).with_suffix("").as_posix())
    return "_".join(found.groups()) if found else case.case


def export(masks: Masks, cases: Iterable[Case]) -> Masks:
    """Give every image all ten pathologies.

    Args:
        masks: {case: {class: encoding}} at the images' original size.
        cases: the images to write; those without a mask are written too.

    Returns:
        {image id: {pathology: encoding}}; a mask of zeros where nothing was predicted.

    Raises:
        InputError: no class is one of the pathologies, or a mask is not of the original size.
    """
    found: Masks = {}
    for case in cases:
        given = {canonical(cls): rle for cls, rle in masks.get(case.case, {}).items()}
        if unknown := sorted(set(given) - set(PATHOLOGIES)):
            raise InputError(
                f"{unknown[0]!r} is none of CheXlocalize's pathologies",
                field=case.case,
                remedy=f"They are {', '.join(PATHOLOGIES)}; rename the class in the case table",
            )
        size = [case.height, case.width]
        for cls, rle in given.items():
            if rle["size"] != size:
                raise InputError(
                    f"the mask has size {rle['size']}, the image {size}",
                    field=f"{case.case}/{cls}",
                    remedy="CheXlocalize compares at the original size: set scoring_size: original",
                )
        empty = encode(np.zeros(size, bool))
        found[image_id(case)] = {cls: given.get(cls, empty) for cls in PATHOLOGIES}
    return found
