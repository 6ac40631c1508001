"""Tables as Markdown, LaTeX (booktabs) and one HTML page: the writers only escape and frame."""

import html
import re
from collections.abc import Iterable, Sequence

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
_STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:2em;color:#111}"
    "table{border-collapse:collapse;border-top:2px solid;border-bottom:2px solid}"
    "th,td{padding:.25em .7em;text-align:left;white-space:nowrap}"
    "thead{border-bottom:1px solid}.num{text-align:right;font-variant-numeric:tabular-nums}"
    ".scroll{overflow-x:auto}nav li{margin:.15em 0}h2{font-size:1.15em;margin-top:2em}"
    ".rule{border-top:1px solid #999}p{max-width:60em;margin:.4em 0;color:#444}"
)


def to_markdown(tables: Sequence[Table]) -> str:
    """Write tables as GitHub Markdown, names escaped."""
    parts = []
    for table in tables:
        split = len(table.header) - table.numeric
        align = ["---" if index < split else "---:" for index in range(len(table.header))]
        lines = [f"**{_markdown(table.title)}**", "", _pipes(map(_markdown, table.header))]
        lines.append(_pipes(align))
        lines += [_pipes(map(_markdown, row)) for row in table.rows]
        parts.append("\n".join([*lines, "", *(_markdown(note) + "  " for note in table.notes)]))
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
    contents, body = [], []
    for index, table in enumerate(tables):
        name = html.escape(table.title)
        contents.append(f'<li><a href="#t{index}">{name}</a></li>')
        split = len(table.header) - table.numeric
        lines = [f'<h2 id="t{index}">{name}</h2>', '<div class="scroll"><table>', "<thead>"]
        lines += [_html_row("th", table.header, split, ""), "</thead>", "<tbody>"]
        for position, row in enumerate(table.rows):
            mark = ' class="rule"' if position in table.rules_before else ""
            lines.append(_html_row("td", row, split, mark))
        lines += ["</tbody>", "</table></div>"]
        lines += [f"<p>{html.escape(note)}</p>" for note in table.notes]
        body.append("\n".join(lines))
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n'
        f"<h1>{html.escape(title)}</h1>\n<nav><ul>\n"
        + "\n".join(contents)
        + "\n</ul></nav>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def latex(text: str) -> str:
    """Escape LaTeX's special characters."""
    return "".join(_LATEX.get(character, character) for character in str(text))


def _markdown(text: str) -> str:
    """Escape what Markdown or the HTML inside it would interpret."""
    text = html.escape(str(text), quote=False)
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", text).replace("\n", " ")


def _pipes(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _html_row(tag: str, cells: Sequence[str], split: int, mark: str) -> str:
    parts = []
    for index, cell in enumerate(cells):
        kind = ' class="num"' if index >= split else ""
        parts.append(f"<{tag}{kind}>{html.escape(cell)}</{tag}>")
    return f"<tr{mark}>{''.join(parts)}</tr>"
