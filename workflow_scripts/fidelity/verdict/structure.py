"""The parts of a verdict: sentences with their numbers, in sections, in chapters."""

from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["better", "worse", "equivalent", "none_shown", "absent", "note", "warning"]


@dataclass(frozen=True)
class Sentence:
    """One sentence.

    Attributes:
        outcome: what the tests show about its subject; `note` and `warning` are not test results.
        family: `primary` or `secondary` if it is based on a comparison, else empty.
        numbers: the content of the text as values, for programs.
    """

    text: str
    outcome: Outcome
    family: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)


def note(text: str, **numbers: Any) -> Sentence:
    """Make a sentence that is based on no test and no comparison."""
    return Sentence(text, "note", "", numbers)


def warning(text: str, **numbers: Any) -> Sentence:
    """Make a warning: a sentence as from `note` that readers must not miss."""
    return Sentence(text, "warning", "", numbers)


@dataclass(frozen=True)
class Group:
    """Sentences under one subtitle (a class, or a scope); the subtitle may be empty."""

    title: str
    sentences: list[Sentence]


@dataclass(frozen=True)
class Section:
    """A question and its answers; the intro, which may be empty, explains how to read them."""

    title: str
    groups: list[Group]
    intro: str = ""


@dataclass(frozen=True)
class Chapter:
    """All questions of one data set and classifier.

    Attributes:
        classifier: key of the config, seed included; `none` if there is no classifier.
        setting: what the primary comparisons are, in one sentence.
        headline: the answers in short, only from primary comparisons.
        sections: the answers in full.
        quality: of the classifier, for programs: `status` (above_chance, below_least_accuracy,
            no_better_than_chance, below_chance, unknown), `concludes` (whether conclusions about
            explainers are drawn), measures with intervals, `fitting_order`; empty without a
            classifier.
    """

    dataset: str
    classifier: str
    setting: str
    headline: list[Sentence]
    sections: list[Section]
    quality: dict[str, Any] = field(default_factory=dict)
