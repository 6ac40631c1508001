"""The tables of results that the tables of means are laid out of, and what qualifies them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fidelity.analysis.chance import Quality, qualities

Qualities = Mapping[tuple[str, str], Quality]


@dataclass(frozen=True)
class Results:
    """Results of one data set.

    Attributes:
        localization: localization.csv.
        comparisons: comparisons.csv.
        seeds: seeds.csv; its spread is shown where there are two seeds.
        quality: (dataset, classifier) → the classifier's, for headings and notes.
        settings: `JobSettings.formatted_tables`.
    """

    localization: pd.DataFrame
    comparisons: pd.DataFrame
    seeds: pd.DataFrame
    quality: Qualities
    settings: Mapping[str, Any]

    @classmethod
    def rated(
        cls,
        localization: pd.DataFrame,
        comparisons: pd.DataFrame,
        seeds: pd.DataFrame,
        classified: pd.DataFrame | None,
        orders: pd.DataFrame | None,
        settings: Mapping[str, Any],
    ) -> "Results":
        """Rate the classifiers by classification.csv and class_order.csv; None without any."""
        least = settings["statistics"].get("least_accuracy")
        quality = qualities(classified, orders, least)
        return cls(localization, comparisons, seeds, quality, settings)

    @property
    def useless(self) -> set[str]:
        """Classifiers from which no conclusion is drawn."""
        return {name for (_, name), rated in self.quality.items() if not rated.concludes}

    @property
    def unit(self) -> str:
        """The unit of analysis, `patient` or `image`; without two explainers, the counts tell."""
        units = set(self.comparisons["unit_of_analysis"])
        if units:
            return "patient" if "patient" in units else "image"
        several = (self.localization["n_patients"] < self.localization["n"]).any()
        by_patient = self.settings["statistics"]["cluster"] == "patient"
        return "patient" if several and by_patient else "image"
