"""The study page: the question, the answer from the tables, and its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_CLASSIFIER,
    keep_test_split,
    of_classifier,
)
from fidelity.figures import forest, organs, rank_by_protocol
from fidelity.metrics.registry import title_of
from fidelity.pages.methods import references
from fidelity.pages.result_tables import ResultTables
from fidelity.pages.study_page import pictures
from fidelity.presentation import titles
from fidelity.presentation.page import render
from fidelity.presentation.protocols import explained
from fidelity.presentation.wording import listed
from fidelity.tables.by_class import class_tables
from fidelity.tables.classification import classification_tables
from fidelity.tables.layout import Table
from fidelity.tables.organs import organ_tables
from fidelity.tables.thresholds import threshold_tables
from fidelity.verdict.answer import answer

# Rows of the main table that are always visible; the number of further rows that is too small to
# fold.
UNFOLDED, FEW = 8, 3
# Sentences of a list that are always visible.
MOST_SENTENCES = 6
# Largest total size of the pictures of cases in bytes, so that the page can be mailed.
MOST_BYTES = 6_000_000
# Sections of the verdict, by the start of their titles.
RESTS_ON, FLIPS = "What do the answers rest on", "Where does the ranking flip"
FAITHFUL = "Does the classifier use what the maps show"


@dataclass(frozen=True)
class Study:
    """The content of a page.

    Attributes:
        strata: classifier → tables of strata; empty if the config requests none.
        organs: organs.csv; None if the data set has no organ masks.
        cases: classifier → files of its cases, see `pictures.cases`; empty if no picture is shown.
        no_cases: why no picture of a case is shown.
        thresholds: classifier → explainer → thresholds.csv; empty if no threshold was tuned.
        citation: how to cite, as text.
        settings: families, classifiers (as shown), metric, binarization, diagnostic, galleries
            (classifier → settings); alpha; interval (in words); generated (whether the images are),
            links (title, path from the page), folder (of the page); planted (whether a mark decides
            classes).
    """

    results: ResultTables
    verdict: Mapping[str, Any]
    strata: Mapping[str, Sequence[Table]]
    organs: pd.DataFrame | None
    cases: Mapping[str, Mapping[str, Any]]
    no_cases: str
    thresholds: Mapping[str, Mapping[str, pd.DataFrame]]
    citation: str
    settings: Mapping[str, Any]


def build(study: Study) -> str:
    """Write the page: one HTML file without scripts or outside resources."""
    shown, results = study.settings["classifiers"], study.results
    chapters = {chapter["classifier"]: chapter for chapter in study.verdict["chapters"]}
    blocks = [_block(study, name, chapters[name]) for name in shown if name in chapters]
    return render(
        "study.html.j2",
        dataset=titles.dataset_title(results.dataset),
        metric=title_of(study.settings["metric"]),
        classifiers=listed(
            titles.classifier_title(name) for name in shown if name != NO_CLASSIFIER
        ),
        generated=study.settings["generated"],
        planted=study.settings["planted"],
        kinds={study.settings["families"].get(name) for name in results.localization["explainer"]},
        blocks=blocks,
        unfolded=MOST_SENTENCES,
        few=FEW,
        interval=study.settings["interval"],
        methods=[references.plain(text) for text in results.methods],
        references=references.listed_plainly(references.cited(results.methods)),
        citation=study.citation,
        links=study.settings["links"],
        folder=study.settings["folder"],
    )


def _block(study: Study, classifier: str, chapter: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what the template shows of one classifier."""
    settings, results = study.settings, study.results
    metric, by = settings["metric"], settings["galleries"][classifier]
    rows = of_classifier(results.localization, classifier)
    primary = rows[rows["binarization"] == settings["binarization"]]
    judged = keep_test_split(primary)
    protocols = list(dict.fromkeys(rows["protocol"]))
    main = [table for table in results.main if classifier in table.classifiers]
    rated = results.classification
    answered = answer(chapter, settings["families"], settings["alpha"])
    # If no conclusion is drawn, the answer is also a sentence of the verdict and of the notes.
    above = (answered.sentence, *answered.details)
    told = [part for part in chapter["headline"] if part["text"] not in above]
    rests_on = _sentences(chapter, RESTS_ON)
    quality = [text for text in rests_on if {"accuracy", "auc"} & set(text["numbers"])]
    reference = [text for text in rests_on if "references" in text["numbers"]]
    others = [text for text in rests_on if text not in quality and text not in reference]
    return {
        "title": titles.classifier_title(classifier) if classifier != NO_CLASSIFIER else "",
        "answer": answered,
        "setting": chapter["setting"],
        "reference": [text["text"] for text in reference],
        "short": [part for part in told if part["outcome"] != "warning"],
        "warnings": [part for part in told if part["outcome"] == "warning"],
        "forest": pictures.as_svg(forest.plot(primary, metric)),
        "main": [part for table in main for part in _folded(table)],
        "notes": [note for table in main for note in table.notes if note != answered.sentence],
        "flips": pictures.as_svg(
            rank_by_protocol.plot(
                rows,
                primary=metric,
                primary_binarization=settings["binarization"],
                diagnostic=settings["diagnostic"],
            )
        ),
        "by_class": class_tables(
            judged[(judged["protocol"] == DEFAULT_PROTOCOL) & (judged["metric"] == metric)],
            settings["families"],
            interval=settings["interval"],
        ),
        "protocols": explained(protocols) if len(protocols) > 1 else [],
        "flip_sentences": _sentences(chapter, FLIPS),
        "flip_words": next(s["intro"] for s in chapter["sections"] if s["title"].startswith(FLIPS)),
        "cases": pictures.cases(study.cases[classifier], by, MOST_BYTES // len(study.cases))
        if classifier in study.cases
        else "",
        "order": titles.explainer_title(by["by"]),
        "best_ceiling": bool(by["ceilings"]),
        "no_cases": study.no_cases,
        "strata": study.strata.get(classifier, ()),
        **_organs(study, classifier),
        "faithfulness": _faithfulness(chapter),
        "thresholds": threshold_tables(
            study.thresholds.get(classifier, {}), classifier, settings["binarization"]
        ),
        "quality": quality,
        "classification": []
        if rated is None
        else classification_tables(rated[rated["classifier"] == classifier], settings["interval"]),
        "caveats": sorted(others, key=lambda text: text["outcome"] != "warning"),
    }


def _organs(study: Study, classifier: str) -> dict[str, Any]:
    """Return figure and tables of the attribution per organ; empty without organ masks."""
    if study.organs is None:
        return {"organs": "", "organ_tables": []}
    rows = of_classifier(study.organs, classifier)
    shown = keep_test_split(rows)
    return {
        "organs": pictures.as_svg(organs.plot(rows)),
        "organ_tables": organ_tables(shown, study.settings["families"]) if len(shown) else [],
    }


def _faithfulness(chapter: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdict on faithfulness over all classes; empty if it was not measured."""
    for section in chapter["sections"]:
        # Without an introduction, the section only states that nothing was measured.
        if section["title"].startswith(FAITHFUL) and section["intro"]:
            scopes = [group["title"].partition(", ")[2] for group in section["groups"]]
            kept = ("", next(filter(None, scopes), ""))
            groups = zip(section["groups"], scopes, strict=True)
            return {**section, "groups": [group for group, scope in groups if scope in kept]}
    return {}


def _sentences(chapter: Mapping[str, Any], title: str) -> list[Mapping[str, Any]]:
    return [
        sentence
        for section in chapter["sections"]
        if section["title"].startswith(title)
        for group in section["groups"]
        for sentence in group["sentences"]
    ]


def _folded(table: Table) -> list[Table]:
    """Split a table into visible and folded rows, without its notes."""
    table = replace(table, notes=[])
    if len(table.rows) <= UNFOLDED + FEW:
        return [table]
    rest = {place - UNFOLDED: text for place, text in table.headings.items() if place >= UNFOLDED}
    first = {place: text for place, text in table.headings.items() if place < UNFOLDED}
    # The folded part repeats the heading of the group that continues in it.
    rest.setdefault(0, next((first[place] for place in sorted(first, reverse=True)), ""))
    return [
        replace(table, rows=table.rows[:UNFOLDED], headings=first),
        replace(table, rows=table.rows[UNFOLDED:], headings=rest),
    ]
