"""Write the verdict of one data set: one sentence per question, only from the tables."""

import logging
from collections.abc import Mapping
from typing import Any

from fidelity.analysis.columns.cases import CASE_COUNTS, DATA_WARNINGS, NEAR_DUPLICATES
from fidelity.analysis.columns.checks import STABILITY
from fidelity.analysis.columns.classifiers import CLASS_ORDER, CLASSIFICATION, LUNG_QUALITY
from fidelity.analysis.columns.comparisons import COMPARISONS, FAITHFULNESS_COMPARISONS, RANKS
from fidelity.analysis.columns.described_table import read_if
from fidelity.analysis.columns.localization import LOCALIZATION, SEEDS
from fidelity.analysis.columns.readers import READERS
from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.presentation.titles import dataset_title, showing
from fidelity.verdict import pages
from fidelity.verdict.chapters import build
from fidelity.verdict.evidence import CaseTables, Study, Tables

# Attributes of `Tables`, then of `CaseTables` → (the rule's input, columns of its table).
TABLES = {
    "localization": ("localization", LOCALIZATION),
    "comparisons": ("comparisons", COMPARISONS),
    "ranks": ("ranks", RANKS),
    "seeds": ("seeds", SEEDS),
    "classification": ("classification", CLASSIFICATION),
    "lungs": ("lung_quality", LUNG_QUALITY),
    "faithfulness": ("faithfulness", FAITHFULNESS_COMPARISONS),
    "stability": ("stability", STABILITY),
    "orders": ("class_order", CLASS_ORDER),
    "readers": ("readers", READERS),
}
CASE_TABLES = {
    "counts": ("counts", CASE_COUNTS),
    "warnings": ("data_warnings", DATA_WARNINGS),
    "pairs": ("near_duplicates", NEAR_DUPLICATES),
    "means": ("means_without_twins", LOCALIZATION),
    "comparisons": ("comparisons_without_twins", COMPARISONS),
}


def main(
    files: Mapping[str, Any],
    dataset: str,
    families: Mapping[str, str],
    bases: Mapping[str, str],
    confounded: Mapping[str, str],
    statistics: Mapping[str, Any],
    markdown: str,
    html: str,
    json: str,
    generated: bool = False,
    lung_from: str = "",
    searched: bool = False,
) -> None:
    """Write the verdict as Markdown, HTML and JSON.

    Args:
        files: the rule's inputs by name; empty or absent if there is no such table. `cases` is
            cases.csv.
        confounded: explainer or binarization → how it differs from the common rule.
        generated: whether the images are generated.
    """

    def read(wanted: Mapping[str, Any]) -> dict[str, Any]:
        return {name: read_if(table, files.get(key)) for name, (key, table) in wanted.items()}

    cases = None
    if files.get("counts"):
        listed = read_cases(files["cases"])
        cases = CaseTables(**read(CASE_TABLES), searched=searched, cases=listed)
    tables = Tables(**read(TABLES), lungs_from=lung_from, cases=cases)
    chapters = build(tables, Study(statistics, families, bases, confounded))
    title = dataset_title(dataset)
    for path, kind in ((markdown, "md"), (html, "html")):
        write_text(path, pages.to_page(kind, chapters, title, statistics, generated))
    write_text(json, pages.to_json(chapters))
    for chapter in chapters:
        for sentence in chapter.headline:
            logging.info("%s: %s", chapter.classifier, sentence.text)


if __name__ == "__main__":
    with showing(snakemake.params.display):
        run_job(main, snakemake, files=lambda job: dict(job.input.items()))
