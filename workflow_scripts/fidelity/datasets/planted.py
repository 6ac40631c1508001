"""A known truth in any data set: half of its images get a mark, and only the mark is the label.

The ids alone decide which images are marked, so the disease does not predict the label. A
classifier that distinguishes the two classes uses the mark.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fidelity.base.seeding import seed_for
from fidelity.datasets.cases import Case
from fidelity.datasets.prepare import LungPredictor, prepare_cases
from fidelity.datasets.prepared import PreparedCase
from fidelity.datasets.sources.phantom.marks import draw_tag
from fidelity.datasets.sources.phantom.retouch import Retouched
from fidelity.datasets.splits import hash_of
from fidelity.masks.run_lengths import at_size
from fidelity.settings.dataset_keys import MARKED, UNMARKED
from fidelity.settings.datasets import Dataset

# Radius of the textured disc and period of the texture, as shares of the image's side.
RADIUS, PERIOD = 0.12, 1 / 24
SHORTEST_PERIOD = 4  # in pixels; finer stripes would be lost when networks shrink the image


def relabelled(
    cases: Iterable[Case], classes: Mapping[str, Any]
) -> tuple[list[Case], dict[str, Any]]:
    """Give indexed cases the labels `marked` and `unmarked`, half each by the hash of their ids.

    Unmarked cases lose their reference masks: without a mark, a map cannot be compared with it, so
    explaining these images would be wasted.

    Returns:
        The cases, and the facts of classes.json (see `index_cases`). The maps of an annotated
        source class explain `marked`.
    """
    marked = {"labels": (MARKED,), "uncertain": ()}
    none = {"masks": {}, "readers": {}, "boxes": {}, "reader_boxes": {}}
    unmarked = {"labels": (UNMARKED,), "uncertain": (), **none}
    found = [
        replace(case, **(unmarked if hash_of(f"planted {case.case}", size=1) % 2 else marked))
        for case in cases
    ]
    labels = {name: MARKED for name in (*classes["annotated"], MARKED)} | {UNMARKED: UNMARKED}
    known = {"classes": [MARKED, UNMARKED], "task": "multiclass", "annotated": classes["annotated"]}
    return found, {**known, "labels": labels}


def plant(case: PreparedCase, planted: Mapping[str, Any]) -> PreparedCase:
    """Draw the mark into the working image of a case that `relabelled` has labelled `marked`."""
    if MARKED not in case.labels:
        return case
    return replace(case, image=draw(case, planted)[0])


def draw(case: PreparedCase, planted: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the mark of a case, whatever its label.

    Args:
        case: prepared, with or without the mark; the place does not depend on the pixels.
        planted: `kind`, and `strength` of a texture.

    Returns:
        (S, S) uint8, the marked image, and (S, S) bool, the place of the mark. A `mark` is a bright
        label at the sides of the image, outside the lungs if there is room. A `texture` is a faint
        pattern of stripes in a disc inside the lungs.
    """
    rng = np.random.default_rng(seed_for(0, case.case, "planted", planted["kind"]))
    image = case.image.copy()
    lung = np.zeros(image.shape, bool) if case.lung is None else case.lung
    if planted["kind"] == "texture":
        return _texture(image, lung, planted["strength"], rng)
    try:
        return image, draw_tag(image, lung, rng)
    except RuntimeError:  # the lungs fill the image
        return image, draw_tag(image, np.zeros_like(lung), rng)


def mark_of(case: PreparedCase, planted: Mapping[str, Any]) -> np.ndarray | None:
    """Return the mark of a case as a mask of the original image, (H, W) bool; None without one."""
    if MARKED not in case.labels:
        return None
    y0, x0, y1, x1 = case.box
    mask = np.zeros(case.native_size, bool)
    mask[y0:y1, x0:x1] = at_size(draw(case, planted)[1], (y1 - y0, x1 - x0))
    return mask


def retouch(
    cases: Iterable[Case],
    wanted: Collection[str],
    root: Path,
    settings: Dataset,
    predict_lung: LungPredictor | None = None,
) -> Iterator[Retouched]:
    """Prepare the wanted images with and without the mark, in the order of the cases.

    For the other arguments, see `prepare_cases`.
    """
    planted = settings.planted.model_dump()
    chosen = [case for case in cases if case.case in wanted]
    for case in prepare_cases(chosen, root, settings, predict_lung):
        with_mark, marked = draw(case, planted)[0], MARKED in case.labels
        as_is = with_mark if marked else case.image
        yield Retouched(case.case, as_is, case.image, with_mark, marked)


def _texture(
    image: np.ndarray, lung: np.ndarray, strength: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add stripes to a disc; without lungs there is no disc, and the image is not changed."""
    side = image.shape[0]
    depth = cv2.distanceTransform(lung.astype(np.uint8), cv2.DIST_L2, 5)
    # The centre is where the lung is wide; a disc at its edge would be mostly cut off.
    rows, columns = np.nonzero((depth >= np.median(depth[lung])) & lung) if lung.any() else ((), ())
    if not len(rows):
        return image, np.zeros_like(lung)
    place = rng.integers(len(rows))
    y, x = np.mgrid[:side, :side]
    disc = (y - rows[place]) ** 2 + (x - columns[place]) ** 2 <= (RADIUS * side) ** 2
    mask = disc & lung
    angle, period = rng.uniform(0, np.pi), max(SHORTEST_PERIOD, PERIOD * side)
    stripes = np.sin(2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle)))
    changed = np.rint(np.clip(image + 255 * strength * stripes, 0, 255)).astype(np.uint8)
    return np.where(mask, changed, image), mask
