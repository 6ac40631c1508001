"""Write a folder with what a paper needs from the results of one data set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.pages.paper.build import write
from fidelity.pages.result_tables import read_result_tables
from fidelity.presentation.titles import showing


def main(
    files: Mapping[str, Any],
    tables: Mapping[str, Any],
    described: Mapping[str, Any],
    settings: Mapping[str, Any],
    citation: str,
    output: str,
) -> None:
    """Write the folder.

    Args:
        files: the rule's inputs by name; see `read_result_tables`.
        settings: `PageSettings.paper`.
    """
    found = read_result_tables(files, tables=tables, described=described, citation=citation)
    write(Path(output), found, **settings)


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake, files=lambda job: dict(job.input.items()))
