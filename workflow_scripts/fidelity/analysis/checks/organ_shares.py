"""Average the shares of attribution per organ: the table organs.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.checks.case_means import case_means
from fidelity.analysis.columns.organs import AREA, ORGANS, REFERENCE, REGIONS
from fidelity.analysis.localization import class_groups_of, split_class_parts


def summarize(
    parts: Sequence[tuple[Mapping[str, str], pd.DataFrame]], statistics: Mapping[str, Any]
) -> pd.DataFrame:
    """Average the shares over cases, per class and over all classes.

    Args:
        parts: {dataset, classifier, explainer} and the table of each, from `scoring.organ_shares`.

    Returns:
        The table organs.csv, over the maps of cases with a non-empty reference. If any case has a
        heart mask, only cases with a heart mask count; if none has, there are rows for the lungs
        only. The reference's own shares are computed on the same cases.
    """
    classes = class_groups_of(parts)
    rows = []
    for head, table in parts:
        heart = table[AREA + "heart"].notna()
        used = table[table[REFERENCE + REGIONS[0]].notna() & (heart | ~heart.any())]
        regions = [name for name in REGIONS if used[AREA + name].notna().any()]
        names = [prefix + name for name in regions for prefix in ("", REFERENCE, AREA)]
        for split, cls, part in split_class_parts(used, classes[head["dataset"]]):
            found = case_means(part, names, statistics)
            for name in regions:
                drawn = found[REFERENCE + name]
                rows.append(
                    {**head, "split": split, "class": cls, "region": name, **found[name]}
                    | {f"reference_{key}": drawn[key] for key in ("mean", "ci_low", "ci_high")}
                    | {"area_mean": found[AREA + name]["mean"]}
                )
    return ORGANS.frame(rows)
