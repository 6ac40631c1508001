"""Test whether a classifier uses the lesion: hide it, or hide as many pixels elsewhere."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from fidelity.analysis.columns.checks import HIDING_CASES
from fidelity.base.seeding import seed_for
from fidelity.explainers.base import Task
from fidelity.faithfulness.one_map import Probabilities
from fidelity.faithfulness.removal import background, replaced
from fidelity.maps.case_maps import row_head
from fidelity.maps.pixel_frames import reference_in_frame

# Among the fills that keep the image realistic, blurred pixels hold the least information.
FILL = "blur"
PLACES = 8


def hide_lesions(
    tasks: Iterable[Task], classes: tuple[str, ...], probabilities: Probabilities, *, seed: int
) -> pd.DataFrame:
    """Measure how the probability changes when the lesion, or an equal area elsewhere, is hidden.

    Args:
        tasks: cases with an annotated class, and the class of the classifier that is measured.

    Returns:
        One row per case and class whose reference is not empty. It has the probability of the class
        and two drops of it (negative if the probability rises). For `drop_lesion`, the lesion is
        replaced by the blurred image. For `drop_elsewhere`, the same number of pixels elsewhere is
        replaced. "Elsewhere" is a compact region around a random place, inside the lung as long as
        the lung has free pixels. This drop is the mean of 8 places. It is NaN if the lesion covers
        more than half of the image.
    """
    rows = []
    for task in tasks:
        case, image = task.case, task.case.image / 255
        lesion = reference_in_frame(case, task.cls, "working")
        if not lesion.any():
            continue
        rng = np.random.default_rng(seed_for(seed, case.case, task.cls, "hiding elsewhere"))
        hidden = [lesion, *(elsewhere(lesion, case.lung, rng) for _ in range(PLACES))]
        blurred = background(image, FILL)
        shown = [image.astype(np.float32), *(replaced(image, blurred, mask) for mask in hidden)]
        said = probabilities(np.stack(shown), task.target)
        fits = bool(hidden[-1].any())
        rows.append(
            {
                **row_head(case, task.cls),
                "target_class": classes[task.target],
                "lesion_share": float(lesion.mean()),
                "probability": float(said[0]),
                "drop_lesion": float(said[0] - said[1]),
                "drop_elsewhere": float(said[0] - said[2:].mean()) if fits else np.nan,
            }
        )
    return HIDING_CASES.typed(rows)


def elsewhere(lesion: np.ndarray, lung: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Choose as many pixels as the lesion has, around a random place outside the lesion.

    Args:
        lesion: (S, S) bool, not empty.
        lung: (S, S) bool; None if the lung is not known, and then any place is allowed.

    Returns:
        (S, S) bool. Pixels of the lung are chosen first, and among these the nearest to the place.
        The result is empty if the lesion leaves too few pixels.
    """
    chosen = np.zeros_like(lesion)
    free = np.flatnonzero(~lesion)
    count = int(lesion.sum())
    if count > len(free):
        return chosen
    inside = np.ones(len(free), bool) if lung is None else lung.reshape(-1)[free]
    place = rng.choice(free[inside] if inside.any() else free)
    rows, columns = np.unravel_index(free, lesion.shape)
    row, column = np.unravel_index(place, lesion.shape)
    distance = (rows - row) ** 2 + (columns - column) ** 2
    chosen.reshape(-1)[free[np.lexsort((distance, ~inside))[:count]]] = True
    return chosen
