"""Format the tables of one data set as Markdown, LaTeX and HTML."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.analysis.chance import qualities
from fidelity.analysis.columns.boxes import BOX_COMPARISONS, BOXES
from fidelity.analysis.columns.cases import CASE_COUNTS, ORGAN_MASKS
from fidelity.analysis.columns.classifiers import CLASS_ORDER, CLASSIFICATION, LUNG_QUALITY
from fidelity.analysis.columns.comparisons import COMPARISONS, MIXED_MODEL
from fidelity.analysis.columns.localization import LOCALIZATION, SEEDS, STRATA
from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.presentation.page import render
from fidelity.presentation.titles import dataset_title, showing
from fidelity.tables.boxes import box_tables
from fidelity.tables.case_counts import cases_table
from fidelity.tables.checks import check_tables
from fidelity.tables.classification import classification_tables
from fidelity.tables.inference import comparison_tables, model_tables, strata_tables
from fidelity.tables.localization import localization_tables
from fidelity.tables.lungs import lung_table
from fidelity.tables.main_result import main_tables, unit_of
from fidelity.tables.organs import organ_masks_table
from fidelity.tables.quality import with_chance_notes
from fidelity.tables.writers import to_html, to_latex, to_markdown


def main(
    localization: str,
    comparisons: str,
    seeds: str,
    strata: str,
    mixed_model: str,
    classification: str,
    settings: Mapping[str, Any],
    markdown: str,
    latex: str,
    latex_tables: str,
    html: str,
    lung_quality: str = "",
    dataset: str = "",
    checks: Sequence[str] = (),
    class_order: str = "",
    counts: str = "",
    boxes: str = "",
    box_comparisons: str = "",
    organ_masks: str = "",
) -> None:
    """Write all tables in three formats.

    Args:
        classification: classification.csv; empty without classifiers.
        settings: `statistics` (primary binarization resolved); `scoring_size`; `empty` (the
            config's `scores.empty`, defaults filled); `families` (explainer → family); `diagnostic`
            (binarizations that see the reference); `bases` (classifier → config key); `confounded`
            (explainer or binarization → how it differs from the rule for all); `strata`, where
            they are requested.
        latex: a document with all tables.
        latex_tables: folder of one LaTeX file per table.
        lung_quality: quality.csv of the model that segmented the lungs; empty where none did.
        checks: stability.csv, faithfulness.csv, faithfulness_comparisons.csv, sanity.csv,
            repeatability.csv, failure_model.csv, hiding.csv, controls.csv, organs.csv, as far as
            they are computed.
        class_order: class_order.csv; empty without classifiers.
        boxes: boxes.csv; empty where no boxes are scored.
        box_comparisons: box_comparisons.csv, likewise.
        organ_masks: organ_masks.csv; empty where the data set has none.
    """
    statistics, families = settings["statistics"], settings["families"]
    scored = LOCALIZATION.read(localization)
    compared = COMPARISONS.read(comparisons)
    spread = SEEDS.read(seeds)
    unit = unit_of(scored, compared, statistics)
    classified = CLASSIFICATION.read(classification) if classification else None
    orders = CLASS_ORDER.read(class_order) if class_order else None
    quality = qualities(classified, orders, statistics.get("least_accuracy"))
    useless = {name for (_, name), found in quality.items() if not found.concludes}
    laid_out = main_tables(
        scored,
        compared,
        statistics,
        families=families,
        unit=unit,
        quality=quality,
        seeds=spread,
        bases=settings["bases"],
        useless=useless,
    )
    laid_out += localization_tables(
        scored,
        statistics,
        settings["scoring_size"],
        settings["empty"],
        families=families,
        unit=unit,
        diagnostic=settings["diagnostic"],
        seeds=spread,
        bases=settings["bases"],
        quality=quality,
        confounded=settings["confounded"],
    )
    if boxes:
        values, differences = BOXES.read(boxes), BOX_COMPARISONS.read(box_comparisons)
        laid_out += box_tables(values, differences, statistics, families, unit)
    laid_out += comparison_tables(compared, statistics, families, useless)
    laid_out += strata_tables(
        STRATA.read(strata), statistics, families, unit, settings.get("strata", ())
    )
    laid_out += model_tables(MIXED_MODEL.read(mixed_model), statistics, unit)
    if classified is not None:
        laid_out += classification_tables(classified)
    laid_out += check_tables(checks, families, useless)
    if lung_quality:
        laid_out.append(lung_table(LUNG_QUALITY.read(lung_quality), dataset))
    laid_out = with_chance_notes(laid_out, quality, settings["bases"])
    if counts:
        laid_out.append(cases_table(CASE_COUNTS.read(counts), dataset))
    if organ_masks:
        laid_out.append(organ_masks_table(ORGAN_MASKS.read(organ_masks), dataset))
    title = dataset_title(dataset)
    write_text(markdown, to_markdown("tables", laid_out, dataset=title))
    write_text(html, to_html("tables", laid_out, dataset=title))
    files = to_latex(laid_out, dataset)
    for name, text in files.items():
        write_text(Path(latex_tables) / f"{name}.tex", text)
    folder = Path(latex_tables).name
    write_text(latex, render("tables.tex.j2", names=list(files), folder=folder))


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake)
