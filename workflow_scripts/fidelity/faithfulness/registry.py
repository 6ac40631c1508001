"""The faithfulness metrics by name. Imports nothing heavy: tables and figures ask too."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FaithfulnessMetric:
    """What a table must know about a metric.

    Attributes:
        title: name in tables.
        direction: `higher` or `lower` is better.
        needs_mask: taken at the binarized mask, not over shares of pixels.
        source: the paper it comes from.
    """

    title: str
    direction: str
    needs_mask: bool
    source: str


METRICS: dict[str, FaithfulnessMetric] = {
    "deletion_auc": FaithfulnessMetric(
        "Deletion AUC", "lower", False, "Petsiuk, Das & Saenko 2018, RISE"
    ),
    "insertion_auc": FaithfulnessMetric(
        "Insertion AUC", "higher", False, "Petsiuk, Das & Saenko 2018, RISE"
    ),
    "road": FaithfulnessMetric(
        "ROAD", "higher", False, "Rong et al. 2022; combined as in package pytorch-grad-cam"
    ),
    "comprehensiveness": FaithfulnessMetric(
        "Comprehensiveness", "higher", True, "DeYoung et al. 2020, ERASER"
    ),
    "sufficiency": FaithfulnessMetric("Sufficiency", "lower", True, "DeYoung et al. 2020, ERASER"),
}


def needs_masks(metrics: Iterable[str]) -> bool:
    """Say whether any of these metrics is taken at the binarized mask."""
    return any(METRICS[name].needs_mask for name in metrics)
