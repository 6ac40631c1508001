"""A re-analysis of the demo needs only what the demo's units contain."""

import os
import re
import sys
from pathlib import Path

import yaml

import reanalyse
from fidelity.settings.reading import load_file
from fidelity.units.combine import combined_config
from fidelity.units.config_entries import own_entries, place_of, shared_entries
from fidelity.units.unit import Unit
from tests.helpers import ROOT, warm

DEMO = ROOT / "config" / "config.yaml"


def _planned(*command: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = warm.run([*command[1:], "--dry-run"], Path.cwd(), environment)
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    return result.stdout


def test_the_demo_can_be_reanalysed_from_its_units(tmp_path):
    full, again = tmp_path / "full", tmp_path / "again"
    snakemake = (
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--snakefile",
        str(ROOT / "Snakefile"),
    )
    printed = _planned(*snakemake, "units", "--directory", str(full), "--configfile", str(DEMO))
    packed = re.findall(
        r"^Reason: Missing output files: results/demo/units/\w+; .*: (.*)$", printed, re.M
    )
    assert len(packed) == 2
    files = {path for line in packed for path in line.split(", ")}
    assert {"results/demo/cases.csv", "results/demo/resnet18/predictions.csv"} <= files
    for path in files:
        (again / path).parent.mkdir(parents=True, exist_ok=True)
        (again / path).touch()
    demo = load_file(DEMO)
    units = [
        Unit(
            Path(name), name, "demo", own_entries(demo, name), shared_entries(demo, "demo"),
            {}, {}, {}, place=place_of(demo, "demo", name),
        )
        for name in ("resnet18", "none")
    ]  # fmt: skip
    config = again / "config.yaml"
    config.write_text(yaml.safe_dump(combined_config(units), sort_keys=False))
    reanalyse.mark(again, units)
    printed = _planned(*reanalyse.command(config, again, "1"))
    for made in ("tables/verdict.html", "tables/faithfulness.csv", "figures/resnet18/curves.pdf"):
        assert f"results/demo/{made}" in printed
    assert not re.search(r"\.(h5|safetensors)\b|masks\.json", printed)
