"""The checks distinguish a gradient from an edge detector, and explain another class correctly."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import nn

import figure as figure_script
from fidelity.analysis.checks.sanity import summarize
from fidelity.analysis.columns.checks import SANITY, SANITY_CASES
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Task
from fidelity.figures.checks import sanity as figure
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.metrics.map_similarity import similarities
from fidelity.sanity.run_checks import check, other_class
from tests.helpers.gradient_cases import case_of, noise_cases
from tests.helpers.gradient_cases import entry as entry_of
from tests.helpers.run_script import run_script

STATISTICS = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}
TESTS = ["parameters", "logit"]


def checked(classifier, entry, cases, **options):
    context = Context(classifier, 4, 1, entry.method)
    tasks = [Task(case, "x", number % 2) for number, case in enumerate(cases)]
    options = {"tests": TESTS, "layers": 3, "sign": "absolute"} | options
    return check(context, entry, tasks, **options)


def test_random_weights_destroy_gradients_and_not_an_edge_detector(convolutional):
    cases = noise_cases(32, 4)
    gradient = checked(convolutional, entry_of("gradient", magnitude=False), cases)
    edges = checked(convolutional, entry_of("edge_map"), cases)
    assert list(gradient.columns) == SANITY_CASES.names
    deepest = gradient[(gradient["test"] == "parameters") & (gradient["depth"] == 3)]
    assert len(deepest) == 4
    assert deepest["spearman"].abs().mean() < 0.2
    assert deepest["ssim"].mean() < 0.6
    assert (edges[["spearman", "abs_spearman", "ssim"]] > 1 - 1e-9).all(axis=None)
    pd.testing.assert_frame_equal(
        gradient, checked(convolutional, entry_of("gradient", magnitude=False), cases)
    )


def test_another_class_of_a_linear_classifier_has_the_other_weights():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(144, 2, bias=False))
    classifier = Classifier(network, "own", ("a", "b"), "softmax", 1, (0.0,), (1.0,), 12).eval()
    first, second = network[1].weight.detach().numpy().reshape(2, 12, 12)
    table = checked(classifier, entry_of("gradient", magnitude=False), noise_cases(12, 2))
    logit = table[table["test"] == "logit"]
    assert logit["target_class"].tolist() == ["a", "b"]
    assert logit["explained_class"].tolist() == ["b", "a"]
    expected = spearmanr(first.ravel(), second.ravel()).statistic
    np.testing.assert_allclose(logit["spearman"], expected, atol=1e-6)
    assert abs(expected) < 0.9


def test_other_classes_are_drawn_per_case_and_never_the_own():
    tasks = [Task(case_of(np.zeros((8, 8), np.uint8), f"c{n}"), "x", n % 3) for n in range(40)]
    others = [other_class(task, 3, 1).target for task in tasks]
    assert all(other != task.target for task, other in zip(tasks, others, strict=True))
    assert {*others} == {0, 1, 2}
    assert others == [other_class(task, 3, 1).target for task in tasks]
    of_first = {other_class(task, 3, 1).target for task in tasks if task.target == 0}
    assert of_first == {1, 2}


def alike(one, other, sign):
    """Compare two dense maps at their own size."""
    maps = [SaliencyMap("dense", values) for values in (one, other)]
    return similarities(*maps, one.shape, sign)


def test_similarities_are_those_of_the_libraries():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 20, 20)).round(1)  # with ties
    found = alike(one, other, "signed")
    assert found["spearman"] == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)
    absolute = spearmanr(np.abs(one).ravel(), np.abs(other).ravel()).statistic
    assert found["abs_spearman"] == pytest.approx(absolute)
    scaled = [(x - x.min()) / np.ptp(x) for x in (one, other)]
    assert found["ssim"] == pytest.approx(structural_similarity(*scaled, data_range=1), abs=1e-5)
    turned = alike(one, -one, "signed")
    assert (turned["spearman"], turned["abs_spearman"]) == pytest.approx((-1, 1))
    same = alike(one, one * 7, "positive")
    assert list(same.values()) == pytest.approx([1, 1, 1])
    assert np.isnan(alike(one, one * 0 + 1, "positive")["spearman"])


def _checks(level, patients=6):
    rows = []
    for number in range(patients):
        case = (f"c{number}", f"p{number}", "test", "x", "a")
        for depth, layer in ((1, "fc"), (2, "conv1")):
            value = level / depth + 0.01 * number
            rows.append((*case, "parameters", depth, layer, depth / 2, "a", value, value, 0.5))
        rows.append((*case, "logit", 0, "", 0.0, "b", np.nan, level, level))
    return pd.DataFrame(rows, columns=SANITY_CASES.names)


def test_tables_and_figure_from_files(tmp_path):
    paths, combos = [], []
    for name, level in (("lime", 0.8), ("=1+1", 0.2)):
        paths.append(str(tmp_path / f"{level}.parquet"))
        _checks(level).to_parquet(paths[-1])
        combos.append({"dataset": "d", "classifier": "net", "explainer": name})
    output = str(tmp_path / "sanity.csv")
    settings = {"combos": combos, "statistics": STATISTICS, "seed": 1}
    run_script("summarize_sanity", {"checks": paths}, [output], **settings)
    table = pd.read_csv(output)
    assert list(table.columns) == SANITY.names
    assert set(table["explainer"]) == {"lime", "'=1+1"}
    lime = table[(table["explainer"] == "lime") & (table["similarity"] == "spearman")]
    by_depth = lime.set_index("depth")
    assert by_depth.loc[2, "mean"] == pytest.approx(0.4 + 0.025)
    assert by_depth.loc[2, "ci_low"] < by_depth.loc[2, "mean"] < by_depth.loc[2, "ci_high"]
    assert by_depth.loc[0, "n_undefined"] == 6
    assert np.isnan(by_depth.loc[0, "mean"])
    drawn = [str(tmp_path / name) for name in ("s.png", "s.pdf")]
    settings = {"dpi": 60, "families": {"lime": "perturbation"}, "classifier": "net"}
    figure_script.main("checks.sanity", {"sanity": output}, settings, drawn)
    assert (tmp_path / "s.png").stat().st_size > 5000


def test_the_figure_starts_at_the_trained_network_and_sets_the_other_class_apart():
    parts = [({"dataset": "d", "classifier": "net", "explainer": "lime"}, _checks(0.8))]
    table = summarize(parts, STATISTICS)
    fig = figure.plot(table)
    axis = fig.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == [
        "trained", "fc", "conv1", "other class",
    ]  # fmt: skip
    line = axis.containers[0].lines[0]
    np.testing.assert_allclose(line.get_ydata().astype(float), [1, 0.825, 0.425])
    only = figure.plot(table[table["test"] == "logit"])
    assert [label.get_text() for label in only.axes[0].get_xticklabels()] == ["other class"]
    assert figure.plot(table[:0]).axes[0].texts
    figure.style.plt.close("all")
