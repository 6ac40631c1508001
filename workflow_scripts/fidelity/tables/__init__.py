"""Formatted tables of a study. A table is laid out once as text and written in three formats."""

from fidelity.base.formulas import escape_formulas
from fidelity.tables.case_counts import cases_table
from fidelity.tables.checks import check_tables
from fidelity.tables.classification import classification_table
from fidelity.tables.inference import comparison_tables, model_tables, strata_tables
from fidelity.tables.layout import (
    Table,
)
from fidelity.tables.localization import localization_tables
from fidelity.tables.lungs import lung_table
from fidelity.tables.quality import with_chance_notes
from fidelity.tables.writers import to_html, to_latex, to_markdown

__all__ = [
    "Table",
    "cases_table",
    "check_tables",
    "classification_table",
    "comparison_tables",
    "escape_formulas",
    "localization_tables",
    "lung_table",
    "model_tables",
    "strata_tables",
    "to_html",
    "to_latex",
    "to_markdown",
    "with_chance_notes",
]
