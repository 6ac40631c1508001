"""How good the classifiers are, to stand beside every localization table."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fidelity.summary import keep_test_split
from fidelity.tables.layout import number

SHOWN = {"accuracy": "accuracy", "balanced_accuracy": "balanced", "macro_auc": "macro-AUC"}


def quality_by_classifier(
    classification: pd.DataFrame | None,
) -> dict[tuple[str, str], dict[str, float]]:
    """Give each classifier's accuracy, balanced accuracy and macro-AUC on the test split.

    Args:
        classification: classification.csv; None without classifiers.

    Returns:
        (dataset, classifier) → {measure: value}, and `n` images; nan where one is undefined.
    """
    if classification is None or classification.empty:
        return {}
    shown = keep_test_split(classification)
    shown = shown[(shown["class"] == "all") & shown["metric"].isin(SHOWN)]
    return {
        names: {**dict(zip(part["metric"], part["value"], strict=True)), "n": part["n"].max()}
        for names, part in shown.groupby(["dataset", "classifier"], sort=False)
    }


def quality_note(
    quality: Mapping[tuple[str, str], Mapping[str, float]], dataset: str, classifiers: list[str]
) -> str | None:
    """Say how good the classifiers of one table are.

    Args:
        quality: of `quality_by_classifier`.
        dataset: the table's.
        classifiers: those in the table, in order.

    Returns:
        One sentence; None if nothing is known of them.
    """
    parts = []
    for name in classifiers:
        values = quality.get((dataset, name))
        if values:
            told = [
                f"{title} {number(values.get(measure, np.nan))}" for measure, title in SHOWN.items()
            ]
            parts.append(f"{name} {', '.join(told)} (n = {int(values['n'])})")
    return f"Classification of the test split: {'; '.join(parts)}." if parts else None
