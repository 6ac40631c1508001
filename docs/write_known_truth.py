"""Write the tables of docs/studies/known_truth/README.md from a re-analysis of its units.

    make reanalyse STUDY=docs/studies/known_truth/units OUT=reanalysis_known_truth
    python docs/write_known_truth.py reanalysis_known_truth

The tables of both data sets are stored next to the page. Without a folder, the page is written from
these. A test recomputes every value from the scores of the cases.
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

from fidelity.analysis.columns.checks import CLASSIFIER_COLUMNS, KNOWN_TRUTH  # noqa: E402
from fidelity.presentation import titles  # noqa: E402
from fidelity.presentation.wording import digits_of, value_of, with_interval  # noqa: E402
from fidelity.settings.reading import load_file  # noqa: E402
from fidelity.study.study import Study  # noqa: E402
from fidelity.tables.layout import by_family  # noqa: E402

FOLDER = ROOT / "docs" / "studies" / "known_truth"
PAGE = FOLDER / "README.md"
DATASETS = ("marked", "textured")
# Column of known_truth.csv → its heading and the metric that decides its number of digits.
SCORES = {
    "auc_mark": ("ROC-AUC, mark", "roc_auc"),
    "auc_lesion": ("ROC-AUC, lesion", "roc_auc"),
    "hit_mark": ("pointing game, mark", "pointing_game"),
}


def stored(dataset: str) -> Path:
    """Return the path of a data set's stored table."""
    return FOLDER / f"{dataset}.csv"


def finished() -> list[str]:
    """List the data sets with results."""
    return [name for name in DATASETS if stored(name).exists()]


def render(text: str) -> str:
    """Replace the tables of the page by those of the stored files."""
    study = Study(load_file(ROOT / "config" / "known_truth_covid_qu_ex.yaml", check_files=False))
    found = {name: KNOWN_TRUTH.read(stored(name)) for name in finished()}
    with titles.showing(titles.display(study)):
        tables = {"classifiers": list(classifier_rows(found))}
        for name, table in found.items():
            tables[name] = list(explainer_rows(table, study))
    return fill_in(text, tables)


def classifier_rows(found: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Return one row per data set: what the classifier's accuracy depends on."""
    changed = "predictions that change if the mark is added"
    yield f"| data set | accuracy | accuracy, mark erased | {changed} |"
    yield "|---|---:|---:|---:|"
    for name, table in found.items():
        first = table.iloc[0]
        cells = [value_of("accuracy", first[column]) for column in CLASSIFIER_COLUMNS]
        yield f"| `{name}` | {' | '.join(cells)} |"


def explainer_rows(table: pd.DataFrame, study: Study) -> Iterator[str]:
    """Return one row per explainer: its scores against the mark and the lesion."""
    headings = " | ".join(title for title, _ in SCORES.values())
    yield f"| explainer | points at | {headings} | null baselines that find the mark less well |"
    yield "|---|---|---:|---:|---:|---:|"
    rows = table.set_index("explainer")
    for name in by_family(list(rows.index), study.families):
        row = rows.loc[name]
        cells = [titles.explainer_title(name), row["points_at"]]
        cells += [
            with_interval(*row[[column, f"{column}_low", f"{column}_high"]], digits_of(metric))
            for column, (_, metric) in SCORES.items()
        ]
        yield f"| {' | '.join(cells)} | {row['nulls_beaten']} of {row['nulls']} |"


def main() -> None:
    """Store the tables of the re-analysis, and write the page."""
    parser = argparse.ArgumentParser(description="Write the page on planted marks.")
    parser.add_argument("results", type=Path, nargs="?", help="the folder of the re-analysis")
    if folder := parser.parse_args().results:
        for name in DATASETS:
            table = folder / KNOWN_TRUTH.file.format(dataset=name)
            if table.exists():  # a data set may not be finished
                shutil.copy(table, stored(name))
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
