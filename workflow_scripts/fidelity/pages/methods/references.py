"""Find references in the sources that registries name, and write them in each format.

In a text, a citation is its keys between two characters of private use. So no text from a user can
be a citation.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from fidelity.presentation import escaping
from fidelity.presentation.page import TEMPLATES

LIBRARY = TEMPLATES / "references.bib"
_START, _END = "\ue000", "\ue001"
_MARK = re.compile(f"{_START}([^{_END}]*){_END}")
_ENTRY = re.compile(r"^@\w+\{([a-z-]+)(\d{4}),.*$", re.MULTILINE)
_AUTHORS = re.compile(r"author = \{(.*?)\}, title")
_TITLE = re.compile(r" title = \{(.*?)\}(?:, \w+ =|\})")
_BRACES = re.compile("[{}`]|''")
_ACCENT = re.compile(r"\{\\['\"c] ?(\w)\}")


@cache
def entries() -> dict[str, str]:
    """Read the library: key (surname and year) → BibTeX entry."""
    text = LIBRARY.read_text(encoding="utf-8")
    return {"".join(match.groups()): match[0] for match in _ENTRY.finditer(text)}


def cite(*sources: str) -> str:
    """Cite the references that sources name, such as "Ribeiro, Singh & Guestrin 2016".

    Returns:
        A blank and the marked citation; empty if the library has none of them.
    """
    keys = dict.fromkeys(key for source in sources for key in _named(source))
    return f" {_START}{','.join(keys)}{_END}" if keys else ""


def without_marks(text: str) -> str:
    """Remove characters that only a citation may contain from a text of the user."""
    return text.replace(_START, "").replace(_END, "")


def cited(texts: Iterable[str]) -> list[str]:
    """List the keys that texts cite, in order of appearance."""
    return list(
        dict.fromkeys(k for text in texts for m in _MARK.findall(text) for k in m.split(","))
    )


def bibliography(keys: Iterable[str]) -> str:
    """Write these entries as a BibTeX file, sorted by key."""
    return "\n".join(entries()[key] for key in sorted(keys)) + "\n"


def plain(text: str) -> str:
    """Replace citations by names and years: "(Ribeiro et al. 2016)"."""
    return _replaced(text, str, lambda keys: f"({'; '.join(map(_short, keys))})")


def listed_plainly(keys: Iterable[str]) -> list[str]:
    """Write these entries as text, by author: "Otsu (1979). A Threshold Selection Method"."""
    titles = {key: _TITLE.search(_ACCENT.sub(r"\1", entries()[key]))[1] for key in keys}
    return sorted(
        f"{_short(key)[:-5]} ({key[-4:]}). {_BRACES.sub('', title)}"
        for key, title in titles.items()
    )


def markdown(text: str) -> str:
    """Escape a text and write citations for Pandoc: "[@ribeiro2016]"."""
    return _replaced(
        text, escaping.markdown, lambda keys: f"[{'; '.join(f'@{key}' for key in keys)}]"
    )


def latex(text: str) -> str:
    """Escape a text and write citations as LaTeX commands."""
    return _replaced(text, escaping.latex, lambda keys: rf"\cite{{{','.join(keys)}}}")


def _replaced(
    text: str, escape: Callable[[str], str], write: Callable[[Sequence[str]], str]
) -> str:
    parts = _MARK.split(text)
    return "".join(
        write(part.split(",")) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _named(source: str) -> list[str]:
    found = []
    for key, entry in entries().items():
        surname = _authors(entry)[0]
        # The first 8 letters are compared, because two surnames differ at the end from the
        # registries'.
        near = re.search(rf"\b{re.escape(surname[:8])}\w*[^;()]*?\b(\d{{4}})\b", source)
        if near and near[1] == key[-4:]:
            found.append(key)
    return found


def _authors(entry: str) -> list[str]:
    names = _ACCENT.sub(r"\1", _AUTHORS.search(entry)[1])
    return [name.split(",")[0].strip("{}") for name in names.split(" and ")]


def _short(key: str) -> str:
    names = _authors(entries()[key])
    who = f"{names[0]} et al." if len(names) > 2 or "others" in names else " and ".join(names)
    return f"{who} {key[-4:]}"
