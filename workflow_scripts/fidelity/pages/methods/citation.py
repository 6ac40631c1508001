"""How to cite the software, from CITATION.cff."""

from pathlib import Path

import yaml

from fidelity import __version__

# The author in CITATION.cff until persons are named.
UNNAMED = "The maintainers"


def citation(path: Path) -> str:
    """Write authors (once they are named), title, version, year and DOI on one line.

    Args:
        path: of CITATION.cff; if it was not copied with the code, only name and version are given.
    """
    if not path.is_file():
        return f"“Localization fidelity of chest X-ray explanations”, version {__version__}"
    known = yaml.safe_load(path.read_text(encoding="utf-8"))
    authors = ", ".join(
        " ".join(filter(None, (who.get("given-names"), who.get("family-names"), who.get("name"))))
        for who in known["authors"]
        if who.get("name") != UNNAMED
    )
    doi = f", doi:{known['doi']}" if known.get("doi") else ""
    year = str(known["date-released"])[:4]
    cited = f"“{known['title']}”, version {known['version']} ({year}){doi}"
    return f"{authors}: {cited}" if authors else cited
