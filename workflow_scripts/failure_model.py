"""Relate the primary metric to facts of lesions and cases: into tables/failure_model.csv."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.chance import useless
from fidelity.analysis.columns.classifiers import CLASSIFICATION
from fidelity.analysis.failure_model import failure_model as model
from fidelity.analysis.localization import load_scores
from fidelity.base.files import read_parquet, write_csv
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import Case, read_cases

# CheXpert and data sets in its layout name the view in the file's name.
VIEW = re.compile(r"frontal|lateral", re.IGNORECASE)


def main(
    scores: Sequence[str],
    lesions: str,
    cases: str,
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    bases: Mapping[str, str],
    output: str,
    classification: str = "",
) -> None:
    """Write the coefficients of each explainer, or why there are none.

    Args:
        scores: scores.parquet files; those of the primary binarization are enough.
        lesions: lesions.parquet.
        cases: cases.csv, whose images' names may hold the view.
        classification: classification.csv; classifiers that allow no conclusion are left out.
    """
    rated = CLASSIFICATION.read(classification) if classification else None
    left_out = useless(rated, statistics.get("least_accuracy"))
    views = {case.case: view for case in read_cases(cases) if (view := view_of(case))}
    loaded = load_scores(scores, combos)
    facts = read_parquet(lesions)
    write_csv(model(loaded, facts, views, statistics, families, bases, left_out), output)


def view_of(case: Case) -> str:
    """Give the view of an image by its facts, or else by its file's name; empty if unknown."""
    named = VIEW.search(case.image)
    return case.facts.get("view", "") or (named[0].lower() if named else "")


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
