"""Compare explainers pairwise into tables/comparisons.csv."""

from fidelity.analysis.comparisons import compare
from fidelity.analysis.localization import scores_of
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(compare, snakemake, keep=True, scores=scores_of)
