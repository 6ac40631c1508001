"""Decide from classification.csv whether a classifier is better than chance. No torch.

Every table, figure and verdict that draws a conclusion about explainers uses this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import yaml

from fidelity.analysis.columns.classifiers import CLASSIFICATION
from fidelity.analysis.columns.described_table import read_if
from fidelity.analysis.localization import keep_test_split

Status = Literal[
    "above_chance", "below_least_accuracy", "no_better_than_chance", "below_chance", "unknown"
]

# Recalls of 1/3 do not add up to exactly 1: a bound this close to chance counts as chance.
ROUNDING = 1e-9
MEASURES = ("accuracy", "balanced_accuracy", "macro_auc", "subset_accuracy")


@dataclass(frozen=True)
class Measure:
    """A measure over all classes.

    Attributes:
        value: nan where it is undefined.
        low: lower bound of its interval; nan if it has no interval.
        chance: nan if the measure has no fixed chance level.
    """

    value: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class Quality:
    """How well a classifier classifies the test split.

    Attributes:
        status: the first of these that holds:

            - `below_chance`: the upper bound of macro AUC or balanced accuracy is below chance.
            - `no_better_than_chance`: the interval of the macro AUC contains .5.
            - `below_least_accuracy`: the accuracy is below the study's own limit.
            - `unknown`: the macro AUC has no interval (one class in the split, or one patient with
              a class).
            - `above_chance`.
        measures: the measures of MEASURES that are defined.
        worse_classes: class → its AUC, for classes whose whole interval is below .5.
        fitting_order: class names of the outputs, in the order that fits the labels best. It is
            given only if this order fits better than the present one, and one condition holds.
            Either the status is `below_chance`, or all classes that change places are among
            `worse_classes`. (If two of three classes are swapped, the macro AUC is near .5.)
        only_class: the class that is predicted for every image; empty if several are predicted.
        least_accuracy: the study's own limit, if one is set.
    """

    status: Status
    measures: Mapping[str, Measure]
    split: str
    n: int
    n_patients: int
    worse_classes: Mapping[str, Measure]
    fitting_order: tuple[str, ...] = ()
    only_class: str = ""
    least_accuracy: float | None = None

    @property
    def concludes(self) -> bool:
        """Whether the classifier's explanations allow a conclusion about explainers."""
        return self.status in ("above_chance", "unknown")

    @property
    def asks_for_order(self) -> bool:
        """Whether users should check the order of the classes."""
        return self.status == "below_chance" or bool(self.fitting_order)

    @property
    def classes_line(self) -> str:
        """The config line with the order that fits best; empty if there is no such order."""
        return f"classes: {_flow(self.fitting_order)}" if self.fitting_order else ""

    def facts(self) -> dict[str, Any]:
        """Return the numbers for verdict.json."""
        return {
            "status": self.status,
            "concludes": self.concludes,
            "split": self.split,
            "n": self.n,
            "n_patients": self.n_patients,
            **{name: asdict(measure) for name, measure in self.measures.items()},
            "worse_classes": {name: asdict(auc) for name, auc in self.worse_classes.items()},
            "fitting_order": list(self.fitting_order),
            "only_class": self.only_class,
            "least_accuracy": self.least_accuracy,
        }


def qualities(
    classification: pd.DataFrame | None,
    orders: pd.DataFrame | None = None,
    least_accuracy: float | None = None,
) -> dict[tuple[str, str], Quality]:
    """Judge every classifier of a table.

    Args:
        classification: classification.csv of one or several data sets; None without classifiers.
        orders: class_order.csv, from which the best-fitting order is taken.

    Returns:
        (dataset, classifier) → its quality on the test split (else on the split that was
        evaluated).
    """
    if classification is None or classification.empty:
        return {}
    found = {}
    for key, of_classifier in classification.groupby(["dataset", "classifier"], sort=False):
        names = (str(key[0]), str(key[1]))
        shown = keep_test_split(of_classifier)
        split = str(shown["split"].iloc[-1])
        rows = shown[shown["split"] == split]
        overall = rows[rows["class"] == "all"]
        measures = _measures(overall, "metric", MEASURES)
        if not measures:
            continue
        status = _status(measures, least_accuracy)
        aucs = _measures(rows[rows["metric"] == "auc"], "class", ())
        worse = {name: auc for name, auc in aucs.items() if _below(auc)}
        order: Sequence[str] = ()
        if orders is not None:
            where = {"dataset": names[0], "classifier": names[1], "split": split}
            outputs = orders[(orders[list(where)] == pd.Series(where)).all(axis=1)]
            if status == "below_chance" or _moved(outputs) <= worse.keys():
                order = _order(outputs)
        found[names] = Quality(
            status,
            measures,
            split,
            int(overall["n"].max()),
            int(overall["n_patients"].max()),
            worse,
            tuple(order),
            _only_class(rows) if "balanced_accuracy" in measures else "",
            least_accuracy,
        )
    return found


def useless(classification: pd.DataFrame | None, least_accuracy: float | None = None) -> set[str]:
    """Name the classifiers of one data set that allow no conclusion."""
    return without_conclusion(qualities(classification, least_accuracy=least_accuracy))


def without_conclusion(found: Mapping[tuple[str, str], Quality]) -> set[str]:
    """Name the classifiers that allow no conclusion."""
    return {name for (_, name), quality in found.items() if not quality.concludes}


def useless_for(job: Any) -> set[str]:
    """Name the classifiers without a conclusion, from a job's input `classification` if any."""
    rated = read_if(CLASSIFICATION, job.input.classification)
    return useless(rated, job.params.statistics.get("least_accuracy"))


def _measures(rows: pd.DataFrame, by: str, order: Sequence[str]) -> dict[str, Measure]:
    found = {
        str(row[by]): Measure(
            *(float(row[name]) for name in ("value", "ci_low", "ci_high", "chance"))
        )
        for row in rows.to_dict("records")
        if not np.isnan(row["value"])
    }
    return {name: found[name] for name in order if name in found} if order else found


def _status(measures: Mapping[str, Measure], least_accuracy: float | None) -> Status:
    auc = measures.get("macro_auc")
    if any(
        _below(measures[name]) for name in ("macro_auc", "balanced_accuracy") if name in measures
    ):
        return "below_chance"
    tested = auc is not None and not np.isnan(auc.low)
    if tested and auc.low <= auc.chance:
        return "no_better_than_chance"
    accuracy = measures.get("accuracy")
    if least_accuracy is not None and accuracy is not None and accuracy.value < least_accuracy:
        return "below_least_accuracy"
    return "above_chance" if tested else "unknown"


def _only_class(rows: pd.DataFrame) -> str:
    """Name the class that is predicted for every image; empty if there is none.

    Such a class has a recall of 1, and a precision equal to its share of the images.
    """
    wide = rows[rows["class"] != "all"].pivot(index="class", columns="metric", values="value")
    if not {"recall", "precision", "support"} <= set(wide.columns):
        return ""
    share = wide["support"] / wide["support"].sum()
    always = (wide["recall"] == 1) & ((wide["precision"] - share).abs() < ROUNDING) & (share < 1)
    return str(wide.index[always][0]) if always.any() else ""


def _below(measure: Measure) -> bool:
    # A missing interval or chance level is nan, so the comparison is False.
    return measure.high < measure.chance - ROUNDING


def _moved(rows: pd.DataFrame) -> set[str]:
    """Name the classes that fit another output better than their own."""
    return set(rows.loc[rows["class"] != rows["fitting_class"], "class"])


def _order(rows: pd.DataFrame) -> list[str]:
    rows = rows.sort_values("output", kind="stable")
    fitting = list(rows["fitting_class"])
    return fitting if fitting != list(rows["class"]) else []


def _flow(names: Sequence[str]) -> str:
    """Write names as a YAML list on one line, quoted where YAML would misread them."""
    text = yaml.safe_dump(
        list(names), default_flow_style=True, allow_unicode=True, width=float("inf")
    )
    return text.strip()
