"""From the tables of a study to the chapters of its verdict."""

from collections.abc import Iterator

from fidelity.metrics.registry import title_of
from fidelity.presentation.wording import confidence, set_value
from fidelity.verdict.cases_used import with_cases
from fidelity.verdict.caveats import foundations, mean_ranks, secondary
from fidelity.verdict.classifier import alarms, without_its_explainers
from fidelity.verdict.evidence import Evidence, Study, Tables, collect
from fidelity.verdict.faithfulness import uses_what_they_show
from fidelity.verdict.flips import ranking_flips
from fidelity.verdict.pairs import beats_nulls, beats_others, below_ceilings
from fidelity.verdict.short import headline
from fidelity.verdict.structure import Chapter, Section


def build(tables: Tables, study: Study) -> list[Chapter]:
    """Give the answer to each question, from the tables.

    Args:
        tables: of one data set or several.
        study: settings.

    Returns:
        One chapter per data set and classifier.
    """
    return [_chapter(evidence) for evidence in collect(tables, study)]


def reading(study: Study) -> str:
    """State what the page's words mean, with the settings they depend on."""
    alpha, margin = study.statistics["alpha"], study.statistics["margin"]
    interval = confidence(study.statistics)
    return (
        f"“Higher”, “lower”, “better” and “worse” require two things. The Holm-adjusted p of "
        f"Wilcoxon's signed-rank test is below {set_value(alpha)}, and the {interval} "
        "of the mean difference excludes 0. “Equivalent” requires that interval to lie "
        f"inside ±{set_value(margin)}. Everything else is “no difference was shown”, which is not "
        "“no difference”. Only primary comparisons enter the short answers. Rules and metrics that "
        "see the reference mask enter nothing on this page. Square brackets hold the "
        f"{interval} of a classifier's measure."
    )


def _chapter(evidence: Evidence) -> Chapter:
    statistics = evidence.study.statistics
    setting = (
        f"Primary: {title_of(statistics['primary'])}, binarization "
        f"{statistics['primary_binarization']}, protocol default, test split; Holm's correction "
        "over all pairs of one class, null baselines and ceilings included."
    )
    judged = evidence if evidence.concludes else without_its_explainers(evidence)
    return Chapter(
        evidence.dataset,
        evidence.classifier,
        setting,
        [*alarms(evidence), *headline(judged)],
        list(_sections(judged)),
        {} if evidence.quality is None else evidence.quality.facts(),
    )


def _sections(evidence: Evidence) -> Iterator[Section]:
    yield with_cases(foundations(evidence), evidence)
    yield beats_others(evidence)
    if evidence.real:
        yield beats_nulls(evidence)
        yield below_ceilings(evidence)
    if evidence.concludes:
        yield mean_ranks(evidence)
    yield ranking_flips(evidence)
    yield secondary(evidence)
    if evidence.concludes:
        yield uses_what_they_show(evidence)
