"""The last words of plain Snakemake."""

from fidelity.finished import told


def test_verdicts_and_the_report_s_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/one/tables").mkdir(parents=True)
    (tmp_path / "results/one/tables/verdict.md").write_text("")
    said = told(["one", "two"], "config/mine.yaml", {"data_root": "/data/x rays", "seed": 3})
    assert said.splitlines() == [
        "Read first: results/one/tables/verdict.md",
        "One page with everything: snakemake --report results/report.html --configfile "
        "config/mine.yaml --config 'data_root=/data/x rays' seed=3",
    ]
    assert told(["one"], "c.yaml").endswith(" --configfile c.yaml")
    assert told(["two"], "c.yaml") == ""
