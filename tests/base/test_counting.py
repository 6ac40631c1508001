"""Images are counted where they pass through a network, whichever code sends them."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base import counting
from fidelity.base.job_log import job_log
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.predict import predict_logits
from fidelity.classifiers.randomised import NOISE_IMAGES
from fidelity.classifiers.training.examples import Examples
from fidelity.classifiers.training.train import train
from fidelity.datasets.prepared import PreparedCase
from fidelity.digests import code as digests
from fidelity.explainers import plugin
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import random_weights
from fidelity.explainers.cam import cam
from fidelity.explainers.lime import lime
from fidelity.settings.explainers import Gradcam, Lime, Plugin, RandomWeights
from fidelity.settings.superpixels import Slic
from tests.helpers.entries import training

SIDE = 32


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    return Classifier(network, "plugin:small", ("A", "B"), image_size=SIDE).eval()


def _images(number):
    return np.random.default_rng(0).integers(0, 255, (number, SIDE, SIDE)).astype(np.uint8)


def _task(image):
    case = PreparedCase(
        "c", "c", "test", ("A",), image, None, (SIDE, SIDE), (0, 0, SIDE, SIDE), {}, None, ""
    )
    return Task(case, "A", 0)


def test_prediction_counts_images_with_the_filling_of_the_last_batch(classifier):
    with counting.counted() as passes:
        predict_logits(classifier, _images(5), batch=4)
    assert (passes.forward, passes.backward, passes.device) == (8, 0, "cpu")


def test_training_counts_epochs_and_their_validation(classifier):
    labels = np.eye(2, dtype=np.uint8)[np.arange(12) % 2]
    learnt, validation = Examples(_images(12), labels), Examples(_images(6), labels[:6])
    settings = training(epochs=3, batch=4, patience=0)
    with counting.counted() as passes:
        train(classifier, learnt, validation, settings, 1, {"threads": 1, "device": "cpu"})
    assert passes.forward == 3 * (12 + 6)
    assert passes.backward == 3 * 12


def test_gradcam_goes_forward_and_back(classifier):
    context = Context(classifier, 4, 1, "gradcam")
    explain = cam.make(context, Gradcam(layer="0"))
    with counting.counted() as passes:
        explain([_task(image) for image in _images(3)])
    assert (passes.forward, passes.backward) == (4, 4)


def test_lime_goes_forward_alone(classifier):
    settings = Lime(samples=22, sampling="package", superpixels=Slic(n_segments=6))
    explain = lime.make(Context(classifier, 8, 1, "lime"), settings)
    with counting.counted() as passes:
        (explanation,) = explain([_task(_images(1)[0])])
    # Images that look equal are classified once. The last batch is padded to 8.
    different = explanation.extras["images"]
    assert 1 < different <= 2 ** explanation.extras["superpixels"]
    assert passes.forward == -(-different // 8) * 8
    assert passes.backward == 0


def test_a_plugin_that_goes_past_the_wrapper_counts(classifier, tmp_path):
    (tmp_path / "mine.py").write_text(
        "def twice(classifier, image, target, seed):\n"
        "    image.requires_grad_()\n"
        "    classifier.network(image)[0, target].backward()\n"
        "    classifier(image)[0, target].backward()\n"
        "    return image.grad[0].sum(0).numpy()\n"
    )
    settings = Plugin(method="plugin:twice")
    context = Context(classifier, 4, 1, "plugin:twice", plugins=[str(tmp_path / "mine.py")])
    explain = plugin.make(context, settings)
    with counting.counted() as passes:
        explain([_task(_images(1)[0])])
    assert (passes.forward, passes.backward) == (2, 2)


def test_a_randomised_copy_counts(classifier):
    inner = Gradcam(layer="0")
    with counting.counted() as probing:  # the passes needed to inspect the layer
        cam.make(Context(classifier, 4, 1, "gradcam"), inner)
    settings = RandomWeights(of=inner)
    with counting.counted() as passes:
        explain = random_weights.make(Context(classifier, 4, 1, "random_weights"), settings)
        explain([_task(_images(1)[0])])
    # Three parts: noise images for the batch statistics, the layer's inspection, the padded batch.
    assert passes.forward == NOISE_IMAGES + probing.forward + 4
    assert passes.backward == probing.backward + 4


def test_a_network_that_raises_spoils_no_later_count(classifier):
    with counting.counted() as passes:
        with pytest.raises(RuntimeError):
            classifier(torch.zeros(2, 5, SIDE, SIDE))
        predict_logits(classifier, _images(4), batch=4)
    assert passes.forward == 4


def test_losses_are_no_networks():
    with counting.counted() as passes:
        nn.CrossEntropyLoss()(torch.zeros(3, 2), torch.zeros(3, dtype=torch.long))
    assert passes.forward == 0


def test_counting_changes_no_number(classifier):
    images = _images(6)
    plain = predict_logits(classifier, images, 4)
    with counting.counted():
        assert np.array_equal(predict_logits(classifier, images, 4), plain)


def test_a_job_leaves_its_counts_beside_its_log(classifier, tmp_path):
    log = tmp_path / "logs" / "predict.log"
    with job_log(log), counting.counted():
        pass
    assert not counting.beside(log).exists()
    counting.install()
    try:
        with job_log(log):
            predict_logits(classifier, _images(4), 4)
        assert json.loads(counting.beside(log).read_text()) == {
            "forward": 4,
            "backward": 0,
            "device": "cpu",
        }
        # If a later run of the job uses no network, no old number remains.
        with job_log(log):
            pass
        assert not counting.beside(log).exists()
    finally:
        counting._counter.remove()


def test_no_digest_depends_on_how_is_counted():
    reached = digests.reached("train.py") | digests.reached("explain.py", "explainers.lime.lime")
    found = {module for module, _ in reached}
    assert "fidelity.base.compute" in found
    assert "fidelity.base.counting" not in found


def test_networks_in_several_threads_are_counted_each():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with counting.counted() as passes, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: network(torch.zeros(5, 3)), range(200)))
    assert passes.forward == 1000
