"""Use the masks of another data set with some of the same images as those of a reader.

Shared images are found by their pixels, because names, sizes and files differ.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path
from fidelity.base.suggestions import suggestion
from fidelity.datasets.annotations.drawn import read_rows
from fidelity.datasets.cases import MASK_PREFIX, Case, relative_path
from fidelity.datasets.images.image_similarity import alike_pairs, look_at
from fidelity.datasets.images.images import decode_mask, read_bytes, read_image
from fidelity.datasets.indexing.looks import Looks
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.masks.run_lengths import at_size
from fidelity.metrics import overlap

# Columns of a table of masks. If a mask is only a piece of the image, the last two give its place.
COLUMNS = ("filename", "class", "mask")
PLACE = ("left", "top")
# With all bits of a perceptual hash as the largest distance, only the correlation decides.
ALL_BITS = 64


@dataclass(frozen=True)
class Piece:
    """A mask, or a piece of one.

    Attributes:
        left: column of the image at which it begins.
        top: row of the image at which it begins.
    """

    label: str
    path: Path
    left: int
    top: int


@dataclass(frozen=True)
class Match:
    """A case and the same image in the other data set.

    Attributes:
        size: (height, width) of that image.
        correlation: of both images at 32 x 32 pixels.
    """

    case: Case
    image: Path
    size: tuple[int, int]
    correlation: float


def read_pieces(table: Path) -> dict[str, list[Piece]]:
    """Read a table of masks: columns filename, class, mask and, for pieces, left and top.

    Args:
        table: CSV file; the paths of masks are relative to its folder.

    Returns:
        Masks by the name of the image's file. An image without a mask file has an empty list.

    Raises:
        InputError: a column is missing, a path leaves the folder, or a place is not a whole number.
    """
    found: dict[str, list[Piece]] = {}
    remedy = f"A table of masks has the columns {', '.join(COLUMNS)}"
    for row in read_rows(table, COLUMNS, PLACE, remedy):
        image, label, mask = (row.cells[name].strip() for name in COLUMNS)
        pieces = found.setdefault(image, [])
        if not mask:
            continue
        path = table.parent / relative_path(mask, file=table, field=row.name)
        try:
            left, top = (int(row.cells.get(name) or 0) for name in PLACE)
        except ValueError as error:
            raise row.wrong("left and top must be whole numbers") from error
        pieces.append(Piece(label, path, left, top))
    return found


def check_labels(labels: Iterable[str], pieces: Mapping[str, Sequence[Piece]], table: Path) -> None:
    """Raise InputError if no mask has one of the labels."""
    known = sorted({piece.label for of_image in pieces.values() for piece in of_image})
    for label in labels:
        if label not in known:
            raise InputError(
                f"no mask has the label {label!r}",
                file=table,
                field="class",
                remedy=suggestion(label, known, "Labels there"),
            )


def match(
    cases: Sequence[Case], looks: Looks, images: Iterable[Path], correlation: float
) -> list[Match]:
    """Find the images that are equal to those of cases, by decreasing correlation.

    A case and an image match if each correlates with the other more than with any other image. So
    copies within a data set are not counted twice.
    """
    images = list(images)
    by_name = {case.case: case for case in cases}
    own = np.isin(looks.cases, list(by_name))
    seen, sizes = [], []
    for path in images:
        image = read_image(path)
        seen.append(look_at(image))
        sizes.append(image.shape)
    theirs = np.array([look.phash for look in seen], np.uint64)
    sides = (
        (looks.hashes[own], looks.thumbnails[own]),
        (theirs, np.array([look.thumbnail for look in seen])),
    )
    pairs = sorted(alike_pairs(*sides, ALL_BITS, correlation), key=lambda pair: -pair[3])
    image_of: dict[int, int] = {}
    case_of: dict[int, int] = {}
    for i, j, *_ in pairs:
        image_of.setdefault(i, j)
        case_of.setdefault(j, i)
    names = looks.cases[own]
    return [
        Match(by_name[str(names[i])], images[j], sizes[j], found)
        for i, j, _, found in pairs
        if image_of[i] == j and case_of[j] == i
    ]


def united(
    pieces: Iterable[Piece], labels: Iterable[str], drawn_on: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """Merge the masks of some labels.

    Returns:
        Boolean mask of the size of the case, by nearest neighbour; empty without such a mask.

    Raises:
        InputError: a mask cannot be read or leaves its image.
    """
    whole = np.zeros(drawn_on, bool)
    wanted = set(labels)
    for piece in pieces:
        if piece.label not in wanted:
            continue
        mask = decode_mask(read_bytes(piece.path), piece.path)
        bottom, right = piece.top + mask.shape[0], piece.left + mask.shape[1]
        if min(piece.top, piece.left) < 0 or bottom > drawn_on[0] or right > drawn_on[1]:
            raise InputError(
                f"the mask extends beyond its image, which has {drawn_on[0]} x {drawn_on[1]}"
                " pixels",
                file=piece.path,
                remedy="Correct left and top in the table of masks",
            )
        whole[piece.top : bottom, piece.left : right] |= mask
    return at_size(whole, size)


def write_reader(
    folder: Path,
    matches: Iterable[Match],
    pieces: Mapping[str, Sequence[Piece]],
    labels: Sequence[str],
    cls: str,
    root: Path,
) -> Iterator[dict[str, object]]:
    """Write a mask `<case>.png` for each match, as the setting `readers` expects them.

    Yields:
        A row of the list of matches: a row of a case table, and the agreement of both masks. `iou`
        is nan if the case has no mask, or if both masks are empty.
    """
    for found in matches:
        case, size = found.case, (found.case.height, found.case.width)
        mask = united(pieces[found.image.name], labels, found.size, size)
        with atomic_path(folder / f"{case.case}.png") as temporary:
            temporary.write_bytes(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())
        own = case.masks.get(cls)
        iou = np.nan
        if own is not None:
            iou = overlap.iou(overlap.confusion(mask, read_mask_at(root, own, size=size)))
        yield {
            "case": case.case,
            "patient": case.patient,
            "split": case.split,
            "label": "|".join(case.labels),
            "image": case.image,
            "lung_mask": case.lung_mask or "",
            f"{MASK_PREFIX}{cls}": own or "",
            "matched_image": found.image.name,
            "correlation": round(found.correlation, 4),
            "marked": bool(mask.any()),
            "iou": iou,
        }
