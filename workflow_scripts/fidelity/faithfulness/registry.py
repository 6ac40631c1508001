"""The faithfulness metrics by name. Imports nothing heavy: tables and figures use it too."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# How a metric is measured. removal: classify images while pixels are removed. infidelity: compare
# the change that the map predicts with the change of the logit. sensitivity: explain changed
# images.
By = Literal["removal", "infidelity", "sensitivity"]


@dataclass(frozen=True)
class FaithfulnessMetric:
    """The properties of a metric that tables need.

    Attributes:
        needs_mask: whether the metric uses the binarized mask, instead of shares of pixels.
        by: how the metric is measured.
        squared: whether the unit is squared logits; such values range from 1e-6 to 1e3.
    """

    title: str
    direction: str
    needs_mask: bool
    source: str
    by: By = "removal"
    squared: bool = False

    def digits(self, value: float) -> int:
        """Return the number of decimals of a value in tables: three, or two significant digits."""
        if not self.squared or not math.isfinite(value) or value <= 0:
            return 3
        return max(0, 1 - math.floor(math.log10(value)))


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
    "infidelity": FaithfulnessMetric(
        "Infidelity",
        "lower",
        False,
        "Yeh et al. 2019, scaled as in package captum",
        "infidelity",
        squared=True,
    ),
    "infidelity_relative": FaithfulnessMetric(
        "Relative infidelity",
        "lower",
        False,
        "infidelity, divided by the infidelity of a map of zeros",
        "infidelity",
    ),
    "sensitivity_max": FaithfulnessMetric(
        "Sensitivity-max", "lower", False, "Yeh et al. 2019, as in package captum", "sensitivity"
    ),
}


def needs_masks(metrics: Iterable[str]) -> bool:
    """Check whether any of these metrics uses the binarized mask."""
    return any(METRICS[name].needs_mask for name in metrics)


def names_by(by: By, metrics: Iterable[str]) -> list[str]:
    """Select the metrics that are measured in one way."""
    return [name for name in metrics if METRICS[name].by == by]


def of_given_maps(metrics: Iterable[str]) -> list[str]:
    """Select the metrics of existing maps; sensitivity is not one, as it makes its own maps."""
    return [name for name in metrics if METRICS[name].by != "sensitivity"]
