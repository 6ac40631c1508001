"""Titles, order and colours change what people read, and nothing else is run again."""

import pytest

pytestmark = pytest.mark.slow
PRESENTING = {
    "explore",
    "format_tables",
    "provenance",
    "summary_over_datasets",
    "verdict",
}


def _is_shown(rule):
    return rule in PRESENTING or rule.startswith("figure_")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("datasets", "small", "title"), "Our hospital"),
        (("classifiers", "net", "title"), "Our network"),
        (("explainers", "lime", "title"), "Our explainer"),
        (("binarizations", "half", "title"), "Our rule"),
        (("display", "order"), ["gradcam"]),
        (("display", "colours"), {"lime": "#009E73"}),
    ],
    ids=lambda part: ".".join(part) if isinstance(part, tuple) else "",
)
def test_a_title_redraws_and_computes_nothing(study, config, path, value):
    *parents, last = path
    place = config
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    study.write(config)
    jobs = study.plan()
    assert {"verdict", "format_tables", "figure_distributions"} <= set(jobs)
    assert [rule for rule in jobs if not _is_shown(rule)] == []


def test_a_title_is_in_what_people_read(study, config):
    config["explainers"]["lime"]["title"] = "Our explainer"
    study.write(config)
    study.jobs("results/small/tables/verdict.md", "results/small/tables/tables.tex")
    for name in ("tables.md", "tables.tex", "tables.html", "verdict.md", "verdict.html"):
        assert b"Our explainer" in study.read(f"small/tables/{name}")
    assert b"Our explainer" not in study.read("small/tables/localization.csv")
