"""Write tables as LaTeX that fits on a page; templates alone write HTML and Markdown."""

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from fidelity.presentation.page import render
from fidelity.tables.layout import Table

# Widths of one and of two columns of a journal in LaTeX points (85 and 170 mm).
ONE_COLUMN, TWO_COLUMNS = 241.0, 483.0
# Font sizes in a 10 pt document, and their widths relative to 10 pt.
SIZES = {"normalsize": 1.0, "small": 0.92, "footnotesize": 0.85}
SMALLEST = "footnotesize"
# Space between columns: twice \tabcolsep as set in the template.
GAP = 8.0
# Longer texts are broken into lines, and so are long titles of columns of numbers.
WIDEST_TEXTS = (150.0, 100.0, 80.0)
HEADER_LETTERS = 10
NO_BREAK = "\N{NO-BREAK SPACE}"
# Number of lines of the smallest size that fit on a page with caption and notes.
MOST_LINES = 48
_NARROW, _WIDE = set(" .,:;'|![]()iljtfr-"), set("mMWw%−+=≈↑↓@")


@dataclass(frozen=True)
class Part:
    """The part of a table that one LaTeX float contains.

    Attributes:
        environment: `table`, or `table*` across two columns.
        size: font size, as a LaTeX command.
        columns: column specification of `tabular`.
        broken: columns whose cells are broken into lines.
        header: titles of the columns, each a list of lines.
        rows: the heading before the row (None: no line there), and the cells.
    """

    environment: str
    size: str
    columns: str
    broken: list[int]
    header: list[list[str]]
    rows: list[tuple[str | None, list[str]]]


def to_latex(tables: Sequence[Table], dataset: str) -> dict[str, str]:
    """Write each table as LaTeX; the tables need the package booktabs.

    Returns:
        {file name: its text}, in the order of the tables. A table that is too wide or too long for
        a page becomes several floats in one file.
    """
    found: dict[str, str] = {}
    for table in tables:
        name = stem = _word(table.name)
        while name in found:
            name = f"{stem}-{len(found)}"
        label = f"tab:{_word(dataset)}-{name}"
        found[name] = render("table.tex.j2", table=table, parts=list(_parts(table)), label=label)
    return found


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def _parts(table: Table) -> Iterator[Part]:
    """Divide a table so that each piece fits on a page: by columns first, then by rows."""
    split = len(table.header) - table.numeric
    most, widths = _widths(table)
    for chosen in _column_groups(widths, split):
        wide = _total(widths[index] for index in chosen)
        fitting = [name for name, share in SIZES.items() if wide * share <= TWO_COLUMNS]
        size = [*fitting, SMALLEST][0]
        broken = [place for place, index in enumerate(chosen[:split]) if widths[index] == most]
        paragraph = f"p{{{most * SIZES[size]:.0f}pt}}"
        kinds = ["l" if place < split else "r" for place in range(len(chosen))]
        kinds = [paragraph if place in broken else kind for place, kind in enumerate(kinds)]
        for first, last in pairwise(_cuts(table, most)):
            yield Part(
                "table" if wide * SIZES[size] <= ONE_COLUMN else "table*",
                size,
                "".join(kinds),
                broken,
                [_header(table.header[index], index >= split) for index in chosen],
                [
                    (table.headings.get(index), [table.rows[index][column] for column in chosen])
                    for index in range(first, last)
                ],
            )


def _widths(table: Table) -> tuple[float, list[float]]:
    """Return the largest text width and all widths; texts are broken if the table then fits."""
    split = len(table.header) - table.numeric
    whole = [
        max(map(_width, [*_header(title, index >= split), *(row[index] for row in table.rows)]))
        for index, title in enumerate(table.header)
    ]
    tried = [
        (most, [min(width, most) if index < split else width for index, width in enumerate(whole)])
        for most in WIDEST_TEXTS
    ]
    room = TWO_COLUMNS / SIZES[SMALLEST]
    return next((found for found in tried if _total(found[1]) <= room), tried[0])


def _total(widths: Iterable[float]) -> float:
    return sum(width + GAP for width in widths)


def _width(text: str) -> float:
    """Estimate the width of a text in 10 pt type, in points."""
    return sum(
        3.2 if letter in _NARROW else 7.8 if letter in _WIDE or letter.isupper() else 5.2
        for letter in text
    )


def _header(title: str, is_number: bool) -> list[str]:
    """Break the title of a column of numbers into lines; an arrow stays with its word."""
    if not is_number:
        return [title]
    kept = re.sub(r" (?=[↑↓])", NO_BREAK, title)
    lines = textwrap.wrap(kept, HEADER_LETTERS, break_long_words=False)
    return [line.replace(NO_BREAK, " ") for line in lines]


def _column_groups(widths: Sequence[float], split: int) -> list[list[int]]:
    """Distribute the columns of numbers over floats; each float has all other columns."""
    room = TWO_COLUMNS / SIZES[SMALLEST]
    before = list(range(split))
    taken = _total(widths[:split])
    groups: list[list[int]] = [[]]
    used = taken
    for index in range(split, len(widths)):
        if groups[-1] and used + widths[index] + GAP > room:
            groups.append([])
            used = taken
        groups[-1].append(index)
        used += widths[index] + GAP
    return [before + group for group in groups]


def _cuts(table: Table, most: float) -> list[int]:
    """Find the rows at which a long table is divided: at headings if possible."""
    split = len(table.header) - table.numeric
    lines = [
        2 * bool(table.headings.get(index))
        + max((math.ceil(_width(cell) / most) for cell in row[:split]), default=1)
        for index, row in enumerate(table.rows)
    ]
    cuts = [0]
    while sum(lines[cuts[-1] :]) > MOST_LINES:
        filled = accumulate(lines[cuts[-1] :])
        end = cuts[-1] + max(1, sum(line <= MOST_LINES for line in filled))
        cuts.append(max((i for i in table.headings if cuts[-1] < i <= end), default=end))
    return [*cuts, len(table.rows)]
