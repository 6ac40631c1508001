"""Write what a paper takes from the results of one data set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.cases import CASE_COUNTS
from fidelity.analysis.columns.classifiers import CLASS_ORDER, CLASSIFICATION
from fidelity.analysis.columns.comparisons import COMPARISONS
from fidelity.analysis.columns.localization import LOCALIZATION, SEEDS
from fidelity.base.job_log import run_job
from fidelity.pages.methods.text import methods
from fidelity.pages.paper.build import write
from fidelity.presentation.titles import showing
from fidelity.tables.main_result import main_tables_of, unit_of


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
    scored, compared = LOCALIZATION.read(localization), COMPARISONS.read(comparisons)
    classified = CLASSIFICATION.read(classification) if classification else None
    orders = CLASS_ORDER.read(class_order) if class_order else None
    write(
        Path(output),
        described["dataset"],
        main=main_tables_of(scored, compared, SEEDS.read(seeds), classified, orders, tables),
        localization=scored,
        classifiers=settings["classifiers"],
        metric=settings["metric"],
        binarization=settings["binarization"],
        methods=methods(
            scored,
            CASE_COUNTS.read(counts),
            described,
            unit=unit_of(scored, compared, tables["statistics"]),
            compared=bool(len(compared)),
            software=citation,
        ),
    )


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake)
