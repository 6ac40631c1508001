"""Measure the agreement of predicted and provided lung masks, on images not used for training."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fidelity.datasets.cases import Case
from fidelity.datasets.images.images import Intensity, read_image
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.mask_files.mask_values import LUNG as LUNG_MASK
from fidelity.datasets.mask_files.mask_values import MaskValues
from fidelity.datasets.prepare import LungPredictor
from fidelity.masks.run_lengths import at_size
from fidelity.metrics.overlap import confusion, dice, iou
from fidelity.segmentation.lungs import READERS, chosen
from fidelity.statistics.resampling import mean_intervals

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LungScore:
    """The agreement of the predicted and the provided lung mask of a case, at native size."""

    case: str
    patient: str
    dice: float
    iou: float


def measure(
    cases: Iterable[Case],
    root: Path,
    intensity: Intensity,
    predict: LungPredictor,
    mask_values: MaskValues | None = None,
) -> list[LungScore]:
    """Compare predicted with provided lung masks on the test split, which training does not use.

    Args:
        cases: cases of the data set that the model was trained on.

    Returns:
        One score per test case with a lung mask, sorted by case.
    """

    def one(case: Case) -> LungScore:
        image = read_image(root / case.image, intensity)
        mask = read_mask_at(root, case.lung_mask, LUNG_MASK, mask_values)
        provided = at_size(mask, image.shape)
        counts = confusion(provided, predict(image))
        return LungScore(case.case, case.patient, float(dice(counts)), float(iou(counts)))

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(one, chosen(cases, "test", None)))


def summary(
    scores: Sequence[LungScore], dataset: str, seed: int, replicates: int, alpha: float
) -> list[dict[str, Any]]:
    """Summarise the test split: a row of LUNG_QUALITY for dice and for iou; none without scores.

    Args:
        dataset: the data set that the model was trained on.
    """
    if not scores:
        log.warning("no test case has a lung mask, so the lung model is not evaluated")
        return []
    patients = [score.patient for score in scores]
    rows = []
    for metric in ("dice", "iou"):
        values = np.array([getattr(score, metric) for score in scores])
        (interval,) = mean_intervals(
            values, patients, replicates=replicates, alpha=alpha, seed=seed
        )
        log.info("test %s of the lung model: %.4f", metric, interval.mean)
        rows.append(
            {
                "dataset": dataset,
                "split": "test",
                "metric": metric,
                "n": len(values),
                "n_patients": len(set(patients)),
                "mean": interval.mean,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "median": float(np.median(values)),
                "min": float(values.min()),
            }
        )
    return rows
