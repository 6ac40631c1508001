"""From the tables of a study to the chapters of its verdict."""

from fidelity.metrics.registry import title_of
from fidelity.verdict.answers import beats_nulls, beats_others, below_ceilings, headline
from fidelity.verdict.cases import with_cases
from fidelity.verdict.caveats import foundations, mean_ranks, secondary
from fidelity.verdict.evidence import Evidence, Study, Tables, collect
from fidelity.verdict.faithfulness import uses_what_they_show
from fidelity.verdict.flips import ranking_flips
from fidelity.verdict.model import Chapter


def build(tables: Tables, study: Study) -> list[Chapter]:
    """Answer every question from the tables.

    Args:
        tables: of one data set or several.
        study: settings.

    Returns:
        One chapter per data set and classifier.
    """
    return [_chapter(evidence) for evidence in collect(tables, study)]


def reading(study: Study) -> str:
    """Say what the page's words mean, with the settings they depend on."""
    alpha, margin = study.statistics["alpha"], study.statistics["margin"]
    return (
        f"“Higher”, “lower”, “better” and “worse” are said only where the Holm-adjusted p of "
        f"Wilcoxon's signed-rank test is below {alpha:g} and the {100 * (1 - alpha):g} % interval "
        "of the mean difference excludes 0. “Equivalent” is said only where that interval lies "
        f"inside ±{margin:g}. Everything else is “no difference was shown”, which is not “no "
        "difference”. Only primary comparisons enter the short answers. Rules and metrics that "
        "see the reference mask enter nothing on this page."
    )


def _chapter(evidence: Evidence) -> Chapter:
    statistics = evidence.study.statistics
    setting = (
        f"Primary: {title_of(statistics['primary'])}, binarization "
        f"{statistics['primary_binarization']}, protocol default, test split; Holm's correction "
        "over all pairs of one class, null baselines and ceilings included."
    )
    return Chapter(
        evidence.dataset,
        evidence.classifier,
        setting,
        headline(evidence),
        [
            with_cases(foundations(evidence), evidence),
            beats_others(evidence),
            beats_nulls(evidence),
            below_ceilings(evidence),
            mean_ranks(evidence),
            ranking_flips(evidence),
            secondary(evidence),
            uses_what_they_show(evidence),
        ],
    )
