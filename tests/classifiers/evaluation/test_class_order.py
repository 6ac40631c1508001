"""A classifier at or below chance is recognised, and the class order that fits is named."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from fidelity.analysis.chance import qualities, useless
from fidelity.classifiers.evaluation.class_order import class_order, fitting_order
from fidelity.classifiers.evaluation.evaluate import evaluate
from fidelity.classifiers.evaluation.intervals import _aucs, quality_intervals
from fidelity.statistics.resampling import resampling_weights
from fidelity.verdict.chance_words import question, withheld

STATISTICS = {"replicates": 500, "alpha": 0.05, "cluster": "patient", "seed": 1}


def predictions(truth, scores, classes, patients=None):
    return pd.DataFrame(
        {
            "case": f"c{i:03d}",
            "patient": f"p{patients[i] if patients is not None else i:03d}",
            "split": "test",
            "class": cls,
            "label": truth[i][j],
            "logit": 0.0,
            "probability": scores[i][j],
        }
        for i in range(len(truth))
        for j, cls in enumerate(classes)
    )


def judged(truth, scores, classes, task="multiclass", outputs=None, **changes):
    found = evaluate(
        predictions(truth, scores, classes, changes.pop("patients", None)),
        "d",
        "net",
        task,
        statistics={**STATISTICS, **changes},
        outputs=outputs or (),
    )
    return qualities(found.classification, found.order)["d", "net"], found


def well_told(n, k, rng, strength=2.0):
    """Return labels of k mutually exclusive classes, and scores that fit them."""
    truth = np.eye(k)[np.arange(n) % k]
    raw = np.exp(rng.normal(0, 1, (n, k)) + strength * truth)
    return truth, raw / raw.sum(axis=1, keepdims=True)


def test_a_swapped_order_is_below_chance_and_the_fitting_one_is_named():
    truth, scores = well_told(40, 2, np.random.default_rng(0), 4)
    fine, found = judged(truth, scores, ["Normal", "yes"])
    assert (fine.status, fine.concludes, fine.classes_line) == ("above_chance", True, "")
    assert found.order.empty
    # The same network with its output names swapped. YAML would read `yes` as true.
    swapped, _ = judged(truth, scores[:, ::-1], ["Normal", "yes"], outputs=["Normal", "yes"])
    assert (swapped.status, swapped.concludes) == ("below_chance", False)
    assert swapped.measures["macro_auc"].high < 0.5
    assert yaml.safe_load(swapped.classes_line) == {"classes": ["yes", "Normal"]}


@pytest.mark.parametrize("k", [2, 3])
def test_a_network_that_names_one_class_for_every_image_is_recognised(k):
    truth, scores = well_told(30, k, np.random.default_rng(2), 4)
    classes = ["a", "b", "c"][:k]
    assert judged(truth, scores, classes)[0].only_class == ""
    # The ranking by score fits (macro AUC 1), but the last class always has the highest score.
    constant, _ = judged(truth, scores * 0.1 + np.eye(k)[-1] * 0.9, classes)
    assert constant.only_class == classes[-1]
    # A class that is never predicted is another problem.
    truth = np.eye(3)[np.arange(30) % 3]
    missed = truth.copy()
    missed[truth[:, 1] == 1] = [0, 0, 1]
    missed[truth[:, 2] == 1] = [0, 1, 0]
    assert judged(truth, missed, ["a", "b", "c"])[0].only_class == ""


def test_three_classes_turned_round_and_an_output_that_no_class_has():
    truth, scores = well_told(60, 3, np.random.default_rng(1), 4)
    # Output 0 predicts b, output 1 c, output 3 a. Output 2 belongs to no class of the data set.
    named = ["a", "b", "other", "c"]
    found, _ = judged(truth, scores[:, [1, 2, 0]], ["a", "b", "c"], outputs=named)
    assert found.status == "below_chance"
    assert found.fitting_order == ("b", "c", "other", "a")


@pytest.mark.parametrize("n", [60, 2000])
def test_two_of_three_classes_that_are_swapped_are_noticed(n):
    """The macro AUC is near .5, so the status alone would not question the class order."""
    truth, scores = well_told(n, 3, np.random.default_rng(1), 2)
    names = ["a", "b", "c"]
    found, _ = judged(truth, scores[:, [0, 2, 1]], names, outputs=names)
    assert found.status != "below_chance"
    assert set(found.worse_classes) == {"b", "c"}
    assert found.asks_for_order
    assert found.fitting_order == ("a", "c", "b")
    assert question("net", found).count("`classes: [a, c, b]`") == 1
    guessed = well_told(n, 3, np.random.default_rng(3), 0)[1]
    for right in (scores, guessed):
        assert not judged(truth, right, names, outputs=names)[0].asks_for_order


def test_a_study_can_ask_for_an_accuracy_of_its_own():
    truth, scores = well_told(60, 3, np.random.default_rng(1), 2)
    fine, found = judged(truth, scores, ["a", "b", "c"])
    accuracy = fine.measures["accuracy"].value
    assert fine.concludes
    assert 0.5 < accuracy < 1
    table = found.classification
    at, above = (
        qualities(table, least_accuracy=least)["d", "net"] for least in (accuracy, accuracy + 0.01)
    )
    assert at.status == "above_chance"
    assert (above.status, above.concludes) == ("below_least_accuracy", False)
    assert useless(table, accuracy + 0.01) == {"net"}
    assert f"below the {accuracy + 0.01:g} that this study requires" in withheld("net", above)
    # Rounded to three digits, the two numbers would be equal.
    close = qualities(table, least_accuracy=accuracy + 1e-5)["d", "net"]
    told, least = re.search(
        r"accuracy ([\d.]+).* below the ([\d.]+)", withheld("net", close)
    ).groups()
    assert float(told) < float(least)
    # A status below chance is more informative than the limit, so it is reported.
    swapped = judged(truth, scores[:, [1, 2, 0]], ["a", "b", "c"])[1].classification
    assert qualities(swapped, least_accuracy=0.9)["d", "net"].status == "below_chance"


def test_labels_that_do_not_exclude_each_other_are_assigned_by_auc():
    rng = np.random.default_rng(2)
    truth = (rng.random((80, 2)) < 0.4).astype(float)
    scores = np.clip(truth * 0.6 + rng.random((80, 2)) * 0.3, 0, 1)
    truth[3, 0] = np.nan
    fits, aucs = fitting_order(truth, scores[:, ::-1])
    assert fits == [1, 0]
    known = ~np.isnan(truth[:, 0])
    assert aucs[0, 0] == pytest.approx(metrics.roc_auc_score(truth[known, 0], scores[known, 1]))
    # Inverted: each output predicts the absence of its label, so no other order helps.
    upside_down, _ = judged(truth, 1 - scores, ["a", "b"], "multilabel", outputs=["a", "b"])
    assert upside_down.status == "below_chance"
    assert upside_down.measures["balanced_accuracy"].chance == 0.5
    assert set(upside_down.worse_classes) == {"a", "b"}


def test_a_class_without_cases_decides_nothing():
    truth = np.eye(3)[[0, 1] * 10]
    scores = np.full((20, 3), 0.2) + 0.4 * truth
    table = class_order(truth, scores, ["a", "b", "c"], ["a", "b", "c"])
    assert table["fitting_class"].tolist() == ["a", "b", "c"]
    assert table["auc"].isna().tolist() == [False, False, True]
    found, rated = judged(truth, scores, ["a", "b", "c"])
    assert found.status == "above_chance"
    chance = rated.classification.set_index(["class", "metric"])["chance"]
    assert chance["all", "balanced_accuracy"] == pytest.approx(1 / 3)
    assert chance["a", "auc"] == 0.5
    assert np.isnan(chance["all", "accuracy"])


def test_guessing_is_no_better_than_chance_and_naming_one_class_is_not_below_it():
    rng = np.random.default_rng(3)
    truth, guessed = well_told(90, 3, rng, 0)
    assert judged(truth, guessed, ["a", "b", "c"])[0].status == "no_better_than_chance"
    constant = np.tile([0.1, 0.7, 0.2], (90, 1))
    found, rated = judged(truth, constant, ["a", "b", "c"])
    assert found.status == "no_better_than_chance"
    assert found.measures["balanced_accuracy"].high == pytest.approx(1 / 3)
    assert useless(rated.classification) == {"net"}


def test_one_class_or_one_patient_in_the_split_is_not_judged():
    truth, scores = well_told(20, 2, np.random.default_rng(4), 4)
    alone, _ = judged(truth[::2], scores[::2], ["a", "b"])
    assert (alone.status, alone.concludes) == ("unknown", True)
    together, _ = judged(truth, scores, ["a", "b"], patients=[0] * 20)
    assert together.status == "unknown"
    assert together.measures["macro_auc"].value > 0.9
    # Swapped outputs, and all cases are of one class: only the balanced accuracy shows the fault.
    swapped, _ = judged(truth[::2], scores[::2, ::-1], ["a", "b"], outputs=["a", "b"])
    assert swapped.status == "below_chance"
    assert swapped.fitting_order == ("b", "a")


def test_patients_widen_the_interval_unless_cases_are_the_unit():
    truth, scores = well_told(60, 2, np.random.default_rng(5), 1)
    together = np.arange(60) // 10
    patients, _ = judged(truth, scores, ["a", "b"], patients=together)
    cases, _ = judged(truth, scores, ["a", "b"], patients=together, cluster="case")
    single, _ = judged(truth, scores, ["a", "b"])
    assert patients.n_patients == 6
    assert cases.measures["macro_auc"] == single.measures["macro_auc"]
    assert patients.measures["macro_auc"] != cases.measures["macro_auc"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=12))
def test_the_auc_of_a_resample_is_that_of_the_repeated_cases(pairs):
    truth, scores = (np.array(part, dtype=float) for part in zip(*pairs, strict=True))
    weights = resampling_weights(len(pairs), 5, 1).astype(float)
    found = _aucs(weights, truth == 1, truth == 0, scores)
    for row, value in zip(weights.astype(int), found, strict=True):
        drawn = np.repeat(np.arange(len(pairs)), row)
        if len(set(truth[drawn])) < 2:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(metrics.roc_auc_score(truth[drawn], scores[drawn]))


def test_every_interval_holds_its_value():
    rng = np.random.default_rng(6)
    truth, scores = well_told(50, 3, rng, 1)
    _, rated = judged(truth, scores, ["a", "b", "c"])
    rows = rated.classification
    rows = rows[~rows["metric"].isin(["ece", "support"])]
    assert rows["ci_low"].notna().all()
    assert ((rows["ci_low"] <= rows["value"]) & (rows["value"] <= rows["ci_high"])).all()
    predicted = np.eye(3)[scores.argmax(axis=1)]
    bounds = quality_intervals(
        truth, scores, predicted, np.arange(50), ["a", "b", "c"],
        multilabel=False, replicates=500, alpha=0.05, seed=1,
    )  # fmt: skip
    recall = (predicted * truth).sum(axis=0) / truth.sum(axis=0)
    assert bounds["a", "recall"][0] < recall[0] < bounds["a", "recall"][1]
