"""YOLO: one text file for each image, a line "class x y width height" for each box.

x and y are of the centre; all four are shares of the image's width and height.
"""

from pathlib import Path

from fidelity.datasets.annotations.drawn import RELATIVE, ImageBoxes, Row, read_text


def read_names(path: str | Path) -> list[str]:
    """Read a list of class names, one a line (`classes.txt`, `obj.names`)."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def read_boxes(path: str | Path, names: list[str]) -> ImageBoxes:
    """Read the boxes of one image as shares of it; the names of the classes are by their numbers.

    An empty file is an image that was read, and nothing was found. Further numbers in a line
    (confidence) are passed over.

    Raises:
        InputError: the file cannot be read, a class has no name, or a box is invalid.
    """
    found = ImageBoxes(size=RELATIVE)
    for number, line in enumerate(read_text(path).splitlines(), 1):
        cells, row = line.split(), Row(path, f"line {number}")
        if not cells:
            continue
        if not cells[0].isdecimal() or int(cells[0]) >= len(names):
            raise row.wrong(
                f"there is no class {cells[0]!r}; the names are {', '.join(names)}",
                "names",
                "List the names of all classes in the order of their numbers",
            )
        try:
            x, y, width, height = map(float, cells[1:5])
        except ValueError as error:
            raise row.wrong("is not 'class x y width height'", remedy="Correct the row") from error
        corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        found.add(names[int(cells[0])], row.corners(corners))
    return found
