"""Write the study page of one data set: a single file with the answer to its question."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.columns.described_table import read_if
from fidelity.analysis.columns.localization import STRATA, THRESHOLDS
from fidelity.analysis.columns.organs import ORGANS
from fidelity.base.files import read_json, write_text
from fidelity.base.job_log import run_job
from fidelity.pages.result_tables import read_result_tables
from fidelity.pages.study_page.build import Study, build
from fidelity.presentation.titles import showing
from fidelity.presentation.wording import confidence
from fidelity.tables.inference import strata_tables


def main(
    files: Mapping[str, Any],
    tables: Mapping[str, Any],
    described: Mapping[str, Any],
    settings: Mapping[str, Any],
    citation: str,
    output: str,
    cases: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    thresholds: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write the page.

    Args:
        files: the rule's inputs by name; see `read_result_tables`. `prepared` lists the prepared
            shards with the cases to show; it is empty if no case is shown. `strata` is empty if the
            config requests none, `organs` if the data set has no organ masks.
        settings: `PageSettings.study_page`.
        cases: classifier → maps, masks and shown_scores of its cases; if empty, no case is shown.
        thresholds: classifier → explainer → its tuned thresholds; if empty, none is shown.
    """
    found = read_result_tables(files, tables=tables, described=described, citation=citation)
    strata, prepared = read_if(STRATA, files.get("strata")), files.get("prepared", "")
    why = (
        "The pictures of cases are left out: the study's config does not let pages show images "
        "(explorer.images: false)."
        if not settings["images"]
        else "The pictures of cases are missing: this page comes from a re-analysis of stored "
        "scores, which has no images, maps or masks."
    )
    page = build(
        Study(
            results=found,
            verdict=read_json(files["verdict"]),
            strata={
                name: strata_tables(
                    rows, tables["statistics"], tables["families"], found.unit, tables["strata"]
                )
                for name, rows in (() if strata is None else strata.groupby("classifier"))
            },
            organs=read_if(ORGANS, files.get("organs")),
            cases={name: {"prepared": prepared, **kinds} for name, kinds in (cases or {}).items()},
            no_cases=why,
            thresholds={
                name: {explainer: THRESHOLDS.read(path) for explainer, path in tuned.items()}
                for name, tuned in (thresholds or {}).items()
            },
            citation=citation,
            settings={
                **settings,
                "families": tables["families"],
                "interval": confidence(tables["statistics"]),
                "alpha": tables["statistics"]["alpha"],
            },
        )
    )
    write_text(output, page)


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake, files=lambda job: dict(job.input.items()))
