"""Join two finished studies by case: the shared cases, and the tests of every explainer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.aligned_scores import Block, blocks
from fidelity.analysis.comparisons import adjust, compare_pairs, conclusions, inside_margin
from fidelity.analysis.localization import pooled_classes, primary_setting
from fidelity.base.errors import InputError
from fidelity.datasets.splits import SPLITS
from fidelity.metrics.registry import title_of
from fidelity.pages.comparison import scores
from fidelity.pages.comparison.columns import COMPARED, HOLM_WITHIN, SHARED_CASES
from fidelity.pages.comparison.finished import Finished
from fidelity.pages.comparison.scores import Alone
from fidelity.statistics.resampling import nan_mean
from fidelity.statistics.unpaired import unpaired_tests

# Fewer shared units of analysis than this are not enough for a sample.
FEWEST_UNITS = 2
SIDES = ("A:", "B:")


@dataclass(frozen=True)
class Split:
    """How the cases of a split were compared.

    Attributes:
        in_a: number of A's cases with scores.
        in_b: number of B's cases with scores.
        shared: number of cases in both, with the same files.
        changed: number of cases with the same id in both, whose image or mask files differ.
        moved: number of shared cases whose patient has another id in B.
        paired: whether the shared cases are compared in pairs; else all of A with all of B.
    """

    name: str
    in_a: int
    in_b: int
    shared: int
    changed: int
    moved: int
    paired: bool


@dataclass(frozen=True)
class Joined:
    """A classifier of A compared with one of B, on one data set.

    Attributes:
        statistics: the settings used, see `scores.Scores`.
        rows: the table COMPARED.
        cases: the table SHARED_CASES.
        left_out: see `scores.Scores`.
    """

    a: Finished
    b: Finished
    classifiers: tuple[str, str]
    statistics: Mapping[str, Any]
    splits: Sequence[Split]
    rows: pd.DataFrame
    cases: pd.DataFrame
    left_out: Sequence[Alone]


def join(a: Finished, b: Finished, classifiers: tuple[str, str], *, accept: bool = False) -> Joined:
    """Compare every explainer that two studies share.

    Args:
        accept: whether to pair also cases with the same id whose files differ.

    Returns:
        The comparison, with the statistics of A. In a split with shared cases, only these are
        compared, in pairs. In another split, all cases of A are compared with all of B.

    Raises:
        InputError: nothing can be compared, or a file is missing or damaged.
    """
    found = scores.read(a, b, classifiers)
    statistics = found.statistics
    files = (scores.digests(a), scores.digests(b))
    splits, parts, cases = [], [], []
    for name in sorted(found.a["split"].unique()):
        of_a, of_b = (rows[rows["split"] == name] for rows in (found.a, found.b))
        common = sorted({*of_a["case"]} & {*of_b["case"]})
        same = [c for c in common if accept or files[0].get(c) == files[1].get(c)]
        joint = _joint(of_a[of_a["case"].isin(same)], of_b[of_b["case"].isin(same)])
        paired = joint[statistics["cluster"]].nunique() >= FEWEST_UNITS
        counts = [rows["case"].nunique() for rows in (of_a, of_b)]
        moved = _moved(of_a, of_b, same)
        splits.append(Split(name, *counts, len(same), len(common) - len(same), moved, paired))
        if paired:
            for block in blocks(joint, statistics):
                parts += _paired(block, statistics)
            cases.append(_side_by_side(joint, statistics))
        else:
            parts += _unpaired(of_a, of_b, statistics)
    table = pd.concat(parts, ignore_index=True) if parts else COMPARED.frame()
    table = table[(table["n_a"] > 0) & (table["n_b"] > 0)]
    if primary_rows(table, statistics).empty:
        raise InputError(
            f"no explainer has a value of {title_of(statistics['primary'])} in both studies",
            file=scores.both(a, b),
            remedy="Compare studies whose explainers have maps of the same splits and classes",
        )
    head = {
        "dataset_a": a.dataset,
        "dataset_b": b.dataset,
        "classifier_a": classifiers[0],
        "classifier_b": classifiers[1],
    }
    table = adjust(table.assign(**head), HOLM_WITHIN)
    fewest = table[["n_patients_a", "n_patients_b"]].min(axis=1)
    inside = inside_margin(table.assign(n_patients=fewest), statistics["margin"])
    table["conclusion"] = conclusions(table, statistics["alpha"], inside)
    seen = {*_diagnostic(a), *_diagnostic(b)}
    tested = table[table["split"] == "test"]
    primary = table.index.isin(_primary(tested, statistics).index)
    table["family"] = np.select(
        [table["binarization"].isin(seen), primary],
        ["diagnostic", "primary"],
        "secondary",
    )
    shared = pd.concat(cases, ignore_index=True) if cases else SHARED_CASES.frame()
    return Joined(
        a,
        b,
        classifiers,
        statistics,
        splits,
        table[COMPARED.names].reset_index(drop=True),
        shared.assign(**head)[SHARED_CASES.names],
        found.left_out,
    )


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the test split; if there is none, of validation, else of training."""
    known = set(rows["split"])
    return rows[rows["split"] == next((s for s in reversed(SPLITS) if s in known), "")]


def primary_rows(rows: pd.DataFrame, statistics: Mapping[str, Any]) -> pd.DataFrame:
    """Keep one row per explainer: the primary comparison in the judged split, all classes."""
    return _primary(pooled_classes(judged(rows)), statistics)


def _primary(rows: pd.DataFrame, statistics: Mapping[str, Any]) -> pd.DataFrame:
    shown = primary_setting(rows, statistics)
    return shown[shown["metric"] == statistics["primary"]]


def _joint(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Put rows of both studies into one table, in which "A:lime" is A's explainer `lime`.

    All cases have A's patient ids, so that each case has one patient.
    """
    patients = dict(zip(a["case"], a["patient"], strict=True))
    return pd.concat(
        [
            part.assign(
                explainer=side + part["explainer"],
                patient=part["case"].map(patients),
            )
            for side, part in zip(SIDES, (a, b), strict=True)
        ],
        ignore_index=True,
    )


def _moved(a: pd.DataFrame, b: pd.DataFrame, cases: Sequence[str]) -> int:
    """Count the cases whose patient has another id in B."""
    known = [part.drop_duplicates("case").set_index("case")["patient"] for part in (a, b)]
    return int((known[0].loc[list(cases)] != known[1].loc[list(cases)]).sum())


def _paired(block: Block, statistics: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """Compare A and B for each explainer of a joint block that both studies have."""
    of_a, of_b = ([n[len(s) :] for n in block.values if n.startswith(s)] for s in SIDES)
    names = [name for name in of_a if name in of_b]
    columns = list(product(names, block.metrics))
    if not columns:
        return
    a, b = (_beside(block, [side + name for name in names], block.metrics) for side in SIDES)
    defined = ~(np.isnan(a) | np.isnan(b))
    means = [
        [nan_mean(column) for column in block.unit_means(np.where(defined, values, np.nan)).T]
        for values in (a, b)
    ]
    # In one call, so that all explainers share their resamples.
    one = replace(block, metrics=columns, values={"A": a, "B": b})
    tests = compare_pairs(one, statistics)
    yield tests.rename(columns={"n": "n_a", "n_patients": "n_patients_a"}).assign(
        explainer=[name for name, _ in columns],
        metric=[metric for _, metric in columns],
        design="paired",
        n_b=tests["n"],
        n_patients_b=tests["n_patients"],
        mean_a=means[0],
        mean_b=means[1],
        n_different=((a != b) & defined).sum(axis=0).astype(float),
    )


def _unpaired(
    a: pd.DataFrame, b: pd.DataFrame, statistics: Mapping[str, Any]
) -> Iterator[pd.DataFrame]:
    """Compare all cases of A with all cases of B."""
    others = {tuple(block.head.values()): block for block in blocks(b, statistics)}
    for block in blocks(a, statistics):
        other = others.get(tuple(block.head.values()))
        names = [name for name in block.values if other and name in other.values]
        metrics = [name for name in block.metrics if other and name in other.metrics]
        columns = list(product(names, metrics))
        if other is None or not columns:
            continue
        values = [_beside(one, names, metrics) for one in (block, other)]
        counts = [(~np.isnan(part)).sum(axis=0) for part in values]
        tests = unpaired_tests(
            block.unit_means(values[0]),
            other.unit_means(values[1]),
            replicates=statistics["replicates"],
            alpha=statistics["alpha"],
            seed=statistics["seed"],
        )
        yield pd.DataFrame(
            {
                "explainer": [name for name, _ in columns],
                "metric": [metric for _, metric in columns],
                "n_a": counts[0],
                "n_b": counts[1],
                "n_patients_a": tests.n_a,
                "n_patients_b": tests.n_b,
                "mean_a": tests.mean_a,
                "mean_b": tests.mean_b,
                "mean_difference": tests.difference,
                "ci_low": tests.low,
                "ci_high": tests.high,
                "effect_size": tests.effect_size,
                "p_value": tests.p_value,
            }
        ).assign(
            **block.head,
            design="unpaired",
            n_different=np.nan,
            p_permutation=np.nan,
            unit_of_analysis=" and ".join(dict.fromkeys([block.unit, other.unit])),
            reference=" and ".join(dict.fromkeys([block.references, other.references])),
        )


def _beside(block: Block, names: Sequence[str], metrics: Sequence[str]) -> np.ndarray:
    """Put the values of several explainers side by side: (cases, explainers × metrics)."""
    chosen = [block.metrics.index(name) for name in metrics]
    parts = [block.values[name][:, chosen] for name in names]
    return np.concatenate(parts, axis=1)


def _side_by_side(joint: pd.DataFrame, statistics: Mapping[str, Any]) -> pd.DataFrame:
    """List the primary metric of each shared case in A and in B."""
    metric = statistics["primary"]
    rows = primary_setting(joint, statistics).assign(metric=metric)
    key = ["split", "explainer", "binarization", "protocol", "class", "metric", "case", "patient"]
    sides = []
    for side, column in zip(SIDES, ("value_a", "value_b"), strict=True):
        part = rows[rows["explainer"].str.startswith(side)].rename(columns={metric: column})
        part = part.assign(explainer=part["explainer"].str.removeprefix(side))
        sides.append(part[[*key, column]])
    table = sides[0].merge(sides[1], on=key)
    return table.assign(difference=table["value_a"] - table["value_b"])


def _diagnostic(one: Finished) -> list[str]:
    return [] if one.study is None else one.study.diagnostic
