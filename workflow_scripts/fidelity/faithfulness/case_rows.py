"""The faithfulness of all maps of an explainer to a classifier, one row per case and class."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.checks import FAITHFULNESS_CASES
from fidelity.base.errors import at_case
from fidelity.base.seeding import seed_for
from fidelity.datasets.prepared import PreparedCase
from fidelity.faithfulness.one_map import Options, Probabilities, Removals, removals
from fidelity.maps.case_maps import order_of_row, row_head
from fidelity.maps.pixel_frames import in_frame
from fidelity.maps.saliency_map import MapRecord, Sign, raw_map
from fidelity.masks.run_lengths import Masks, at_size, decode

# Changed images of several maps are classified together, so that few batches are padded.
TOGETHER = 256

Infidelity = Callable[..., dict[str, float]]
"""`infidelity.measure_infidelity` of a classifier: called with image, map, target and seed."""


@dataclass(frozen=True)
class Measures:
    """The measurements that are made on each map, bound to a classifier.

    Attributes:
        infidelity: the function that measures infidelity; None if it is not requested.
        infidelities: the infidelity metrics that are requested.
    """

    classes: tuple[str, ...]
    probabilities: Probabilities
    options: Options
    infidelity: Infidelity | None = None
    infidelities: Sequence[str] = ()


def measure_maps(
    explained: Iterable[tuple[PreparedCase, MapRecord]],
    targets: Mapping[tuple[str, str], int],
    masks: Masks | None,
    measures: Measures,
    *,
    sign: Sign,
    seed: int,
) -> pd.DataFrame:
    """Measure the faithfulness of all maps that were made.

    Args:
        targets: (case, source class) → index of the class whose probability is measured. It is used
            for maps without a classifier, because these do not state the class that they explain.
            Cases and classes without an entry are skipped.
        masks: the binarized maps, at native size or in the working frame; None if no metric needs
            them.
        sign: `absolute` ranks pixels by their absolute attribution; all other values rank them by
            the signed attribution.

    Returns:
        The table faithfulness.parquet: the columns FAITHFULNESS_CASES, then one per metric, sorted
        by split, case and class. `mask_share` is the mask's share of the image area that the
        classifier sees. Values are NaN where the map failed.
    """
    rows: list[dict[str, Any]] = []
    waiting: list[tuple[dict[str, Any], Removals, int]] = []
    metrics = [*measures.options.metrics, *measures.infidelities]
    for case, record in explained:
        key = (case.case, record.cls)
        if key not in targets:
            continue
        with at_case(case.case):
            target = measures.classes.index(record.target) if record.target else targets[key]
            mask = None if masks is None else _working_mask(masks, case, record.cls)
            row = {
                **row_head(case, record.cls),
                "target_class": measures.classes[target],
                "status": record.status,
                "mask_share": np.nan if mask is None else float(mask.mean()),
                **dict.fromkeys(["probability", *metrics], np.nan),
            }
            rows.append(row)
            if record.map is None:
                continue
            image, shape = case.image / 255, case.image.shape
            values = raw_map(record.map, shape, "absolute" if sign == "absolute" else "signed")
            noise = seed_for(seed, case.case, "road")
            changed = removals(image, values, mask, measures.options, noise)
            waiting.append((row, changed, target))
            if measures.infidelity is not None:
                places = seed_for(seed, case.case, "infidelity")
                of_map = measures.infidelity(image, values, target, seed=places)
                row |= {name: of_map[name] for name in measures.infidelities}
        if sum(len(changed.images) for _, changed, _ in waiting) >= TOGETHER:
            _score(waiting, measures.probabilities)
    if waiting:
        _score(waiting, measures.probabilities)
    rows.sort(key=order_of_row)
    return FAITHFULNESS_CASES.with_metrics(metrics).typed(rows)


def _score(
    waiting: list[tuple[dict[str, Any], Removals, int]], probabilities: Probabilities
) -> None:
    """Classify the changed images of all waiting maps and write the scores to their rows."""
    counts = [len(changed.images) for _, changed, _ in waiting]
    images = np.concatenate([changed.images for _, changed, _ in waiting])
    answers = probabilities(images, np.repeat([target for _, _, target in waiting], counts))
    parts = np.split(answers, np.cumsum(counts)[:-1])
    for (row, changed, _), part in zip(waiting, parts, strict=True):
        row |= changed.scores(part)
    waiting.clear()


def _working_mask(masks: Masks, case: PreparedCase, cls: str) -> np.ndarray:
    """Convert a mask of the native image to the classifier's input; empty if there is no mask."""
    encoding = masks.get(case.case, {}).get(cls)
    if encoding is None:
        return np.zeros(case.image.shape, bool)
    mask = decode(encoding)
    if mask.shape != tuple(case.native_size):  # masks of the working frame
        return at_size(mask, case.image.shape)
    return in_frame(mask, case, "working")
