"""Faithfulness: known truths, the packages' values, tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_grad_cam.metrics.perturbation_confidence import (
    PerturbationConfidenceMetric,
    RemoveLeastRelevantFirst,
    RemoveMostRelevantFirst,
)
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from fidelity.analysis.checks.faithfulness import join, summarize
from fidelity.analysis.columns.checks import FAITHFULNESS
from fidelity.classifiers.model import Classifier
from fidelity.faithfulness import case_rows
from fidelity.faithfulness import one_map as measuring
from fidelity.faithfulness.case_rows import Measures, measure_maps
from fidelity.faithfulness.changed_images import answers_of
from fidelity.faithfulness.one_map import Options, removals
from fidelity.faithfulness.registry import METRICS, names_by
from fidelity.faithfulness.removal import background, imputed, ranked_pixels
from fidelity.maps.saliency_map import MapRecord, SaliencyMap
from fidelity.masks.run_lengths import encode

SIDE = 20
PATCH = np.zeros((SIDE, SIDE), bool)
PATCH[5:10, 5:10] = True
OPTIONS = Options(names_by("removal", METRICS), 16, "black", [0.2, 0.5, 0.8])


def measure(image, values, mask, target, probabilities, options, seed):
    """Measure one map alone."""
    changed = removals(image, values, mask, options, seed)
    return changed.scores(probabilities(changed.images, target))


def brightness_of_the_patch(images, _target):
    """Act as a classifier that sees only the patch."""
    return images[:, PATCH].mean(axis=1)


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(0.5, 1, (SIDE, SIDE)).astype(np.float32)


def test_a_map_that_is_the_same_everywhere_ranks_nothing(image):
    found = measure(image, np.zeros((SIDE, SIDE)), PATCH, 0, brightness_of_the_patch, OPTIONS, 1)
    by_rank = {name: found[name] for name in ("deletion_auc", "insertion_auc", "road")}
    assert all(np.isnan(value) for value in by_rank.values())
    assert found["comprehensiveness"] == pytest.approx(image[PATCH].mean())


def test_a_perfect_map_has_the_areas_of_its_known_curves(image):
    found = measure(image, PATCH * 1.0, PATCH, 0, brightness_of_the_patch, OPTIONS, seed=1)
    whole = image[PATCH].mean()
    # 16 steps of 25 pixels: the first step covers exactly the patch.
    assert found["deletion_auc"] == pytest.approx(whole / 32, rel=1e-6)
    assert found["insertion_auc"] == pytest.approx(whole * (1 - 1 / 32), rel=1e-6)
    assert found["comprehensiveness"] == pytest.approx(whole)
    assert found["sufficiency"] == pytest.approx(0)
    assert found["probability"] == pytest.approx(whole)
    inverted = measure(image, PATCH * -1.0, ~PATCH, 0, brightness_of_the_patch, OPTIONS, seed=1)
    assert inverted["deletion_auc"] > 0.9 * whole
    assert inverted["comprehensiveness"] == pytest.approx(0)
    assert inverted["sufficiency"] == pytest.approx(whole)
    assert inverted["road"] == pytest.approx(-found["road"], abs=0.02)


@given(
    values=st.lists(st.floats(-5, 5), min_size=16, max_size=16),
    scale=st.floats(0.1, 10),
)
@settings(max_examples=30, deadline=None)
def test_only_the_order_of_pixels_counts(values, scale):
    values = np.round(np.array(values).reshape(4, 4), 3)
    order = ranked_pixels(values)
    assert sorted(order) == list(range(16))
    assert (np.diff(values.reshape(-1)[order]) <= 0).all()
    np.testing.assert_array_equal(order, ranked_pixels(values * scale + 7))


def test_equal_values_are_not_taken_from_the_top():
    order = ranked_pixels(np.zeros((40, 40)))
    assert abs(np.mean(order[:400] // 40) - 19.5) < 2


def test_fills(image):
    assert background(image, "black").max() == 0
    assert background(image, "mean") == pytest.approx(image.mean())
    blurred = background(image, "blur")
    assert blurred.std() < image.std() / 2
    assert blurred.mean() == pytest.approx(image.mean(), abs=0.02)
    with pytest.raises(ValueError, match="rainbow"):
        background(image, "rainbow")


class OwnInput(nn.Module):
    """A small network whose input the classifier does not normalise."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
        self.layers(torch.zeros(1, 1, SIDE, SIDE))

    def forward(self, x):
        return self.layers(x) * 20


@pytest.fixture
def classifier():
    net = OwnInput()
    return Classifier(net, "own", ("a", "b"), "softmax", 1, (0.0,), (1.0,), SIDE).eval()


def test_road_equals_pytorch_grad_cam(image, classifier, monkeypatch):
    monkeypatch.setattr(measuring, "ROAD_NOISE", 0.0)
    # A permutation has no ties: the package cuts at percentiles, which would treat ties
    # differently.
    values = np.random.default_rng(1).permutation(SIDE * SIDE).reshape(SIDE, SIDE) * 1.0
    answers = answers_of(classifier, 4, "float32")
    found = measure(image, values, None, 1, answers, Options(["road"], 2, "blur", [0.25, 0.6]), 0)

    class Probability(nn.Module):
        def forward(self, x):
            return classifier.probabilities(classifier(x))

    scores = []
    for share in (0.25, 0.6):
        for remove, percentile in (
            (RemoveLeastRelevantFirst, 100 - 100 * share),
            (RemoveMostRelevantFirst, 100 - 100 * share),
        ):
            metric = PerturbationConfidenceMetric(remove(percentile, NoisyLinearImputer(noise=0)))
            tensor = torch.from_numpy(image)[None, None]
            after = metric(
                tensor, values[None], [ClassifierOutputTarget(1)], Probability(), return_diff=False
            )
            scores.append(float(np.ravel(after)[0]))
    least, most = np.array(scores).reshape(-1, 2).T
    assert found["road"] == pytest.approx(((least - most) / 2).mean(), abs=1e-6)
    assert abs(found["road"]) > 1e-3


def test_imputation_keeps_the_rest_and_repeats_by_seed(image):
    pixels = np.arange(50, 200)
    one, two = imputed(image, pixels, 3, 0.01), imputed(image, pixels, 3, 0.01)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, imputed(image, pixels, 4, 0.01))
    kept = np.setdiff1d(np.arange(image.size), pixels)
    np.testing.assert_array_equal(one.reshape(-1)[kept], image.reshape(-1)[kept])
    np.testing.assert_array_equal(imputed(image, pixels[:0], 3, 0.01), image)


def test_answers_do_not_depend_on_grouping(image, classifier):
    images = np.stack([image * share for share in np.linspace(0, 1, 7, dtype=np.float32)])
    answers = answers_of(classifier, 4, "float32")
    together = answers(images, 0)
    apart = np.concatenate([answers(one[None], 0) for one in images])
    np.testing.assert_array_equal(together, apart)


class Case:
    """The fields of a prepared case that these tests need."""

    def __init__(self, name, image):
        self.case, self.patient, self.split = name, f"p{name}", "test"
        self.image = (image * 255).astype(np.uint8)
        self.native_size, self.box = (SIDE * 2, SIDE * 2), (0, 0, SIDE * 2, SIDE * 2)


def test_a_cohort_has_a_row_per_map_failed_ones_included(image):
    maps = [
        MapRecord("one", "x", "b", "ok", "", 0.1, map=SaliencyMap("dense", PATCH * 1.0)),
        MapRecord("two", "x", "b", "failed", "why", 0.1),
        MapRecord("gone", "x", "b", "ok", "", 0.1, map=SaliencyMap("dense", PATCH * 1.0)),
    ]
    native = np.kron(PATCH, np.ones((2, 2))).astype(bool)
    table = measure_maps(
        [(Case(record.case, image), record) for record in maps],
        {("one", "x"): 1, ("two", "x"): 1},
        {"one": {"x": encode(native)}},
        Measures(
            ("a", "b"),
            brightness_of_the_patch,
            Options(["comprehensiveness", "sufficiency"], 2, "black", [0.5]),
        ),
        sign="positive",
        seed=1,
    )
    assert table["case"].to_list() == ["one", "two"]
    one, two = table.iloc[0], table.iloc[1]
    assert one["mask_share"] == pytest.approx(25 / 400)
    assert one["comprehensiveness"] == pytest.approx(one["probability"])
    assert np.isnan(two["comprehensiveness"])
    assert (two["status"], one["target_class"]) == ("failed", "b")


def test_maps_are_classified_together_with_the_same_results(image, classifier, monkeypatch):
    """Each map has its own class. The images are those of the formulas, without duplicates."""
    rng = np.random.default_rng(2)
    maps = [
        MapRecord(f"c{n}", "x", "ab"[n % 2], "ok", "", 0.1, map=SaliencyMap("dense", values))
        for n, values in enumerate(rng.uniform(-1, 1, (5, SIDE, SIDE)))
    ]
    options = Options(["deletion_auc", "insertion_auc"], 10, "black", [0.5])
    answers, shown = answers_of(classifier, 4, "float32"), []

    def counted(images, target):
        shown.append(len(images))
        return answers(images, target)

    def table():
        explained = [(Case(record.case, image), record) for record in maps]
        targets = {(record.case, "x"): 0 for record in maps}
        measures = Measures(("a", "b"), counted, options)
        return measure_maps(explained, targets, None, measures, sign="positive", seed=1)

    together = table()
    assert shown == [5 * (2 + 2 * 9)]
    monkeypatch.setattr(case_rows, "TOGETHER", 30)
    pd.testing.assert_frame_equal(table(), together)
    assert shown[1:] == [40, 40, 20]
    rounded = Case("c3", image).image / 255
    alone = measure(rounded, maps[3].map.values, None, 1, answers, options, seed=1)
    assert together.loc[3, list(alone)].to_dict() == alone


def test_table_correlates_with_localization_and_turns_what_is_better_when_lower():
    cases = [f"c{number}" for number in range(8)]
    rising = np.linspace(0.1, 0.8, 8)
    faithful = pd.DataFrame(
        {"case": cases, "patient": cases, "split": "test", "class": "x", "status": "ok"}
        | {"deletion_auc": rising[::-1], "road": rising, "insertion_auc": 0.5}
    )
    scores = pd.DataFrame(
        {"case": cases, "class": "x", "split": "test", "iou": rising**2}
        | {"empty_reference": [False] * 7 + [True]}
    )
    statistics = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}
    head = {"dataset": "d", "classifier": "net", "explainer": "lime"}
    joined = join(faithful, scores, "iou")
    assert np.isnan(joined["iou"].iloc[-1])
    names = ["deletion_auc", "road", "insertion_auc"]
    table = summarize([(head, joined)], names, "iou", statistics)
    assert list(table.columns) == FAITHFULNESS.names
    table = table.set_index("metric")
    assert table["spearman"].to_list()[:2] == [pytest.approx(1), pytest.approx(1)]
    assert np.isnan(table.loc["insertion_auc", "spearman"])
    assert (table["n_pairs"] == 7).all()
    assert (table["n"] == 8).all()
    assert table.loc["road", "mean"] == pytest.approx(rising.mean())
    assert table.loc["road", "ci_low"] < rising.mean() < table.loc["road", "ci_high"]


def test_an_explainer_with_cases_of_one_class_alone_is_in_the_rows_of_all():
    """For example, a second reader who read only some cases, or imported maps with gaps."""
    cases = [f"c{number}" for number in range(8)]
    both = pd.DataFrame(
        {"case": cases, "patient": cases, "split": "test", "class": ["x", "y"] * 4, "road": 0.25}
        | {"iou": 0.5, "sensitivity_asked": False}
    )
    heads = [{"dataset": "d", "classifier": "net", "explainer": name} for name in ("a", "b")]
    parts = list(zip(heads, [both, both[both["class"] == "x"]], strict=True))
    statistics = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}
    table = summarize(parts, ["road"], "iou", statistics)
    numbers = table.set_index(["explainer", "class"])["n"]
    found = {key: int(n) for key, n in numbers.items()}
    assert found == {("a", "x"): 4, ("a", "y"): 4, ("a", "all"): 8, ("b", "x"): 4, ("b", "all"): 4}
