"""Common parts of the perturbation methods: grouping, batches, precision, hiding, a known truth."""

import dataclasses

import numpy as np
import pytest
import torch

from fidelity import settings
from fidelity.base import counting
from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import random_superpixels
from fidelity.explainers.lime import lime
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.perturbation.hiding import live_superpixels, unit_image
from fidelity.explainers.registry import METHODS as REGISTRY
from fidelity.maps.saliency_map import raw_map
from fidelity.settings.explainers import Lime
from fidelity.settings.superpixels import Quickshift, Slic
from tests.helpers.entries import with_keys
from tests.helpers.perturbation_settings import HIDE, METHODS, SLIC

SIZE, PATCH = 64, (slice(24, 40), slice(32, 48))


def explain(name, classifier, cases, target=1, batch=8, **changes):
    module, entry = METHODS[name]
    made = module.make(Context(classifier, batch, 1, name), with_keys(entry, **changes))
    return made([Task(case, "a", target) for case in cases])


@pytest.mark.parametrize("name", METHODS)
def test_neighbours_and_classes_in_a_batch_do_not_change_a_map(name, classifier, cases):
    module, entry = METHODS[name]
    made = module.make(Context(classifier, 8, 1, name), entry)
    tasks = [Task(case, "a", target) for case in cases[:2] for target in (1, 0, 1)]
    together = made(tasks)
    for task, explanation in zip(tasks, together, strict=True):
        alone = made([task])[0]
        np.testing.assert_array_equal(explanation.map.values, alone.map.values)
        assert explanation.extras == alone.extras
    assert not np.allclose(together[0].map.values, together[1].map.values)


@pytest.mark.parametrize("name", METHODS)
def test_one_pass_answers_for_all_classes_of_a_case(name, classifier, cases):
    module, entry = METHODS[name]
    made = module.make(Context(classifier, 8, 1, name), entry)
    with counting.counted() as one:
        made([Task(cases[0], "a", 0)])
    with counting.counted() as three:
        found = made([Task(cases[0], "a", target) for target in range(3)])
    assert one.forward == three.forward
    assert one.forward == -(-found[0].extras["forward_passes"] // 8) * 8


@pytest.mark.parametrize("name", METHODS)
def test_only_whole_batches_reach_the_network(name, classifier, cases):
    sizes = set()
    handle = classifier.register_forward_pre_hook(lambda _m, args: sizes.add(len(args[0])))
    explain(name, classifier, cases[:1], batch=7)
    handle.remove()
    assert sizes == {7}


@pytest.mark.parametrize("name", METHODS)
def test_seeds_come_from_config_and_case(name, classifier, cases):
    module, entry = METHODS[name]
    first = explain(name, classifier, cases[:1])[0]
    np.testing.assert_array_equal(
        first.map.values, explain(name, classifier, cases[:1])[0].map.values
    )
    # SLIC is deterministic. So of these four methods, only those that sample depend on the seed.
    other = module.make(Context(classifier, 8, 2, name), entry)([Task(cases[0], "a", 1)])[0]
    sampled = name in ("kernel_shap", "rise")
    assert np.array_equal(first.map.values, other.map.values) != sampled


@pytest.mark.parametrize("name", METHODS)
def test_output_and_precision_matter(name, classifier, cases):
    base = explain(name, classifier, cases[:1])[0].map.values
    logit = explain(name, classifier, cases[:1], output="logit")[0].map.values
    rounded = explain(name, classifier, cases[:1], precision="bfloat16")[0].map.values
    assert not np.allclose(base, logit)
    assert not np.array_equal(base, rounded)
    assert np.corrcoef(base.ravel(), rounded.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", ["kernel_shap", "feature_ablation"])
def test_superpixels_are_lime_s_where_noise_decides_them(name, classifier, cases):
    """On a flat image, quickshift's superpixels follow its noise, so LIME's need LIME's seed."""
    flat = dataclasses.replace(cases[0], image=np.where(cases[0].lung, cases[0].image, 0))
    superpixels = Quickshift()
    entry = Lime(samples=10, sampling="package", hide_sigma=4, superpixels=superpixels)
    task = Task(flat, "a", 1)
    of_lime = lime.make(Context(classifier, 8, 1, "lime"), entry)([task])[0].map.segments
    ours = explain(name, classifier, [flat], superpixels=superpixels, hide=0)[0].map.segments
    null = random_superpixels.make(Context(None, 8, 1, "random_superpixels"), entry)([task])[0]
    np.testing.assert_array_equal(ours, of_lime)
    np.testing.assert_array_equal(ours, null.map.segments)


@pytest.mark.parametrize("grey", range(0, 256, 15))
def test_a_flat_superpixel_is_its_own_mean_whatever_its_grey(grey):
    """A rounded mean would differ from the superpixel itself and cost a forward pass."""
    image = np.full((31, 37), grey, np.uint8)
    labels = np.zeros(image.shape, int)
    hidden = hidden_image(image, labels, HIDE, 0).astype(np.float32)
    assert len(live_superpixels(unit_image(image), hidden, labels)) == 0


def lime_seed(case):
    return Context(None, 8, 1, "lime").seed_of(Task(case, "a", None))


class Linear(torch.nn.Module):
    """The logit of class B is the sum over a patch; that of class A is its negative."""

    def __init__(self):
        super().__init__()
        weights = torch.zeros(SIZE, SIZE)
        weights[PATCH] = 1 / 256
        self.weights = torch.nn.Parameter(weights)

    def forward(self, x):
        total = (x.mean(1) * self.weights).sum((1, 2))
        return torch.stack([-total, total], 1)


@pytest.fixture(scope="module")
def linear():
    return Classifier(Linear(), "linear", ("A", "B"), "softmax", 3, (0.0,) * 3, (1.0,) * 3, SIZE)


@pytest.fixture
def planted(cases):
    """Return cases with a bright patch that is its own superpixel."""
    images = [case.image // 2 for case in cases]
    for image in images:
        image[PATCH] = image[PATCH] // 3 + 180
    return [dataclasses.replace(c, image=i) for c, i in zip(cases, images, strict=True)]


@pytest.mark.parametrize("hide", [0, 0.3, "blur", "mean", "noise", "inpaint"])
@pytest.mark.parametrize("name", ["kernel_shap", "feature_ablation"])
def test_a_linear_classifier_gets_its_known_attribution(name, hide, linear, planted):
    """Sampled or not, the regression of an additive game is exact."""
    for case in planted[:2]:
        explanation = explain(name, linear, [case], hide=hide, output="logit")[0]
        segments = explanation.map.segments
        change = unit_image(case.image) - hidden_image(
            case.image, segments, with_keys(HIDE, hide=hide), lime_seed(case)
        )
        known = linear.network.weights.detach().numpy() * change
        expected = np.bincount(segments.ravel(), known.ravel())
        np.testing.assert_allclose(explanation.map.values, expected, atol=1e-6)


@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("name", METHODS)
def test_the_planted_patch_ranks_first(name, output, linear, planted):
    wanted = {"output": output, "samples": 3000 if name == "rise" else 400, "hide": 0, "fill": 0}
    changes = {key: value for key, value in wanted.items() if hasattr(METHODS[name][1], key)}
    for case in planted:
        found = explain(name, linear, [case], **changes)[0].map
        values = raw_map(found, (SIZE, SIZE))
        highest = values == values.max()
        inside = np.zeros_like(highest)
        inside[PATCH] = True
        if found.kind == "superpixels":  # the superpixel that contains most of the patch
            assert highest[inside].sum() > inside.sum() / 2
        else:
            assert inside[highest].all()
        if output == "logit":  # the other class has the negated logit
            other = explain(name, linear, [case], 0, **changes)[0].map
            np.testing.assert_allclose(other.values, -found.values, atol=1e-6)


@pytest.mark.parametrize("name", ["kernel_shap", "feature_ablation", "occlusion"])
def test_what_hiding_does_not_change_costs_nothing_and_is_worth_nothing(name, classifier, cases):
    """The image is black outside a small lung: only superpixels that can change are classified."""
    small = np.zeros_like(cases[0].lung)
    small[16:32, 16:32] = True
    case = dataclasses.replace(cases[0], image=np.where(small, cases[0].image, 0))
    key = "fill" if name == "occlusion" else "hide"
    (found,) = explain(name, classifier, [case], **{key: 0})
    total = found.extras.get("superpixels", found.extras.get("windows"))
    assert found.extras["forward_passes"] < (120 if name == "kernel_shap" else total)
    values = raw_map(found.map, (SIZE, SIZE))
    assert values[48:].any() == 0
    assert values[16:32, 16:32].any()
    black = dataclasses.replace(case, image=np.zeros_like(case.image))
    (nothing,) = explain(name, classifier, [black], **{key: 0})
    assert nothing.extras["forward_passes"] <= 2
    assert not nothing.map.values.any()


def test_the_registry_says_where_they_come_from():
    for name in METHODS:
        method = REGISTRY[name]
        assert method.family == "perturbation"
        assert method.module == f"explainers.perturbation.{name}"
        assert method.needs_classifier
        assert method.source


BAD = [
    ({"method": "occlusion", "stride": 40}, r"x\.stride.*gaps.*at most 32"),
    ({"method": "occlusion", "window": 4096}, r"x\.window.*datasets\.demo.*image_size"),
    ({"method": "occlusion", "windw": 8}, r"x\.windw.*'window'"),
    ({"method": "rise", "probability": 1}, r"x\.probability"),
    ({"method": "rise", "sampels": 100}, r"x\.sampels.*'samples'"),
    ({"method": "kernel_shap", "hide": "nois"}, r"x\.hide"),
    ({"method": "kernel_shap", "superpixels": {"algorithm": "slic", "ratio": 0.1}}, "ratio"),
    ({"method": "feature_ablation", "samples": 10}, r"x\.samples"),
    ({"method": "random_weights", "of": {"method": "occlusion", "stride": 40}}, r"x\.of\.stride"),
]


@pytest.mark.parametrize(("entry", "message"), BAD, ids=lambda v: str(v)[:40])
def test_mistakes_are_named(entry, message):
    demo = {
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "classifiers": {"r": {"architecture": "resnet18"}},
        "explainers": {"x": entry},
    }
    with pytest.raises(InputError, match=message):
        settings.load(demo)


def test_slic_settings_are_valid_ones():
    assert list(SLIC.model_dump()) == Slic.key_names()
