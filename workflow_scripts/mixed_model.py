"""Fit the mixed model of the primary metric into tables/mixed_model.csv."""

from fidelity.analysis.chance import useless_for
from fidelity.analysis.localization import scores_of
from fidelity.analysis.regressions.mixed_model import mixed_model
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(mixed_model, snakemake, keep=True, scores=scores_of, useless=useless_for)
