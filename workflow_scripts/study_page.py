"""Write the study page of one data set: one file that answers its question."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.localization import STRATA
from fidelity.analysis.columns.organs import ORGANS
from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.pages.result_tables import read_result_tables
from fidelity.pages.study_page.build import Study, build
from fidelity.presentation.titles import showing
from fidelity.tables.inference import strata_tables


def main(
    localization: str,
    comparisons: str,
    seeds: str,
    counts: str,
    verdict: str,
    tables: Mapping[str, Any],
    described: Mapping[str, Any],
    settings: Mapping[str, Any],
    citation: str,
    output: str,
    classification: str = "",
    class_order: str = "",
    prepared: str = "",
    cases: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    strata: str = "",
    organs: str = "",
) -> None:
    """Write the page.

    Args:
        verdict: verdict.json.
        tables: `JobSettings.formatted_tables`.
        described: `JobSettings.methods`.
        settings: `JobSettings.study_page`.
        prepared: list of the prepared shards that hold the cases.
        cases: classifier → maps, masks and shown_scores of its cases; none: none is shown.
        strata: strata.csv; empty where the config requests none.
        organs: organs.csv; empty where the data set has no organ masks.
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
    why = (
        "The pictures of cases are left out: the study's config does not let pages show images "
        "(explorer.images: false)."
        if not settings["images"]
        else "The pictures of cases are missing: this page comes from a re-analysis of stored "
        "scores, which has no images, maps or masks."
    )
    page = build(
        Study(
            dataset=described["dataset"],
            localization=found.localization,
            verdict=json.loads(Path(verdict).read_text(encoding="utf-8")),
            main=found.main,
            classification=found.classification,
            strata={
                name: strata_tables(
                    rows, tables["statistics"], tables["families"], found.unit, tables["strata"]
                )
                for name, rows in (STRATA.read(strata).groupby("classifier") if strata else ())
            },
            organs=ORGANS.read_if(organs),
            cases={name: {"prepared": prepared, **files} for name, files in (cases or {}).items()},
            no_cases=why,
            methods=found.methods,
            citation=citation,
            settings={**settings, "families": tables["families"]},
        )
    )
    write_text(output, page)


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake)
