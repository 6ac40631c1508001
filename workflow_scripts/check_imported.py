"""Check that the maps of an explainer `imported` are there and can be read, before all else."""

import csv
import logging
from collections.abc import Collection
from typing import Any

from fidelity.datasets.cases import Case, read_cases
from fidelity.errors import InputError
from fidelity.explainers.imported import is_there, read_saliency
from fidelity.files import atomic_path
from fidelity.formulas import guard
from fidelity.imported.locate import location
from fidelity.joblog import job_log
from fidelity.kept import results_of

COLUMNS = ("case", "class", "file", "found")
SHOWN = 3  # errors named; the rest is counted


def main(
    cases: str,
    explainer: str,
    settings: dict[str, Any],
    annotated: Collection[str],
    splits: Collection[str],
    output: str,
) -> None:
    """Read every map that will be scored, and list them.

    Args:
        cases: cases.csv.
        explainer: its name in the config.
        settings: its entry there.
        annotated: classes whose reference masks are scored.
        splits: those that are explained.
        output: imported.csv: case, class, file, and whether it was found.

    Raises:
        InputError: maps are missing (unless `missing: skip`) or cannot be used; says how many, and
            names the first of them. Also where none at all was found.
    """
    rows, problems = [], []
    for case in read_cases(cases):
        if case.split in splits:
            for cls in annotated:
                if cls in case.masks:  # what is explained: a drawn mask may have no label
                    rows.append(_look(case, cls, settings, problems))
    found = sum(row[-1] for row in rows)
    if problems:
        shown = "; ".join(str(problem) for problem in problems[:SHOWN])
        raise InputError(
            f"{len(problems)} of {len(rows)} imported maps cannot be used: {shown}",
            field=f"explainers.{explainer}",
        )
    if rows and not found:
        raise InputError(
            f"none of {len(rows)} maps was found, the first looked for being {rows[0][2]!r}",
            field=f"explainers.{explainer}",
            remedy="Correct 'folder' and 'pattern'",
        )
    with atomic_path(output) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*map(guard, row[:3]), row[3]] for row in rows)
    logging.info("%d of %d maps found and readable", found, len(rows))


def _look(
    case: Case, cls: str, settings: dict[str, Any], problems: list[InputError]
) -> tuple[str, str, str, int]:
    """Read one map; what is wrong with it is added to the problems."""
    path, found = "", False
    try:
        path = location(settings, case.case, cls)
        found = is_there(case.case, cls, settings)
        if found or settings["missing"] == "error":
            size = (case.height, case.width)
            read_saliency(case.case, cls, size, (0, 0, *size), settings)
    except InputError as error:
        problems.append(error)
    return case.case, cls, str(path), int(found)


if __name__ == "__main__":
    with job_log(snakemake.log[0]), results_of(snakemake) as there:
        if not there:
            main(
                snakemake.input.cases,
                snakemake.wildcards.explainer,
                snakemake.params.settings,
                snakemake.params.annotated,
                snakemake.params.splits,
                snakemake.output[0],
            )
