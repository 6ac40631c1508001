"""Rank the explainers for each patient and average the ranks, into tables/ranks.csv."""

from fidelity.analysis.localization import scores_of
from fidelity.analysis.ranks import rank
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(rank, snakemake, scores=scores_of)
