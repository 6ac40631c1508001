"""Summarize the agreement between training seeds, into tables/repeatability.csv."""

from fidelity.analysis.checks.case_means import parts_of
from fidelity.analysis.checks.map_repeatability import summarize
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(summarize, snakemake, parts=parts_of)
