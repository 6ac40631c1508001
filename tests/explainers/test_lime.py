"""LIME is the lime package's LIME, with seeds that reach all of it."""

import numpy as np
import pytest
import torch
from lime.lime_image import LimeImageExplainer

from fidelity import settings
from fidelity.explainers import lime
from fidelity.explainers.base import Context, Task
from fidelity.explainers.superpixels import rgb_image, segment

SETTINGS = {
    "method": "lime", "samples": 60, "kernel_width": 0.25, "alpha": 1.0, "hide": "mean",
    "output": "probability", "precision": "float32",
    "superpixels": {"algorithm": "quickshift", **settings.SUPERPIXEL_DEFAULTS["quickshift"]},
}  # fmt: skip


def _explain(classifier, case, target=1, batch=8, **changes):
    context = Context(classifier, batch, 1, "lime")
    (explanation,) = lime.make(context, {**SETTINGS, **changes})([Task(case, "a", target)])
    return explanation


def test_coefficients_are_those_of_the_package(classifier, cases):
    """The package called as its own documentation says, with its own defaults."""
    case = cases[0]
    task = Task(case, "a", 1)
    seed = Context(classifier, 8, 1, "lime").seed_of(task)
    image = rgb_image(case.image)
    segments = segment(image, SETTINGS["superpixels"], seed)

    @torch.inference_mode()
    def probabilities(images):
        grey = torch.from_numpy(np.stack([image[..., 0] for image in images])).float()
        logits = classifier(classifier.normalise(grey))
        return torch.softmax(logits, 1).double().numpy()

    peer = LimeImageExplainer(random_state=np.random.RandomState(seed)).explain_instance(
        image, probabilities, top_labels=3, num_samples=60, segmentation_fn=lambda _: segments
    )
    expected = dict(peer.local_exp[1])
    ours = _explain(classifier, case).map
    assert len(expected) == len(ours.values) > 3
    for label, weight in expected.items():
        assert ours.values[label] == pytest.approx(weight, abs=1e-6)


def test_seeds_make_it_repeatable_and_depend_on_the_case_alone(classifier, cases):
    first, again = _explain(classifier, cases[0]).map, _explain(classifier, cases[0]).map
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.segments, again.segments)
    context = Context(classifier, 8, 1, "lime")
    together = lime.make(context, SETTINGS)([Task(case, "a", 1) for case in cases[:2]])
    np.testing.assert_array_equal(together[0].map.values, first.values)


def test_slic_labels_start_at_zero(cases):
    superpixels = {"algorithm": "slic", **settings.SUPERPIXEL_DEFAULTS["slic"]}
    labels = segment(rgb_image(cases[0].image), superpixels, 0)
    assert sorted(np.unique(labels)) == list(range(labels.max() + 1))


@pytest.mark.parametrize("algorithm", list(settings.SUPERPIXEL_DEFAULTS))
def test_every_superpixel_algorithm(classifier, cases, algorithm):
    superpixels = {"algorithm": algorithm, **settings.SUPERPIXEL_DEFAULTS[algorithm]}
    explanation = _explain(classifier, cases[1], superpixels=superpixels)
    assert explanation.map.segments.shape == cases[1].image.shape
    assert explanation.extras["superpixels"] == len(explanation.map.values)
    assert np.isfinite(explanation.extras["surrogate_r2"])


def test_hide_and_output_matter(classifier, cases):
    base = _explain(classifier, cases[0]).map.values
    assert not np.allclose(base, _explain(classifier, cases[0], hide=0).map.values)
    assert not np.allclose(base, _explain(classifier, cases[0], output="logit").map.values)


def test_a_single_superpixel_is_a_map_without_contrast(classifier, cases):
    import dataclasses

    blank = dataclasses.replace(cases[0], image=np.full_like(cases[0].image, 128))
    explanation = _explain(classifier, blank)
    assert len(explanation.map.values) == explanation.map.segments.max() + 1


def test_bfloat16_stays_close_to_float32(classifier, cases):
    exact = _explain(classifier, cases[0]).map.values
    rounded = _explain(classifier, cases[0], precision="bfloat16").map.values
    assert not np.array_equal(exact, rounded)
    assert np.corrcoef(exact, rounded)[0, 1] > 0.98
