"""Checkpoints of torchxrayvision: read safely, reduced to the data set's classes, as logits."""

import numpy as np
import pytest
import torch
import torchxrayvision as package

from fidelity.base.errors import InputError
from fidelity.classifiers import xrv
from fidelity.classifiers.weights import own_format
from fidelity.classifiers.weights.checkpoint import read_checkpoint
from tests.helpers.foreign import load_foreign

NAME = "xrv:densenet121-res224-nih"


@pytest.fixture(scope="module")
def original():
    torch.manual_seed(0)
    return package.models.DenseNet(num_classes=18).eval()


def test_chosen_outputs_are_the_package_s_logits(original, tmp_path):
    state = original.state_dict() | {"op_threshs": torch.full((18,), 0.2)}
    torch.save(state, tmp_path / "xrv.pt")
    classifier = load_foreign(
        tmp_path / "xrv.pt",
        NAME,
        ("COVID-19", "Non-COVID", "Effusion"),
        activation="sigmoid",
        image_size=64,
        output_names={"COVID-19": "Pneumonia", "Non-COVID": "Pneumonia"},
    )
    own_format.save(classifier, tmp_path / "model.safetensors")
    loaded = own_format.load(tmp_path / "model.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64)).astype(np.uint8)
    with torch.no_grad():
        x = (2 * torch.from_numpy(images).float() / 255 - 1)[:, None] * 1024
        expected = original(x)[:, [8, 8, 7]]  # Pneumonia, Pneumonia, Effusion
        torch.testing.assert_close(loaded(loaded.preprocess(images)), expected)
    assert (loaded.channels, loaded.mean, loaded.std) == (1, (0.5,), (1 / 2048,))


def test_the_package_s_pickled_module_is_refused_with_the_way_out(original, tmp_path):
    torch.save(original, tmp_path / "nih.pt")
    with pytest.raises(InputError, match=r"was not loaded.*Export it once"):
        read_checkpoint(tmp_path / "nih.pt")


@pytest.mark.parametrize("output", ["", "Normal"])
def test_a_class_without_a_trained_output_is_named(original, output):
    with pytest.raises(InputError, match="no output .*Pneumonia"):
        xrv.choose_outputs(original.state_dict(), NAME, ["Normal"], {"Normal": output})


@pytest.mark.parametrize("name", ["resnet50", "resnet50-res512-all"])
def test_resnets_have_one_channel(name):
    assert xrv.build_xrv(f"xrv:{name}", 2).eval()(torch.zeros(1, 1, 64, 64)).shape == (1, 2)
