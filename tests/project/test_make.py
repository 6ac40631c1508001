"""The commands that `make` runs: the config check comes first; places of targets and overrides."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import name_units
from fidelity.base.errors import InputError
from tests.helpers import ROOT


def typed(*arguments: str) -> list[str]:
    """Return the commands that make would run, without running them."""
    command = ["make", "--no-print-directory", "-n", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def only(lines: list[str], part: str) -> str:
    (line,) = [line for line in lines if part in line]
    return line


def test_targets_come_before_the_config_and_after_its_check():
    lines = typed("run", "TARGETS=masks_png figures", "CONFIG=config/mine.yaml", "CORES=3")
    check = only(lines, "check_config.py config/mine.yaml")
    run = only(lines, "/snakemake ")
    assert run.rstrip().endswith("--cores 3 masks_png figures --configfile config/mine.yaml")
    assert lines.index(check) < lines.index(run)
    assert not any("--report" in line for line in lines)


@pytest.mark.parametrize(
    ("given", "shell"),
    [
        ("data_root=/data seed=2", "data_root=/data seed=2"),
        ("compute={threads: 1}", "'compute={threads: 1}'"),
        ("seed=2 compute={threads: 1, batch: 4}", "'seed=2' 'compute={threads: 1, batch: 4}'"),
        ("'compute={threads: 1}'", "'compute={threads: 1}'"),
    ],
)
@pytest.mark.parametrize("command", ["run", "report", "estimate", "progress", "accept", "unlock"])
def test_overrides_reach_every_command(command, given, shell):
    lines = typed(command, f"SET={given}", "CONFIG=config/mine.yaml")
    found = [line for line in lines if "--config " in line]
    assert found
    assert all(f"--config {shell}" in line for line in found)


@pytest.mark.parametrize(
    "command", ["run", "report", "unit", "estimate", "progress", "accept", "unlock", "explain"]
)
def test_the_name_of_a_config_may_have_blanks(command):
    lines = typed(command, "CONFIG=my studies/ä 1.yaml", "UNIT=none", "IMAGE=a.png")
    found = [line for line in lines if "my studies" in line]
    assert found
    assert all(line.count("my studies") == line.count('"my studies/ä 1.yaml') for line in found)


def test_a_unit_is_run_by_its_name():
    lines = typed("unit", "UNIT=net-s2", "DATASET=d", "CONFIG=config/mine.yaml", "SET=seed=2")
    named = only(lines, "name_units.py")
    assert 'name_units.py config/mine.yaml "net-s2" "d" --config seed=2' in named
    assert any("$folders --configfile config/mine.yaml" in line for line in lines)
    assert lines.index(only(lines, "check_config.py")) < lines.index(named)


def test_reanalysis_needs_no_config():
    given = ("STUDY=my units", "OUT=x", "ACCEPT=1", "CORES=2", "TARGETS=results/d/tables/ranks.csv")
    line = only(typed("reanalyse", *given), "reanalyse.py")
    options = '--cores 2 --output "x" --accept --targets results/d/tables/ranks.csv'
    assert line.endswith(f'workflow_scripts/reanalyse.py "my units" {options}')
    assert not any("check_config" in line for line in typed("reanalyse", "STUDY=a"))


def test_a_comparison_names_two_studies():
    line = only(typed("compare", "A=my results", "B=b", "NAME_B=Site 2", "OUT=x"), "compare_s")
    words = 'compare_studies.py "my results" "b" --output "x" --name-b "Site 2"'
    assert " ".join(line.split()).endswith(words)
    line = only(typed("compare", "A=a", "B=b", "ACCEPT=1"), "compare_s")
    assert line.split()[-3:] == ['"a"', '"b"', "--accept"]


def test_units_are_named_as_the_config_has_them():
    folders = name_units.folders(str(ROOT / "config/input_ablation.yaml"), [], ["none"])
    assert len(folders) > 1
    seeds = str(ROOT / "config/full_study.yaml")
    for unit in ("lite0-s2", "lite0", "densenet121"):
        assert name_units.folders(seeds, [], [unit]) == [f"results/covid_full/units/{unit}"]
    with pytest.raises(InputError, match="UNIT.*Did you mean 'lite0-s3'"):
        name_units.folders(seeds, [], ["lite0-s33"])
    with pytest.raises(InputError, match="DATASET.*'covid_full'"):
        name_units.folders(seeds, [], ["none", "covid_ful"])


def test_the_report_is_written_again_if_a_figure_or_the_config_is_newer(tmp_path, monkeypatch):
    """`results` is a link to another disk, and the environment has commands that do nothing."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "envs").mkdir()
    lock = shutil.copy(ROOT / "envs/requirements.lock", tmp_path / "envs")
    stamp = f".installed-{hashlib.sha256(Path(lock).read_bytes()).hexdigest()[:12]}"
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv" / stamp).touch()
    for name, line in {"python": "", "snakemake": "touch results/report.html made"}.items():
        script = tmp_path / "venv/bin" / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
    figure = tmp_path / "disk/results/demo/figures/net/forest.png"
    figure.parent.mkdir(parents=True)
    (tmp_path / "results").symlink_to(tmp_path / "disk/results")
    config = tmp_path / "study.yaml"
    for path in (figure, config):
        path.touch()
    monkeypatch.chdir(tmp_path)

    def is_written() -> bool:
        command = ["make", "--no-print-directory", "report", "VENV=venv", "CONFIG=study.yaml"]
        subprocess.run(command, check=True, capture_output=True)
        written = Path("made").exists()
        Path("made").unlink(missing_ok=True)
        return written

    assert is_written()
    assert not is_written()
    for path in (figure, config):
        later = Path("results/report.html").stat().st_mtime + 1
        os.utime(path, (later, later))
        assert is_written(), path
        os.utime(path, (0, 0))
        assert not is_written()
