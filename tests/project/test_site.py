"""The documentation site is complete, looks like the Markdown on GitHub, and loads nothing."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import mistune
import pytest
import yaml

from fidelity import __version__
from tests.helpers import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import check_language  # noqa: E402

PAGES = check_language.files(("*.md", "docs/**/*.md", "config/*.md"))
BLOCKS = ("h1", "h2", "h3", "h4", "p", "li", "tr", "td", "strong", "em", "img", "pre")


class Tags(HTMLParser):
    """Collect the tags of a page with their attributes, in order."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def counts(self) -> dict[str, int]:
        """Count the blocks: headings, paragraphs, rows of tables and so on."""
        count = Counter(tag for tag, _ in self.found)
        return {tag: count[tag] for tag in BLOCKS}


def build(folder: Path, site: Path, **changes: str) -> subprocess.CompletedProcess:
    """Build the site of a project's folder, with changed environment variables."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    variables = {key: value for key, value in os.environ.items() if key != "WITH_RUNS"} | changes
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the project's own site."""
    folder = tmp_path_factory.mktemp("site")
    result = build(ROOT, folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def copy(tmp_path) -> Path:
    """Copy the files from which a site is built."""
    folder = tmp_path / "project"
    parts = ("docs", "config", "profiles", "workflow_scripts/fidelity/study")
    for part in parts:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("*.md", "mkdocs.yml", "LICENSE", "CITATION.cff"):
        for path in ROOT.glob(name):
            shutil.copy(path, folder)
    (folder / "workflow_scripts/fidelity/__init__.py").touch()
    return folder


def page_of(site: Path, page: Path) -> str:
    """Read the page of the site that was built from a Markdown file."""
    name = str(page.relative_to(ROOT).with_suffix(".html"))
    return (site / name.replace("README", "index")).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_the_blocks_that_github_shows(site, page):
    shown = re.search(r"<article.*?</article>", page_of(site, page), re.S)[0]
    expected = mistune.create_markdown(escape=False, plugins=["table", "url"])(page.read_text())
    assert Tags(shown).counts() == Tags(expected).counts()


def test_a_page_fetches_nothing_from_the_web(site):
    for page in PAGES:
        for tag, given in Tags(page_of(site, page)).found:
            address = given.get("href" if tag == "link" else "src") or ""
            assert "//" not in address, address
            # For this class, the theme would load code that draws diagrams.
            assert "mermaid" not in (given.get("class") or "").split()


def test_results_are_not_in_a_site_that_was_not_asked_for_them(site):
    assert not (site / "results").exists()
    assert not (site / "runs.html").exists()


def test_pages_of_runs_are_added_where_they_were_made(copy, tmp_path):
    demo = copy / "results/demo"
    explorer = ["explorer/index.html", "explorer/data/a.js", "explorer/LICENSE.md"]
    for name in [*explorer, "tables/tables.html", "cases.csv"]:
        (demo / name).parent.mkdir(parents=True, exist_ok=True)
        (demo / name).write_text("made")
    (copy / "results/hospital").mkdir()
    (copy / "results/hospital/study.html").touch()
    study = copy / "reanalysis/results/covid_full/study.html"
    study.parent.mkdir(parents=True)
    study.write_text("made")
    result = build(copy, tmp_path / "site", WITH_RUNS="true")
    assert result.returncode == 0, result.stderr
    results = tmp_path / "site/results"
    added = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    assert added == {f"demo/{name}" for name in [*explorer, "tables/tables.html"]}
    assert (tmp_path / "site/reanalysis/results/covid_full/study.html").read_text() == "made"
    page = Tags((tmp_path / "site/runs.html").read_text())
    links = {given.get("href") for tag, given in page.found if tag == "a"}
    shown = {"results/demo/tables/tables.html", "results/demo/explorer/index.html"}
    assert {*shown, "reanalysis/results/covid_full/study.html"} <= links
    assert "results/demo/study.html" not in links


def test_what_leads_nowhere_fails_the_build(copy, tmp_path):
    (copy / "docs/new.md").write_text("# New\n\n[a](gone.md) [b](units.md#gone)\n")
    result = build(copy, tmp_path / "site")
    assert result.returncode != 0
    for problem in ("docs/new.md\n", "'gone.md'", "units.md#gone"):
        assert problem in result.stderr


def test_the_citation_has_the_version_of_the_code():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert "doi" not in citation or re.fullmatch(r"10\.\d{4,}/\S+", citation["doi"])


def test_the_workflow_catalog_can_read_its_entry():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    deployment = usage["software-stack-deployment"]
    assert set(deployment) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert all(isinstance(value, bool) for value in deployment.values())
