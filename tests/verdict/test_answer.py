"""The answer agrees with the comparisons, for all possible conclusions."""

import json
import math
from dataclasses import replace

import pytest

from fidelity.presentation.wording import NOT_BY_INTERVAL, UNITS_FIRST
from fidelity.verdict import pages
from fidelity.verdict.answer import SIGNS, answer, answers
from tests.verdict.test_verdict import FAMILIES, chapter_of, compared, localized, of_distances

ORDERS = {"a_higher": "shown to be better than", "b_higher": "shown to be worse than",
          "equivalent": "equivalent to", "none_shown": "not shown to differ from"}  # fmt: skip


MEANS = [localized("lime"), localized("gradcam", mean=0.2), localized("lung")]


def told(chapter, **changes):
    (content,) = json.loads(pages.to_json([chapter]))["chapters"]
    return answer({**content, **changes}, FAMILIES, 0.05)


@pytest.mark.parametrize("against", ORDERS)
@pytest.mark.parametrize("null", ORDERS)
def test_each_outcome_has_its_words(against, null):
    rows = [compared("lime", "gradcam", against), compared("lime", "lung", null)]
    found = told(chapter_of(rows, explainers=MEANS))
    beaten = "and is shown" if null == "a_higher" else "but is not shown"
    beaten += " to be better than"
    beaten = "but is shown to be worse than" if null == "b_higher" else beaten
    if against == "b_higher":
        # The means may be over other cases than the difference.
        beaten = "but is shown to be worse than gradcam in the paired comparison."
    else:
        beaten += " the null baseline."
    assert found.sentence == (
        f"On demo, lime has the highest mean IoU of 2 explainers (0.300), {beaten}"
    )
    mean, other, nulls, weights = found.details
    assert mean == (
        "Mean IoU of lime: 0.300 (95 % interval 0.280 to 0.320; n = 60 cases of 40 patients)."
    )
    assert other.startswith(f"lime is {ORDERS[against]} gradcam (difference ")
    assert nulls == f"lime is {ORDERS[null]} the null baseline lung (0.300)."
    assert weights == UNITS_FIRST.format(unit="patient")


def test_a_p_value_is_written_against_the_level_of_the_study():
    chapter = chapter_of([compared("lime", "gradcam", "a_higher", p_adjusted=0.0096)])
    (content,) = json.loads(pages.to_json([chapter]))["chapters"]
    said = [" ".join(answer(content, FAMILIES, alpha).details) for alpha in (0.05, 0.01)]
    assert ["corrected p = 0.0096" in text for text in said] == [False, True]


@pytest.mark.parametrize("low", [-0.01, 0.01])
def test_an_interval_without_0_beside_a_large_p_is_explained(low):
    row = compared("lime", "gradcam", "none_shown", ci_low=low, ci_high=0.07)
    assert (NOT_BY_INTERVAL in " ".join(told(chapter_of([row])).details)) == (low > 0)


def test_a_mean_against_the_signs_of_most_differences_is_explained():
    row = compared("lime", "gradcam", "none_shown", ci_low=0.01, ci_high=0.07, effect_size=-0.2)
    said = " ".join(told(chapter_of([row])).details)
    assert SIGNS.format(effect="−0.20") in said
    assert NOT_BY_INTERVAL not in said


def test_answers_of_several_classifiers_name_them(tmp_path):
    chapter = chapter_of([compared("lime", "gradcam", "a_higher")], explainers=MEANS)
    path = tmp_path / "verdict.json"
    path.write_text(pages.to_json([chapter]))
    (alone,) = answers(path, FAMILIES, 0.05)
    assert alone.startswith("On demo, lime has")
    path.write_text(pages.to_json([chapter, replace(chapter, classifier="vgg")]))
    assert answers(path, FAMILIES, 0.05) == [f"resnet18: {alone}", f"vgg: {alone}"]


def test_equal_means_have_no_winner():
    rows = [compared("lime", "gradcam", "equivalent"), compared("lime", "lung", "a_higher")]
    means = [localized(name) for name in ("lime", "gradcam", "lung")]
    assert told(chapter_of(rows, explainers=means)).sentence == (
        "On demo, lime and gradcam share the highest mean IoU of 2 explainers (0.300)."
    )


def test_null_baselines_that_could_not_be_compared_count_as_such():
    families = {"lime": "perturbation", "lung": "baseline", "edges": "baseline"}
    none = {"n": 0, "n_patients": 0, "mean_difference": float("nan")}
    rows = [compared("lime", "lung", "a_higher"), compared("lime", "edges", "none_shown", **none)]
    means = [localized("lime"), localized("lung"), localized("edges", mean=float("nan"))]
    chapter = chapter_of(rows, families, explainers=means)
    found = answer(json.loads(pages.to_json([chapter]))["chapters"][0], families, 0.05)
    assert found.sentence == (
        "On demo, lime has a mean IoU of 0.300, and is shown to be better than 1 of 2 null "
        "baselines."
    )


@pytest.mark.parametrize(("mean", "ahead"), [(0.2, False), (0.4, True)])
def test_a_null_baseline_with_a_better_mean_is_named(mean, ahead):
    rows = [compared("lime", "lung", "none_shown"), compared("gradcam", "lung", "b_higher")]
    means = [localized("lime"), localized("gradcam", mean=0.25), localized("lung", mean=mean)]
    found = told(chapter_of(rows, explainers=means))
    known = "but the null baseline lung has a better mean (0.400)"
    assert (known in found.sentence) == ahead
    assert "gradcam is shown to be worse than the null baseline." in found.details


def test_explainers_worse_than_null_baselines_are_in_one_item_with_all_outcomes():
    families = {"lime": "perturbation", "ig": "gradient", "gradcam": "cam"}
    families |= {"lung": "baseline", "edges": "baseline", "prior": "baseline"}
    rows = [
        compared("lime", "lung", "none_shown"),
        compared("ig", "lung", "b_higher"),
        compared("ig", "edges", "b_higher"),
        compared("gradcam", "lung", "b_higher"),
        compared("ig", "prior", "equivalent"),
        compared("gradcam", "edges", "a_higher"),
        compared("gradcam", "prior", "none_shown"),
    ]
    means = [localized("lime", mean=0.9), *(localized(name) for name in [*families][1:])]
    chapter = chapter_of(rows, families, explainers=means)
    found = answer(json.loads(pages.to_json([chapter]))["chapters"][0], families, 0.05)
    assert (
        "ig is shown to be worse than 2 of 3 null baselines and equivalent to 1. "
        "gradcam is shown to be worse than 1 of 3 null baselines, shown to be better than 1 "
        "and not shown to differ from 1."
    ) in found.details


def test_without_comparisons_it_claims_none():
    found = told(chapter_of([], explainers=MEANS))
    assert found.sentence == "On demo, lime has the highest mean IoU of 2 explainers (0.300)."
    assert len(found.details) == 1


def test_a_classifier_that_allows_no_conclusion_has_no_winner():
    chapter = chapter_of([compared("lime", "gradcam", "a_higher")])
    alarm = {
        "text": "No conclusion about explainers is drawn from net.",
        "outcome": "warning",
        "numbers": {"withheld": True},
    }
    assert told(chapter, quality={"concludes": False}, headline=[alarm]).sentence == alarm["text"]


def test_explainers_with_infinite_distances_are_counted():
    """Some of their masks are empty. They are not the best, but they are among the explainers."""
    means = {"lime": {"mean": math.inf}, "gradcam": {"mean": 50.0}, "lung": {"mean": 59.0}}
    found = told(of_distances([], means)).sentence
    assert "gradcam has the lowest (best) mean Hausdorff (full sets) of 2 explainers (50.0 px)" in (
        found
    )


def test_two_null_baselines_are_both():
    families = {**FAMILIES, "edges": "baseline"}
    rows = [compared("lime", name, "a_higher") for name in ("lung", "edges")]
    chapter = chapter_of(rows, families, explainers=[*map(localized, ("lime", "lung", "edges"))])
    (content,) = json.loads(pages.to_json([chapter]))["chapters"]
    found = answer(content, families, 0.05)
    assert found.sentence.endswith(", and is shown to be better than both null baselines.")
    both = "is shown to be better than both null baselines, including the one with the best mean:"
    assert any(f"{both} lung (" in text for text in found.details)


def test_the_best_null_baseline_is_named_with_its_outcome():
    families = {**FAMILIES, "edges": "baseline"}
    rows = [compared("lime", "lung", "none_shown"), compared("lime", "edges", "a_higher")]
    chapter = chapter_of(rows, families, explainers=[*map(localized, ("lime", "lung", "edges"))])
    (content,) = json.loads(pages.to_json([chapter]))["chapters"]
    found = answer(content, families, 0.05)
    assert "lime is shown to be better than 1 of 2 null baselines." in found.details
    assert (
        "lime is not shown to differ from 1 of 2 null baselines, the one with the best mean: "
        "lung (0.300)."
    ) in found.details


def test_a_split_other_than_test_is_named():
    found = told(chapter_of([], explainers=[localized("lime", split="val")]))
    assert found.sentence == "On demo, val split, lime has a mean IoU of 0.300."
