"""Write what a paper takes from the results of one data set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.pages.paper.build import write
from fidelity.pages.result_tables import read_result_tables
from fidelity.presentation.titles import showing


def main(
    localization: str,
    comparisons: str,
    seeds: str,
    counts: str,
    tables: Mapping[str, Any],
    described: Mapping[str, Any],
    settings: Mapping[str, Any],
    citation: str,
    output: str,
    classification: str = "",
    class_order: str = "",
) -> None:
    """Write the folder.

    Args:
        tables: `JobSettings.formatted_tables`.
        described: `JobSettings.methods`.
        settings: classifiers, metric and binarization, as `JobSettings.study_page` has them.
        citation: of the software.
        output: the folder.
    """
    found = read_result_tables(
        localization,
        comparisons,
        seeds,
        counts,
        classification,
        class_order,
        tables=tables,
        described=described,
        citation=citation,
    )
    write(
        Path(output),
        described["dataset"],
        main=found.main,
        localization=found.localization,
        classifiers=settings["classifiers"],
        metric=settings["metric"],
        binarization=settings["binarization"],
        methods=found.methods,
    )


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake)
