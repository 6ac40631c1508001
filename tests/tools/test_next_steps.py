"""The last message of a plain Snakemake run."""

import pytest

import where
from fidelity.tools.next_steps import told


@pytest.mark.parametrize(("config", "listed"), [("mine.yaml", True), ("other.yaml", False)])
def test_the_report_of_another_study_is_not_listed(tmp_path, monkeypatch, capsys, config, listed):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/report.html").write_text("")
    (tmp_path / "results/.report-of").write_text("mine.yaml seed=2\n")
    (tmp_path / config).write_text("datasets: {d: {}}")
    where.main(config, "seed=2")
    assert ("report.html" in capsys.readouterr().out) == listed


def test_verdicts_and_the_report_s_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/one/tables").mkdir(parents=True)
    (tmp_path / "results/one/tables/verdict.md").write_text("")
    said = told(["one", "two"], "config/mine.yaml", {"data_root": "/data/x rays", "seed": 3})
    assert said.splitlines() == [
        "Verdict: results/one/tables/verdict.md",
        "One page with everything: snakemake --report results/report.html --configfile "
        "config/mine.yaml --config 'data_root=/data/x rays' seed=3",
    ]
    assert told(["one"], "c.yaml").endswith(" --configfile c.yaml")
    assert told(["two"], "c.yaml") == ""
