"""Fit a mixed model of the primary metric: the table mixed_model.csv."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.aligned_scores import unit_of_analysis
from fidelity.analysis.columns.comparisons import MIXED_MODEL
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_CLASSIFIER,
    class_groups,
    localization_values,
    primary_setting,
    references,
)
from fidelity.explainers.registry import explains
from fidelity.statistics.mixed_model import fit_mixed_model


def mixed_model(
    scores: pd.DataFrame,
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    bases: Mapping[str, str],
    useless: Collection[str] = (),
) -> pd.DataFrame:
    """Model the primary metric by explainer and classifier.

    Args:
        statistics: `primary`, `primary_binarization`, alpha, cluster.
        families: explainer → family; null baselines and ceilings are left out, unless no other
            explainers exist.
        bases: classifier → its key in the config: training seeds of a classifier are pooled.
        useless: classifiers that allow no conclusion; they are left out and named in `note`.

    Returns:
        The table mixed_model.csv, one fit per data set, split and class, under the default
        protocol. The first explainer and classifier of the scores are the reference levels; `note`
        names them.
        `status` shows whether the fit is valid; if it is not, the table has one row without a term.
    """
    metric = statistics["primary"]
    rows: list[dict[str, Any]] = []
    chosen = primary_setting(scores, statistics)
    left_out = [name for name in chosen["classifier"].unique() if name in useless]
    chosen = chosen[~chosen["classifier"].isin(left_out)]
    explaining = chosen["explainer"].map(lambda name: explains(families[name])).astype(bool)
    chosen = chosen[explaining] if explaining.any() else chosen
    if metric not in chosen.columns:
        return MIXED_MODEL.frame()
    for (dataset, split), part in chosen.groupby(["dataset", "split"], sort=False):
        unit = unit_of_analysis(part, statistics["cluster"])
        for name, members in class_groups(scores[scores["dataset"] == dataset]).items():
            of_class = part[part["class"].isin(members)]
            data = _data(of_class, metric, unit, bases)
            fit = fit_mixed_model(data, alpha=statistics["alpha"])
            head = {
                "dataset": dataset,
                "split": split,
                "binarization": statistics["primary_binarization"],
                "protocol": DEFAULT_PROTOCOL,
                "class": name,
                "metric": metric,
            }
            tail = {
                "n": len(data),
                "n_patients": data["patient"].nunique(),
                "status": fit.status,
                "note": "; ".join(
                    filter(
                        None,
                        [
                            fit.note,
                            _intercept(data) if fit.terms else "",
                            _pooled(part, bases),
                            _left_out(left_out),
                        ],
                    )
                ),
                "reference": references(of_class["reference"]),
            }
            logging.info("%s, %s: %s", split, name, fit.status)
            rows += [{**head, **term, **tail} for term in fit.terms or [{"term": ""}]]
    return MIXED_MODEL.frame(rows).astype(dict.fromkeys(MIXED_MODEL.of_kind("number"), float))


def _data(rows: pd.DataFrame, metric: str, unit: str, bases: Mapping[str, str]) -> pd.DataFrame:
    classifiers = [bases.get(name, NO_CLASSIFIER) for name in rows["classifier"]]
    data = pd.DataFrame(
        {
            "score": localization_values(rows, [metric])[:, 0],
            "explainer": _categories(rows["explainer"].tolist()),
            "classifier": _categories(classifiers),
            "patient": rows["patient" if unit == "patient" else "case"].to_numpy(dtype=object),
            "case": rows["case"].to_numpy(dtype=object),
        }
    )
    data["class"] = rows["class"].to_numpy(dtype=object)
    data = data[np.isfinite(data["score"])]
    # Training seeds share the effect of a case on an explainer. As separate rows, they would count
    # one case several times.
    by = ["case", "patient", "class", "explainer", "classifier"]
    data = data.groupby(by, sort=False, observed=True)["score"].mean().reset_index()
    for name in ("explainer", "classifier"):
        data[name] = data[name].cat.remove_unused_categories()
    return data


def _categories(names: list[str]) -> pd.Categorical:
    return pd.Categorical(names, categories=list(dict.fromkeys(names)))


def _intercept(data: pd.DataFrame) -> str:
    """Name the reference levels: without them, the terms cannot be read."""
    first = [data[name].cat.categories[0] for name in ("explainer", "classifier")]
    return f"the intercept is the mean of {' with '.join(n for n in first if n != NO_CLASSIFIER)}"


def _pooled(rows: pd.DataFrame, bases: Mapping[str, str]) -> str:
    names = [name for name in rows["classifier"].unique() if name != NO_CLASSIFIER]
    seeds = len(names) - len({bases[name] for name in names})
    return "each case's scores averaged over the training seeds" if seeds else ""


def _left_out(names: list[str]) -> str:
    return f"left out, no conclusion is drawn from them: {', '.join(names)}" if names else ""
