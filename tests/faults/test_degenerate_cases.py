"""Cases without a map: the reason is recorded, and the maps of other cases do not change."""

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.explainers.base import Context
from fidelity.explainers.runner import explain_shard
from fidelity.maps.saliency_map import normalise, read_maps
from fidelity.masks.run_lengths import encode
from fidelity.settings.explainers import Gradcam, Gradient

SIDE = 32


class Standardised(nn.Module):
    """Divides by the image's own spread, as some networks do. A constant image gives nan."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        spread = x.std(dim=(1, 2, 3), keepdim=True)
        return self.head(torch.relu(self.conv(x / spread)).mean(dim=(2, 3)))


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    mean = (0.5,) * 3
    network = Standardised()
    return Classifier(network, "net", ("A", "B"), "softmax", 3, mean, mean, SIDE).eval()


def shard(path, images):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[8:20, 8:20] = True
    size, box = (SIDE, SIDE), (0, 0, SIDE, SIDE)
    cases = [
        PreparedCase(
            name, name, "test", ("a",), image, None, size, box, {"a": encode(mask)}, None, name
        )
        for name, image in images.items()
    ]  # fmt: skip
    write_prepared(path, cases, {"image_size": SIDE, "classes": ["A", "B"]})
    return path


def images():
    random = np.random.default_rng(0)
    found = {n: random.integers(0, 255, (SIDE, SIDE)).astype(np.uint8) for n in ("one", "two")}
    return {"one": found["one"], "constant": np.full((SIDE, SIDE), 90, np.uint8), **found}


def explained(path, output, classifier, settings, allowed=1):
    compute = {"threads": 1, "device": "cpu"}
    context = Context(classifier, 4, 1, settings.method, compute=compute)
    rule = {"fingerprint": "f", "max_failed_cases": allowed}
    explain_shard(path, output, settings, context, "reference", {"a": "B"}, **rule)
    return {record.case: record for record in read_maps(output)}


GRADIENT = Gradient(magnitude=False)
GRADCAM = Gradcam(layer="conv")


@pytest.mark.parametrize("settings", [GRADIENT, GRADCAM], ids=lambda s: s.method)
def test_a_gradient_that_is_not_a_number(tmp_path, classifier, settings):
    path = shard(tmp_path / "s.h5", images())
    with pytest.raises(InputError, match=r"1 of 3 cases failed, first 'constant'.*not finite"):
        explained(path, tmp_path / "maps" / "m.h5", classifier, settings, allowed=0)
    assert not (tmp_path / "maps" / "m.h5").exists()
    found = explained(path, tmp_path / "maps" / "m.h5", classifier, settings)
    assert [found[n].status for n in ("one", "constant", "two")] == ["ok", "failed", "ok"]
    assert "not finite" in found["constant"].reason
    assert found["constant"].map is None
    without = {n: image for n, image in images().items() if n != "constant"}
    alone = explained(
        shard(tmp_path / "t.h5", without), tmp_path / "maps" / "n.h5", classifier, settings
    )
    for name in ("one", "two"):
        assert np.allclose(alone[name].map.values, found[name].map.values, atol=1e-3)


@pytest.mark.parametrize("method", ["edge_map", "random_superpixels"])
def test_a_constant_image(tmp_path, method):
    """A constant image still gets a map: all zeros, or one of a single superpixel."""
    from fidelity import settings as config_settings

    config = {
        "datasets": {"d": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "classifiers": {"n": {"architecture": "resnet18", "training": {"epochs": 1}}},
        "explainers": {"x": {"method": method}},
    }
    entry = config_settings.load(config, check_files=False).explainers["x"]
    path = shard(tmp_path / "s.h5", images())
    found = explained(path, tmp_path / "maps" / "m.h5", None, entry, allowed=0)
    record = found["constant"]
    assert record.status == "ok"
    assert np.isfinite(record.map.values).all()
    if method == "edge_map":
        assert not normalise(record.map.values).any()
