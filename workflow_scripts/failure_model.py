"""Relate the primary metric to facts of lesions and cases, into tables/failure_model.csv."""

import re

from fidelity.analysis.chance import useless_for
from fidelity.analysis.localization import scores_of
from fidelity.analysis.regressions.failure_model import failure_model
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import Case, read_cases

# In CheXpert and data sets with its layout, the file name contains the view.
VIEW = re.compile(r"frontal|lateral", re.IGNORECASE)


def view_of(case: Case) -> str:
    """Return the view of an image from its facts, or else from its file name; empty if unknown."""
    named = VIEW.search(case.image)
    return case.facts.get("view", "") or (named[0].lower() if named else "")


if __name__ == "__main__":
    run_job(
        failure_model,
        snakemake,
        keep=True,
        scores=scores_of,
        lesions=lambda job: read_parquet(job.input.lesions),
        views=lambda job: {
            case.case: view for case in read_cases(job.input.cases) if (view := view_of(case))
        },
        useless=useless_for,
    )
