"""Tables of the maps themselves and of readers: stability, faithfulness, organs and more."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns import readers
from fidelity.analysis.columns.checks import (
    CONTROLS,
    FAITHFULNESS,
    HIDING,
    REPEATABILITY,
    SANITY,
    STABILITY,
)
from fidelity.analysis.columns.comparisons import FAILURE_MODEL, FAITHFULNESS_COMPARISONS
from fidelity.analysis.columns.described_table import Table as Columns
from fidelity.analysis.columns.organs import ORGANS
from fidelity.analysis.localization import direction_of, keep_test_split, pooled_classes
from fidelity.faithfulness.registry import METRICS
from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.faithfulness import explained
from fidelity.presentation.wording import (
    ABSENT,
    digits_of,
    listed,
    number,
    value_of,
    with_direction,
)
from fidelity.tables.checks.controls import control_tables, hiding_tables
from fidelity.tables.checks.faithfulness import faithfulness_comparison_tables
from fidelity.tables.failure_model import failure_tables
from fidelity.tables.layout import Table, by_explainer, interval_cell, lay_out, place_of
from fidelity.tables.organs import organ_tables
from fidelity.tables.readers import agreement_tables, reader_tables

STABILITY_TITLES = {
    "surrogate_r2": "R² of the surrogate",
    "stability_iou": "IoU between seeds",
    "stability_rank": "rank correlation between seeds",
    "coefficient_half_width": "half width of a coefficient's interval",
    "samples": "samples",
    "superpixels": "superpixels",
}
SIMILARITY_TITLES = {
    "spearman": "Spearman",
    "abs_spearman": "Spearman of |map|",
    "ssim": "SSIM",
    "mask_iou": "IoU of masks",
}
Families = Mapping[str, str]


def check_tables(
    paths: Iterable[str | Path],
    families: Families,
    alpha: float,
    useless: Collection[str] = (),
) -> list[Table]:
    """Lay out the results of checks other than localization.

    Args:
        paths: any of reader_agreement.csv, readers.csv, stability.csv, faithfulness.csv,
            faithfulness_comparisons.csv, sanity.csv, repeatability.csv, failure_model.csv,
            hiding.csv, controls.csv, organs.csv.
        alpha: level of significance, as used.
        useless: classifiers that allow no conclusion. Their explainers are left out of the tables
            of comparisons of faithfulness and of the tables against readers.

    Returns:
        The tables in the order of the paths; files without rows have no table.
    """
    laid_out: list[Table] = []
    for path in paths:
        table, lay_out = READERS[Path(path).stem]
        shown = keep_test_split(table.read(path))
        if lay_out in (faithfulness_comparison_tables, reader_tables):
            shown = shown[~shown["classifier"].isin(useless)]
        told = {"alpha": alpha} if lay_out is faithfulness_comparison_tables else {}
        laid_out += lay_out(shown, families, **told) if len(shown) else []
    return laid_out


def stability_tables(stability: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out the measured stability of maps: one row per classifier and explainer."""
    quantities = [name for name in STABILITY_TITLES if (stability["quantity"] == name).any()]

    def cell(rows: pd.DataFrame, quantity: str) -> str:
        found = rows[rows["quantity"] == quantity]
        if found.empty:
            return ABSENT
        row = found.iloc[0]
        digits = digits_of(quantity, row["mean"])
        low, high = number(row["min"], digits), number(row["max"], digits)
        return f"{number(row['mean'], digits)} ({low} to {high})"

    columns = {STABILITY_TITLES[name]: partial(cell, quantity=name) for name in quantities}
    seeds = any("seeds" in title for title in columns)
    told = {"quantities": quantities, "seeds": seeds}
    return [_table("stability", stability, columns, families, **told)]


def faithfulness_tables(faithfulness: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out faithfulness, and its rank correlation with localization."""
    pooled = pooled_classes(faithfulness)
    metrics = list(pooled["metric"].unique())

    def mean(rows: pd.DataFrame, metric: str) -> str:
        return interval_cell(rows[rows["metric"] == metric].iloc[0], metric, decide=1)

    def correlation(rows: pd.DataFrame, metric: str) -> str:
        row = rows[rows["metric"] == metric].iloc[0]
        if np.isnan(row["spearman"]):
            return ABSENT
        return f"{value_of('spearman', row['spearman'])} (n = {int(row['n_pairs'])})"

    columns = {
        name: with_direction(METRICS[name].title, METRICS[name].direction) for name in metrics
    }
    missing = [
        (titles.explainer_title(explainer), METRICS[metric].title, note)
        for explainer, metric, note in pooled[["explainer", "metric", "note"]]
        .drop_duplicates()
        .itertuples(index=False)
        if note
    ]
    means = {columns[name]: partial(mean, metric=name) for name in metrics}
    correlations = {METRICS[name].title: partial(correlation, metric=name) for name in metrics}
    localization = pooled["localization"].iloc[0]
    low = [METRICS[name].title for name in metrics if METRICS[name].direction == "lower"]
    low += [title_of(localization)] * (direction_of(localization) == "lower")
    told = {"metric": title_of(localization), "turned": listed(low)}
    words = {"missing": missing, "meanings": explained(metrics)}
    return [
        _table("faithfulness", pooled, means, families, **words),
        _table("correlation", pooled, correlations, families, **told),
    ]


def sanity_tables(sanity: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out the ends of the cascade and the other class; the figure shows all depths."""
    groups: dict[str, pd.DataFrame] = {}
    cascade = sanity[sanity["test"] == "parameters"]
    if len(cascade):
        deepest = cascade.groupby("classifier")["depth"].transform("max")
        groups["last layer random"] = cascade[cascade["depth"] == 1]
        groups["all layers random"] = cascade[cascade["depth"] == deepest]
    if (sanity["test"] == "logit").any():
        groups["another class"] = sanity[sanity["test"] == "logit"]

    def cell(rows: pd.DataFrame, name: str, similarity: str) -> str:
        part = groups[name]
        part = part[part.index.isin(rows.index) & (part["similarity"] == similarity)]
        return value_of(similarity, part["mean"].iloc[0]) if len(part) else ABSENT

    columns = {
        f"{name}: {SIMILARITY_TITLES[similarity]}": partial(cell, name=name, similarity=similarity)
        for name in groups
        for similarity in sanity["similarity"].unique()
    }
    count = int(sanity["n"].max())
    return [_table("sanity", sanity, columns, families, count=count)]


def repeatability_tables(repeatability: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out the agreement between training seeds."""
    pooled = pooled_classes(repeatability)

    def cell(rows: pd.DataFrame, quantity: str) -> str:
        return interval_cell(rows[rows["quantity"] == quantity].iloc[0], quantity)

    columns = {"seeds": lambda rows: str(int(rows["n_seeds"].iloc[0]))}
    columns |= {"n": lambda rows: str(int(rows["n"].iloc[0]))}
    columns |= {
        SIMILARITY_TITLES[name]: partial(cell, quantity=name)
        for name in pooled["quantity"].unique()
    }
    binarizations = listed(
        [titles.binarization_title(key) for key in pooled["binarization"].unique()]
    )
    return [_table("repeatability", pooled, columns, families, binarizations=binarizations)]


def _table(
    text: str,
    shown: pd.DataFrame,
    columns: Mapping[str, Callable[[pd.DataFrame], str]],
    families: Families,
    **content: Any,
) -> Table:
    """Lay out one row per classifier and explainer; baselines and ceilings come last."""
    rows: list[list[str]] = []
    headings: dict[int, str] = {}
    for classifier, of_classifier in shown.groupby("classifier", sort=False):
        headings[len(rows)] = ""
        for who, own in by_explainer(of_classifier, families):
            cells = [column(own) for column in columns.values()]
            rows.append([titles.classifier_title(classifier), *who, *cells])
    header = ["Classifier", "Method", "Family", *columns]
    told = {"classifiers": shown["classifier"], "where": place_of(shown), **content}
    return lay_out(text, header, rows, len(columns), headings, file=text, **told)


# Stem of the file → its columns, and the function that lays it out.
READERS: dict[str, tuple[Columns, Callable[..., list[Table]]]] = {
    "reader_agreement": (readers.AGREEMENT, agreement_tables),
    "readers": (readers.READERS, reader_tables),
    "stability": (STABILITY, stability_tables),
    "faithfulness": (FAITHFULNESS, faithfulness_tables),
    "faithfulness_comparisons": (FAITHFULNESS_COMPARISONS, faithfulness_comparison_tables),
    "sanity": (SANITY, sanity_tables),
    "repeatability": (REPEATABILITY, repeatability_tables),
    "hiding": (HIDING, hiding_tables),
    "controls": (CONTROLS, control_tables),
    "failure_model": (FAILURE_MODEL, failure_tables),
    "organs": (ORGANS, organ_tables),
}
