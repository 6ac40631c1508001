"""References to masks: an image file for each mask, or an entry of a file of many masks.

A reference is a path relative to the data root. For a file of many masks, "#<image id>/<class>" is
appended:

    masks/patient1.png
    gt_segmentations_val.json#patient64541_study1_view1_frontal/Edema
    ChestX-Ray8.csv#00028162_002.png/Lungs

The reference NONE ("none") is an empty mask: the image was read, and nothing was found.
"""

import re

from fidelity.datasets.cases import NONE

_MARK = re.compile(r"^(.*?\.(?:json|csv|xml|txt))#(.*)$", re.DOTALL | re.IGNORECASE)


def reference_to(file: str, image: str, cls: str) -> str:
    """Return the reference to an entry of a file of many masks."""
    return f"{file}#{image}/{cls}"


def file_of(reference: str) -> str:
    """Return the file of a reference, without the entry; empty for NONE."""
    return "" if reference == NONE else parts_of(reference)[0]


def parts_of(reference: str) -> tuple[str, str | None]:
    """Split a reference into its file and, for a file of many masks, the entry."""
    match = _MARK.match(reference)
    return (reference, None) if match is None else (match[1], match[2])
