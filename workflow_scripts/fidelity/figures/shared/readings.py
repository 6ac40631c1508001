"""What each of several readers drew for a case, and the line style of each reader."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import cycle

from fidelity.datasets.prepared import PreparedCase

# Okabe & Ito 2008, without the blue of the reference and the white of predicted masks.
COLOURS = {
    "orange": "#E69F00",
    "pink": "#CC79A7",
    "green": "#009E73",
    "yellow": "#F0E442",
    "red": "#D55E00",
}
# In units of the line's width. Combinations of colour and dashes repeat after 20 readers.
DASHES = ((6, 1.5), (2, 1.5), (6, 1.5, 1.5, 1.5), (12, 2))


@dataclass(frozen=True)
class Line:
    """The line style of a reader; dashes are lengths on and off, in widths of the line."""

    word: str
    colour: str
    dashes: tuple[float, ...]


def readings(case: PreparedCase, cls: str) -> dict[str, PreparedCase]:
    """Give one version of the case per reader of a class, if there are several readers.

    Returns:
        Reader → the case with only this reader's drawing as reference; empty for a single reader.
    """
    names = case.readers_of(cls)
    return {name: _as_read(case, cls, name) for name in names} if len(names) > 1 else {}


def lines_of(readers: Iterable[str]) -> dict[str, Line]:
    """Give each reader a line style, in alphabetical order of the readers."""
    looks = zip(cycle(COLOURS.items()), cycle(DASHES), strict=False)
    named = zip(sorted(set(readers)), looks, strict=False)
    return {name: Line(word, colour, dashes) for name, ((word, colour), dashes) in named}


def _as_read(case: PreparedCase, cls: str, reader: str) -> PreparedCase:
    boxes = case.reader_boxes.get(reader, {}).get(cls)
    if cls in case.readers.get(reader, {}):
        return replace(
            case, references={cls: case.reading(cls, reader)}, reference_boxes={}, filled=()
        )
    if boxes is None:  # the reference, for which no reader is named
        return case
    filled = {cls: case.reading(cls, reader)}
    return replace(case, references=filled, reference_boxes={cls: boxes}, filled=(cls,))
