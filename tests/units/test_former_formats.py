"""Units of every format stay readable and give the same numbers as before.

To store a new set after a change of the format (`tests/data/units_format_1` is never rewritten):

    pytest --basetemp=/tmp/kept tests/workflow/test_combinations.py -k gives_equal_bytes
    cp -r /tmp/kept/table0/project/results/mine/units tests/data/units_format_2
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import reanalyse
from fidelity.base.errors import InputError
from fidelity.units import unit
from fidelity.units.combine import check_agreement, find_units
from fidelity.units.unit import digest
from tests.helpers import ROOT

SETS = sorted((ROOT / "tests" / "data").glob("units_format_*"))
KEYS = ["classifier", "explainer", "binarization", "metric"]


def test_there_is_a_set_of_every_format():
    assert [path.name for path in SETS] == [
        f"units_format_{number + 1}" for number in range(unit.FORMAT)
    ]
    for folder in SETS:
        assert sum(path.stat().st_size for path in folder.rglob("*")) < 300_000
        units = find_units(folder)
        assert {f"units_format_{one.format}" for one in units} == {folder.name}
        assert check_agreement(units, accept=False) == []


def renamed(source: Path, folder: Path, dataset: str, replicates: int) -> None:
    """Copy a unit, and change its data set and its config."""
    shutil.copytree(source, folder)
    index = json.loads((folder / unit.INDEX).read_text().replace('"mine/', f'"{dataset}/'))
    index["dataset"] = dataset
    index["shared"]["statistics"]["replicates"] = replicates
    index["shared_digest"] = digest(index["shared"])
    (folder / unit.INDEX).write_text(json.dumps(index))


def test_results_of_a_study_are_never_replaced(tmp_path):
    (tmp_path / "config.yaml").touch()
    with pytest.raises(InputError, match="holds files.*OUT="):
        reanalyse.prepare(SETS[0], tmp_path, accept=False)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    units, out = tmp_path / "units", tmp_path / "again"
    shutil.copytree(SETS[0], units)
    for _ in range(2):
        reanalyse.prepare(units, out, accept=False)
    # Earlier results are kept until all units can be read.
    table = out / "results/mine/tables/localization.csv"
    table.parent.mkdir()
    table.touch()
    for wrong in ("tables", "results/none/tables/ranks.csv"):
        with pytest.raises(InputError, match="TARGETS.*results/mine/tables"):
            reanalyse.prepare(units, out, accept=False, targets=[wrong])
    next(units.glob("net-s1/*.parquet")).unlink()
    with pytest.raises(InputError, match="Restore the files of this unit"):
        reanalyse.prepare(units, out, accept=False)
    assert table.is_file()
    reanalyse.prepare(SETS[0], out, accept=False)
    assert not table.exists()
    shutil.copytree(SETS[0], out / "results/units")
    with pytest.raises(InputError, match="holds the units"):
        reanalyse.prepare(out / "results/units", out, accept=False)


@pytest.mark.parametrize("kept", SETS, ids=lambda path: path.name)
def test_kept_units_give_the_same_numbers(kept, tmp_path):
    """Another data set with fewer classifiers is analysed at the same time, by its own config."""
    study = tmp_path / "study"
    shutil.copytree(kept, study / "one")
    for name in ("net-s2", "none"):
        renamed(kept / name, study / "other" / name, "other", 300)
    targets = [f"results/{name}/tables/localization.csv" for name in ("mine", "other")]
    targets.append("results/mine/figures/net-s1/curves.png")
    command = [sys.executable, str(ROOT / "workflow_scripts/reanalyse.py"), str(study)]
    command += ["--output", str(tmp_path / "out"), "--cores", "1", "--targets", *targets]
    result = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    tables = tmp_path / "out/results"
    found = pd.read_csv(tables / "mine/tables/localization.csv")
    found = found[(found.split == "test") & (found["class"] == "opacity")]
    found = found[found.protocol == "default"].set_index(KEYS)
    recorded = pd.read_csv(kept / "localization.csv").set_index(KEYS)
    assert len(recorded) >= 15
    pd.testing.assert_frame_equal(
        found.loc[recorded.index, recorded.columns], recorded, check_exact=False, rtol=1e-9
    )
    summary = pd.read_csv(tables / "summary/tables/localization.csv")
    classifiers = summary.groupby("dataset").classifier.agg(set)
    assert classifiers["mine"] == {"net-s1", "net-s2", "none"}
    assert classifiers["other"] == {"net-s2", "none"}
