"""Compare two finished studies case by case: tables, a page and a figure. Reads no images."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from fidelity.base.errors import InputError
from fidelity.base.files import read_json, write_csv, write_text
from fidelity.figures.shared import style
from fidelity.pages.comparison import figure
from fidelity.pages.comparison.build import build, merged_titles
from fidelity.pages.comparison.columns import COMPARED, DIFFERING, SHARED_CASES
from fidelity.pages.comparison.differing import differences
from fidelity.pages.comparison.finished import RECORD, find, pair, pair_classifiers
from fidelity.pages.comparison.joined import Joined, join, primary_rows
from fidelity.pages.comparison.scores import Alone
from fidelity.presentation.titles import showing
from fidelity.study.paths import NONE

PAGE = "comparison.html"
# This file lists the files of a comparison; the next comparison replaces only these.
MARK = ".comparison_of_studies"
TABLES = {
    COMPARED.file: "every comparison: means, difference with interval, tests",
    SHARED_CASES.file: "the primary metric of each shared case in A and in B",
    DIFFERING.file: "settings and versions that differ",
}


def compare(
    a: Path, b: Path, output: Path, names: Mapping[str, str], *, accept: bool = False
) -> list[Path]:
    """Write the tables, page and figures of a comparison; return the files, with the page first.

    Args:
        a: results of a finished study: its project, its `results`, a data set or a classifier.
        accept: also pair cases with the same id but different image or mask files.

    Raises:
        InputError: a study is not finished, nothing can be compared, or the folder holds files that
            no comparison wrote. In this case, the folder is unchanged.
    """
    check_free(output)
    joined: list[Joined] = []
    differing: dict[str, pd.DataFrame] = {}
    found = {"A": find("A", a), "B": find("B", b)}
    pairs = pair(found["A"], found["B"])
    for one in (side for sides in pairs for side in sides if not side.is_recorded):
        print(
            f"{one.folder}: scores are newer than {RECORD}, so settings and versions on the page"
            " may be those of an earlier run. To record them, finish the study with `make run`.",
            file=sys.stderr,
        )
    for one, other in pairs:
        classifiers = pair_classifiers(one, other)
        for both in classifiers:
            print(f"Comparing {one.dataset}: {' and '.join(dict.fromkeys(both))}", flush=True)
            joined.append(join(one, other, both, accept=accept))
        differing[one.dataset] = differences(one, other, classifiers)
    figures = {_stem(one): one for one in joined}
    files = {f"{stem}.{suffix}": "the figure" for stem in figures for suffix in ("png", "pdf")}
    compared = {side.folder for sides in pairs for side in sides}
    rest = {
        name: [one.dataset for one in sides if one.folder not in compared]
        for name, sides in found.items()
    }
    alone = [Alone(name, "data set", keys) for name, keys in rest.items() if keys]
    page = build(joined, differing, alone, names, {**TABLES, **files})
    clear(output)
    written = [PAGE, *TABLES, *files]
    write_text(output / MARK, json.dumps(written, ensure_ascii=False) + "\n")
    write_text(output / PAGE, page)
    for table, parts in (
        (COMPARED, [one.rows for one in joined]),
        (SHARED_CASES, [one.cases for one in joined]),
        (DIFFERING, list(differing.values())),
    ):
        write_csv(pd.concat(parts, ignore_index=True), output / table.file)
    for stem, one in figures.items():
        with showing(merged_titles(one.a, one.b)):
            drawn = figure.plot(primary_rows(one.rows, one.statistics), names)
        style.save(drawn, [str(output / f"{stem}.{suffix}") for suffix in ("png", "pdf")])
    return [output / name for name in written]


def check_free(output: Path) -> None:
    """Refuse a folder that holds other files, which would be replaced."""
    if output.exists() and not output.is_dir():
        raise InputError("is not a folder", file=output, remedy="Name a new folder with OUT=")
    if output.is_dir() and any(output.iterdir()) and not (output / MARK).is_file():
        raise InputError(
            "holds files that a comparison could replace",
            file=output,
            remedy="Name a new folder with OUT=",
        )


def clear(output: Path) -> None:
    """Remove the files of an earlier comparison; all others stay."""
    if (output / MARK).is_file():
        for name in read_json(output / MARK):
            (output / Path(name).name).unlink(missing_ok=True)


def name_of(folder: str) -> str:
    """Return the default name of a study, which contains no path of this machine."""
    path = Path(folder)
    return "/".join(path.parts[-2:]) if path.is_absolute() else folder


def _stem(joined: Joined) -> str:
    """Return the file stem of a figure, from the data set and classifier of study A."""
    classifier = joined.classifiers[0]
    return joined.a.dataset + (f"-{classifier}" if classifier != NONE else "")


def main() -> int:
    """Parse the command line, compare the studies, and print where the results are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "a",
        help="folder with results of a finished study, or of one of its data sets or classifiers",
    )
    parser.add_argument("b", help="the same for the other study")
    parser.add_argument("--output", type=Path, default=Path("comparison"), help="folder to write")
    parser.add_argument("--name-a", help="name of A on the page")
    parser.add_argument("--name-b", help="name of B on the page")
    parser.add_argument(
        "--accept",
        action="store_true",
        help="compare cases with the same id even if their files differ",
    )
    given = parser.parse_args()
    names = {"A": given.name_a or name_of(given.a), "B": given.name_b or name_of(given.b)}
    if names["A"] == names["B"]:
        names = {side: f"{name} ({side})" for side, name in names.items()}
    try:
        found = compare(Path(given.a), Path(given.b), given.output, names, accept=given.accept)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    print("Done. Read first:", found[0].resolve())
    for path in found[1:]:
        print(f"  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
