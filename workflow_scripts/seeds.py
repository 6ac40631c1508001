"""Summarize the spread between training seeds into tables/seeds.csv."""

from collections.abc import Mapping

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.training_seeds import between_seeds
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(localization: str, bases: Mapping[str, str], seeds: str) -> None:
    """Write the means' spread between seeds."""
    table = between_seeds(LOCALIZATION.read(localization), bases)
    write_csv(table, seeds)


if __name__ == "__main__":
    run_job(main, snakemake)
