"""List the strata of each case and class, from the files and from the reference mask."""

from fidelity.analysis.case_strata import case_strata
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.prepared import cases_in
from fidelity.datasets.prepared_list import listed

if __name__ == "__main__":
    run_job(
        case_strata,
        snakemake,
        cases=lambda job: cases_in(listed(job.input.prepared)),
        facts=lambda job: {case.case: case.facts for case in read_cases(job.input.cases)},
        wanted="strata",
    )
