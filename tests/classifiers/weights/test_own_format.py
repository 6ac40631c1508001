import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.cam_layers.choose import cam_layer
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.weights.file_facts import read_foreign
from fidelity.classifiers.weights.foreign import initialise
from fidelity.classifiers.weights.own_format import load, save
from tests.helpers.foreign import load_foreign

CLASSES = ("a", "b", "c")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(3)
    return Classifier(build("resnet18", 3), "resnet18", CLASSES, image_size=32).eval()


def same(one: nn.Module, two: nn.Module) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_saved_and_loaded(tmp_path, classifier):
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    save(classifier, first, {"epoch": 2, "config": {"b": 1, "a": 2}})
    with safe_open(first, "pt") as file:
        noted = json.loads(file.metadata()["fidelity"])
    save(load(first), second, noted["training"])
    assert first.read_bytes() == second.read_bytes()
    again = load(first)
    assert not again.training
    assert (again.classes, again.activation, again.image_size) == (CLASSES, "softmax", 32)
    assert same(again.network, classifier.network)


@pytest.mark.parametrize("nested", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.module."])
def test_foreign_state_dicts(tmp_path, classifier, nested, prefix):
    state = {prefix + key: value for key, value in classifier.network.state_dict().items()}
    torch.save({nested: state, "epoch": 3} if nested else state, tmp_path / "net.pt")
    found = load_foreign(tmp_path / "net.pt", "resnet18", CLASSES, image_size=32)
    assert same(found.network, classifier.network)


def test_foreign_safetensors(tmp_path, classifier):
    save_file(classifier.network.state_dict(), tmp_path / "net.safetensors")
    found = load_foreign(tmp_path / "net.safetensors", "resnet18", CLASSES, image_size=32)
    assert same(found.network, classifier.network)
    with pytest.raises(InputError, match="not written by this project"):
        load(tmp_path / "net.safetensors")


def test_misfits_are_named(tmp_path, classifier):
    path = tmp_path / "net.pt"
    torch.save(classifier.network.state_dict(), path)
    with pytest.raises(InputError, match=r"net\.pt.*does not fit densenet121: \d+ missing"):
        load_foreign(path, "densenet121", CLASSES, image_size=32)
    with pytest.raises(InputError, match="returns 3 values per image where 2 .*classes"):
        load_foreign(path, "resnet18", ("a", "b"), image_size=32)


def test_training_starts_from_another_head(tmp_path, classifier):
    path = tmp_path / "net.pt"
    torch.save(classifier.network.state_dict(), path)
    network = build("resnet18", 2)
    assert initialise(network, read_foreign(path, "resnet18")) == ["fc.bias", "fc.weight"]
    assert torch.equal(network.conv1.weight, classifier.network.conv1.weight)
    with pytest.raises(InputError, match="does not fit vgg11"):
        read_foreign(path, "vgg11")


class Evil:
    def __reduce__(self):
        return os.system, ("echo evil > evil.txt",)


def test_a_pickle_that_runs_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "x": Evil()}, "evil.pt")
    with pytest.raises(InputError, match=r"evil\.pt.*run code \(posix\.system\).*was not loaded"):
        load_foreign("evil.pt", "resnet18", CLASSES)
    assert not (tmp_path / "evil.txt").exists()


def test_a_whole_pickled_model_is_refused(tmp_path, classifier):
    torch.save(classifier.network, tmp_path / "whole.pt")
    with pytest.raises(InputError, match="run code .*state_dict"):
        load_foreign(tmp_path / "whole.pt", "resnet18", CLASSES)


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04broken"])
def test_corrupt_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read|is not a checkpoint of PyTorch"):
        load_foreign(tmp_path / name, "resnet18", CLASSES)


def test_truncated_files(tmp_path, classifier):
    torch.save(classifier.network.state_dict(), tmp_path / "net.pt")
    save(classifier, tmp_path / "net.safetensors")
    for name in ("net.pt", "net.safetensors"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match="cannot be read"):
            load_foreign(tmp_path / name, "resnet18", CLASSES)


def test_missing_and_empty_checkpoints(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_foreign(tmp_path / "none.pt", "resnet18", CLASSES)
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(InputError, match="not contain a state dict"):
        load_foreign(tmp_path / "empty.pt", "resnet18", CLASSES)


def test_checkpoints_without_names_end_in_an_error(tmp_path):
    save_file({}, tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="not contain a state dict"):
        load_foreign(tmp_path / "none.safetensors", "resnet18", CLASSES)
    torch.save({0: torch.zeros(2)}, tmp_path / "numbered.pt")
    with pytest.raises(InputError, match="not contain a state dict"):
        load_foreign(tmp_path / "numbered.pt", "resnet18", CLASSES)
    torch.save({"op_threshs": torch.zeros(2)}, tmp_path / "thresholds.pt")
    with pytest.raises(InputError, match="does not fit"):
        load_foreign(tmp_path / "thresholds.pt", "resnet18", CLASSES)


def test_changed_metadata_are_refused(tmp_path, classifier):
    """The mean is subtracted from every image, so another mean changes every result silently."""
    path = tmp_path / "net.safetensors"
    save(classifier, path)
    content = path.read_bytes()
    assert content.count(b"0.485") == 1
    path.write_bytes(content.replace(b"0.485", b"0.985"))
    with pytest.raises(InputError, match="checksum"):
        load(path)


def test_torchscript_only_when_trusted(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    path = tmp_path / "net.ts"
    torch.jit.script(network).save(str(path))
    with pytest.raises(InputError, match="TorchScript.*trusted: true"):
        load_foreign(path, "resnet18", ("a", "b"))
    with pytest.raises(InputError, match="only when trusted"):
        load_foreign(path, "torchscript", ("a", "b"))
    with pytest.raises(InputError, match="returns 2 values per image where 3"):
        load_foreign(path, "torchscript", CLASSES, image_size=8, trusted=True)
    found = load_foreign(path, "torchscript", ("a", "b"), image_size=8, trusted=True)
    save(found, tmp_path / "saved.safetensors")
    x = torch.randn(2, 1, 8, 8)
    assert found.channels == 1
    # `load` chooses the channels-last layout, whose kernels round differently.
    torch.testing.assert_close(load(tmp_path / "saved.safetensors")(x), network(x))
    with pytest.raises(InputError, match="no layers that can be hooked"):
        cam_layer(found)
