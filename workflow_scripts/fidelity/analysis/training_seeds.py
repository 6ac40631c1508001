"""Measure how far training seeds differ, from localization.csv: the table seeds.csv."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.columns.localization import OF_SEEDS, SEEDS
from fidelity.analysis.localization import NO_CLASSIFIER


def between_seeds(localization: pd.DataFrame, bases: Mapping[str, str]) -> pd.DataFrame:
    """Summarize the means of a classifier's training seeds.

    Args:
        bases: classifier → its key in the config, before seeds were expanded.

    Returns:
        The table seeds.csv; `classifier` is the config key. It has the mean, sample standard
        deviation (nan with one seed), smallest and largest of the seeds' means. For comparison, it
        also has the mean half width of their intervals over cases. `n_seeds` counts the seeds whose
        mean is defined. Explainers without a classifier have no seed and no row.
    """
    rows: list[dict[str, Any]] = []
    trained = localization[localization["classifier"] != NO_CLASSIFIER]
    trained = trained.assign(classifier=trained["classifier"].map(lambda name: bases[name]))
    for key, part in trained.groupby(OF_SEEDS, sort=False):
        half = (part["ci_high"] - part["ci_low"]) / 2
        rows.append(
            {
                **dict(zip(OF_SEEDS, key, strict=True)),
                "n_seeds": int(part["mean"].count()),
                "mean": part["mean"].mean(),
                "std_between_seeds": part["mean"].std(ddof=1),
                "min": part["mean"].min(),
                "max": part["mean"].max(),
                "mean_ci_half_width": half.mean(),
                "reference": part["reference"].iloc[0],
            }
        )
    return SEEDS.frame(rows)


def concluding_seeds(
    seeds: pd.DataFrame,
    localization: pd.DataFrame,
    bases: Mapping[str, str],
    useless: Collection[str],
) -> pd.DataFrame:
    """Return seeds.csv without the trainings that allow no conclusion, recomputed if necessary.

    Args:
        localization: of the same data set as `seeds`.
        useless: trainings to leave out.
    """
    affected = {bases[name] for name in useless if name in bases}
    if not affected:
        return seeds
    names = [name for name, base in bases.items() if base in affected and name not in useless]
    again = between_seeds(localization[localization["classifier"].isin(names)], bases)
    return pd.concat([seeds[~seeds["classifier"].isin(affected)], again], ignore_index=True)
