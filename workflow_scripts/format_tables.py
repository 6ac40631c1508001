"""Format the tables of one data set as Markdown, LaTeX and HTML."""

from collections.abc import Mapping
from typing import Any

from fidelity import tables
from fidelity.files import write_text
from fidelity.joblog import job_log


def main(
    localization: str,
    classification: str,
    statistics: Mapping[str, Any],
    scoring_size: str,
    empty: Mapping[str, Any],
    markdown: str,
    latex: str,
    html: str,
) -> None:
    """Write localization and classification in three formats.

    Args:
        localization: localization.csv of the data set.
        classification: classification.csv of the data set; empty without classifiers.
        statistics: the config's `statistics`.
        scoring_size: `original` or `working`.
        empty: the config's `scores.empty`, defaults filled.
        markdown: output.
        latex: output.
        html: output, a standalone page.
    """
    scored = tables.read_results(localization, tables.LOCALIZATION_NUMBERS)
    laid_out = tables.localization_tables(scored, statistics, scoring_size, empty)
    if classification:
        classified = tables.read_results(classification, tables.CLASSIFICATION_NUMBERS)
        laid_out.append(tables.classification_table(classified))
    write_text(markdown, tables.to_markdown(laid_out))
    write_text(latex, tables.to_latex(laid_out))
    write_text(html, tables.to_html(laid_out, "Localization and classification"))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            localization=snakemake.input.localization,
            classification=snakemake.input.classification,
            statistics=snakemake.params.statistics,
            scoring_size=snakemake.params.scoring_size,
            empty=snakemake.params.empty,
            markdown=snakemake.output.markdown,
            latex=snakemake.output.latex,
            html=snakemake.output.html,
        )
