"""Use the masks of another data set with the same images as the masks of a further reader.

Compares the pixels of all images. Writes a folder of masks for the key `readers` of a data set, and
the list of matched cases. See "Another data set of the same images" in docs/datasets.md.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from fidelity.base.errors import InputError
from fidelity.base.files import write_csv
from fidelity.datasets.acquisition.folders import images_in
from fidelity.datasets.cases import read_cases
from fidelity.datasets.indexing.looks import read_looks
from fidelity.datasets.readers.matching import check_labels, match, read_pieces, write_reader
from fidelity.datasets.readers.names import check_reader
from fidelity.study import paths

# For these thresholds, the script prints the number of matches and the agreement.
STEPS = (0.9, 0.95, 0.97, 0.98, 0.99)


def matched(given: argparse.Namespace) -> pd.DataFrame:
    """Match the images and write the masks; return the matches, sorted by correlation.

    Raises:
        InputError: a file is missing or damaged, or no image matches a case.
    """
    check_reader(given.out.name, file=given.out)
    pieces = read_pieces(given.table)
    check_labels(given.labels, pieces, given.table)
    cases = read_cases(given.dataset / Path(paths.CASES).name)
    cases = [case for case in cases if given.cls in case.labels]
    looks = read_looks(given.dataset / Path(paths.LOOKS).name)
    images = given.images or given.table.parent / "images"
    files = [path for path in images_in(images) if path.name in pieces]
    found = match(cases, looks, files, given.correlation)
    if not found:
        raise InputError(
            f"none of the {len(files)} images matches a case with the class {given.cls!r}",
            file=images,
            remedy="Check --class and --images, or lower --correlation",
        )
    rows = write_reader(given.out, found, pieces, given.labels, given.cls, given.root)
    return pd.DataFrame(rows)


def show(rows: pd.DataFrame, least: float) -> None:
    """Print the number of matches and the agreement for the threshold and some higher ones."""
    print("correlation  images  marked  mean IoU with the data set's own masks")
    for step in sorted({least, *STEPS}):
        kept = rows[rows["correlation"] >= step]
        if len(kept) and step >= least:
            print(
                f"{f'>= {step:g}':>11}  {len(kept):>6}  {kept['marked'].sum():>6}  "
                f"{kept['iou'].mean():.3f}"
            )


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, match the images, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path, help="results/<data set>, with cases.csv, looks.npz")
    parser.add_argument("root", type=Path, help="data root of this data set")
    parser.add_argument("table", type=Path, help="CSV file: filename, class, mask[, left, top]")
    parser.add_argument(
        "--images", type=Path, help="folder of the images (default: images, next to the table)"
    )
    parser.add_argument("--labels", nargs="+", required=True, help="labels whose masks are joined")
    parser.add_argument("--class", dest="cls", required=True, help="annotated class of the study")
    parser.add_argument(
        "--correlation",
        type=float,
        default=0.97,
        help="lowest correlation of matching images (default: 0.97)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the masks to write, named as the reader"
    )
    given = parser.parse_args(arguments)
    try:
        rows = matched(given)
        write_csv(rows, given.out.with_suffix(".csv"))
    except InputError as error:
        sys.exit(str(error))
    show(rows, given.correlation)
    print(f"Masks: {given.out}, list: {given.out.with_suffix('.csv')}")


if __name__ == "__main__":
    main()
