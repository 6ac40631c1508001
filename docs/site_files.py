"""List the files of the documentation site (a hook of MkDocs, see mkdocs.yml).

MkDocs reads one folder, but the pages of this project are in several folders. This hook lists them
where they are, so that one relative link works on GitHub and on the site.
"""

import shutil
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.study import paths  # noqa: E402

# The pages, and the files that they show or link to. No pattern matches a user's own configs.
FILES = ["*.md", "config/README.md", "docs/**/*.md", "docs/images/*", "docs/site.css"]
FILES += ["LICENSE", "CITATION.cff", "config/boxes.yaml", "config/covid_qu_ex.yaml"]
FILES += ["profiles/slurm/config.yaml"]
# Pages of runs. The demo's images are generated, and a re-analysis has no images. The images of
# other studies may not be public.
DEMO = paths.DATASET.format(dataset="demo")
EXPLORER = paths.EXPLORER.format(dataset="demo")
STUDY = f"reanalysis/{paths.DATASET.format(dataset='covid_full')}"
RUNS = {
    "The demo study": {
        f"{DEMO}/study.html": "The study page: the answer, the main table and six cases",
        f"{EXPLORER}/index.html": "The explorer: every case, and a threshold to move",
        f"{DEMO}/tables/verdict.html": "The verdict in words",
        f"{DEMO}/tables/tables.html": "All tables",
        f"{DEMO}/provenance.html": "Data, versions and settings",
    },
    "The study on COVID-QU-Ex, without images": {
        f"{STUDY}/study.html": "The study page: the answer, the main table and methods",
        f"{STUDY}/tables/verdict.html": "The verdict in words",
        f"{STUDY}/tables/tables.html": "All tables",
    },
}


def runs_page() -> str:
    """List the pages of finished runs as Markdown; empty if there are none."""
    text = ""
    for heading, pages in RUNS.items():
        made = {path: title for path, title in pages.items() if (ROOT / path).exists()}
        if made:
            lines = [f"- [{title}]({path})" for path, title in made.items()]
            text += "\n".join(["", f"## {heading}", "", *lines, ""])
    return f"# Studies, as they were run\n{text}" if text else ""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add pages of runs to the navigation if they are wanted (`make site`) and exist."""
    config.extra["runs"] = runs_page() if config.extra["with_runs"] else ""
    if config.extra["runs"]:
        config.nav.insert(1, {"Runs": "runs.md"})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the files of the whole repository and of the theme, instead of those in docs/."""
    runs = config.extra["runs"]
    patterns = [*FILES, *(path for pages in RUNS.values() for path in pages)] if runs else FILES
    found = sorted({path for pattern in patterns for path in ROOT.glob(pattern)})
    listed = [file for file in files if file.src_dir != config.docs_dir]
    listed += [
        File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path))
        for path in found
    ]
    if runs:
        listed.append(File.generated(config, "runs.md", content=runs))
    return Files(listed)


def on_post_build(config: MkDocsConfig) -> None:
    """Copy the demo's explorer unchanged; MkDocs would turn its Markdown files into pages."""
    if config.extra["runs"] and (ROOT / EXPLORER).exists():
        hidden = shutil.ignore_patterns(".*")
        target = Path(config.site_dir) / EXPLORER
        shutil.copytree(ROOT / EXPLORER, target, ignore=hidden, dirs_exist_ok=True)
