"""The verdict agrees with the tests in the tables: hand-made tables lead to every sentence."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import verdict as script
from fidelity.analysis.columns.comparisons import COMPARISONS, RANKS
from fidelity.analysis.columns.localization import LOCALIZATION, SEEDS
from fidelity.analysis.columns.readers import READERS
from fidelity.analysis.training_seeds import between_seeds
from fidelity.presentation.wording import (
    NOT_BY_INTERVAL,
    UNITS_FIRST,
    counted,
    listed,
    number,
    p_value,
)
from fidelity.verdict import pages
from fidelity.verdict.chapters import build
from fidelity.verdict.compared_pair import read_rows, sentence
from fidelity.verdict.evidence import Study, Tables
from fidelity.verdict.flips import order_of

STATISTICS = {
    "primary": "iou",
    "primary_binarization": "tuned",
    "cluster": "patient",
    "alpha": 0.05,
    "margin": 0.05,
    "permutations": 9999,
}
FAMILIES = {"lime": "perturbation", "gradcam": "cam", "lung": "baseline", "unet": "ceiling"}
BASES = {"resnet18": "resnet18"}
HEAD = {"dataset": "demo", "split": "test", "classifier": "resnet18"}


def compared(a, b, conclusion, **changes):
    """Return a row of comparisons.csv whose numbers agree with its conclusion."""
    difference, low, high, p = {
        "a_higher": (0.08, 0.06, 0.1, 1e-5),
        "b_higher": (-0.08, -0.1, -0.06, 1e-5),
        "equivalent": (0.01, -0.02, 0.04, 0.4),
        "none_shown": (0.03, -0.04, 0.1, 0.3),
    }[conclusion]
    row = {
        **HEAD,
        "binarization": "tuned",
        "protocol": "default",
        "class": "COVID-19",
        "metric": "iou",
        "family": "primary",
        "explainer_a": a,
        "explainer_b": b,
        "n": 60,
        "n_patients": 40,
        "mean_difference": difference,
        "ci_low": low,
        "ci_high": high,
        "effect_size": 0.5,
        "p_value": p,
        "p_adjusted": p,
        "p_permutation": p,
        "p_permutation_adjusted": p,
        "conclusion": conclusion,
        "unit_of_analysis": "patient",
    }
    return {**row, **changes}


def localized(explainer, **changes):
    null = FAMILIES.get(explainer) in ("baseline", "ceiling")
    row = {
        **HEAD,
        "classifier": "none" if null else "resnet18",
        "explainer": explainer,
        "binarization": "tuned",
        "protocol": "default",
        "class": "COVID-19",
        "metric": "iou",
        "unit": "1",
        "n": 60,
        "n_patients": 40,
        "n_empty_prediction": 0,
        "n_empty_reference": 0,
        "n_undefined": 0,
        "mean": 0.3,
        "ci_low": 0.28,
        "ci_high": 0.32,
        "median": 0.3,
        "std": 0.1,
    }
    return {**row, **changes}


def tables(rows, explainers=tuple(FAMILIES), **others):
    return Tables(
        pd.DataFrame(
            [row if isinstance(row, dict) else localized(row) for row in explainers],
            columns=LOCALIZATION.names,
        ),
        pd.DataFrame(rows, columns=COMPARISONS.names),
        others.pop("ranks", pd.DataFrame(columns=RANKS.names)),
        **others,
    )


def chapter_of(rows, families=FAMILIES, bases=BASES, explainers=None, **others):
    explainers = tuple(families) if explainers is None else explainers
    (chapter,) = build(tables(rows, explainers, **others), Study(STATISTICS, families, bases))
    return chapter


def texts(chapter, title=None):
    """Return all sentences of the headline, or of the section whose title starts with `title`."""
    if title is None:
        return [found.text for found in chapter.headline]
    (section,) = [part for part in chapter.sections if part.title.startswith(title)]
    return [found.text for group in section.groups for found in group.sentences]


def say(row):
    (comparison,) = read_rows(pd.DataFrame([row]))
    return sentence(comparison, STATISTICS)


def test_each_conclusion_has_its_sentence():
    assert say(compared("lime", "gradcam", "a_higher")).text == (
        "lime scored higher than gradcam: IoU difference +0.080 (95 % interval +0.060 to +0.100; "
        "Holm-adjusted p < 0.001 (sign flips: p < 0.001); n = 40 patients, 60 cases)."
    )
    assert say(compared("lime", "gradcam", "b_higher")).text.startswith(
        "lime scored lower than gradcam: IoU difference −0.080"
    )
    assert say(compared("lime", "gradcam", "equivalent")).text.startswith(
        "lime and gradcam are equivalent within ±0.05 IoU: IoU difference +0.010"
    )
    none = say(compared("lime", "gradcam", "none_shown")).text
    assert none.startswith("No difference between lime and gradcam was shown: IoU difference")
    assert "p = 0.300" in none


def test_where_lower_is_better_the_words_follow():
    px = {"metric": "hausdorff_full", "mean_difference": -12.34, "ci_low": -20, "ci_high": -3.2}
    found = say(compared("lime", "gradcam", "b_higher", **px))
    assert found.outcome == "better"
    assert found.text.startswith(
        "lime scored better (lower) than gradcam: Hausdorff (full sets) difference −12.3 px "
        "(95 % interval −20.0 to −3.2;"
    )
    turned = {"mean_difference": 12.34, "ci_low": 3.2, "ci_high": 20, "metric": "hausdorff_full"}
    assert say(compared("lime", "gradcam", "a_higher", **turned)).outcome == "worse"


def test_what_qualifies_a_difference_is_said():
    small = {"mean_difference": 0.02, "ci_low": 0.01, "ci_high": 0.03}
    text = say(compared("lime", "gradcam", "a_higher", **small)).text
    assert text.endswith("; a difference smaller than the margin of 0.05.")
    flips = {"p_permutation": 0.02, "p_permutation_adjusted": 0.2}
    text = say(compared("lime", "gradcam", "a_higher", **flips)).text
    assert text.endswith("; the sign-flip test does not confirm it.")
    # With so few patterns and so many pairs, no difference could be confirmed.
    flips["p_permutation"] = 1 / (1 + STATISTICS["permutations"])
    text = say(compared("lime", "gradcam", "a_higher", **flips)).text
    assert text.endswith("cannot confirm it, because statistics.permutations is too small.")
    nothing = dict.fromkeys(
        ("mean_difference", "ci_low", "ci_high", "p_adjusted", "p_permutation_adjusted"), np.nan
    )
    found = say(compared("lime", "gradcam", "none_shown", n=0, n_patients=0, **nothing))
    assert found.outcome == "absent"
    assert "could not be compared" in found.text


def test_turning_a_comparison_turns_all_of_it():
    (row,) = read_rows(pd.DataFrame([compared("lung", "lime", "a_higher")]))
    seen = row.seen_from("lime")
    assert (seen.first, seen.outcome, seen.ahead) == ("lime", "worse", -1)
    assert (seen.difference, seen.low, seen.high) == (-0.08, -0.1, -0.06)
    assert seen.turned() == row
    assert row.seen_from("lung") is row


def test_headline_counts_primary_comparisons_alone():
    rows = [
        compared("lime", "gradcam", "none_shown"),
        compared("lime", "gradcam", "a_higher", metric="dice", family="secondary"),
        compared("lime", "gradcam", "none_shown", metric="hausdorff_full", family="secondary"),
        compared("lime", "gradcam", "b_higher", binarization="oracle", family="diagnostic"),
        compared("lime", "lung", "b_higher"),
        compared("gradcam", "lung", "none_shown"),
        compared("lime", "unet", "b_higher", mean_difference=-0.3, ci_low=-0.4, ci_high=-0.2),
        compared("gradcam", "unet", "b_higher", mean_difference=-0.4, ci_low=-0.5, ci_high=-0.3),
    ]
    chapter = chapter_of(rows)
    said = texts(chapter)
    assert said[3:6] == [
        "lime was not shown to differ from gradcam (+0.030).",
        "lime scored lower than the null baseline (lung −0.080).",
        "gradcam was not shown to differ from the null baseline (lung +0.030).",
    ]
    assert said[6].startswith("No explainer was shown to score higher than lung")
    assert said[7].startswith(
        "Of the explainers, lime comes closest to unet, but is shown to be worse than this "
        "ceiling: IoU difference −0.300"
    )
    # Why a difference can deviate from that of the means.
    assert said[8:] == [UNITS_FIRST.format(unit="patient")]
    assert all("oracle" not in text for text in texts(chapter, "Where does"))
    # There is one sentence each; significant results come first.
    better, same = texts(chapter, "Secondary")
    assert better.startswith(
        "lime is better than gradcam by Dice: mean difference lime minus gradcam = +0.080 (95 %"
    )
    assert same.startswith(
        "No difference was shown by Hausdorff (full sets), where lower is better: mean difference "
        "lime minus gradcam = 0.0 px ("
    )


@pytest.mark.parametrize(
    ("conclusion", "said"),
    [("a_higher", "lime is better than gradcam by"), ("b_higher", "lime is worse than gradcam by")],
)
def test_the_sign_of_a_further_metric_is_about_the_sentence_s_subject(conclusion, said):
    rows = [
        compared("lime", "gradcam", "none_shown"),
        compared("lime", "gradcam", conclusion, metric="dice", family="secondary"),
    ]
    (section,) = [s for s in chapter_of(rows).sections if s.title.startswith("Secondary")]
    (told,) = section.groups[0].sentences
    assert told.text.startswith(f"{said} Dice: mean difference lime minus gradcam = ")
    assert told.outcome == ("better" if conclusion == "a_higher" else "worse")


def test_the_better_one_is_named_first_among_explainers_and_the_explainer_against_nulls():
    rows = [
        compared("lime", "gradcam", "b_higher"),
        compared("lung", "lime", "a_higher"),
        compared("unet", "lime", "a_higher"),
    ]
    chapter = chapter_of(rows)
    assert texts(chapter, "Does one")[0].startswith("gradcam scored higher than lime: IoU diff")
    assert texts(chapter, "Does an")[0].startswith("lime scored lower than lung: IoU difference −")
    assert texts(chapter, "How far")[0].startswith("lime scored lower than unet")


def test_several_null_baselines_are_counted_and_named():
    families = {
        "lime": "perturbation",
        "lung": "baseline",
        "centre": "baseline",
        "edges": "baseline",
    }
    rows = [
        compared("lime", "lung", "b_higher"),
        compared("lime", "centre", "a_higher"),
        compared("lime", "edges", "a_higher"),
    ]
    said = texts(chapter_of(rows, families))[2:]
    assert said[0] == (
        "lime scored higher than 2 of 3 null baselines (centre +0.080 and edges +0.080); "
        "it scored lower than the other one (lung −0.080)."
    )
    assert said[1].startswith("lime was not shown to score higher than lung.")
    beaten = [compared("lime", name, "a_higher") for name in ("lung", "centre", "edges")]
    assert texts(chapter_of(beaten, families))[2:] == [
        "lime scored higher than all 3 null baselines (lung +0.080, centre +0.080 and "
        "edges +0.080).",
        UNITS_FIRST.format(unit="patient"),
    ]


def test_only_val_explained_is_said_and_baselines_are_not_denied():
    rows = [compared("lime", "lung", "a_higher", split="val", family="secondary")]
    families = {"lime": "perturbation", "gradcam": "cam", "lung": "baseline"}
    chapter = chapter_of(
        rows, families, explainers=[localized(name, split="val") for name in families]
    )
    *means, short = texts(chapter)
    assert means[0].endswith("; val split).")
    assert short.startswith("Nothing can be concluded: only the split val was explained")
    assert chapter.headline[-1].outcome == "warning"
    assert chapter.setting.startswith("Shown, without a primary comparison: IoU on the val split")
    (flips,) = [part for part in chapter.sections if part.title.startswith("Where does")]
    assert flips.intro.endswith("These results are from the val split.")
    for title in ("Does one", "Does an"):
        assert texts(chapter, title)[0].startswith("This question cannot be answered: only the")
    assert texts(chapter, "How far") == ["No ceiling (U-Net, second reader) was run."]


def test_one_explainer_no_nulls_and_no_classifier_read_well():
    alone = chapter_of([], {"lime": "perturbation"})
    assert texts(alone)[1:] == ["Nothing can be concluded: there is no primary comparison."]
    assert texts(alone, "Does one")[0].startswith("There is only one explainer")
    assert texts(alone, "Does an")[0].startswith("No null baseline was run")
    assert texts(alone, "How far")[0].startswith("No ceiling")
    assert texts(alone, "Where does") == [
        "There is no pair of explainers whose ranking could flip."
    ]


def test_without_a_classifier_null_baselines_and_ceilings_are_compared():
    families = {"lung": "baseline", "centre": "baseline", "unet": "ceiling", "reader": "ceiling"}
    means = {"lung": 0.2, "centre": 0.1, "unet": 0.5, "reader": 0.6}
    rows = [
        compared("lung", "unet", "b_higher", classifier="none"),
        compared("lung", "centre", "none_shown", classifier="none"),
        compared("unet", "reader", "equivalent", classifier="none"),
    ]
    explainers = [
        localized(name, classifier="none", mean=mean, n=58 if name == "reader" else 60)
        for name, mean in means.items()
    ]
    chapter = chapter_of(rows, families, bases={}, explainers=explainers)
    assert chapter.classifier == "none"
    assert not any("Does the classifier" in section.title for section in chapter.sections)
    told = [found.numbers for found in chapter.headline if "mean" in found.numbers]
    assert [(found["explainer"], found["mean"], found["n"]) for found in told] == [
        ("reader", 0.6, 58),
        ("unet", 0.5, 60),
        ("lung", 0.2, 60),
        ("centre", 0.1, 60),
    ]
    assert told[2] | {"ci_low": 0.28, "ci_high": 0.32, "n_patients": 40} == told[2]
    assert pairs_of(chapter) == {
        ("reader", "unet"): "equivalent",
        ("unet", "lung"): "better",
        ("lung", "centre"): "none_shown",
    }
    titles = [section.title for section in chapter.sections]
    assert not any("beat the null" in title for title in titles)
    assert len(texts(chapter, "How do null")) == 3
    (one,) = {"lung": "baseline"}
    alone = chapter_of([], {one: "baseline"}, bases={})
    assert [found.numbers.get("explainer") for found in alone.headline] == [None, one]


def pairs_of(chapter):
    """Return the pairs of the headline with their outcomes. No pair may appear twice."""
    found = {}
    for sentence_ in chapter.headline:
        for outcome, others in sentence_.numbers.get("against", {}).items():
            for other in others:
                name = sentence_.numbers["explainer"]
                assert (name, other) not in found
                assert (other, name) not in found
                found[name, other] = outcome
    return found


def test_in_short_each_mean_the_best_null_baseline_and_each_pair_once():
    families = {"lime": "perturbation", "gradcam": "cam", "ig": "gradient"}
    families |= {"lung": "baseline", "centre": "baseline", "unet": "ceiling"}
    means = {"lime": 0.2, "gradcam": 0.4, "ig": 0.3, "lung": 0.1, "centre": 0.15, "unet": 0.7}
    rows = [
        compared("lime", "gradcam", "b_higher"),
        compared("lime", "ig", "none_shown"),
        compared("gradcam", "ig", "equivalent"),
        *(
            compared(a, b, "a_higher")
            for a in ("lime", "gradcam", "ig")
            for b in ("lung", "centre")
        ),
    ]
    explainers = [localized(name, mean=mean) for name, mean in means.items()]
    chapter = chapter_of(rows, families, explainers=explainers)
    told = [found.numbers for found in chapter.headline if "mean" in found.numbers]
    assert [(found["explainer"], found["mean"], found["best_null"]) for found in told] == [
        ("gradcam", 0.4, False),
        ("ig", 0.3, False),
        ("lime", 0.2, False),
        ("centre", 0.15, True),
    ]
    assert "lime: mean IoU 0.200 (95 % interval 0.280 to 0.320; n = 60 cases of 40" in str(
        texts(chapter)
    )
    found = pairs_of(chapter)
    assert len(found) == 3 + 3 * 2
    assert found["gradcam", "lime"] == "better"
    assert found["gradcam", "ig"] == "equivalent"
    assert found["ig", "lime"] == "none_shown"
    # If low is good, the best null baseline has the lowest mean.
    px = {"metric": "hausdorff_full", "unit": "px"}
    distances = [localized(name, **px, mean=100 * mean) for name, mean in means.items()]
    study = Study({**STATISTICS, "primary": "hausdorff_full"}, families, BASES)
    (lower,) = build(tables([], distances), study)
    assert [found.numbers["explainer"] for found in lower.headline if "mean" in found.numbers] == [
        "lime",
        "ig",
        "gradcam",
        "lung",
    ]


def rated(auc, low, high, balanced=None, **head):
    """Return rows of classification.csv: macro AUC and balanced accuracy, with intervals."""
    head = {**HEAD, "class": "all", "n": 90, "n_patients": 40, **head}
    balanced = balanced or (auc, low, high)
    rows = [("macro_auc", auc, low, high), ("balanced_accuracy", *balanced)]
    return [
        {**head, "metric": name, "value": value, "ci_low": a, "ci_high": b, "chance": 0.5}
        for name, value, a, b in rows
    ]


JUDGED = [
    compared("lime", "gradcam", "a_higher"),
    compared("lime", "lung", "b_higher"),
    compared("gradcam", "lung", "a_higher"),
    compared("lung", "unet", "b_higher"),
    compared("lime", "gradcam", "a_higher", metric="dice", family="secondary"),
]


def judged(*rows, **others):
    head = {**HEAD, "binarization": "tuned", "protocol": "default", "class": "COVID-19"}
    head |= {"metric": "iou", "n_patients": 40, "friedman_statistic": 20.0, "friedman_p": 0.00001}
    ranks = [
        {**head, "explainer": name, "mean_rank": rank, "critical_difference": 0.5}
        for name, rank in (("lime", 1.9), ("lung", 1.5), ("gradcam", 2.6))
    ]
    given = {
        "classification": pd.DataFrame(rows),
        "ranks": pd.DataFrame(ranks).reindex(columns=RANKS.names),
        "faithfulness": pd.DataFrame(
            [
                {
                    **JUDGED[0],
                    "metric": "deletion_auc",
                    "direction": "lower",
                    "more_faithful": "gradcam",
                }
            ]
        ),
        **others,
    }
    return chapter_of(JUDGED, **given)


def named_in(chapter):
    """Return the sentences of verdict.json on explainers, without those on the classifier."""
    content = json.loads(pages.to_json([chapter]))["chapters"][0]
    return json.dumps([content["headline"], content["sections"]])


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (rated(0.52, 0.44, 0.60), "no_better_than_chance"),
        (rated(0.50, 0.50, 0.50), "no_better_than_chance"),
        (rated(0.02, 0.00, 0.05), "below_chance"),
        (rated(0.70, 0.60, 0.80, (0.3, 0.2, 0.4)), "below_chance"),
    ],
)
def test_no_conclusion_is_drawn_from_a_useless_classifier(rows, status):
    chapter = judged(*rows)
    assert chapter.quality["status"] == status
    assert chapter.quality["concludes"] is False
    assert chapter.headline[0].outcome == "warning"
    assert chapter.headline[0].text.startswith("Is the order") == (status == "below_chance")
    said = named_in(chapter)
    assert "gradcam" not in said
    assert "lime" not in said
    # Methods that ignore the classifier are still compared.
    assert pairs_of(chapter) == {("lung", "unet"): "worse"}


def test_imported_maps_next_to_a_useless_classifier_are_not_called_the_only_explainer():
    families = {"gradcam": "cam", "theirs": "imported"}
    scored = [localized("gradcam"), localized("theirs", classifier="none")]
    guessed = pd.DataFrame(rated(0.5, 0.4, 0.6))
    rows = [compared("gradcam", "theirs", "a_higher")]
    chapter = chapter_of(rows, families, explainers=scored, classification=guessed)
    (said,) = texts(chapter, "Does one")
    assert said.startswith("Without the explainers of resnet18, there is only one explainer")
    assert "gradcam" not in named_in(chapter)


def test_a_useless_classifier_without_any_null_baseline_leaves_its_quality_alone():
    families = {"lime": "perturbation", "gradcam": "cam"}
    guessed = pd.DataFrame(rated(0.5, 0.4, 0.6))
    chapter = chapter_of(JUDGED[:1], families, classification=guessed)
    assert [found.numbers["status"] for found in chapter.headline] == ["no_better_than_chance"]
    said = named_in(chapter)
    assert "gradcam" not in said
    assert "Every case" not in said


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (rated(0.90, 0.80, 0.95), "above_chance"),
        (rated(0.90, np.nan, np.nan), "unknown"),
        (rated(np.nan, np.nan, np.nan, (0.9, 0.8, 1.0)), "unknown"),
    ],
)
def test_conclusions_are_drawn_above_chance_and_with_a_warning_where_it_is_unknown(rows, status):
    chapter = judged(*rows)
    assert chapter.quality["status"] == status
    assert chapter.quality["concludes"] is True
    assert (chapter.headline[0].outcome == "warning") == (status == "unknown")
    explained = "better than chance (a guess that ignores the image)"
    assert (explained in texts(chapter, "What do")[1]) == (status == "above_chance")
    assert pairs_of(chapter)["lime", "gradcam"] == "better"
    assert "deletion_auc" in named_in(chapter)
    assert texts(chapter, "Who ranks")[0].startswith("In class COVID-19")


def test_below_chance_the_order_that_fits_is_named_for_the_config():
    order = pd.DataFrame(
        {**HEAD, "output": place, "class": name, "fitting_class": fits, "auc": 0.02}
        | {"fitting_auc": 0.98}
        for place, (name, fits) in enumerate([("Normal", "COVID-19"), ("COVID-19", "Normal")])
    )
    chapter = judged(*rated(0.02, 0.0, 0.05), orders=order)
    assert chapter.quality["fitting_order"] == ["COVID-19", "Normal"]
    assert "`classes: [COVID-19, Normal]`" in chapter.headline[0].text
    # If the classifier is above chance, the verdict does not question the order.
    fine = judged(*rated(0.9, 0.8, 0.95), orders=order)
    assert fine.quality["fitting_order"] == []


@pytest.mark.parametrize("macro", [(0.5, 0.45, 0.55), (0.55, 0.51, 0.6)])
def test_the_order_is_asked_for_where_single_classes_are_below_chance(macro):
    places = {"Normal": "COVID-19", "COVID-19": "Normal", "Other": "Other"}
    order = pd.DataFrame(
        {**HEAD, "output": place, "class": name, "fitting_class": fits, "auc": 0.2}
        | {"fitting_auc": 0.98}
        for place, (name, fits) in enumerate(places.items())
    )
    aucs = [
        rated(0.2, 0.1, 0.3, **{"class": name})[0] | {"metric": "auc"}
        for name in ("Normal", "COVID-19")
    ]
    chapter = judged(*rated(*macro), *aucs, orders=order)
    assert chapter.quality["concludes"] == (macro[1] > 0.5)
    assert chapter.quality["fitting_order"] == ["COVID-19", "Normal", "Other"]
    assert "`classes: [COVID-19, Normal, Other]`" in chapter.headline[0].text
    # If only one class is below chance, its labels may be wrong, so no order is named.
    alone = judged(*rated(*macro), aucs[0], orders=order)
    assert alone.quality["fitting_order"] == []


def test_one_good_classifier_among_several_concludes():
    names = ["bad", "good"]
    rows = [{**row, "classifier": name} for name in names for row in JUDGED]
    explainers = [localized(e, classifier=c) for c in names for e in ("lime", "gradcam")]
    rates = [*rated(0.5, 0.4, 0.6, classifier="bad"), *rated(0.9, 0.8, 1, classifier="good")]
    # Another data set with the same names does not change this one.
    rates += rated(0.5, 0.4, 0.6, classifier="good", dataset="another")
    seeds = [
        localized("lime", classifier="good", mean=0.4),
        localized("lime", classifier="bad", mean=0.1),
    ]
    study = Study(STATISTICS, FAMILIES, dict.fromkeys(names, "net"))
    made = tables(
        rows,
        [*explainers[2:], *seeds[1:], *explainers[1:2], "lung", "unet"],
        classification=pd.DataFrame(rates),
        seeds=pd.DataFrame(
            [
                {"classifier": "net", "explainer": "lime", "n_seeds": 2, "std_between_seeds": 0.1}
                | {key: value for key, value in HEAD.items() if key != "classifier"}
                | {"binarization": "tuned", "protocol": "default", "class": "COVID-19"}
                | {"metric": "iou", "mean": 0.2, "mean_ci_half_width": 0.02}
            ],
            columns=SEEDS.names,
        ),
    )
    found = {chapter.classifier: chapter for chapter in build(made, study)}
    assert found["good"].quality["concludes"]
    assert pairs_of(found["good"])["lime", "gradcam"] == "better"
    assert set(pairs_of(found["bad"])) == {("lung", "unet")}
    # One of two trainings is left, so a spread between seeds cannot be given. The other is named.
    rest = texts(found["good"], "What do")
    assert not any("Over 2 seeds" in text for text in rest)
    assert any("drawn from bad" in text for text in rest)


def settings_of(signs, tested):
    """Return comparisons of lime and gradcam in several binarizations.

    For each binarization, `signs` has the sign of the mean, and `tested` whether it is significant.
    """
    rows = []
    for place, (sign, shown) in enumerate(zip(signs, tested, strict=True)):
        conclusion = ("a_higher" if sign > 0 else "b_higher") if shown else "none_shown"
        changes = {"binarization": f"b{place}", "mean_difference": 0.03 * sign}
        rows.append(compared("lime", "gradcam", conclusion, family="secondary", **changes))
    return rows


@pytest.mark.parametrize(
    ("signs", "tested", "said"),
    [
        (
            [1, 1],
            [1, 0],
            "By IoU, lime has a better mean than gradcam in both settings. "
            "lime was shown to be better in 1 of them: protocol default with b0.",
        ),
        (
            [1, 1],
            [1, 1],
            "By IoU, lime has a better mean than gradcam in both settings. "
            "lime was shown to be better in each.",
        ),
        (
            [-1],
            [0],
            "By IoU, gradcam has a better mean than lime in the only setting. "
            "gradcam was not shown to be better.",
        ),
        (
            [1, 1, -1],
            [0, 0, 0],
            "By IoU, lime has a better mean than gradcam in 2 of 3 settings. gradcam "
            "has a better mean in the other one: protocol default with b2. "
            "No test shows either to be better.",
        ),
        (
            [1, 1, -1],
            [1, 0, 0],
            "By IoU, lime has a better mean than gradcam in 2 of 3 settings. gradcam "
            "has a better mean in the other one: protocol default with b2. "
            "lime was shown to be better in 1 setting, gradcam in none.",
        ),
        (
            [1, 1, -1],
            [1, 1, 1],
            "By IoU, lime has a better mean than gradcam in 2 of 3 settings. gradcam "
            "has a better mean in the other one: protocol default with b2. "
            "Both directions are shown: lime was shown to be better in 2 settings, gradcam in 1 "
            "(protocol default with b2).",
        ),
    ],
)
def test_flips_tell_tests_from_means(signs, tested, said):
    assert texts(chapter_of(settings_of(signs, tested)), "Where does") == [said]


@pytest.mark.parametrize("main", [0, 1])
def test_a_difference_shown_in_some_settings_names_them_and_whether_one_is_primary(main):
    rows = settings_of([1, 1], [1, 0])
    rows[main]["family"] = "primary"
    apart = " It was not shown to be better in the primary setting." if main else ""
    assert texts(chapter_of(rows), "Where does") == [
        "By IoU, lime has a better mean than gradcam in both settings. "
        f"lime was shown to be better in 1 of them: protocol default with b0.{apart}"
    ]


def test_flips_are_counted_over_pairs_and_metrics():
    families = {"lime": "perturbation", "gradcam": "cam", "ig": "gradient"}
    rows = settings_of([1, -1], [1, 1])
    rows += [{**row, "explainer_b": "ig"} for row in settings_of([1, 1], [0, 0])]
    said = texts(chapter_of(rows, families), "Where does")
    assert said[0] == (
        "By IoU, for 1 of 2 pairs the better mean depends on the setting; for 1 of them, both "
        "directions are significant."
    )
    steady = texts(chapter_of(rows[2:] + rows[:1], families), "Where does")
    assert steady[0] == "By IoU, the better mean is the same in every setting for both pairs."


def test_flips_over_metrics_follow_their_direction():
    px = {"metric": "hausdorff_full", "mean_difference": -9.0, "family": "secondary"}
    distance = compared("lime", "gradcam", "b_higher", **px)
    said = texts(chapter_of([compared("lime", "gradcam", "a_higher"), distance]), "Where does")
    # Lower is better, so both metrics agree.
    assert said[1:] == [
        "Over the 2 compared metrics, lime has a better mean than gradcam in both settings. "
        "lime was shown to be better in each.",
        "The 2 metrics are IoU and Hausdorff (full sets). "
        "Full sets: distances between all pixels of the two masks.",
    ]
    (row,) = read_rows(pd.DataFrame([compared("lime", "gradcam", "none_shown", mean_difference=0)]))
    assert order_of("lime", "gradcam", [row]) is None


def test_a_protocol_that_repeats_the_numbers_of_another_counts_once():
    rows = settings_of([1, 1], [1, 0])
    rows += [{**row, "protocol": "seed"} for row in rows]
    said = (
        "By IoU, lime has a better mean than gradcam in both settings. "
        "lime was shown to be better in 1 of them: protocol default with b0."
    )
    assert texts(chapter_of(rows), "Where does") == [said]
    # Holm's correction depends on the other pairs of a protocol. The default protocol counts.
    rows[2] |= {"p_adjusted": 0.06, "conclusion": "none_shown"}
    assert texts(chapter_of(rows), "Where does") == [said]
    assert texts(chapter_of(rows[::-1]), "Where does") == [said]
    said = said.replace("both", "all 3")
    for another in ({"mean_difference": 0.031}, {"ci_high": 0.2}, {"n": 59}):
        changed = [*rows[:-1], {**rows[-1], **another}]
        assert texts(chapter_of(changed), "Where does") == [said]


@pytest.mark.parametrize("other", [0.1, 0.4])
def test_classes_with_another_order_are_named(other):
    """The best null baseline is named; a second one would only lengthen the sentence."""
    means = {"lime": (0.3, 0.3), "gradcam": (0.2, 0.2), "lung": (0.5, other)}
    means["edges"] = (0.1, 0.1)
    explainers = [
        localized(name, **{"class": cls, "mean": mean})
        for name, (first, second) in means.items()
        for cls, mean in {"all": (first + second) / 2, "X": first, "Y": second}.items()
    ]
    rows = [compared("lime", "gradcam", "none_shown", **{"class": c}) for c in ("all", "X", "Y")]
    families = {name: FAMILIES.get(name, "baseline") for name in means}
    said = texts(chapter_of(rows, families, explainers=explainers), "Where does")
    named = [text for text in said if "in different classes" in text]
    assert (
        named == []
        if other == 0.4
        else named
        == [
            "By mean IoU, the explainers and the best null baseline rank differently in different "
            "classes. X: lung 0.500, lime 0.300, gradcam 0.200; Y: lime 0.300, gradcam 0.200, "
            "lung 0.100."
        ]
    )


def test_caveats_name_seed_classifier_unit_empty_and_failed_cases():
    explainers = [
        localized("lime", n_empty_prediction=3, n_undefined=1, n_empty_reference=2),
        localized("gradcam", n_empty_reference=2),
    ]
    rows = [compared("lime", "gradcam", "a_higher", unit_of_analysis="image", n_patients=60)]
    families = {"lime": "perturbation", "gradcam": "cam"}
    chapter = chapter_of(
        rows,
        families,
        explainers=explainers,
        classification=pd.DataFrame(rated(0.6, 0.55, 0.7)),
    )
    said = " ".join(texts(chapter, "What do"))
    assert "The unit of analysis is the image" in said
    assert "macro AUC 0.600 [0.550, 0.700] with chance at 0.5" in said
    assert "its macro AUC is below 0.65" in said
    assert "trained once (one seed)" in said
    assert "Empty predicted masks with the primary binarization: lime (3 of 60)." in said
    assert "Cases without a defined score: lime (1 of 60)." in said
    assert "2 cases with an empty reference mask are not part of the means." in said
    good = pd.DataFrame(rated(0.9, 0.8, 0.95))
    said = " ".join(texts(chapter_of(rows, families, classification=good), "What do"))
    assert "weak" not in said
    assert "no predicted mask is empty. Every case with a reference has a score." in said
    assert "margin" not in said
    low = [localized("lime", mean=0.031), localized("gradcam", mean=0.02)]
    said = " ".join(texts(chapter_of(rows, families, explainers=low), "What do"))
    assert "The means of lime 0.031 and gradcam 0.020 are below the margin of ±0.05" in said
    few = chapter_of([compared("lime", "gradcam", "none_shown", n_patients=4)], families)
    # It qualifies the answer, so it is said at the top.
    assert "hardly any test can reach significance" in " ".join(texts(few))


def test_empty_references_of_a_second_reader_are_counted_apart():
    """A reader is scored against the other readers, who found nothing in further cases."""
    explainers = [localized("lime", n_empty_reference=4), localized("gradcam", n_empty_reference=4)]
    explainers.append(localized("reader", n_empty_reference=7))
    families = {"lime": "perturbation", "gradcam": "cam", "reader": "ceiling"}
    chapter = chapter_of([compared("lime", "gradcam", "a_higher")], families, explainers=explainers)
    assert "4 cases with an empty reference mask are not part of the means (reader: 7)." in texts(
        chapter, "What do"
    )


def test_a_classifier_that_only_names_the_commonest_class_is_weak():
    rows = [compared("lime", "gradcam", "a_higher")]

    def weak(balanced):
        table = pd.DataFrame(rated(0.9, 0.8, 0.95, balanced))
        chapter = chapter_of(rows, classification=table)
        told = [s for part in chapter.sections for g in part.groups for s in g.sentences]
        return [s.outcome for s in told if s.numbers.get("weak")]

    assert weak((0.5, 0.5, 0.5)) == ["warning"]
    assert weak((0.7, 0.6, 0.8)) == []


def test_one_class_for_every_image_is_the_first_thing_said():
    table = pd.DataFrame(rated(0.9, 0.8, 0.95, (0.5, 0.5, 0.5)))
    head = {**HEAD, "n": 90, "n_patients": 40}
    for cls, recall, precision in (("A", 0.0, 0.0), ("B", 1.0, 0.5)):
        values = {"recall": recall, "precision": precision, "support": 45}
        rows = [{**head, "class": cls, "metric": m, "value": v} for m, v in values.items()]
        table = pd.concat([table, pd.DataFrame(rows)])
    chapter = chapter_of([compared("lime", "gradcam", "a_higher")], classification=table)
    assert chapter.quality["only_class"] == "B"
    assert "all 90 images of the test split the class B" in chapter.headline[0].text


def test_a_class_told_worse_than_by_chance_is_warned_of():
    of_class = rated(0.2, 0.1, 0.3, **{"class": "COVID-19"})[0] | {"metric": "auc"}
    table = pd.DataFrame([*rated(0.8, 0.7, 0.9), of_class])
    chapter = chapter_of([compared("lime", "gradcam", "a_higher")], classification=table)
    assert chapter.quality["concludes"]
    assert list(chapter.quality["worse_classes"]) == ["COVID-19"]
    assert any("below chance for the class COVID-19" in text for text in texts(chapter, "What do"))


def test_what_is_not_treated_alike_is_warned_of_at_the_top():
    rows = [compared("lime", "gradcam", "a_higher")]
    explainers = [localized("lime"), localized("gradcam")]
    families = {"lime": "perturbation", "gradcam": "cam"}
    own = {"lime": "explains another class", "tuned": "has a rule by explainer", "x": "is absent"}
    study = Study(STATISTICS, families, BASES, own)
    (chapter,) = build(tables(rows, explainers), study)
    (warning,) = (s for s in chapter.headline if s.text.startswith("Confounded"))
    assert warning.outcome == "warning"
    assert "lime explains another class and tuned has a rule by explainer" in warning.text
    assert "absent" not in warning.text
    (fair,) = build(tables(rows, explainers), Study(STATISTICS, families, BASES))
    assert not any("onfounded" in sentence.text for sentence in fair.headline)


def test_seeds_stand_beside_the_interval():
    row = {
        **HEAD,
        "classifier": "net",
        "explainer": "lime",
        "binarization": "tuned",
        "protocol": "default",
        "class": "COVID-19",
        "metric": "iou",
        "n_seeds": 3,
        "mean": 0.31,
        "std_between_seeds": 0.04,
        "min": 0.27,
        "max": 0.35,
        "mean_ci_half_width": 0.02,
    }
    names = [f"net-s{seed}" for seed in (1, 2, 3)]
    explainers = [localized("lime", classifier=name) for name in names]
    chapters = build(
        tables([], explainers, seeds=pd.DataFrame([row], columns=SEEDS.names)),
        Study(STATISTICS, {"lime": "perturbation"}, dict.fromkeys(names, "net")),
    )
    assert [chapter.classifier for chapter in chapters] == names
    said = " ".join(texts(chapters[1], "What do"))
    assert "one of 3 trainings (net-s1, net-s2 and net-s3)" in said
    assert (
        "Over 3 seeds, the mean IoU of lime is 0.310. The standard deviation between seeds is "
        "0.040; the interval over cases is ±0.020." in said
    )
    assert "one seed" not in said


@pytest.mark.parametrize(("seeds", "told"), [(2, ""), (3, " The sentences below leave it out.")])
def test_a_training_without_a_conclusion_is_named_and_left_out(seeds, told):
    names = [f"net-s{seed}" for seed in range(seeds)]
    means = [localized("lime", classifier=n, mean=0.2 + 0.1 * i) for i, n in enumerate(names)]
    bases = dict.fromkeys(names, "net")
    table = between_seeds(pd.DataFrame(means).reindex(columns=LOCALIZATION.names), bases)
    bad = {**HEAD, "classifier": names[-1], "class": "all", "metric": "macro_auc", "value": 0.5}
    bad |= {"ci_low": 0.4, "ci_high": 0.6, "chance": 0.5, "n": 60, "n_patients": 40}
    first, *_ = build(
        tables([], means, seeds=table, classification=pd.DataFrame([bad])),
        Study(STATISTICS, {"lime": "perturbation"}, bases),
    )
    said = texts(first, "What do")
    assert f"No conclusion is drawn from {names[-1]}: its chapter shows why.{told}" in said
    assert any(
        text.startswith("Over 2 seeds, the mean IoU of lime is 0.250.") for text in said
    ) == (seeds == 3)


def test_power_is_judged_by_the_pairs_that_were_tested():
    """A pair without a common case, or with few, must not cast doubt on the others."""
    none = {"n": 0, "n_patients": 0, "mean_difference": np.nan, "p_adjusted": np.nan}
    families = {"lime": "perturbation", "lung": "baseline", "edges": "baseline"}
    rows = [
        compared("lime", "lung", "a_higher"),
        compared("lime", "edges", "none_shown", **none),
    ]
    chapter = chapter_of(rows, families)
    said = " ".join(texts(chapter) + texts(chapter, "What do"))
    assert "(40 patients)" in said
    assert "hardly" not in said
    assert "There is only one pair, so p needs no correction." in chapter.setting
    rows[1] |= {"n": 3, "n_patients": 3, "mean_difference": 0.1, "p_adjusted": 0.5}
    chapter = chapter_of(rows, families)
    said = " ".join(texts(chapter) + texts(chapter, "What do"))
    assert "(3 to 40 patients)" in said
    assert "1 of 2 pairs have at most 3 patients: hardly any of their tests" in said
    assert "covers all 2 pairs" in chapter.setting
    assert "There is no pair to compare." in chapter_of([], families).setting


def of_distances(rows, means, families=FAMILIES):
    """Return the chapter of a study whose primary metric is a distance in pixels."""
    primary = {"metric": "hausdorff_full", "unit": "px"}
    study = Study({**STATISTICS, "primary": "hausdorff_full"}, families, BASES)
    rows = [{**row, "metric": "hausdorff_full"} for row in rows]
    (chapter,) = build(
        tables(rows, [localized(n, **m, **primary) for n, m in means.items()]), study
    )
    return chapter


def test_means_of_distances_have_a_unit():
    means = {"lime": {"mean": 40.0, "ci_low": 38.0, "ci_high": 42.0}, "gradcam": {"mean": 50.0}}
    row = compared("lime", "gradcam", "b_higher", mean_difference=-10.0, ci_low=-12, ci_high=-8)
    assert texts(of_distances([row], means))[0] == (
        "lime: mean Hausdorff (full sets) 40.0 px (95 % interval 38.0 to 42.0; "
        "n = 60 cases of 40 patients)."
    )


def test_an_infinite_difference_allows_no_conclusion_and_this_is_explained():
    """Its p may be small, so that “no difference was shown” alone would contradict it."""
    infinite = {"mean_difference": np.inf, "ci_low": np.nan, "ci_high": np.nan, "p_adjusted": 1e-4}
    rows = [compared("lime", name, "none_shown", **infinite) for name in ("gradcam", "lung")]
    rows.append(compared("gradcam", "lung", "b_higher", mean_difference=-9.0))
    means = {"lime": {"mean": np.inf}, "gradcam": {"mean": 50.0}, "lung": {"mean": 59.0}}
    chapter = of_distances(rows, means, dict(list(FAMILIES.items())[:3]))
    (told,) = [found for found in chapter.headline if found.outcome == "warning"]
    assert told.text.startswith("2 pairs of 3 have an infinite difference, because some masks are")
    assert "no conclusion is drawn, whatever p is" in told.text
    (said,) = texts(chapter, "Does one")
    assert said.endswith(
        "; some distances are infinite (empty masks), which leaves no interval and no conclusion."
    )
    assert "infinite" not in " ".join(texts(of_distances(rows[2:], means)))


def test_a_pair_that_could_not_be_compared_has_no_number():
    none = {"mean_difference": np.nan, "n": 0, "n_patients": 0, "p_adjusted": np.nan}
    said = texts(chapter_of([compared("lime", "gradcam", "none_shown", **none)]))
    assert "lime could not be compared with gradcam." in said


def test_pairs_with_equal_means_are_counted_apart_from_those_that_flip():
    families = {"lime": "perturbation", "gradcam": "cam", "ig": "gradient"}
    rows = settings_of([1, 1], [1, 1])
    rows += [{**row, "explainer_b": "ig"} for row in rows]
    rows.append(compared("gradcam", "ig", "equivalent", mean_difference=0.0))
    said = texts(chapter_of(rows, families), "Where does")
    assert said[0].endswith("the same in every setting for both pairs.")
    assert said[-1] == "By IoU, 1 pair has no setting in which one is ahead."


def test_small_distances_are_no_sign_of_a_failure():
    primary = {"metric": "assd_diagonal", "unit": "diagonal"}
    means = [localized(name, mean=0.02, **primary) for name in ("lime", "gradcam")]
    row = compared("lime", "gradcam", "none_shown", metric="assd_diagonal")
    study = Study({**STATISTICS, "primary": "assd_diagonal"}, FAMILIES, BASES)
    (chapter,) = build(tables([row], means), study)
    assert "finds the reference" not in " ".join(texts(chapter, "What do"))


def test_an_explainer_without_a_mean_in_a_class_changes_no_order():
    means = [
        localized(name, **{"class": cls, "mean": mean})
        for cls, gradcam in (("all", 0.2), ("X", 0.2), ("Y", np.nan))
        for name, mean in (("lime", 0.3), ("gradcam", gradcam))
    ]
    rows = [compared("lime", "gradcam", "none_shown", **{"class": c}) for c in ("all", "X")]
    families = {"lime": "perturbation", "gradcam": "cam"}
    said = texts(chapter_of(rows, families, explainers=means), "Where does")
    assert not any("differs between classes" in text for text in said)


def test_images_are_not_called_patients_if_an_image_has_several_classes():
    means = [localized(name) for name in ("lime", "gradcam")]
    families = {"lime": "perturbation", "gradcam": "cam"}
    row = compared("lime", "gradcam", "a_higher", unit_of_analysis="image")
    chapter = chapter_of([row], families, explainers=means)
    assert "n = 60 cases of 40 images)" in chapter.headline[0].text
    said = " ".join(texts(chapter, "What do"))
    assert "An image has one case per class with a reference" in said
    assert "the data set does not list patients" in said
    # How many patients have a defined score is not known.
    means[0]["n_undefined"] = 5
    assert "n = 55 cases)" in chapter_of([row], families, explainers=means).headline[0].text


def test_images_as_units_on_request_deny_no_patients():
    row = compared("lime", "gradcam", "a_higher", unit_of_analysis="image", n_patients=60)
    study = Study({**STATISTICS, "cluster": "case"}, FAMILIES, BASES)
    (chapter,) = build(tables([row]), study)
    said = " ".join(texts(chapter, "What do"))
    assert "The unit of analysis is the image: statistics.cluster is “case”." in said
    assert "does not list patients" not in said
    assert "n = 60 cases of 40 patients)" in chapter.headline[0].text


def test_what_was_not_compared_is_said_rightly():
    none = {"mean_difference": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    row = compared("lime", "gradcam", "none_shown", **none, n=0, n_patients=0)
    assert say(row).text.endswith("could not be compared: no case has a value of IoU for both.")
    row = compared("lime", "gradcam", "none_shown", **none, metric="hausdorff_full")
    assert "Hausdorff (full sets) is infinite for some cases of both" in say(row).text


def test_a_clear_difference_that_was_not_shown_is_explained():
    clear = {"mean_difference": 0.03, "ci_low": 0.01, "ci_high": 0.05, "p_adjusted": 0.001}
    row = compared("lime", "gradcam", "none_shown", **clear, effect_size=-0.3)
    assert say(row).text.endswith(
        "; the rank-biserial correlation, −0.30, does not have the sign of the mean."
    )
    row["p_adjusted"] = 0.2
    assert "rank-biserial" not in say(row).text


def test_without_any_reference_nothing_is_said_of_predictions():
    means = [localized(n, n=0, n_empty_reference=9, mean=np.nan) for n in ("lime", "gradcam")]
    families = {"lime": "perturbation", "gradcam": "cam"}
    said = " ".join(texts(chapter_of([], families, explainers=means), "What do"))
    assert "No case has a reference that is not empty, so nothing was scored." in said
    assert "no predicted mask is empty" not in said
    assert "9 cases with an empty reference mask" in said


def test_equal_ranks_have_no_best_one():
    head = {**HEAD, "binarization": "tuned", "protocol": "default", "class": "COVID-19"}
    head |= {"metric": "iou", "n_patients": 40, "friedman_statistic": 0.0, "friedman_p": 1.0}
    ranks = pd.DataFrame(
        [
            {**head, "explainer": name, "mean_rank": 1.5, "critical_difference": 0.5}
            for name in ("lime", "gradcam")
        ]
    )
    (said,) = texts(chapter_of([], ranks=ranks.reindex(columns=RANKS.names)), "Who ranks")
    assert said.endswith("So by this test, lime is not shown to differ from gradcam.")


def test_a_single_image_has_ranks_but_no_test_of_them():
    head = {**HEAD, "binarization": "tuned", "protocol": "default", "class": "COVID-19"}
    head |= {"metric": "iou", "n_patients": 1, "friedman_p": np.nan, "critical_difference": np.nan}
    rows = [{**head, "explainer": n, "mean_rank": r} for n, r in (("lime", 1), ("gradcam", 2))]
    chapter = chapter_of([], ranks=pd.DataFrame(rows).reindex(columns=RANKS.names))
    (section,) = [part for part in chapter.sections if part.title == "Who ranks best?"]
    told = section.intro + section.groups[0].sentences[0].text
    assert "lime 1.00 and gradcam 2.00" in told
    assert "test" not in told


def test_an_explainer_without_a_rank_is_named_and_the_others_are_ranked():
    head = {**HEAD, "binarization": "tuned", "protocol": "default", "class": "COVID-19"}
    head |= {"metric": "iou", "n_patients": 40, "friedman_p": np.nan}
    ranks = pd.DataFrame(
        [
            {**head, "explainer": name, "mean_rank": rank, "critical_difference": 0.3}
            for name, rank in (("lung", np.nan), ("lime", 1.2), ("gradcam", 1.8))
        ]
    )
    chapter = chapter_of([], ranks=ranks.reindex(columns=RANKS.names))
    (said,) = texts(chapter, "Who ranks")
    assert "are lime 1.20 and gradcam 1.80. lung has no value for any case, so it has no" in said
    assert "not shown to differ" not in said


def test_ranks_name_whom_the_critical_difference_does_not_hold_apart():
    head = {**HEAD, "binarization": "tuned", "protocol": "default", "class": "COVID-19"}
    head |= {"metric": "iou", "n_patients": 40, "friedman_statistic": 20.0, "friedman_p": 0.00001}
    ranks = pd.DataFrame(
        [
            {**head, "explainer": name, "mean_rank": rank, "critical_difference": 0.5}
            for name, rank in (("lime", 1.9), ("lung", 1.5), ("gradcam", 2.6))
        ]
    )
    pair = compared("lime", "gradcam", "a_higher")
    (said,) = texts(chapter_of([pair], ranks=ranks.reindex(columns=RANKS.names)), "Who ranks")
    assert said == (
        "In class COVID-19, the mean ranks (1 is best; 40 patients) are lung 1.50, lime 1.90 and "
        "gradcam 2.60. Friedman's test of equal ranks: χ² = 20.0, p < 0.001. Nemenyi's test: "
        "ranks closer than 0.50 do not differ significantly. So by this test, the best, lung, is "
        "not shown to differ from lime."
    )


def test_the_pooled_class_leads_and_every_class_is_answered():
    rows = [
        compared("lime", "gradcam", "none_shown", **{"class": "all"}),
        compared("lime", "gradcam", "a_higher"),
    ]
    explainers = [
        localized(name, **{"class": cls}) for name in FAMILIES for cls in ("COVID-19", "all")
    ]
    chapter = chapter_of(rows, explainers=explainers)
    section = chapter.sections[1]
    assert [group.title for group in section.groups] == ["All classes", "Class COVID-19"]
    assert pairs_of(chapter) == {("lime", "gradcam"): "none_shown"}


def test_pages_escape_names_and_json_is_strict(tmp_path):
    families = {"<b>lime</b>": "perturbation", "grad_cam*": "cam"}
    rows = [compared("<b>lime</b>", "grad_cam*", "none_shown", effect_size=np.nan)]
    study = Study(STATISTICS, families, BASES)
    chapters = build(tables(rows, tuple(families)), study)
    page = pages.to_page("html", chapters, "COVID & more", STATISTICS, generated=True)
    assert "<b>lime" not in page
    assert "&lt;b&gt;lime&lt;/b&gt;" in page
    assert "<script" not in page
    assert "Verdict on COVID &amp; more" in page
    assert "readers of COVID &amp; more are generated. So its result shows nothing about" in page
    text = pages.to_page("md", chapters, "demo", STATISTICS, generated=False)
    assert "generated" not in text
    assert f"{NOT_BY_INTERVAL}. “Equivalent”" in text
    assert r"grad\_cam\*" in text
    assert "&lt;b>lime" in text
    assert "p = 0.300" in text
    content = json.loads(pages.to_json(chapters), parse_constant=pytest.fail)
    (first, *_) = content["chapters"][0]["sections"][1]["groups"][0]["sentences"]
    assert first["numbers"]["effect_size"] is None
    assert first["numbers"]["p_adjusted"] == 0.3


def test_the_script_reads_csvs_and_writes_equal_bytes(tmp_path):
    made = tables([compared("lime", "gradcam", "a_higher"), compared("lime", "lung", "b_higher")])
    paths = {
        name: str(tmp_path / f"{name}.csv") for name in ("localization", "comparisons", "ranks")
    }
    for name, path in paths.items():
        getattr(made, name).to_csv(path, index=False)
    written = []
    for repeat in range(2):
        outputs = {
            kind: str(tmp_path / f"{repeat}.{suffix}")
            for kind, suffix in (("markdown", "md"), ("html", "html"), ("json", "json"))
        }
        script.main(
            paths,
            dataset="demo",
            families=FAMILIES,
            bases=BASES,
            confounded={},
            statistics=STATISTICS,
            **outputs,
        )
        written.append([Path(path).read_bytes() for path in outputs.values()])
    assert written[0] == written[1]
    assert b"lime scored higher than gradcam" in written[0][0]


def test_words():
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
    assert (counted(1, "case"), counted(2, "case")) == ("1 case", "2 cases")
    assert (
        number(0.0004, 3, sign=True),
        number(-0.0004, 3, sign=True),
        number(-1.25, 1, sign=True),
    ) == ("0.000", "0.000", "−1.2")
    assert (p_value(0.0004, 0.05), p_value(0.0125, 0.05)) == ("< 0.001", "= 0.013")


def test_a_p_value_is_written_against_the_level_of_the_study():
    (pair,) = read_rows(pd.DataFrame([compared("lime", "gradcam", "a_higher", p_adjusted=0.0096)]))
    assert "Holm-adjusted p = 0.010 (" in sentence(pair, STATISTICS).text
    assert "Holm-adjusted p = 0.0096 (" in sentence(pair, {**STATISTICS, "alpha": 0.01}).text


@pytest.mark.parametrize(("median", "outcome"), [(6.0, "warning"), (10.0, "note"), (35.5, "note")])
def test_few_superpixels_are_a_warning(median, outcome):
    head = {**HEAD, "quantity": "superpixels", "n": 60, "mean": 8.2, "min": 4, "max": 41}
    rows = [
        {**head, "explainer": "lime", "median": median},
        {**head, "explainer": "lime", "quantity": "surrogate_r2", "median": 1},
        {**head, "explainer": "lime", "classifier": "another", "median": 2},
    ]
    chapter = chapter_of([], stability=pd.DataFrame(rows))
    (section,) = [part for part in chapter.sections if "rest on" in part.title]
    (told,) = [s for s in section.groups[0].sentences if "superpixels" in s.text]
    assert told.outcome == outcome
    told_of = f"An image has {median:g} superpixels (median; minimum 4, maximum 41)"
    assert f"unions of superpixels. {told_of}" in told.text
    assert ("explainers.lime.superpixels" in told.text) == (outcome == "warning")


def beside(explainer, conclusion, difference, **changes):
    """Return a row of readers.csv."""
    low, high = difference - 0.02, difference + 0.02
    row = {
        **HEAD, "explainer": explainer, "binarization": "tuned", "class": "COVID-19",
        "metric": "iou", "direction": "higher", "reader": "all", "n": 40, "n_patients": 30,
        "mean": 0.6 + difference, "ci_low": 0.5, "ci_high": 0.7, "reader_mean": 0.6,
        "reader_low": 0.5, "reader_high": 0.7, "difference": difference, "difference_low": low,
        "difference_high": high, "conclusion": conclusion,
    }  # fmt: skip
    return {**row, **changes}


def test_whether_explainers_are_within_human_disagreement():
    rows = pd.DataFrame(
        [
            beside("lime", "below", -0.3),
            beside("lime", "below", -0.5, reader="r1"),
            beside("gradcam", "within", -0.01),
            beside("lung", "below", -0.4, classifier="none"),
        ],
        columns=READERS.names,
    )
    title = "Is an explainer within human disagreement?"
    assert texts(chapter_of([compared("lime", "gradcam", "none_shown")], readers=rows), title) == [
        "lime is below human agreement: it agrees with the other readers less than a reader does"
        " (0.300, a reader 0.600; difference −0.300, 95 % interval −0.320 to −0.280; 40 cases).",
        "gradcam is within human disagreement: no worse than a reader by more than the margin of"
        " 0.05 (0.590, a reader 0.600; difference −0.010, 95 % interval −0.030 to +0.010;"
        " 40 cases).",
    ]


def test_two_readers_are_each_compared_with_the_other_and_few_cases_conclude_nothing():
    rows = [
        beside("lime", "few_cases", 0.1, reader=reader, n=n, n_patients=patients)
        for reader, n, patients in (("a", 25, 19), ("b", 12, 12))
    ]
    found = chapter_of(
        [compared("lime", "gradcam", "none_shown")],
        readers=pd.DataFrame(rows, columns=READERS.names),
    )
    told = texts(found, "Is an explainer within")
    assert [one.split(" (")[0] for one in told] == [
        f"There are fewer than 20 {units}, so nothing is concluded about lime and readers"
        for units in ("patients", "patients")
    ]
    assert "the reader a" in told[0]
    assert "25 cases" in told[0]


def test_without_several_readers_there_is_no_question_about_them():
    chapter = chapter_of([compared("lime", "gradcam", "none_shown")])
    assert not any("human" in section.title for section in chapter.sections)
