"""The result tables from which tables of means are laid out, and the classifiers' quality."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fidelity.analysis.aligned_scores import unit_of_tables
from fidelity.analysis.chance import Quality, qualities, without_conclusion
from fidelity.analysis.columns.classifiers import CLASS_ORDER, CLASSIFICATION
from fidelity.analysis.columns.comparisons import COMPARISONS
from fidelity.analysis.columns.described_table import read_if
from fidelity.analysis.columns.localization import LOCALIZATION, SEEDS
from fidelity.analysis.training_seeds import concluding_seeds
from fidelity.datasets.cases import Case, read_cases

Qualities = Mapping[tuple[str, str], Quality]


@dataclass(frozen=True)
class Results:
    """Results of one data set.

    Attributes:
        seeds: seeds.csv, without trainings that allow no conclusion; its spread is shown if there
            are at least two seeds.
        classification: classification.csv; None without classifiers.
        quality: (dataset, classifier) → the classifier's quality, for headings and notes.
        settings: `PageSettings.formatted_tables`.
        cases: cases.csv; empty with comparisons, which state the unit of analysis.
    """

    localization: pd.DataFrame
    comparisons: pd.DataFrame
    seeds: pd.DataFrame
    classification: pd.DataFrame | None
    quality: Qualities
    settings: Mapping[str, Any]
    cases: Collection[Case] = ()

    @classmethod
    def read(cls, files: Mapping[str, Any], settings: Mapping[str, Any]) -> "Results":
        """Read the tables from a rule's inputs by name, and judge the classifiers."""
        classification = read_if(CLASSIFICATION, files.get("classification"))
        orders = read_if(CLASS_ORDER, files.get("class_order"))
        least = settings["statistics"].get("least_accuracy")
        comparisons = COMPARISONS.read(files["comparisons"])
        localization, seeds = LOCALIZATION.read(files["localization"]), SEEDS.read(files["seeds"])
        quality = qualities(classification, orders, least)
        return cls(
            localization,
            comparisons,
            concluding_seeds(seeds, localization, settings["bases"], without_conclusion(quality)),
            classification,
            quality,
            settings,
            read_cases(files["cases"]) if comparisons.empty else (),
        )

    @property
    def useless(self) -> set[str]:
        """Classifiers that allow no conclusion."""
        return without_conclusion(self.quality)

    @property
    def unit(self) -> str:
        """The unit of analysis, `patient` or `image`."""
        cluster = self.settings["statistics"]["cluster"]
        return unit_of_tables(self.localization, self.comparisons, self.cases, cluster)
