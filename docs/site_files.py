"""The files of the documentation site (a hook of MkDocs, see mkdocs.yml).

MkDocs reads one folder, and the pages of this project are in several. This hook lists them where
they are, so that one relative link works on GitHub and in the site.
"""

import shutil
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.study import paths  # noqa: E402

# The pages, and the files that they show or link to: no pattern takes a user's own configs along.
FILES = ["*.md", "config/README.md", "docs/**/*.md", "docs/images/*", "docs/site.css"]
FILES += ["LICENSE", "CITATION.cff", "config/covid_qu_ex.yaml", "config/boxes.yaml"]
FILES += ["profiles/slurm/config.yaml"]
# The demo alone: its images are generated, and those of other studies may have to stay.
DEMO = paths.DATASET.format(dataset="demo")
EXPLORER = paths.EXPLORER.format(dataset="demo")
DEMO_PAGES = {
    f"{DEMO}/study.html": "The study page: the answer, the main table and six cases",
    f"{EXPLORER}/index.html": "The explorer: every case, and a threshold to move",
    f"{DEMO}/tables/verdict.html": "The verdict in words",
    f"{DEMO}/tables/tables.html": "All tables",
    f"{DEMO}/provenance.html": "Data, versions and settings",
}


def demo_page() -> str:
    """List the pages of the demo that were made, as Markdown; empty if there are none."""
    made = {path: title for path, title in DEMO_PAGES.items() if (ROOT / path).exists()}
    lines = [f"- [{title}]({path})" for path, title in made.items()]
    return "\n".join(["# The demo study, as it was run", "", *lines, ""]) if lines else ""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the demo to the navigation if it is wanted (`make site`) and was run."""
    config.extra["demo"] = demo_page() if config.extra["with_demo"] else ""
    if config.extra["demo"]:
        config.nav.insert(1, {"Demo": "demo.md"})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give the files of the whole repository, and the theme's, in place of those in docs/."""
    demo = config.extra["demo"]
    patterns = [*FILES, *DEMO_PAGES] if demo else FILES
    found = sorted({path for pattern in patterns for path in ROOT.glob(pattern)})
    listed = [file for file in files if file.src_dir != config.docs_dir]
    listed += [
        File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path))
        for path in found
    ]
    if demo:
        listed.append(File.generated(config, "demo.md", content=demo))
    return Files(listed)


def on_post_build(config: MkDocsConfig) -> None:
    """Copy the explorer of the demo as it is: MkDocs would make pages of its Markdown files."""
    if config.extra["demo"] and (ROOT / EXPLORER).exists():
        hidden = shutil.ignore_patterns(".*")
        target = Path(config.site_dir) / EXPLORER
        shutil.copytree(ROOT / EXPLORER, target, ignore=hidden, dirs_exist_ok=True)
