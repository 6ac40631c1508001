"""Write the tables of docs/studies/metric_controls/README.md from a re-analysis of its units.

    make reanalyse STUDY=docs/studies/metric_controls/units OUT=reanalysis_controls
    python docs/write_controls.py reanalysis_controls

Both tables of the re-analysis are kept beside the page. Without a folder, the page is written from
these. A test computes every value again from the scores of the cases.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow_scripts"), str(ROOT / "docs")]

from write_measuring import fill_in  # noqa: E402

from fidelity.analysis.checks.controls import ALL_EXPLAINERS, HIDING_METRIC, YES  # noqa: E402
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


def render(text: str, folder: Path = FOLDER) -> str:
    """Replace the tables of the page by those of a folder's hiding.csv and controls.csv."""
    study = Study(load_file(ROOT / "config" / "metric_controls.yaml", check_files=False))
    hiding, controls = (table.read(folder / Path(table.file).name) for table in (HIDING, CONTROLS))
    with titles.showing(titles.display(study)):
        tables = {
            "hiding": list(hiding_rows(hiding)),
            "metrics": list(metric_rows(controls, study.primary_binarization)),
            "explainers": list(explainer_rows(controls, study)),
        }
    return fill_in(text, tables)


def hiding_rows(hiding: pd.DataFrame) -> Iterator[str]:
    """One row per training: what hiding the lesion changes."""
    yield "| training | validation accuracy | lesion hidden | as much elsewhere | difference |"
    yield "|---|---:|---:|---:|---:|"
    for row in hiding.to_dict("records"):
        drops = ("drop_lesion", "drop_elsewhere", "difference")
        cells = [
            titles.classifier_title(row["classifier"]),
            value_of("accuracy", row["val_accuracy"]),
        ]
        cells += [_interval(row, drop, drop) for drop in drops]
        yield _row(cells)


def metric_rows(controls: pd.DataFrame, rule: str) -> Iterator[str]:
    """One row per metric of the main protocol and rule, over all explainers."""
    yield f"| metric | {' | '.join([*KINDS, *STEPS.values()])} | passes |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    wanted = {"explainer": ALL_EXPLAINERS, "protocol": DEFAULT_PROTOCOL}
    for row in _chosen(controls, **wanted).to_dict("records"):
        if row["binarization"] not in (rule, NO_BINARIZATION):
            continue
        metric = row["metric"]
        cells = [metric_title(metric), *(value_of(metric, row[kind]) for kind in KINDS)]
        for step in STEPS:
            signs = row[f"signs_{step}"].replace("-", "−").replace(" ", "")
            cells.append(f"{_interval(row, step, metric)} ({signs})")
        yield _row([*cells, row["passes"]])


def explainer_rows(controls: pd.DataFrame, study: Study) -> Iterator[str]:
    """One row per metric: with how many binarization rules it passes, by explainer."""
    scored = controls[controls["metric"] != HIDING_METRIC]
    scored = _chosen(scored, protocol=DEFAULT_PROTOCOL)
    names = [ALL_EXPLAINERS, *(e for e in study.explainers if e in set(scored["explainer"]))]
    heads = ["all explainers", *map(titles.explainer_title, names[1:])]
    yield f"| metric | {' | '.join(heads)} |"
    yield f"|---|{'---:|' * len(names)}"
    for metric, rows in scored.groupby("metric", sort=False):
        cells = []
        for name in names:
            own = rows[rows["explainer"] == name]
            cells.append(f"{(own['passes'] == YES).sum()} of {len(own)}" if len(own) else "–")
        yield _row([metric_title(metric), *cells])


def _chosen(table: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def _interval(row: dict, name: str, metric: str) -> str:
    return interval_cell(row, metric, (name, f"{name}_low", f"{name}_high"), decide=1)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Keep the tables of the re-analysis, and write the page."""
    parser = argparse.ArgumentParser(description="Write the page on metrics judged by controls.")
    parser.add_argument("results", type=Path, nargs="?", help="the folder of the re-analysis")
    if folder := parser.parse_args().results:
        for table in (HIDING, CONTROLS):
            shutil.copy(folder / table.file.format(dataset="covid_full"), FOLDER)
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
