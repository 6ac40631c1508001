"""Judge metrics by classifiers whose reasons are known: the tables hiding.csv and controls.csv."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.checks.case_means import with_ends
from fidelity.analysis.columns.checks import CONTROLS, HIDING
from fidelity.analysis.localization import (
    NO_BINARIZATION,
    NO_CLASSIFIER,
    ON_EMPTY_REFERENCES,
    class_groups,
    direction_of,
    intervals_of,
    keep_test_split,
    localization_values,
    measured,
    metric_names,
    sees_reference,
)
from fidelity.explainers.registry import explains
from fidelity.statistics.resampling import nan_mean

DROPS = ("drop_lesion", "drop_elsewhere", "difference")
# Name in controls.csv of the check that needs no explainer.
HIDING_METRIC = "hiding_difference"
ALL_EXPLAINERS = "all"
YES, NO = "yes", "no"
# If this holds, no metric can pass: the controls are too weak, or not trained as intended.
NOT_SEPARATED = "hiding the lesion does not tell aligned, plain and misaligned apart"

Kinds = Mapping[str, Sequence[str]]


def summarize_hiding(
    parts: Mapping[str, pd.DataFrame],
    kinds: Kinds,
    accuracies: Mapping[str, float],
    dataset: str,
    statistics: Mapping[str, Any],
) -> pd.DataFrame:
    """Average the drops of each training: does hiding the lesion matter more than elsewhere?

    Args:
        parts: training → the table that `hiding.hide_lesions` returns.
        accuracies: training → its validation accuracy; nan if it has none.

    Returns:
        The table hiding.csv; see `columns.checks`.
    """
    rows = []
    for kind, names in kinds.items():
        for name in names:
            table = _with_difference(parts[name])
            for cls, members in class_groups(table).items():
                part = table[table["class"].isin(members)]
                row: dict[str, Any] = {
                    **{"dataset": dataset, "split": part["split"].iloc[0], "classifier": name},
                    **{"kind": kind, "class": cls, "val_accuracy": accuracies[name]},
                    **{"n": len(part), "n_patients": part["patient"].nunique()},
                    "n_undefined": int(part["difference"].isna().sum()),
                }
                found = intervals_of(part[list(DROPS)].to_numpy(float), part, statistics)
                for drop, interval in zip(DROPS, found, strict=True):
                    row |= with_ends(drop, interval)
                rows.append({**row, "uses_lesion": YES if row["difference_low"] > 0 else NO})
    return HIDING.frame(rows)


def doubts(hiding: pd.DataFrame, least_accuracy: float) -> str:
    """State the doubts about the controls themselves; empty if there are none."""
    # Accuracy is undefined for data sets whose images have several labels.
    low = hiding[hiding["val_accuracy"] < least_accuracy]["classifier"].unique()
    blind = hiding[(hiding["kind"] == "aligned") & (hiding["uses_lesion"] == NO)]
    found = [
        (low, f"validation accuracy below {least_accuracy:g}"),
        (blind["classifier"].unique(), "not shown to use the lesion more than other places"),
    ]
    return "; ".join(f"{why}: {', '.join(names)}" for names, why in found if len(names))


def judge_metrics(
    scores: pd.DataFrame,
    hiding: Mapping[str, pd.DataFrame],
    kinds: Kinds,
    families: Mapping[str, str],
    note: str,
    statistics: Mapping[str, Any],
) -> pd.DataFrame:
    """Judge each metric and protocol: does it prefer the classifiers with better reasons?

    Differences are taken within case and seed, with a sign such that positive values are better.
    They are averaged over the seeds of a case. The interval of their mean over cases is a bootstrap
    over patients.

    Args:
        kinds: kind → its trainings, in the same order of seeds.
        note: the result of `doubts`, repeated in each row. If the check without an explainer fails,
            a note on that is added.

    Returns:
        The table controls.csv. The check without an explainer comes first. Then, for each
        binarization, protocol and class, follow the mean over all explainers (without baselines)
        and each explainer. Metrics that use the reference, and metrics of empty references, are not
        judged.
    """
    rows = []
    dataset = scores["dataset"].iloc[0] if len(scores) else ""
    of_hiding = {
        name: _with_difference(part).rename(columns={"difference": HIDING_METRIC})
        for name, part in hiding.items()
    }
    for cls, members in class_groups(pd.concat(of_hiding.values())).items():
        parts = {n: part[part["class"].isin(members)] for n, part in of_hiding.items()}
        cube, cases = _cube(parts, [HIDING_METRIC], kinds)
        head = {
            "dataset": dataset, "split": cases["split"].iloc[0], "explainer": NO_CLASSIFIER,
            "binarization": NO_BINARIZATION, "protocol": "default", "class": cls,
        }  # fmt: skip
        rows += _judged(head, [HIDING_METRIC], cube, cases, kinds, note, statistics)
    if any(row["passes"] == NO for row in rows):
        note = "; ".join(filter(None, (note, NOT_SEPARATED)))
        rows = [{**row, "note": note} for row in rows]
    names = [n for n in metric_names(scores) if not sees_reference(n)]
    names = [n for n in names if n not in ON_EMPTY_REFERENCES]
    trained = {name for group in kinds.values() for name in group}
    chosen = keep_test_split(scores[scores["classifier"].isin(trained)])
    for (binarization, protocol), group in chosen.groupby(["binarization", "protocol"], sort=False):
        metrics = measured(group, names)
        values = pd.DataFrame(localization_values(group, metrics), group.index, metrics)
        group = group.assign(**values)
        for cls, members in class_groups(scores).items():
            of_class = group[group["class"].isin(members) & ~group["empty_reference"].astype(bool)]
            cubes, cases = {}, of_class
            for explainer, own in of_class.groupby("explainer", sort=False):
                parts = {name: own[own["classifier"] == name] for name in trained}
                cubes[explainer], cases = _cube(parts, metrics, kinds, of_class)
            explaining = [cube for name, cube in cubes.items() if explains(families[name])]
            if len(explaining) > 1:
                cubes = {ALL_EXPLAINERS: np.mean(explaining, axis=0), **cubes}
            for explainer, cube in cubes.items():
                head = {
                    "dataset": dataset, "split": cases["split"].iloc[0], "explainer": explainer,
                    "binarization": binarization, "protocol": protocol, "class": cls,
                }  # fmt: skip
                rows += _judged(head, metrics, cube, cases, kinds, note, statistics)
    return CONTROLS.frame(rows)


def _with_difference(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(difference=table["drop_lesion"] - table["drop_elsewhere"])


def _cube(
    parts: Mapping[str, pd.DataFrame],
    metrics: Sequence[str],
    kinds: Kinds,
    known: pd.DataFrame | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Align all trainings' values (kinds, seeds, cases, metrics); also return the cases' rows."""
    key = ["case", "class"]
    rows = pd.concat(parts.values()) if known is None else known
    cases = rows[[*key, "patient", "split"]].drop_duplicates(key).sort_values(key)
    index = pd.MultiIndex.from_frame(cases[key])
    cube = [
        [parts[n].set_index(key)[list(metrics)].reindex(index).to_numpy(float) for n in names]
        for names in kinds.values()
    ]
    return np.array(cube), cases


def _judged(
    head: Mapping[str, Any],
    metrics: Sequence[str],
    cube: np.ndarray,
    cases: pd.DataFrame,
    kinds: Kinds,
    note: str,
    statistics: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield one row per metric."""
    directions = [direction_of(name) for name in metrics]
    signs = np.array([1 if direction == "higher" else -1 for direction in directions])
    kind = dict(zip(kinds, cube, strict=True))
    with np.errstate(invalid="ignore"):  # the difference of two infinite distances is undefined
        steps = {
            "aligned_over_plain": signs * (kind["aligned"] - kind["plain"]),
            "plain_over_misaligned": signs * (kind["plain"] - kind["misaligned"]),
        }
    means = {name: _mean_over_seeds(step) for name, step in steps.items()}
    found = {name: intervals_of(mean, cases, statistics) for name, mean in means.items()}
    undefined = np.isnan(sum(means.values())).sum(axis=0)
    for place, metric in enumerate(metrics):
        row = {
            **head,
            "metric": metric,
            "direction": directions[place],
            "n": len(cases),
            "n_patients": cases["patient"].nunique(),
            "n_undefined": int(undefined[place]),
            "n_seeds": cube.shape[1],
            **{name: nan_mean(values[:, :, place]) for name, values in kind.items()},
        }
        passes = True
        for name, step in steps.items():
            interval = found[name][place]
            row |= with_ends(name, interval)
            row[f"signs_{name}"] = " ".join(_sign(nan_mean(own[:, place])) for own in step)
            passes &= bool(interval.low > 0)
        yield {**row, "passes": YES if passes else NO, "note": note}


def _mean_over_seeds(step: np.ndarray) -> np.ndarray:
    """Average (seeds, cases, metrics) over the seeds with a value; nan if no seed has one."""
    defined = ~np.isnan(step)
    with np.errstate(invalid="ignore"):
        return np.where(defined, step, 0).sum(axis=0) / defined.sum(axis=0)


def _sign(value: float) -> str:
    return "+" if value > 0 else "-" if value < 0 else "0"
