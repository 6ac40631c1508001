"""Average scores by strata of cases into tables/strata.csv."""

from fidelity.analysis.columns.localization import STRATA_CASES
from fidelity.analysis.localization import scores_of
from fidelity.analysis.strata import stratify
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        stratify,
        snakemake,
        scores=scores_of,
        told=lambda job: STRATA_CASES.read_if(job.input.told),
    )
