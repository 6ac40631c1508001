"""Read the scores of two finished studies, and keep what both have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fidelity.analysis.localization import MEASURED, NO_BINARIZATION, load_scores, primary_setting
from fidelity.base.errors import InputError
from fidelity.base.files import read_csv
from fidelity.metrics.registry import title_of
from fidelity.pages.comparison.finished import Finished
from fidelity.presentation.wording import listed
from fidelity.study import paths
from fidelity.study.paths import NONE

COPY = "Copy the whole folder of the data set, or finish the study with `make run`"


@dataclass(frozen=True)
class Alone:
    """An explainer, binarization, protocol, split or class that only one study has."""

    side: str
    kind: str
    keys: Sequence[str]


@dataclass(frozen=True)
class Scores:
    """Scores that both studies have, under the names of A.

    Attributes:
        a: rows of A, as `load_scores` returns them.
        b: rows of B, with A's keys of data set and classifier.
        statistics: settings and seed of A, with the primary metric and binarization of both.
        left_out: what is not compared, because only one study has it.
    """

    a: pd.DataFrame
    b: pd.DataFrame
    statistics: Mapping[str, Any]
    left_out: Sequence[Alone]


def read(a: Finished, b: Finished, classifiers: tuple[str, str]) -> Scores:
    """Read what two studies have in common.

    Raises:
        InputError: they share no explainer, binarization, protocol, metric, class or split, or the
            primary comparison of neither study is in both; or a file is missing or damaged.
    """
    sides = [
        [combo for combo in one.combos if combo["classifier"] in (name, NONE)]
        for one, name in zip((a, b), classifiers, strict=True)
    ]
    left_out: list[Alone] = []
    for key in ("explainer", "binarization", "protocol"):
        # Every study has scores of the maps themselves, which need no binarization.
        values = [[c[key] for c in side if c[key] != NO_BINARIZATION] for side in sides]
        common = _common(a, b, key, values, left_out) | {NO_BINARIZATION}
        sides = [[c for c in side if c[key] in common] for side in sides]
    tables = [_load(one, side) for one, side in zip((a, b), sides, strict=True)]
    for key in ("split", "class"):
        common = _common(a, b, key, [table[key] for table in tables], left_out)
        tables = [table[table[key].isin(common)] for table in tables]
    for table in tables:
        table["dataset"] = a.dataset
        table["classifier"] = table["classifier"].where(table["classifier"] == NONE, classifiers[0])
    first, second = _same_metrics(*tables)
    statistics = {**a.config["statistics"], **_primary(a, b, first), "seed": a.config["seed"]}
    return Scores(first, second, statistics, left_out)


def digests(one: Finished) -> dict[str, str]:
    """Read case → digest of its image and masks.

    Raises:
        InputError: the list of cases is missing or damaged.
    """
    path = one.path(paths.CASES)
    _check_there(one, [path], "its list of cases")
    table = read_csv(path, ["case", "digest"], dtype=str, keep_default_na=False)
    return dict(zip(table["case"], table["digest"], strict=True))


def both(a: Finished, b: Finished) -> str:
    """Name the folders of two data sets, for error messages."""
    return f"{a.folder} and {b.folder}"


def _common(
    a: Finished, b: Finished, kind: str, values: Sequence[Iterable[str]], left_out: list[Alone]
) -> set[str]:
    """Return what both studies have, and note in `left_out` what only one has."""
    in_a, in_b = (list(dict.fromkeys(part)) for part in values)
    common = {name for name in in_a if name in in_b}
    if not common:
        raise InputError(
            f"the studies share no {kind} (A: {listed(in_a)}; B: {listed(in_b)})",
            file=both(a, b),
            remedy=f"Rerun one of them with a {kind} of the other one, under the same name in the"
            " config",
        )
    for side, here in (("A", in_a), ("B", in_b)):
        if alone := [name for name in here if name not in common]:
            left_out.append(Alone(side, kind, alone))
    return common


def _load(one: Finished, combos: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    files = [
        one.path(
            paths.RANKING if combo["binarization"] == NO_BINARIZATION else paths.SCORES,
            **{name: value for name, value in combo.items() if name != "dataset"},
        )
        for combo in combos
    ]
    _check_there(one, files, "scores per case")
    return load_scores(files, combos)


def _check_there(one: Finished, files: Sequence[Path], what: str) -> None:
    missing = [path for path in files if not path.is_file()]
    if missing:
        name = missing[0].relative_to(one.folder)
        raise InputError(f"a file is missing: {name} ({what})", file=one.folder, remedy=COPY)


def _same_metrics(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the metrics that both studies have for a binarization and protocol."""
    of = ["binarization", "protocol"]
    names = [
        {key: set(rows[MEASURED].iloc[0].split(" ")) for key, rows in table.groupby(of, sort=False)}
        for table in (a, b)
    ]
    kept = []
    for table in (a, b):
        parts = [
            rows.assign(
                **{
                    MEASURED: " ".join(
                        name
                        for name in rows[MEASURED].iloc[0].split(" ")
                        if all(name in known.get(key, ()) for known in names)
                    )
                }
            )
            for key, rows in table.groupby(of, sort=False)
        ]
        kept.append(pd.concat(parts, ignore_index=True))
    columns = [name for name in kept[0].columns if name in kept[1].columns]
    return kept[0][columns], kept[1][columns]


def _primary(a: Finished, b: Finished, rows: pd.DataFrame) -> dict[str, str]:
    """Choose the primary comparison: that of A, or else that of B."""
    own = [one.config["statistics"] for one in (a, b)]
    for statistics in own:
        found = primary_setting(rows, statistics)
        if len(found) and statistics["primary"] in found[MEASURED].iloc[0].split(" "):
            return {name: statistics[name] for name in ("primary", "primary_binarization")}
    told = [f"{title_of(s['primary'])} by {s['primary_binarization']!r}" for s in own]
    raise InputError(
        f"neither study has the primary comparison of the other (A: {told[0]}; B: {told[1]})",
        file=both(a, b),
        field="statistics.primary",
        remedy="Rerun one of them with the metric and the binarization of the other",
    )
