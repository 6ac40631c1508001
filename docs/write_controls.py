"""Write the tables of docs/studies/metric_controls/README.md from a re-analysis of its units.

    make reanalyse STUDY=docs/studies/metric_controls/units OUT=reanalysis_controls
    python docs/write_controls.py reanalysis_controls

Both tables of the re-analysis are stored next to the page. Without a folder, the page is written
from these. A test recomputes every value from the scores of the cases.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "docs")]

from write_measuring import fill_in  # noqa: E402

from fidelity.analysis.checks.controls import ALL_EXPLAINERS, DROPS, HIDING_METRIC, NO, YES  # noqa: E402
from fidelity.analysis.columns.checks import CONTROLS, HIDING  # noqa: E402
from fidelity.analysis.localization import DEFAULT_PROTOCOL, NO_BINARIZATION  # noqa: E402
from fidelity.presentation import titles  # noqa: E402
from fidelity.presentation.wording import metric_title, value_of  # noqa: E402
from fidelity.settings.reading import load_file  # noqa: E402
from fidelity.study.study import Study  # noqa: E402
from fidelity.tables.layout import interval_cell  # noqa: E402

FOLDER = ROOT / "docs" / "studies" / "metric_controls"
PAGE = FOLDER / "README.md"
KINDS = ("aligned", "plain", "misaligned")
STEPS = {
    "aligned_over_plain": "aligned over plain",
    "plain_over_misaligned": "plain over misaligned",
}


def render(text: str) -> str:
    """Replace the tables of the page by those of the stored hiding.csv and controls.csv."""
    study = Study(load_file(ROOT / "config" / "metric_controls.yaml", check_files=False))
    hiding, controls = (table.read(FOLDER / Path(table.file).name) for table in (HIDING, CONTROLS))
    with titles.showing(titles.display(study)):
        tables = {
            "hiding": list(hiding_rows(hiding)),
            "counts": list(count_rows(controls, study)),
            "metrics": list(metric_rows(controls, study.primary_binarization)),
            "explainers": list(explainer_rows(controls, study)),
            "protocols": list(protocol_rows(controls, study)),
        }
    return fill_in(text, tables)


def hiding_rows(hiding: pd.DataFrame) -> Iterator[str]:
    """Return one row per training: the effect of hiding the lesion."""
    header = "training", "validation accuracy", "drop: lesion hidden", "elsewhere", "difference"
    yield f"| {' | '.join(header)} |"

    yield "|---|---:|---:|---:|---:|"
    for row in hiding.to_dict("records"):
        cells = [
            titles.classifier_title(row["classifier"]),
            value_of("accuracy", row["val_accuracy"]),
        ]
        cells += [_interval(row, drop, drop) for drop in DROPS]
        yield _row(cells)


def count_rows(controls: pd.DataFrame, study: Study) -> Iterator[str]:
    """One row per explainer: how many metrics and binarization rules pass, also in each seed."""
    yield "| explainer | metrics and rules | pass | pass, with the right sign in each seed |"
    yield "|---|---:|---:|---:|"
    rows = _chosen(controls, protocol=DEFAULT_PROTOCOL)
    for key, title in _explainers(study).items():
        own = rows[rows["explainer"] == key]
        every = own.apply(_in_each_seed, axis=1)
        yield _row([title, str(len(own)), str((own["passes"] == YES).sum()), str(every.sum())])


def metric_rows(controls: pd.DataFrame, rule: str) -> Iterator[str]:
    """Hiding the lesion, then one row per metric of the main protocol and rule, all explainers."""
    yield f"| metric | {' | '.join([*KINDS, *STEPS.values()])} | passes | right sign in each seed |"
    yield "|---|---:|---:|---:|---:|---:|---|---|"
    chosen = _chosen(controls, protocol=DEFAULT_PROTOCOL)
    chosen = chosen[(chosen["explainer"] == ALL_EXPLAINERS) | (chosen["metric"] == HIDING_METRIC)]
    for row in chosen[chosen["binarization"].isin([rule, NO_BINARIZATION])].to_dict("records"):
        metric = row["metric"]
        title = "Hiding, no explainer ↑" if metric == HIDING_METRIC else metric_title(metric)
        cells = [title, *(value_of(metric, row[kind]) for kind in KINDS)]
        for step in STEPS:
            signs = row[f"signs_{step}"].replace("-", "−").replace(" ", "")
            cells.append(f"{_interval(row, step, metric)} ({signs})")
        yield _row([*cells, row["passes"], YES if _in_each_seed(row) else NO])


def explainer_rows(controls: pd.DataFrame, study: Study) -> Iterator[str]:
    """Return a row per metric: the number of binarizations under which it passes, by explainer."""
    rows = _chosen(controls, protocol=DEFAULT_PROTOCOL)
    yield from _counts(rows, "explainer", _explainers(study))


def protocol_rows(controls: pd.DataFrame, study: Study) -> Iterator[str]:
    """Return a row per metric: the number of binarizations under which it passes, by protocol."""
    names = {key: titles.protocol_title(key) for key in study.protocols}
    masks = controls[controls["binarization"] != NO_BINARIZATION]
    yield from _counts(_chosen(masks, explainer=ALL_EXPLAINERS), "protocol", names)


def _explainers(study: Study) -> dict[str, str]:
    titled = {key: titles.explainer_title(key) for key in study.explainers}
    return {ALL_EXPLAINERS: "all explainers", **titled}


def _in_each_seed(row: Mapping[str, Any]) -> bool:
    """Whether a metric passes, and both differences are above 0 in each seed."""
    signs = {sign for step in STEPS for sign in row[f"signs_{step}"].split()}
    return row["passes"] == YES and signs == {"+"}


def _counts(rows: pd.DataFrame, column: str, names: dict[str, str]) -> Iterator[str]:
    yield f"| metric | {' | '.join(names.values())} |"
    yield f"|---|{'---:|' * len(names)}"
    scored = rows[rows["metric"] != HIDING_METRIC]
    for metric, own in scored.groupby("metric", sort=False):
        passes = [own[own[column] == name]["passes"] == YES for name in names]
        yield _row(
            [metric_title(metric), *(f"{p.sum()} of {len(p)}" if len(p) else "–" for p in passes)]
        )


def _chosen(table: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def _interval(row: dict, name: str, metric: str) -> str:
    return interval_cell(row, metric, (name, f"{name}_low", f"{name}_high"), decide=1)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Store the tables of the re-analysis, and write the page."""
    parser = argparse.ArgumentParser(description="Write the page on metrics judged by controls.")
    parser.add_argument("results", type=Path, nargs="?", help="the folder of the re-analysis")
    if folder := parser.parse_args().results:
        for table in (HIDING, CONTROLS):
            shutil.copy(folder / table.file.format(dataset="covid_full"), FOLDER)
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
