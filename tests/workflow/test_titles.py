"""Titles, order and colours change what people read, but rerun nothing else."""

import pytest

pytestmark = pytest.mark.slow
PRESENTING = {
    "explore",
    "explorer",
    "format_tables",
    "paper",
    "provenance",
    "study_page",
    "summary_over_datasets",
    "verdict",
}
TITLES = {
    "datasets": {"small": {"title": "Our hospital"}},
    "classifiers": {"net": {"title": "Our network"}},
    "explainers": {"lime": {"title": "Our explainer"}},
    "binarizations": {"half": {"title": "Our rule"}},
}


@pytest.mark.parametrize(
    "changes",
    [TITLES, {"display": {"order": ["gradcam"]}}, {"display": {"colours": {"lime": "#009E73"}}}],
    ids=["titles", "order", "colours"],
)
def test_only_what_people_read_is_run_again(study, config, changes):
    for section, entries in changes.items():
        for key, value in entries.items():
            if section == "display":
                config.setdefault(section, {})[key] = value
            else:
                config[section][key] |= value
    study.write(config)
    jobs = study.plan()
    assert {"verdict", "format_tables", "explorer", "figure_distributions"} <= set(jobs)
    assert [rule for rule in jobs if rule not in PRESENTING and "figure_" not in rule] == []


def test_a_title_is_in_what_people_read(study, config):
    config["explainers"]["lime"]["title"] = "Our explainer"
    study.write(config)
    study.jobs("results/small/tables/verdict.md", "results/small/tables/tables.tex")
    for name in ("tables.md", "latex/main-net.tex", "tables.html", "verdict.md", "verdict.html"):
        assert b"Our explainer" in study.read(f"small/tables/{name}")
    assert b"Our explainer" not in study.read("small/tables/localization.csv")
