"""The gradient methods explain some architectures; the others are refused before training."""

import json

import numpy as np
import pytest
import torch
import yaml

from check_classifier import main as check_classifier
from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.explainers.gradients.operations import with_known_operations
from fidelity.explainers.registry import METHODS, refusal
from tests.helpers.foreign import entry
from tests.helpers.gradient_cases import GRADIENTS, explain, noise_cases
from tests.helpers.networks import narrow

SIDE = 64
CASES = noise_cases(SIDE, 1)
OWN_BACKWARD = [name for name in GRADIENTS if METHODS[name].own_backward]
FEW = {
    "smoothgrad": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "integrated_gradients": {"steps": 2},
}


@pytest.fixture(scope="module", params=["resnet18", "densenet121", "vgg11", "convnext_tiny"])
def classifier(request):
    torch.manual_seed(0)
    network = narrow(build(request.param, 3, image_size=SIDE))
    return Classifier(network, request.param, ("A", "B", "C"), image_size=SIDE).eval()


@pytest.mark.parametrize("method", GRADIENTS)
def test_each_method_explains_or_refuses(classifier, method):
    def found(target=1):
        return explain(classifier, CASES, method, target, batch=1, **FEW.get(method, {}))

    if classifier.architecture == "convnext_tiny" and method in OWN_BACKWARD:
        with pytest.raises(InputError, match="no rule for GELU, LayerNorm"):
            found()
        return
    (explanation,) = found()
    values = explanation.map.values
    assert explanation.map.kind == "dense"
    assert values.shape == (SIDE, SIDE)
    assert np.isfinite(values).all()
    if method == "guided_gradcam" and not values.any():  # CAM ≤ 0: use another class
        values = found(0)[0].map.values
    assert np.ptp(values) > 0


# Small networks of each family that the rules for ReLU networks meet, by code style.
@pytest.mark.parametrize(
    ("architecture", "refused"),
    [
        ("alexnet", ""),
        ("googlenet", ""),
        ("mnasnet0_5", "lrp"),
        ("shufflenet_v2_x0_5", "lrp"),
        ("squeezenet1_1", ""),
        ("regnet_x_400mf", ""),
        ("regnet_y_400mf", "deeplift lrp"),
        ("mobilenet_v2", "guided_backprop deeplift lrp"),
        ("efficientnet_b0", "guided_backprop deeplift lrp"),
        ("timm:resnet18", ""),
        ("timm:densenet121", "lrp"),
        ("xrv:densenet121", ""),
    ],
)
def test_what_the_name_tells_is_what_the_network_says(architecture, refused):
    torch.manual_seed(0)
    channels = 1 if architecture.startswith("xrv:") else 3
    values = (0.5,) * channels
    classifier = Classifier(
        build(architecture, 3, image_size=SIDE),
        architecture,
        ("A", "B", "C"),
        "softmax",
        channels,
        values,
        values,
        SIDE,
    ).eval()
    for method in ("guided_backprop", "deeplift", "lrp"):
        if method in refused.split():
            with pytest.raises(InputError, match="no rule for"):
                with_known_operations(classifier, method)
        else:
            with_known_operations(classifier, method)
            assert refusal(method, architecture) is None


@pytest.mark.parametrize("method", GRADIENTS)
@pytest.mark.parametrize(
    "architecture",
    ["convnext_tiny", "vit_b_16", "swin_t", "timm:convnext_tiny", "mobilenet_v2", "torchscript"],
)
def test_the_config_is_refused_by_name(method, architecture):
    config = yaml.safe_load(
        f"""
        datasets: {{demo: {{source: phantom, annotated_classes: [COVID-19]}}}}
        classifiers: {{net: {{architecture: "{architecture}"}}}}
        explainers:
          mine: {{method: {method}}}
          random: {{method: random_weights, of: {{method: {method}}}}}
        """
    )
    if architecture == "torchscript":
        own = {"weights": "net.pt", "trusted": True, "training": None}
        config["classifiers"]["net"] |= own
    if method not in OWN_BACKWARD:
        settings.load(config, check_files=False)
        return
    with pytest.raises(InputError, match=rf"explainers\.mine.*{method} cannot explain.*net"):
        settings.load(config, check_files=False)
    del config["explainers"]["mine"]
    with pytest.raises(InputError, match=r"explainers\.random\.of"):
        settings.load(config, check_files=False)


def test_resnets_and_densenets_are_not_refused_by_name():
    for architecture in ("resnet50", "densenet201", "vgg16", "timm:resnet18", "xrv:densenet121"):
        assert all(refusal(method, architecture) is None for method in GRADIENTS)
    assert refusal("guided_backprop", "regnet_y_400mf") is None
    assert refusal("lrp", "regnet_y_400mf")
    assert refusal("lrp", "regnet_x_400mf") is None


def test_a_plugin_is_refused_before_training(tmp_path):
    plugin = tmp_path / "nets.py"
    plugin.write_text(
        "from torch import nn\n"
        "def smooth(outputs):\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(4, outputs))\n"
    )
    smooth, known = entry("plugin:smooth"), entry("resnet18")
    output = tmp_path / "architecture.json"
    with pytest.raises(InputError, match=r"explainers\.mine.*DeepLift has no rule for SiLU"):
        check_classifier(
            "net", "demo", smooth, False, {}, {"mine": "deeplift"}, 32, [str(plugin)], str(output)
        )
    assert not output.exists()
    check_classifier("net", "demo", known, False, {}, {"mine": "deeplift"}, 32, [], str(output))
    assert json.loads(output.read_text())["architecture"] == "resnet18"


def test_a_misspelt_parameter_is_named():
    config = {
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "classifiers": {"net": {"architecture": "resnet18"}},
        "explainers": {"mine": {"method": "integrated_gradients", "step": 20}},
    }
    with pytest.raises(InputError, match=r"explainers\.mine\.step.*steps"):
        settings.load(config, check_files=False)
