"""Escape values for Markdown and LaTeX, so that they are only text."""

import re

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
    "Δ": r"\ensuremath{\Delta}",
}


def markdown(text: str) -> str:
    """Escape what GitHub Markdown, or HTML inside it, would interpret; "p < 0.001" is unchanged."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("\n", " ")


def latex(text: str) -> str:
    """Escape LaTeX's special characters; arrows and signs are written in math mode."""
    return "".join(_LATEX.get(character, character) for character in text).replace("\n", " ")
