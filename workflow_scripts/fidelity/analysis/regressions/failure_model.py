"""Model localization scores by properties of lesion and case: the table failure_model.csv."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.aligned_scores import unit_of_analysis
from fidelity.analysis.columns.comparisons import FAILURE_MODEL
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_CLASSIFIER,
    class_groups,
    keep_test_split,
    localization_values,
    primary_setting,
    references,
)
from fidelity.explainers.registry import explains
from fidelity.statistics.mixed_model import fit_regression

# Covariate → how it is transformed.
SCALES = {
    "lesions": np.log, "size": np.log, "elongation": np.log,
    "contrast": None, "height": None, "from_midline": None,
}  # fmt: skip
CONFIDENCE, VIEW = "confidence", "view"
# The formula cannot use the name `class`, a Python keyword.
FINDING = "finding"


def failure_model(
    scores: pd.DataFrame,
    lesions: pd.DataFrame,
    views: Mapping[str, str],
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    bases: Mapping[str, str],
    useless: Collection[str] = (),
) -> pd.DataFrame:
    """Model the primary metric of each explainer by properties of the lesions and cases.

    Args:
        views: case → its view; empty where it is not known.
        statistics: `primary`, `primary_binarization`, alpha, cluster.
        families: explainer → family; baselines and ceilings are left out.
        bases: classifier → its key in the config: training seeds are averaged within a case.

    Returns:
        The table failure_model.csv: one fit per explainer and class on the test split, under the
        default protocol. Counts, sizes and elongation enter as logarithms. All covariates are in
        standard deviations. The classifier is a factor, and so is the view where it is known.
    """
    metric = statistics["primary"]
    chosen = primary_setting(scores, statistics)
    chosen = chosen[~chosen["classifier"].isin([NO_CLASSIFIER, *useless])]
    chosen = keep_test_split(chosen)
    rows: list[dict[str, Any]] = []
    for (dataset, split), part in chosen.groupby(["dataset", "split"], sort=False):
        unit = unit_of_analysis(part, statistics["cluster"])
        facts = _covariates(lesions[lesions["split"] == split])
        for name, members in class_groups(part).items():
            of_class = part[part["class"].isin(members)]
            for explainer, own in of_class.groupby("explainer", sort=False):
                if not explains(families[explainer]):
                    continue
                data = _data(own, metric, unit, bases).join(facts, on=["case", "class"])
                data[VIEW] = [views.get(case, "") for case in data["case"]]
                data[FINDING] = data["class"]
                covariates = [*SCALES, CONFIDENCE]
                data = data[np.isfinite(data[["score", *covariates]].to_numpy(float)).all(axis=1)]
                fit = fit_regression(
                    data, covariates, ["classifier", VIEW, FINDING], alpha=statistics["alpha"]
                )
                head = {"dataset": dataset, "split": split, "class": name, "metric": metric}
                head |= {"explainer": explainer, "protocol": DEFAULT_PROTOCOL}
                head["binarization"] = statistics["primary_binarization"]
                tail = {
                    "n": len(data),
                    "n_patients": data["patient"].nunique(),
                    "status": fit.status,
                    "note": fit.note,
                    "reference": references(own["reference"]),
                }
                rows += [{**head, **term, **tail} for term in fit.terms or [{"term": ""}]]
    return FAILURE_MODEL.frame(rows).astype(dict.fromkeys(FAILURE_MODEL.of_kind("number"), float))


def _covariates(lesions: pd.DataFrame) -> pd.DataFrame:
    facts = lesions.set_index(["case", "class"])
    return pd.DataFrame(
        {name: scale(facts[name]) if scale else facts[name] for name, scale in SCALES.items()}
    )


def _data(rows: pd.DataFrame, metric: str, unit: str, bases: Mapping[str, str]) -> pd.DataFrame:
    data = pd.DataFrame(
        {
            "score": localization_values(rows, [metric])[:, 0],
            CONFIDENCE: rows["probability"].to_numpy(dtype=float),
            "classifier": [bases[name] for name in rows["classifier"]],
            "patient": rows["patient" if unit == "patient" else "case"].to_numpy(dtype=object),
            "case": rows["case"].to_numpy(dtype=object),
            "class": rows["class"].to_numpy(dtype=object),
        }
    )
    # As in the mixed model, average over training seeds, which would count a case several times.
    by = ["case", "patient", "class", "classifier"]
    return data.groupby(by, sort=False)[["score", CONFIDENCE]].mean().reset_index()
