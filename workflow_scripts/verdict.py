"""Write the verdict of one data set: one sentence per question, from the tables alone."""

import logging
from collections.abc import Mapping
from typing import Any

from fidelity.analysis.columns.cases import CASE_COUNTS, NEAR_DUPLICATES
from fidelity.analysis.columns.checks import STABILITY
from fidelity.analysis.columns.classifiers import CLASS_ORDER, CLASSIFICATION, LUNG_QUALITY
from fidelity.analysis.columns.comparisons import COMPARISONS, FAITHFULNESS_COMPARISONS, RANKS
from fidelity.analysis.columns.localization import LOCALIZATION, SEEDS
from fidelity.analysis.columns.readers import READERS
from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.presentation.titles import dataset_title, showing
from fidelity.verdict import pages
from fidelity.verdict.chapters import build
from fidelity.verdict.evidence import CaseTables, Study, Tables


def main(
    localization: str,
    comparisons: str,
    ranks: str,
    seeds: str,
    classification: str,
    dataset: str,
    families: Mapping[str, str],
    bases: Mapping[str, str],
    confounded: Mapping[str, str],
    statistics: Mapping[str, Any],
    markdown: str,
    html: str,
    json: str,
    lung_quality: str = "",
    lung_from: str = "",
    faithfulness: str = "",
    stability: str = "",
    class_order: str = "",
    cases: Mapping[str, Any] | None = None,
    readers: str = "",
) -> None:
    """Write the verdict as Markdown, HTML and JSON.

    Args:
        seeds: seeds.csv; empty without classifiers.
        classification: classification.csv; empty without classifiers.
        families: explainer → perturbation, cam, gradient, baseline, ceiling, in the config's order.
        confounded: explainer or binarization → how it differs from the rule for all.
        lung_quality: quality.csv of the lung model; empty without one.
        lung_from: the data set that it was trained on.
        faithfulness: faithfulness_comparisons.csv; empty where it was not measured.
        class_order: class_order.csv; empty without classifiers.
        cases: `counts` (case_counts.csv), `cases` (cases.csv), `pairs` (near_duplicates.csv),
            `means` and `comparisons` (without the near-duplicates), `searched` (whether these were
            searched for).
        readers: readers.csv; empty without several readers.
    """
    tables = Tables(
        LOCALIZATION.read(localization),
        COMPARISONS.read(comparisons),
        RANKS.read(ranks),
        SEEDS.read(seeds) if seeds else None,
        CLASSIFICATION.read(classification) if classification else None,
        LUNG_QUALITY.read(lung_quality) if lung_quality else None,
        lung_from,
        FAITHFULNESS_COMPARISONS.read(faithfulness) if faithfulness else None,
        STABILITY.read(stability) if stability else None,
        CLASS_ORDER.read(class_order) if class_order else None,
        cases=_case_tables(cases) if cases else None,
        readers=READERS.read(readers) if readers else None,
    )
    study = Study(statistics, families, bases, confounded)
    chapters = build(tables, study)
    title = dataset_title(dataset)
    write_text(markdown, pages.to_markdown(chapters, title, statistics))
    write_text(html, pages.to_html(chapters, title, statistics))
    write_text(json, pages.to_json(chapters))
    for chapter in chapters:
        for sentence in chapter.headline:
            logging.info("%s: %s", chapter.classifier, sentence.text)


def _case_tables(files: Mapping[str, Any]) -> CaseTables:
    return CaseTables(
        counts=CASE_COUNTS.read(files["counts"]),
        pairs=NEAR_DUPLICATES.read(files["pairs"]),
        searched=files["searched"],
        means=LOCALIZATION.read(files["means"]),
        comparisons=COMPARISONS.read(files["comparisons"]),
        cases=read_cases(files["cases"]),
    )


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(
            main,
            snakemake,
            cases=lambda job: {
                "counts": job.input.counts,
                "cases": job.input.cases,
                "pairs": job.input.near_duplicates,
                "means": job.input.means_without_twins,
                "comparisons": job.input.comparisons_without_twins,
                "searched": job.params.searched,
            },
        )
