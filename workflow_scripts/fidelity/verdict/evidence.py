"""The tables behind one chapter, and the roles of the explainers in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from fidelity.analysis.aligned_scores import unit_of_tables
from fidelity.analysis.chance import Quality, qualities
from fidelity.analysis.localization import (
    ALL_CLASSES,
    classifiers_in,
    keep_test_split,
    of_classifier,
)
from fidelity.datasets.cases import Case
from fidelity.explainers.registry import explains
from fidelity.presentation.titles import ordered
from fidelity.presentation.wording import counted
from fidelity.verdict.compared_pair import Comparison, read_rows


@dataclass(frozen=True)
class CaseTables:
    """What is known about the cases of a data set.

    Attributes:
        warnings: data_warnings.csv.
        means: means of the primary metric without the cases that have a near-duplicate.
        comparisons: primary comparisons without these cases.
        cases: cases.csv; empty if it is not known.
    """

    counts: pd.DataFrame
    warnings: pd.DataFrame
    pairs: pd.DataFrame
    searched: bool
    means: pd.DataFrame
    comparisons: pd.DataFrame
    cases: Sequence[Case] = ()


@dataclass(frozen=True)
class Tables:
    """The tables of one data set.

    Attributes:
        seeds, classification, orders: None without classifiers.
        lungs: quality.csv of the model that predicted the lung masks; None without such a model.
        lungs_from: the data set that it was trained on.
        faithfulness: faithfulness_comparisons.csv; None if it was not measured.
        cases: what is known about the cases; None if nothing is.
        readers: readers.csv; None without several readers.
    """

    localization: pd.DataFrame
    comparisons: pd.DataFrame
    ranks: pd.DataFrame
    seeds: pd.DataFrame | None = None
    classification: pd.DataFrame | None = None
    lungs: pd.DataFrame | None = None
    lungs_from: str = ""
    faithfulness: pd.DataFrame | None = None
    stability: pd.DataFrame | None = None
    orders: pd.DataFrame | None = None
    cases: CaseTables | None = None
    readers: pd.DataFrame | None = None


@dataclass(frozen=True)
class Study:
    """The settings that the verdict needs.

    Attributes:
        statistics: primary, primary_binarization, alpha, margin, cluster (what the config requests
            as unit of analysis: `patient`, or `case` for images).
        families: explainer → perturbation, cam, gradient, baseline or ceiling.
        bases: classifier → its key in the config, before seeds were expanded.
        confounded: explainer or binarization → how its treatment differs from that of all others.
    """

    statistics: Mapping[str, Any]
    families: Mapping[str, str]
    bases: Mapping[str, str]
    confounded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """The rows of one data set and classifier; of the test split, if there is one.

    Attributes:
        classifier: key of the config, seed included.
        explainers: names in display order, including those without a classifier.
        classes: as reported; includes `all` if there is such a class.
        localization: rows of localization.csv of these explainers.
        faithfulness: comparisons of faithfulness; empty if it was not measured.
        quality: of the classifier; None if there is none.
        useless: classifiers of this data set that allow no conclusion.
    """

    dataset: str
    classifier: str
    study: Study
    explainers: list[str]
    classes: list[str]
    comparisons: list[Comparison]
    localization: pd.DataFrame
    tables: Tables
    faithfulness: list[Comparison] = field(default_factory=list)
    quality: Quality | None = None
    useless: frozenset[str] = frozenset()

    @property
    def concludes(self) -> bool:
        """Whether the classifier's explanations allow a conclusion about explainers."""
        return self.quality is None or self.quality.concludes

    @property
    def splits(self) -> list[str]:
        """The splits of these scores."""
        return list(self.localization["split"].unique())

    @property
    def pooled(self) -> str:
        """The class of the headline: all classes together, or the only one."""
        return ALL_CLASSES if ALL_CLASSES in self.classes else self.classes[0]

    @property
    def unit(self) -> str:
        """The unit of analysis, `patient` or `image`."""
        tables, cluster = self.tables, self.study.statistics["cluster"]
        cases = tables.cases.cases if tables.cases else ()
        return unit_of_tables(self.localization, tables.comparisons, cases, cluster)

    def size(self, cases: int, units: int) -> str:
        """Write a number of cases and, if it is smaller, that of patients or images."""
        told = counted(cases, "case")
        of = "patient" if self.study.statistics["cluster"] == "case" else self.unit
        return told if units >= cases else f"{told} of {counted(units, of)}"

    def of_family(self, *families: str) -> list[str]:
        """Name the explainers of some families, in order."""
        return [name for name in self.explainers if self.study.families[name] in families]

    @property
    def real(self) -> list[str]:
        """The explainers that explain the classifier."""
        return [name for name in self.explainers if explains(self.study.families[name])]

    @property
    def subjects(self) -> list[str]:
        """The explainers that are compared: the real ones, or all if there is none."""
        return self.real or self.explainers

    @property
    def confounded(self) -> dict[str, str]:
        """What is treated differently in the primary setting: binarization or real explainers."""
        asked = {*self.real, self.study.statistics["primary_binarization"]}
        return {name: how for name, how in self.study.confounded.items() if name in asked}

    def primary(self, cls: str) -> list[Comparison]:
        """Return the primary comparisons of a class."""
        return [row for row in self.comparisons if row.family == "primary" and row.cls == cls]


def collect(tables: Tables, study: Study) -> list[Evidence]:
    """Divide the tables by data set and classifier; `families` names all their explainers."""
    found = []
    rated = qualities(tables.classification, tables.orders, study.statistics.get("least_accuracy"))
    shown = keep_test_split(tables.localization)
    compared = keep_test_split(tables.comparisons)
    faithful = None if tables.faithfulness is None else keep_test_split(tables.faithfulness)
    for dataset, of_dataset in shown.groupby("dataset", sort=False):
        useless = {
            name
            for name in of_dataset["classifier"].unique()
            if (of := rated.get((dataset, name))) and not of.concludes
        }
        for classifier in classifiers_in(of_dataset):
            rows = of_classifier(of_dataset, classifier)
            pairs = rows_of(compared, dataset, classifier)
            pairs = pairs[pairs["family"] != "diagnostic"]
            found.append(
                Evidence(
                    dataset,
                    classifier,
                    study,
                    # In the display order of the study, which may have more explainers than the
                    # tables.
                    [name for name in ordered(study.families) if (rows["explainer"] == name).any()],
                    list(rows["class"].unique()),
                    list(read_rows(pairs)),
                    rows,
                    tables,
                    []
                    if faithful is None
                    else list(read_rows(rows_of(faithful, dataset, classifier))),
                    rated.get((dataset, classifier)),
                    frozenset(useless),
                )
            )
    return found


def rows_of(table: pd.DataFrame, dataset: str, classifier: str) -> pd.DataFrame:
    """Keep the rows of one data set and classifier."""
    return table[(table["dataset"] == dataset) & (table["classifier"] == classifier)]
