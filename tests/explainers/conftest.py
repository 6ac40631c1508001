"""A small network and prepared cases for the explainers."""

import weakref

import numpy as np
import pytest
import torch

from fidelity.classifiers.architectures import build
from fidelity.classifiers.cam_layers import choose
from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase
from fidelity.masks.run_lengths import encode

SIZE = 64


@pytest.fixture(scope="session", autouse=True)
def one_probe_per_layer():
    """Probe each layer of a network only once, because probes take most of a CAM's time.

    Networks with changed weights or newly frozen parameters are probed again. The probe itself is
    tested in tests/classifiers.
    """
    probed, check = weakref.WeakKeyDictionary(), choose._checked

    def checked(classifier, name, probe):
        state = [(each._version, each.requires_grad) for each in classifier.parameters()]
        key = (name, classifier.training, classifier.image_size, tuple(state))
        known = probed.setdefault(classifier, {})
        if key not in known:
            known[key] = check(classifier, name, probe)
        return known[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(choose, "_checked", checked)
        yield


@pytest.fixture(scope="session")
def classifier():
    """Return a ResNet-18 with random weights that are the same each time."""
    torch.manual_seed(0)
    network = build("resnet18", 3)
    return Classifier(
        network, "resnet18", ("A", "B", "C"), "softmax", 3, (0.5,) * 3, (0.25,) * 3, SIZE
    ).eval()


def prepared_case(name: str, seed: int) -> PreparedCase:
    """Create a smooth random image with a disc as reference and a box as lung."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    image = 120 + 60 * np.sin(x / 7 + seed) * np.cos(y / 9) + rng.normal(0, 8, (SIZE, SIZE))
    disc = (y - 30) ** 2 + (x - 34) ** 2 < 100
    lung = np.zeros((SIZE, SIZE), bool)
    lung[8:56, 8:56] = True
    return PreparedCase(
        case=name,
        patient=name,
        split="test",
        labels=("a",),
        image=np.clip(image, 0, 255).astype(np.uint8),
        lung=lung,
        native_size=(SIZE, SIZE),
        box=(0, 0, SIZE, SIZE),
        references={"a": encode(disc)},
        lung_native=encode(lung),
        digest=str(seed),
    )


@pytest.fixture
def cases():
    return [prepared_case(f"case {i}", i) for i in range(5)]
