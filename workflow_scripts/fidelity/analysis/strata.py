"""Average scores by lesion size, prediction, confidence and requested strata: strata.csv."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.case_strata import levels_in
from fidelity.analysis.columns.localization import STRATA
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_CLASSIFIER,
    class_groups,
    classifiers_in,
    measured,
    metric_names,
    of_classifier,
    primary_setting,
    summaries,
)

LEVELS = {
    "lesion_size": ["small", "medium", "large"],
    "prediction": ["correct", "wrong"],
    "confidence": ["low", "medium", "high"],
}
# A level with fewer cases allows no conclusion.
FEW = 20
BESIDE_PRIMARY = ["dice", "hausdorff_full"]
_KEY = ["case", "class"]


def stratify(
    scores: pd.DataFrame,
    statistics: Mapping[str, Any],
    told: pd.DataFrame | None = None,
    other_references: Collection[str] = (),
) -> pd.DataFrame:
    """Average the scores within strata of cases.

    Args:
        statistics: as for `summarize`, with `primary` and `primary_binarization`.
        told: the table strata_cases.csv; None without requested strata.
        other_references: explainers scored against another reference, such as a reader's own masks
            against the other readers'. They give a lesion's size only if no other explainer does.

    Returns:
        The table strata.csv: localization.csv's columns with `stratum` and `level`. It has the
        primary binarization under the default protocol, and three metrics: the primary one, Dice
        and the full-set Hausdorff distance. Empty strata have no rows. The strata are:

        - `lesion_size`: tertiles, within the class, of the reference's share of the image.
        - `prediction`: whether the classifier was right.
        - `confidence`: tertiles, within the class, of its probability of the target.
        - the columns of `told`.

        Explainers without a classifier are in the strata of each classifier, on the same cases.
    """
    chosen = primary_setting(scores, statistics)
    asked = {statistics["primary"], *BESIDE_PRIMARY}
    order = [*LEVELS, *(() if told is None else told.columns.difference(_KEY, sort=False))]
    rows: list[dict[str, Any]] = []
    for (dataset, split), of_split in chosen.groupby(["dataset", "split"], sort=False):
        groups = class_groups(scores[scores["dataset"] == dataset])
        metrics = [name for name in measured(of_split, metric_names(of_split)) if name in asked]
        for classifier in classifiers_in(of_split):
            joined = of_classifier(of_split, classifier)
            last = joined["explainer"].isin(other_references)
            by_case = levels(pd.concat([joined[~last], joined[last]]), classifier)
            if told is not None:
                by_case = by_case.join(told.set_index(_KEY))
            for explainer, part in joined.groupby("explainer", sort=False):
                head = {"dataset": dataset, "split": split, "classifier": classifier}
                head |= {"explainer": explainer, "binarization": part["binarization"].iloc[0]}
                head |= {"protocol": DEFAULT_PROTOCOL}
                part = part.join(by_case, on=_KEY)
                for stratum, level, members in _strata(part, order):
                    for name, classes in groups.items():
                        inside = members[members["class"].isin(classes)]
                        if inside.empty:
                            continue
                        of_level = {**head, "class": name, "stratum": stratum, "level": level}
                        rows += [
                            {**of_level, **row} for row in summaries(inside, metrics, statistics)
                        ]
    return STRATA.frame(rows)


def levels(scores: pd.DataFrame, classifier: str) -> pd.DataFrame:
    """Give each (case, class) its level in every stratum; missing where it has none.

    Args:
        scores: rows of scores.parquet of one split with a column `classifier`. The first row of a
            case and class gives the size of its lesion.
        classifier: whose prediction and confidence are used; `none` gives only the strata of the
            references.

    Returns:
        One column per stratum, indexed by (case, class).
    """
    cases = scores.drop_duplicates(_KEY).set_index(_KEY)
    share = (cases["reference_area"] / cases["image_area"]).where(~cases["empty_reference"])
    found = {"lesion_size": _tertiles(share, LEVELS["lesion_size"])}
    said = scores[scores["classifier"] == classifier].drop_duplicates(_KEY).set_index(_KEY)
    if classifier != NO_CLASSIFIER:
        correct = said["correct"].map({True: "correct", False: "wrong"}, na_action="ignore")
        found["prediction"] = correct.astype(object)
        found["confidence"] = _tertiles(said["probability"], LEVELS["confidence"])
    return pd.DataFrame(found, index=cases.index)


def _tertiles(values: pd.Series, names: list[str]) -> pd.Series:
    """Cut values into thirds within each class; equal values stay together."""
    levels = pd.Series(None, index=values.index, dtype=object)
    for _, part in values.dropna().groupby(level="class"):
        limits = np.quantile(part, [1 / 3, 2 / 3])
        places = np.searchsorted(limits, part.to_numpy(dtype=float), side="left")
        levels.loc[part.index] = np.array(names, dtype=object)[places]
    return levels


def level_names(stratum: str, values: Iterable[str]) -> list[str]:
    """Name the levels of a stratum in their order: all of LEVELS, or else those that occur."""
    return LEVELS.get(stratum) or levels_in(stratum, values)


def _strata(rows: pd.DataFrame, names: Iterable[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for stratum in names:
        if stratum in rows.columns:
            for level in level_names(stratum, rows[stratum].dropna()):
                yield stratum, level, rows[rows[stratum] == level]
