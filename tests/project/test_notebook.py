"""The notebook runs on the files of a run, and its own file contains no outputs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from fidelity.analysis.columns.comparisons import COMPARISONS
from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.figures.shared import style
from tests.helpers import ROOT
from tests.helpers import synthetic_results as made_up

NOTEBOOK = ROOT / "notebooks" / "explore.py.ipynb"
FEW = {"lime": 0.36, "lung_mask": 0.5}


@pytest.fixture(autouse=True)
def _close():
    yield
    style.plt.close("all")


def code_cells():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run(names):
    """Execute the code cells, without magics, in one namespace."""
    for cell in code_cells():
        source = "".join(cell["source"])
        if not source.startswith("%"):
            exec(compile(source, "notebook", "exec"), names)
    return names


def tables(folder):
    pd.DataFrame(columns=LOCALIZATION.names).to_csv(folder / "localization.csv", index=False)
    pd.DataFrame(columns=COMPARISONS.names).to_csv(folder / "comparisons.csv", index=False)


def test_no_outputs_are_stored():
    assert code_cells()
    for cell in code_cells():
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_runs_inside_a_rule(tmp_path):
    made = made_up.gallery_files(tmp_path, FEW, cases=4)
    tables(tmp_path)
    lime = made["explainers"][0]
    rule = SimpleNamespace(
        scriptdir=str(NOTEBOOK.parent),
        input=SimpleNamespace(
            localization=tmp_path / "localization.csv",
            comparisons=tmp_path / "comparisons.csv",
            scores=[entry["scores"] for entry in made["explainers"]],
            maps=lime["maps"],
            masks=lime["masks"],
            prepared=made["prepared"],
        ),
        params=SimpleNamespace(
            classifier="resnet18",
            explainers=list(FEW),
            explainer="lime",
            binarization="fixed50",
            metric="iou",
            alpha=0.05,
            scoring_size="original",
            sign="positive",
            display={},
        ),
        output=SimpleNamespace(worst=tmp_path / "worst.csv"),
    )
    run({"snakemake": rule})
    worst = pd.read_csv(tmp_path / "worst.csv")
    assert len(worst) == 4
    assert worst["iou"].is_monotonic_increasing
    # Distributions, sizes, and three cases.
    assert len(style.plt.get_fignums()) == 5


def test_runs_outside_a_rule(tmp_path, monkeypatch):
    made = made_up.gallery_files(tmp_path, FEW, cases=4)
    base = tmp_path / "results" / "demo"
    for owner, entry in zip(("resnet18", "none"), made["explainers"], strict=True):
        folder = base / owner / entry["explainer"]
        moves = {
            folder / "maps" / "test-000.h5": entry["maps"][0],
            folder / "tuned" / "masks.json": entry["masks"],
            folder / "tuned" / "default" / "scores.parquet": entry["scores"],
        }
        for target, source in moves.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(source).rename(target)
    for name in ("prepared", "tables"):
        (base / name).mkdir()
    Path(made["prepared"][0]).rename(base / "prepared" / "test-000.h5")
    tables(base / "tables")
    (tmp_path / "workflow_scripts" / "fidelity").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    names = run({})
    assert list(names["scores"]) == list(FEW)
    assert len(names["worst"]) == 4
