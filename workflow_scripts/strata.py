"""Average scores by strata of cases, into tables/strata.csv."""

from fidelity.analysis.columns.described_table import read_if
from fidelity.analysis.columns.localization import STRATA_CASES
from fidelity.analysis.localization import scores_of
from fidelity.analysis.strata import stratify
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        stratify,
        snakemake,
        scores=scores_of,
        told=lambda job: read_if(STRATA_CASES, job.input.told),
    )
