"""Format the tables of one data set as Markdown, LaTeX and HTML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.boxes import BOX_COMPARISONS, BOXES
from fidelity.analysis.columns.cases import CASE_COUNTS, ORGAN_MASKS
from fidelity.analysis.columns.classifiers import LUNG_QUALITY
from fidelity.analysis.columns.comparisons import MIXED_MODEL
from fidelity.analysis.columns.localization import STRATA
from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.presentation.page import render
from fidelity.presentation.titles import dataset_title, showing
from fidelity.presentation.wording import confidence
from fidelity.tables.boxes import box_tables
from fidelity.tables.cases.case_counts import cases_table
from fidelity.tables.cases.lungs import lung_table
from fidelity.tables.checks.of_maps import check_tables
from fidelity.tables.classification import classification_tables
from fidelity.tables.inference import comparison_tables, model_tables, strata_tables
from fidelity.tables.localization import localization_tables
from fidelity.tables.main_result import main_tables
from fidelity.tables.organs import organ_masks_table
from fidelity.tables.quality import with_chance_notes
from fidelity.tables.results import Results
from fidelity.tables.writers import to_latex


def main(
    files: Mapping[str, Any],
    dataset: str,
    settings: Mapping[str, Any],
    markdown: str,
    latex: str,
    latex_tables: str,
    html: str,
) -> None:
    """Write all tables in three formats.

    Args:
        files: the rule's inputs by name; empty or absent if there is no such table. `checks` are
            those of the following that were computed: stability.csv, faithfulness.csv,
            faithfulness_comparisons.csv, sanity.csv, repeatability.csv, failure_model.csv,
            hiding.csv, controls.csv, organs.csv. `lung_quality` is quality.csv of the model that
            segmented the lungs.
        settings: mapping with these keys. `statistics`: with the primary binarization resolved;
            `scoring_size`; `empty`: the config's `scores.empty` with defaults. `families`:
            explainer → family; `diagnostic`: binarizations that use the reference; `bases`:
            classifier → config key. `confounded`: explainer or binarization → how it differs from
            the common rule; `strata`, if requested.
        latex_tables: folder with one LaTeX file per table.
    """
    results = Results.read(files, settings)
    statistics, families = settings["statistics"], settings["families"]
    unit, useless = results.unit, results.useless
    laid_out = main_tables(results) + localization_tables(results)
    if files.get("boxes"):
        values = BOXES.read(files["boxes"])
        differences = BOX_COMPARISONS.read(files["box_comparisons"])
        laid_out += box_tables(values, differences, statistics, families, unit)
    laid_out += comparison_tables(results.comparisons, statistics, families, useless)
    laid_out += strata_tables(
        STRATA.read(files["strata"]), statistics, families, unit, settings.get("strata", ())
    )
    laid_out += model_tables(MIXED_MODEL.read(files["mixed_model"]), statistics, unit)
    if results.classification is not None:
        laid_out += classification_tables(results.classification, confidence(statistics))
    checks = files.get("checks", ())
    laid_out += check_tables(checks, families, statistics["alpha"], useless)
    if path := files.get("lung_quality"):
        laid_out.append(lung_table(LUNG_QUALITY.read(path), dataset))
    laid_out = with_chance_notes(laid_out, results.quality, settings["bases"])
    if path := files.get("counts"):
        laid_out.append(cases_table(CASE_COUNTS.read(path), dataset))
    if path := files.get("organ_masks"):
        laid_out.append(organ_masks_table(ORGAN_MASKS.read(path), dataset))
    for path, template in ((markdown, "tables.md.j2"), (html, "tables.html.j2")):
        write_text(path, render(template, tables=laid_out, dataset=dataset_title(dataset)))
    written = to_latex(laid_out, dataset)
    for name, text in written.items():
        write_text(Path(latex_tables) / f"{name}.tex", text)
    folder = Path(latex_tables).name
    write_text(latex, render("tables.tex.j2", names=list(written), folder=folder))


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake, files=lambda job: dict(job.input.items()))
