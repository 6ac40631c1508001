"""Sentences on the classifier itself, which come before those on its explainers."""

from collections.abc import Iterator
from dataclasses import replace

from fidelity.analysis.chance import Quality
from fidelity.analysis.localization import NO_CLASSIFIER
from fidelity.presentation.titles import classifier_title
from fidelity.presentation.wording import set_value
from fidelity.verdict.chance_words import measure_text, question, size_text, withheld
from fidelity.verdict.evidence import Evidence
from fidelity.verdict.structure import Sentence, note, warning

# A classifier above chance but below this macro AUC is weak: its explanations need caution. AUC is
# used because its chance level is .5 for any number of classes.
WEAK_AUC = 0.65


def without_its_explainers(evidence: Evidence) -> Evidence:
    """Leave out all results that depend on a classifier without a conclusion.

    Returns:
        The evidence on explainers without a classifier (null baselines, ceilings, imported maps).
        Ranks and faithfulness are left out too: they include the classifier's explainers.
    """
    rows = evidence.localization
    rows = rows[rows["classifier"] == NO_CLASSIFIER]
    kept = [name for name in evidence.explainers if (rows["explainer"] == name).any()]
    return replace(
        evidence,
        explainers=kept,
        comparisons=[row for row in evidence.comparisons if {row.first, row.second} <= set(kept)],
        localization=rows,
        faithfulness=[],
    )


def alarms(evidence: Evidence) -> Iterator[Sentence]:
    """Warn first of what forbids a conclusion: a classifier below chance, or not shown above it.

    Also warn if single classes are below chance and another order of the outputs fits them.
    """
    quality, name = evidence.quality, evidence.classifier
    if quality is None:
        return
    facts = quality.facts()
    if quality.only_class:
        yield warning(
            f"{classifier_title(name)} gives all {quality.n} images of the {quality.split} split "
            f"the class {quality.only_class}. Check its weights and its training first.",
            **facts,
        )
    if quality.status == "unknown":
        yield warning(
            f"Whether {classifier_title(name)} is better than chance cannot be tested on the "
            f"{quality.split} split ({size_text(quality)}). The test needs at least two patients "
            "with a class and two without it. The conclusions below assume that it is better.",
            **facts,
        )
        return
    if quality.asks_for_order:
        yield warning(question(evidence.study.bases.get(name, name), quality), **facts)
    if not quality.concludes:
        yield warning(withheld(name, quality), withheld=True, **facts)


def classifier_quality(evidence: Evidence) -> Iterator[Sentence]:
    """State the classifier's measures, and warn if it is weak."""
    quality = evidence.quality
    if quality is None:
        return
    parts = [measure_text(name, measure) for name, measure in quality.measures.items()]
    better = "The classifier is better than chance (a guess that ignores the image). "
    trusted = better * (quality.status == "above_chance")
    yield note(
        f"{trusted}Classification on the {quality.split} split ({size_text(quality)}): "
        f"{', '.join(parts)}.",
        **quality.facts(),
    )
    if quality.status == "above_chance" and (why := _weak(quality)):
        yield warning(
            f"The classifier is better than chance, but weak: {why}. A classifier that often "
            "misses the disease cannot be expected to use it, and no explainer can change this.",
            weak=True,
            **quality.facts(),
        )
    for name, auc in quality.worse_classes.items() if quality.concludes else ():
        yield warning(
            f"The classifier is below chance for the class {name} ({measure_text('auc', auc)}): "
            "do not rely on conclusions about this class alone. Check its name and labels.",
            **{"class": name, "auc": auc.value, "ci_low": auc.low, "ci_high": auc.high},
        )


def _weak(quality: Quality) -> str:
    auc, balanced = (quality.measures.get(name) for name in ("macro_auc", "balanced_accuracy"))
    if auc is not None and auc.value < WEAK_AUC:
        return f"its macro AUC is below {set_value(WEAK_AUC)}"
    if balanced is not None and balanced.low <= balanced.chance:
        return "its balanced accuracy is not shown to be above chance"
    return ""
