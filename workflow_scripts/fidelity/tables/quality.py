"""The quality of the classifiers: a note for every table that shows their explainers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fidelity.presentation import titles
from fidelity.presentation.wording import digits_of, listed, with_interval
from fidelity.tables.layout import Table
from fidelity.tables.results import Qualities
from fidelity.verdict.chance_words import question, withheld

SHOWN = {"accuracy": "accuracy", "balanced_accuracy": "balanced", "macro_auc": "macro-AUC"}


def quality_note(quality: Qualities, dataset: str, classifiers: Sequence[str]) -> str | None:
    """State how good the classifiers of one table are; None if nothing is known about them."""
    parts, splits = [], {}
    for name in classifiers:
        found = quality.get((dataset, name))
        if found:
            splits[found.split] = None
            told = [
                f"{title} {with_interval(rated.value, rated.low, rated.high, digits_of(measure))}"
                for measure, title in SHOWN.items()
                if (rated := found.measures.get(measure))
            ]
            parts.append(f"{titles.classifier_title(name)} {', '.join(told)} (n = {found.n})")
    return f"Classification of the {listed(splits)} split: {'; '.join(parts)}." if parts else None


def with_chance_notes(
    tables: Sequence[Table], quality: Qualities, bases: Mapping[str, str]
) -> list[Table]:
    """Add notes on classifiers that allow no conclusion to each table that shows them.

    Args:
        bases: classifier → its key in the config.

    Returns:
        The tables. If a classifier is below chance, the note asks whether the order of its classes
        is right, and names the order that would fit. It does the same if only some classes are
        below chance and another order fits them.
    """
    found = []
    for table in tables:
        notes = []
        for (_, name), rated in quality.items():
            # A table over training seeds names the classifier by its key in the config.
            if table.classifiers & {name, bases.get(name)}:
                if rated.asks_for_order:
                    notes.append(question(bases.get(name, name), rated))
                if not rated.concludes:
                    notes.append(withheld(name, rated))
        found.append(replace(table, notes=[*table.notes, *notes]))
    return found
