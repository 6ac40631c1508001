"""List the used rows of CheXmask's file and their cases in tables/organ_masks.csv."""

from pathlib import Path

from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.indexing.organs import matches_of, table_of


def main(raw_dir: str, cases: str, lungs: str, lung_quality: float, output: str) -> None:
    """Write the list.

    Args:
        raw_dir: output folder of `acquire`; the data root is its `data`.
    """
    path = (Path(raw_dir) / "data").resolve() / lungs
    write_csv(table_of(matches_of(read_cases(cases), path, lung_quality)), output)


if __name__ == "__main__":
    run_job(main, snakemake, raw_dir="raw")
