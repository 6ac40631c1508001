"""Build the chapters of a verdict from the tables of a study."""

from collections.abc import Iterator
from dataclasses import replace

from fidelity.analysis.localization import ALL_CLASSES, DEFAULT_PROTOCOL, NO_CLASSIFIER
from fidelity.metrics.registry import title_of
from fidelity.presentation.titles import binarization_title, protocol_title
from fidelity.presentation.wording import corrected_pairs, listed
from fidelity.verdict.cases_used import with_cases
from fidelity.verdict.caveats import foundations, mean_ranks, powerless, secondary
from fidelity.verdict.classifier import alarms, without_its_explainers
from fidelity.verdict.evidence import Evidence, Study, Tables, collect
from fidelity.verdict.faithfulness import uses_what_they_show
from fidelity.verdict.flips import ranking_flips
from fidelity.verdict.pairs import beats_nulls, beats_others, below_ceilings
from fidelity.verdict.readers import within_disagreement
from fidelity.verdict.short import headline, units_first
from fidelity.verdict.structure import Chapter, Section


def build(tables: Tables, study: Study) -> list[Chapter]:
    """Find the answer to each question in the tables."""
    return [_chapter(evidence) for evidence in collect(tables, study)]


def _chapter(evidence: Evidence) -> Chapter:
    statistics = evidence.study.statistics
    pairs = sum(row.n_units > 0 for row in evidence.primary(evidence.pooled))
    tested = "test" in evidence.splits
    lead = "Primary comparison" if tested else "Shown, without a primary comparison"
    setting = (
        f"{lead}: {title_of(statistics['primary'])} on the {listed(evidence.splits)} split, with "
        f"the binarization “{binarization_title(statistics['primary_binarization'])}” and the "
        f"protocol “{protocol_title(DEFAULT_PROTOCOL)}”. "
    )
    if pairs > 1:
        setting += (
            f"Holm's correction of p covers {corrected_pairs(pairs)}."
            + " For each single class, the pairs are corrected separately."
            * (evidence.pooled == ALL_CLASSES)
        )
    else:
        told = "There is only one pair, so p needs no correction."
        setting += told if pairs else "There is no pair to compare."
    judged = evidence if evidence.concludes else without_its_explainers(evidence)
    return Chapter(
        evidence.dataset,
        evidence.classifier,
        setting,
        [*alarms(evidence), *headline(judged), *powerless(judged), *units_first(judged)],
        list(_sections(judged)),
        {} if evidence.quality is None else evidence.quality.facts(),
    )


def _sections(evidence: Evidence) -> Iterator[Section]:
    yield with_cases(foundations(evidence), evidence)
    yield beats_others(evidence)
    if evidence.real:
        yield beats_nulls(evidence)
        yield below_ceilings(evidence)
        if evidence.tables.readers is not None:
            yield within_disagreement(evidence)
    if evidence.concludes:
        yield _with_split(mean_ranks(evidence), evidence)
    yield _with_split(ranking_flips(evidence), evidence)
    yield _with_split(secondary(evidence), evidence)
    if evidence.concludes and evidence.classifier != NO_CLASSIFIER:
        yield _with_split(uses_what_they_show(evidence), evidence)


def _with_split(section: Section, evidence: Evidence) -> Section:
    """Name the split in the introduction of a section, if there is one and it is not test."""
    if "test" in evidence.splits or not section.intro:
        return section
    text = f"{section.intro} These results are from the {listed(evidence.splits)} split."
    return replace(section, intro=text)
