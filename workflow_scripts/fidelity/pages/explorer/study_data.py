"""Data that the explorer needs before a case is opened: names, cases and scores of the study."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.case_strata import levels_in
from fidelity.analysis.columns.localization import SCORES
from fidelity.analysis.strata import LEVELS, levels
from fidelity.base.files import read_parquet
from fidelity.binarizations.postprocess import is_pointwise
from fidelity.metrics.conventions import protocol_for
from fidelity.metrics.map_registry import RANKING
from fidelity.metrics.registry import METRICS
from fidelity.pages.explorer.levels import thresholds_of
from fidelity.presentation import titles
from fidelity.settings.binarizations import Postprocess
from fidelity.study.paths import NONE

# Colour maps of heat maps. All but the last are readable without colour vision and in grey.
COLOURS = ("inferno", "viridis", "cividis", "gray")
KEY = ["case", "class"]


@dataclass(frozen=True)
class Entry:
    """A case and one of its classes: a thumbnail, a dot in the plots, a row of the CSV file."""

    case: str
    patient: str
    split: str
    cls: str
    file: int


@dataclass(frozen=True)
class Source:
    """An explainer and the classifier that it explains (`none` if it needs no classifier)."""

    classifier: str
    explainer: str


def study_of(
    entries: Sequence[Entry],
    sources: Sequence[Source],
    answers: Mapping[str, pd.DataFrame],
    cases: int,
    settings: Mapping[str, Any],
    told: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Describe the study, with the current titles (`presentation.titles.showing`).

    Args:
        entries: in the order of the thumbnails.
        sources: in the order of their numbers.
        cases: number of cases in the study, including those that are left out.

    Returns:
        Plain values. No key is a name chosen by the user, which could be any text.
    """
    policy = protocol_for("default", settings["empty"]).empty
    words = {"both": (True, True), "prediction": (False, True), "reference": (True, False)}
    empty = {
        word: policy.value("overlap", reference_empty=r, prediction_empty=p, shape=(1, 1))
        for word, (r, p) in words.items()
    }
    explainers = list(dict.fromkeys(source.explainer for source in sources))
    order = titles.ordered(explainers)
    ranked = any(name in RANKING for name in settings["metrics"])
    return {
        "title": titles.dataset_title(settings["dataset"]),
        "images": settings["images"],
        "cases": cases,
        "split": settings["split"],
        "primary": {"binarization": settings["binarization"], "metric": settings["metric"]},
        "thresholds": thresholds_of(settings["thresholds"]).tolist(),
        "empty": empty,
        "pointwise": is_pointwise(Postprocess.of_job(settings["postprocess"])),
        "colours": _colours(),
        "classifiers": [
            {"key": key, "title": titles.classifier_title(key), **_columns(table, entries)}
            for key, table in answers.items()
        ],
        "sources": [
            {
                "classifier": "" if source.classifier == NONE else source.classifier,
                "explainer": source.explainer,
                "title": titles.explainer_title(source.explainer),
                "place": order.index(source.explainer),
            }
            for source in sources
        ],
        "binarizations": [
            *(
                {"key": key, "title": titles.binarization_title(key)}
                for key in settings["binarizations"]
            ),
            *([{"key": NONE, "title": "Map itself, no threshold"}] if ranked else []),
        ],
        "metrics": [
            {
                "key": metric.name,
                "title": metric.title,
                "ranking": metric.name in RANKING,
            }
            for metric in map(METRICS.get, settings["metrics"])
        ],
        "levels": LEVELS,
        "strata": [] if told is None else _strata(told, entries),
        "entries": {
            "case": [entry.case for entry in entries],
            "patient": [entry.patient for entry in entries],
            "split": [entry.split for entry in entries],
            "class": [entry.cls for entry in entries],
            "file": [entry.file for entry in entries],
        },
    }


def aligned(path: str, entries: Sequence[Entry]) -> pd.DataFrame:
    """Read scores.parquet or ranking.parquet: one row per entry, empty where it has none."""
    table = read_parquet(path, SCORES.names).set_index(KEY)
    return table.reindex(pd.MultiIndex.from_tuples([(e.case, e.cls) for e in entries], names=KEY))


def answers_of(
    sources: Sequence[Source],
    tables: Sequence[pd.DataFrame],
    other_references: Collection[str] = (),
) -> dict[str, pd.DataFrame]:
    """Collect each classifier's predictions, and the strata of each entry.

    Args:
        tables: see `aligned`; any binarization.
        other_references: see `stratify`.

    Returns:
        Classifier → split, probability, correct, area (the reference's share of the image) and the
        strata, one row per entry; only `none` if no explainer has a classifier.
    """
    pairs = sorted(
        zip(sources, tables, strict=True), key=lambda pair: pair[0].explainer in other_references
    )
    whole = pd.concat(table.assign(classifier=source.classifier) for source, table in pairs)
    rows = whole[whole["status"].notna()].reset_index()
    rows = rows.astype({"empty_reference": bool, "correct": "boolean"})
    found = {}
    names = [name for name in dict.fromkeys(s.classifier for s in sources) if name != NONE]
    for name in names or [NONE]:
        own = rows[rows["classifier"].isin([name, NONE])]
        by_split = [levels(part, name) for _, part in own.groupby("split", sort=False)]
        own = own.sort_values("classifier", key=lambda c: c == NONE, kind="stable")
        table = own.drop_duplicates(KEY).set_index(KEY)
        table = table.assign(area=table["reference_area"] / table["image_area"])
        strata = pd.concat(by_split).drop(columns="prediction", errors="ignore")
        found[name] = table.join(strata).reindex(tables[0].index)
    return found


def _strata(told: pd.DataFrame, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """List the requested strata: their levels in order, and the level of each entry."""
    index = pd.MultiIndex.from_tuples([(e.case, e.cls) for e in entries], names=KEY)
    of_entries = told.set_index(KEY).reindex(index).fillna("")
    return [
        {
            "key": name,
            "levels": levels_in(name, of_entries[name]),
            "values": of_entries[name].tolist(),
        }
        for name in of_entries.columns
    ]


def _columns(table: pd.DataFrame, entries: Sequence[Entry]) -> dict[str, list[Any]]:
    columns = [name for name in ("probability", "area", *LEVELS) if name in table]
    found = {name: _plain(table[name]) for name in columns}
    return {**found, "correct": _plain(table["correct"])}


def scores_of(table: pd.DataFrame, metrics: Sequence[str]) -> list[list[float] | None]:
    """Return the scores of a source by number of the metric; None for a metric that it lacks."""
    return [_plain(table[name].astype(float)) if name in table else None for name in metrics]


def _plain(column: pd.Series) -> list[Any]:
    """Convert values to JSON types: missing texts and flags are None, missing numbers NaN."""
    if pd.api.types.is_float_dtype(column):
        return column.tolist()
    return [None if pd.isna(value) else value for value in column.astype(object)]


def _colours() -> list[dict[str, Any]]:
    """Return the colour maps as 256 RGB values each."""
    from matplotlib import colormaps

    return [
        {"key": name, "rgb": colormaps[name](np.arange(256), bytes=True)[:, :3].ravel().tolist()}
        for name in COLOURS
    ]
