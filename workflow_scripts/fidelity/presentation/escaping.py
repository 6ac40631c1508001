"""Escape values for Markdown and LaTeX, so that they are only text."""

import re
import unicodedata

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "–": "--",
    "−": r"\ensuremath{-}",
    "“": "``",
    "”": "''",
    "’": "'",
    "…": r"\ldots{}",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "±": r"\ensuremath{\pm}",
    "∞": r"\ensuremath{\infty}",
    "²": r"\ensuremath{^2}",
    "≈": r"\ensuremath{\approx}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "→": r"\ensuremath{\rightarrow}",
}
# Greek letters that do not look like Latin ones.
_GREEK = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"


def _command(letter: str) -> str:
    """Write a Greek letter as a command of LaTeX's math mode."""
    _, size, _, name = unicodedata.name(letter).replace("LAMDA", "LAMBDA").split()
    return rf"\ensuremath{{\{name.capitalize() if size == 'CAPITAL' else name.lower()}}}"


_LATEX |= {letter: _command(letter) for letter in _GREEK}


def markdown(text: str) -> str:
    """Escape what GitHub Markdown, or HTML inside it, would interpret; "p < 0.001" is unchanged."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    text = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("\n", " ")
    # GitHub reads what is between two dollar signs as a formula, also after backslashes.
    return text.replace("$", "<span>$</span>")


def latex(text: str) -> str:
    """Escape LaTeX's special characters; arrows and signs are written in math mode."""
    return "".join(_LATEX.get(character, character) for character in text).replace("\n", " ")
