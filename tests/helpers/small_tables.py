"""The tables of a made-up study, written as files, and the settings that its pages need."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from fidelity.analysis.columns.cases import CASE_COUNTS
from fidelity.analysis.columns.classifiers import CLASS_ORDER, CLASSIFICATION
from fidelity.analysis.columns.comparisons import COMPARISONS, RANKS
from fidelity.analysis.columns.localization import LOCALIZATION, SEEDS
from fidelity.analysis.comparisons import compare
from fidelity.analysis.localization import load_scores, summarize
from fidelity.presentation.titles import display, showing
from fidelity.settings import load
from fidelity.study.job_settings import JobSettings
from fidelity.study.page_settings import PageSettings
from fidelity.study.study import Study
from fidelity.verdict import pages
from fidelity.verdict.chapters import build
from fidelity.verdict.evidence import Study as Asked
from fidelity.verdict.evidence import Tables
from tests.helpers.synthetic_results import STATISTICS, study, written_cohort

W = SimpleNamespace(dataset="demo")


@dataclass
class SmallTables:
    """A study without images.

    Attributes:
        study: its config.
        files: inputs of the rules `study_page` and `paper`.
        display: titles.
    """

    study: Study
    files: dict[str, str | list[str]]
    display: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments that both scripts take, except the output."""
        settings = PageSettings(JobSettings(self.study))
        return {
            "files": self.files,
            "tables": settings.formatted_tables(W),
            "described": settings.methods(W),
            "citation": "Somebody: “A workflow”, version 1 (2026)",
        }


def written(
    folder: Path, config: dict[str, Any], levels: dict[str, float], cases: int = 40
) -> SmallTables:
    """Make up scores of these levels, and write the tables that pages read.

    Args:
        folder: receives the tables.
        config: the raw config, whose data set is `demo`.
        levels: explainer → its approximate mean IoU.
        cases: number of cases.
    """
    known = Study(load(config, check_files=False))
    shown = display(known, "demo")
    classifiers = tuple(known.classifiers) or ("none",)
    paths, combos = study(folder, levels, classifiers, tuple(known.binarizations), cases)
    statistics = {
        **known.config.statistics.model_dump(),
        "replicates": 200,
        "permutations": 99,
        "seed": 1,
    }
    statistics["compared"] = STATISTICS["compared"]
    scored = load_scores(paths, combos)
    means = summarize(scored, statistics)
    pairs = compare(scored, statistics)
    empty = {
        table: pd.DataFrame(columns=table.names)
        for table in (RANKS, SEEDS, CLASSIFICATION, CLASS_ORDER)
    }
    with showing(shown):
        chapters = build(
            Tables(means, pairs, empty[RANKS]),
            Asked(statistics, known.families, known.bases, known.confounded),
        )
        verdict = pages.to_json(chapters)
    counts = pd.DataFrame(
        [{"split": "test", "status": "used", "cause": "", "n": cases}], columns=CASE_COUNTS.names
    )
    files: dict[str, str | list[str]] = {}
    for name, table, frame in [
        ("localization", LOCALIZATION, means),
        ("comparisons", COMPARISONS, pairs),
        ("seeds", SEEDS, empty[SEEDS]),
        ("counts", CASE_COUNTS, counts),
    ]:
        files[name] = str(folder / f"{name}.csv")
        frame.reindex(columns=table.names).to_csv(files[name], index=False)
    files["cases"] = str(folder / "cases.csv")
    written_cohort(paths, files["cases"])
    # In the format that `check_classifier` writes.
    files["architectures"] = [str(folder / f"{name}.json") for name in known.classifiers]
    for path in files["architectures"]:
        layers = {"gradcam": {"layer": "layer4.1", "size": [7, 7]}}
        Path(path).write_text(json.dumps({"layers": layers}), encoding="utf-8")
    files["verdict"] = str(folder / "verdict.json")
    Path(files["verdict"]).write_text(verdict, encoding="utf-8")
    return SmallTables(known, files, shown)
