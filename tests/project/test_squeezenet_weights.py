"""The study's converted SqueezeNet: torchvision's network computes what Caffe's computes."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import squeezenet1_1

from tests.helpers import ROOT

SCRIPT = ROOT / "docs/studies/covid_qu_ex/squeezenet_weights.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("squeezenet_weights", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def caffe():
    """Return a network of random values that float16 stores exactly; its input is Caffe's."""
    torch.manual_seed(0)
    network = squeezenet1_1().eval()
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()
    return network


def content(network):
    """Write each convolution as ncnn does: a tag, float16 kernels and float32 biases."""
    parts = []
    for layer in (m for m in network.modules() if isinstance(m, nn.Conv2d)):
        parts.append((0x01306B47).to_bytes(4, "little"))
        parts.append(layer.weight.detach().numpy().astype("<f2").tobytes())
        parts.append(layer.bias.detach().numpy().astype("<f4").tobytes())
    return b"".join(parts)


def test_the_converted_network_computes_the_same(script, caffe, tmp_path):
    (tmp_path / "weights.bin").write_bytes(content(caffe))
    converted = script.read(tmp_path / "weights.bin")
    picture = np.random.default_rng(0).integers(0, 256, (2, 3, 96, 96)).astype(np.float32)
    colours = torch.from_numpy(picture)
    mean, std = (
        torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    blue_first = (colours - torch.tensor([123.0, 117, 104])[:, None, None]).flip(1)
    with torch.inference_mode():
        theirs, ours = caffe(blue_first), converted((colours / 255 - mean) / std)
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("start", "end", "message"), [(4, None, "at byte 0"), (0, 4, "are left")])
def test_another_file_is_refused(script, caffe, tmp_path, start, end, message):
    given = content(caffe)[start:] if end is None else content(caffe) + b"more"
    (tmp_path / "weights.bin").write_bytes(given)
    with pytest.raises(ValueError, match=message):
        script.read(tmp_path / "weights.bin")
