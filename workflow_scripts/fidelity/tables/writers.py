"""Tables as Markdown, LaTeX (booktabs) and one HTML page: the writers only escape and frame."""

from collections.abc import Iterable, Sequence

from fidelity.presentation.page import render
from fidelity.presentation.wording import markdown_cell
from fidelity.tables.layout import Table

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
    "–": "--",
    "−": r"\ensuremath{-}",
    "“": "``",
    "”": "''",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "±": r"\ensuremath{\pm}",
    "∞": r"\ensuremath{\infty}",
}


def to_markdown(tables: Sequence[Table]) -> str:
    """Write tables as GitHub Markdown, names escaped."""
    parts = []
    for table in tables:
        split = len(table.header) - table.numeric
        align = ["---" if index < split else "---:" for index in range(len(table.header))]
        lines = [f"**{markdown_cell(table.title)}**", "", _pipes(map(markdown_cell, table.header))]
        lines.append(_pipes(align))
        lines += [_pipes(map(markdown_cell, row)) for row in table.rows]
        parts.append("\n".join([*lines, "", *(markdown_cell(note) + "  " for note in table.notes)]))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def to_latex(tables: Sequence[Table]) -> str:
    """Write tables as LaTeX `table` environments; they need the packages booktabs and graphicx."""
    parts = ["% Needs \\usepackage{booktabs} and \\usepackage{graphicx}."]
    for table in tables:
        split = len(table.header) - table.numeric
        lines = [
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{latex(table.title)}.}}",
            # Shrunk only if wider than the text.
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{'l' * split}{'r' * table.numeric}}}",
            r"\toprule",
            " & ".join(map(latex, table.header)) + r" \\",
            r"\midrule",
        ]
        for index, row in enumerate(table.rows):
            if index in table.rules_before:
                lines.append(r"\midrule")
            # \relax keeps a cell that starts with [ from being read as an argument of \\.
            lines.append(r"\relax " + " & ".join(map(latex, row)) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}}", r"\par\smallskip"]
        lines += [r"\begin{minipage}{\linewidth}\footnotesize"]
        lines += [latex(note) for note in table.notes]
        lines += [r"\end{minipage}", r"\end{table}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def to_html(tables: Sequence[Table], title: str) -> str:
    """Write tables as one standalone page without scripts or outside resources.

    A list of contents leads to the tables; a table wider than the page scrolls within it.
    """
    return render("tables.html.j2", title=title, tables=tables)


def latex(text: str) -> str:
    """Escape LaTeX's special characters."""
    return "".join(_LATEX.get(character, character) for character in str(text))


def _pipes(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
