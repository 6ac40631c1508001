"""Checkpoints as training scripts save them: each is read, or refused with a fix that works."""

import argparse
import collections
import datetime
import json
import pathlib
import re

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18

from check_classifier import main as check_classifier
from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.labels import head_of
from fidelity.classifiers.model import IMAGENET_MEAN, IMAGENET_STD, log_odds
from fidelity.classifiers.network_facts import kind_of_outputs
from fidelity.classifiers.weights.checkpoint import read_checkpoint
from fidelity.classifiers.weights.file_facts import read_foreign
from fidelity.classifiers.weights.foreign import initialise, input_normalisation
from fidelity.classifiers.weights.own_format import load, save
from import_classifier import main as import_classifier
from tests.helpers import foreign as made_elsewhere
from tests.helpers.foreign import load_foreign

CLASSES = ("Normal", "Pneumonia")
SIDE = 32


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return resnet18(num_classes=2).eval()


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE)).astype(np.uint8)


def normal(x: np.ndarray, mean=IMAGENET_MEAN, std=IMAGENET_STD) -> torch.Tensor:
    grey = torch.from_numpy(x).float()[:, None].expand(-1, len(mean), -1, -1) / 255
    return (grey - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


@torch.no_grad()
def same(network: nn.Module, path: pathlib.Path, architecture: str = "resnet18", **given) -> None:
    """Check that the loaded file gives the same logits as the network that wrote it."""
    x = images()
    if given.get("image_size", SIDE) != SIDE:
        x = np.random.default_rng(0).integers(0, 256, (2, *[given["image_size"]] * 2), np.uint8)
    given = {"image_size": SIDE, **given}
    found = load_foreign(path, architecture, CLASSES, **given)
    save(found, path.with_name("saved.safetensors"))
    found = load(path.with_name("saved.safetensors"), plugins=given.get("plugins", ()))
    expected = network(normal(x, found.mean, found.std))
    torch.testing.assert_close(found(found.preprocess(x)), expected, rtol=1e-4, atol=1e-4)


def prefixed(prefix: str, network: nn.Module) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in network.state_dict().items()}


class Wrapper(nn.Module):
    """A network under an attribute, with a loss and metrics, as in Lightning's modules."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.resnet = network
        self.criterion = nn.CrossEntropyLoss(weight=torch.ones(2))
        self.loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.ones(2))
        self.register_buffer("val_auroc", nn.Module().__dict__.get("x"))
        self.metrics = nn.ModuleDict({"val_acc": nn.BatchNorm1d(2, affine=False)})


class Headless(nn.Module):
    """A network whose head is outside the body."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = resnet18(num_classes=2)
        self.encoder.fc = nn.Identity()
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.encoder(x))


def with_sequential_head() -> nn.Module:
    network = resnet18(num_classes=2)
    network.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 2))
    return network


def averaged(network: nn.Module) -> nn.Module:
    return torch.optim.swa_utils.AveragedModel(network)


@pytest.mark.parametrize(
    "content",
    [
        lambda n: {"net": n.state_dict(), "acc": 90.1, "epoch": 3},
        lambda n: {"model_state": n.state_dict()},
        lambda n: {"checkpoint": {"ema": prefixed("module.", n)}},
        lambda n: prefixed("backbone.", n),
        lambda n: {"state_dict": prefixed("model.resnet.", n)},
        lambda n: {"state_dict": Wrapper(n).state_dict()},
        lambda n: averaged(n).state_dict(),
        lambda n: {"state_dict": n.state_dict(), "state_dict_ema": n.state_dict()},  # equal weights
        lambda n: {**n.state_dict(), "total_ops": torch.zeros(1), "fc.total_params": torch.ones(1)},
    ],
)
def test_wrapped_state_dicts(tmp_path, net, content):
    torch.save(content(net), tmp_path / "net.pt")
    same(net, tmp_path / "net.pt")


@pytest.mark.parametrize("make", [with_sequential_head, Headless])
def test_heads_in_other_places(tmp_path, make):
    torch.manual_seed(1)
    network = make().eval()
    torch.save(network.state_dict(), tmp_path / "net.pt")
    same(network, tmp_path / "net.pt")
    start = build("resnet18", 3)
    foreign = read_foreign(tmp_path / "net.pt", "resnet18")
    assert initialise(start, foreign) == ["fc.bias", "fc.weight"]
    assert torch.equal(start.conv1.weight, foreign.match.state["conv1.weight"])


def test_objects_beside_the_weights(tmp_path, net):
    """No class named in the file is loaded: its objects become empty shells."""
    defaults = collections.defaultdict(list)
    defaults["loss"].append(0.5)
    beside = {
        "best": np.float64(0.91), "scores": np.arange(3.0), "history": defaults,
        "args": argparse.Namespace(lr=0.1, out=pathlib.Path("runs"), classes=["b", "a"]),
        "when": datetime.datetime(2024, 1, 1),
    }  # fmt: skip
    torch.save({"model": net.state_dict(), **beside}, tmp_path / "net.pt")
    assert read_checkpoint(tmp_path / "net.pt").classes == ("b", "a")
    same(net, tmp_path / "net.pt")


def test_two_sets_of_weights_need_a_choice(tmp_path, net):
    torch.manual_seed(5)
    other = resnet18(num_classes=2).eval()
    path = tmp_path / "net.pt"
    torch.save({"model": net.state_dict(), "model_ema": prefixed("module.", other)}, path)
    with pytest.raises(InputError, match="2 sets of weights.*weights_entry: model_ema"):
        load_foreign(path, "resnet18", CLASSES, image_size=SIDE)
    same(other, path, weights_entry="model_ema")
    same(net, path, weights_entry="model")
    with pytest.raises(
        InputError, match="under 'best', the file holds no weights of this network.*'model'"
    ):
        load_foreign(path, "resnet18", CLASSES, weights_entry="best")


def test_two_networks_in_one_state_dict_need_a_choice(tmp_path, net):
    """For example, a student and its teacher, or a Lightning module and its average."""
    torch.manual_seed(6)
    teacher = with_sequential_head().eval()
    path = tmp_path / "net.pt"
    torch.save({"state_dict": prefixed("student.", net) | prefixed("teacher.", teacher)}, path)
    with pytest.raises(InputError, match="weights_entry: state_dict.teacher"):
        load_foreign(path, "resnet18", CLASSES, image_size=SIDE)
    same(net, path, weights_entry="state_dict.student")
    same(teacher, path, weights_entry="state_dict.teacher")
    # The same network under two names of its module counts as one.
    torch.save({"state_dict": prefixed("model.", net) | prefixed("net.", net)}, path)
    same(net, path)


def test_old_layer_names_behind_a_prefix(tmp_path):
    """CheXNet's public file: module.densenet121.features.denseblock1.denselayer1.norm.1.weight."""
    torch.manual_seed(7)
    network = torchvision.models.densenet121()
    network.classifier = nn.Sequential(nn.Linear(1024, 2))
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): value
        for key, value in prefixed("module.densenet121.", network.eval()).items()
    }
    assert "module.densenet121.features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save({"state_dict": old}, tmp_path / "net.pt")
    same(network, tmp_path / "net.pt", "densenet121")


def test_weights_without_counters_of_batches(tmp_path, net):
    """Torch before 0.4.1 wrote none, as in the files of CheXNet."""
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert len(state) < len(net.state_dict())
    torch.save(state, tmp_path / "old.pt")
    same(net, tmp_path / "old.pt")


def test_weights_without_versions_of_layers(tmp_path):
    """Filtered dicts and safetensors have no versions, and torchvision's MNASNet refuses them."""
    torch.manual_seed(8)
    network = torchvision.models.mnasnet0_5(num_classes=2).eval()
    torch.save({"model": dict(network.state_dict())}, tmp_path / "net.pt")
    same(network, tmp_path / "net.pt", "mnasnet0_5")


def test_one_output_for_two_classes_names_the_head(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(resnet18(num_classes=1).state_dict(), path)
    with pytest.raises(InputError, match="returns 1 value .*2 are expected") as error:
        load_foreign(path, "resnet18", CLASSES, image_size=SIDE)
    assert error.value.field == "head"
    assert "head: one_logit" in error.value.remedy
    torch.save(resnet18(num_classes=2).state_dict(), path)
    with pytest.raises(InputError, match="returns 2 values .*1 is expected") as error:
        load_foreign(path, "resnet18", CLASSES, image_size=SIDE, activation="one_logit")
    assert error.value.field == "head"


def test_one_output_without_classes_gets_a_line_that_works(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(resnet18(num_classes=1).state_dict(), path)
    foreign = read_foreign(path, "resnet18", image_size=SIDE)
    with pytest.raises(InputError) as error:
        foreign.order(None, CLASSES)
    assert "head: one_logit and classes: [Normal, Pneumonia]" in error.value.remedy
    with pytest.raises(InputError) as error:
        foreign.order(None, ["Pneumonia"], "sigmoid")
    assert "classes: [Pneumonia]" in error.value.remedy
    assert "one_logit" not in error.value.remedy


def test_classes_that_are_not_the_data_set_s_are_shown():
    known = {"classes": ["Pneumonia", "Normal"], "labels": {}, "task": "multiclass"}
    with pytest.raises(InputError, match=r"Normal is missing .*\(Pneumonia, NORMAL\)"):
        head_of(made_elsewhere.entry("resnet18", classes=["Pneumonia", "NORMAL"]), known)
    with pytest.raises(InputError, match="listed twice"):
        head_of(made_elsewhere.entry("resnet18", classes=["Pneumonia", "Normal", "Normal"]), known)


def test_a_misfit_does_not_count_the_head_s_outputs(tmp_path, net):
    path = tmp_path / "net.pt"
    torch.save({**net.state_dict(), "attention.weight": torch.ones(2, 2)}, path)
    with pytest.raises(InputError, match="1 unexpected") as error:
        load_foreign(path, "resnet18", CLASSES, image_size=SIDE)
    assert "of another shape" not in str(error.value)


def test_what_nobody_knows_is_refused(tmp_path, net):
    """An unexpected layer may change every output."""
    path = tmp_path / "net.pt"
    for extra in ("attention.weight", "temperature", "model.fc2.weight"):
        torch.save(prefixed("model.", net) | {extra: torch.ones(2, 2)}, path)
        with pytest.raises(InputError, match=rf"unexpected \({extra}\).*plugin:<function>"):
            read_foreign(path, "resnet18")
    deep = with_sequential_head()
    deep.fc = nn.Sequential(nn.Linear(512, 8), nn.ReLU(), nn.Linear(8, 2))
    torch.save(deep.state_dict(), path)
    with pytest.raises(InputError, match=r"missing \(fc.bias, fc.weight\).*plugin"):
        read_foreign(path, "resnet18")
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from torch import nn\nfrom torchvision.models import resnet18\n"
        "def deep(outputs):\n    net = resnet18()\n"
        "    net.fc = nn.Sequential(nn.Linear(512, 8), nn.ReLU(), nn.Linear(8, outputs))\n"
        "    return net\n"
    )
    same(deep.eval(), path, "plugin:deep", plugins=[plugin])


def test_auxiliary_heads_and_transform_input(tmp_path):
    torch.manual_seed(0)
    given = {"num_classes": 2, "aux_logits": True, "init_weights": False}
    network = torchvision.models.googlenet(transform_input=True, **given).eval()
    path = tmp_path / "net.pt"
    torch.save(network.state_dict(), path)
    with pytest.raises(InputError, match="may rescale.*transform_input: true"):
        load_foreign(path, "googlenet", CLASSES, image_size=64)
    x = np.random.default_rng(0).integers(0, 256, (2, 64, 64)).astype(np.uint8)
    for rescales in (True, False):
        network.transform_input = rescales
        found = load_foreign(path, "googlenet", CLASSES, image_size=64, transform_input=rescales)
        with torch.no_grad():
            expected = network(normal(x))
            torch.testing.assert_close(found(found.preprocess(x)), expected, rtol=1e-4, atol=1e-4)
    entry = made_elsewhere.entry("googlenet", weights=str(path))
    check_classifier("net", "demo", entry, False, {}, {}, 64, [], str(tmp_path / "a.json"))
    start = read_foreign(path, "googlenet", image_size=64)
    mean, _ = input_normalisation(made_elsewhere.entry("googlenet"), True, (), start)
    assert mean == pytest.approx((0.5,) * 3)
    assert input_normalisation(made_elsewhere.entry("inception_v3", weights="imagenet"), True)[
        1
    ] == pytest.approx((0.5,) * 3)
    assert input_normalisation(made_elsewhere.entry("inception_v3"), True)[0] == IMAGENET_MEAN
    large = made_elsewhere.entry("efficientnet_v2_l", weights="imagenet")
    assert input_normalisation(large, True)[0] == (0.5,) * 3  # the output of a torchvision network


def test_own_mean_and_std(tmp_path, net):
    path = tmp_path / "net.pt"
    own = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}
    torch.save({"state_dict": net.state_dict(), "args": argparse.Namespace(**own)}, path)
    found = load_foreign(path, "resnet18", CLASSES, image_size=SIDE)
    assert found.mean == pytest.approx(tuple(own["mean"]))
    layer = {"norm.mean": torch.tensor([0.1]), "norm.std": torch.tensor([0.3])}
    torch.save(layer | prefixed("body.", net), path)
    found = load_foreign(path, "resnet18", CLASSES, image_size=SIDE)
    assert (found.mean, found.std) == (pytest.approx((0.1,) * 3), pytest.approx((0.3,) * 3))
    assert load_foreign(path, "resnet18", CLASSES, mean=[0.0] * 3, image_size=SIDE).mean == (0,) * 3
    layer = {"pixel_mean": torch.full((3, 1, 1), 123.0), "pixel_std": torch.full((3, 1, 1), 58.0)}
    torch.save(layer | prefixed("body.", net), path)
    with pytest.raises(InputError, match="not for images from 0 to 1.*divide both by 255"):
        load_foreign(path, "resnet18", CLASSES, image_size=SIDE)
    own = {"mean": [0.48] * 3, "std": [0.23] * 3}
    assert load_foreign(path, "resnet18", CLASSES, image_size=SIDE, **own).mean == (0.48,) * 3
    own = {"mean": [123.7] * 3, "std": [58.4] * 3}
    with pytest.raises(InputError, match="not for images from 0 to 1.*divide both by 255") as found:
        load_foreign(path, "resnet18", CLASSES, image_size=SIDE, **own)
    assert found.value.field == "mean"


@pytest.mark.parametrize("key", ["layer1.0.conv1.weight", "bn1.running_var"])
def test_weights_of_a_training_that_diverged(tmp_path, net, key):
    state = {name: value.clone() for name, value in net.state_dict().items()}
    state[key].view(-1)[3] = float("nan")
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(InputError, match=rf"not finite \(first: {key}\).*earlier epoch") as found:
        load_foreign(tmp_path / "net.pt", "resnet18", CLASSES, image_size=SIDE)
    assert found.value.file == tmp_path / "net.pt"
    foreign = read_foreign(tmp_path / "net.pt", "resnet18", image_size=SIDE)
    with pytest.raises(InputError, match="not finite"):
        initialise(build("resnet18", 2, False, image_size=SIDE), foreign)


@pytest.mark.parametrize("architecture", ["resnet18", "timm:resnet18"])
def test_a_first_layer_of_one_channel(tmp_path, architecture):
    torch.manual_seed(0)
    if architecture == "resnet18":
        network = resnet18(num_classes=2)
        network.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    else:
        network = timm.create_model("resnet18", num_classes=2, in_chans=1)
    torch.save(network.eval().state_dict(), tmp_path / "net.pt")
    same(network, tmp_path / "net.pt", architecture)
    found = load_foreign(tmp_path / "net.pt", architecture, CLASSES, image_size=SIDE)
    assert (found.channels, found.mean) == (1, (pytest.approx(np.mean(IMAGENET_MEAN)),))


def test_the_classes_must_be_stated(tmp_path, net, caplog):
    caplog.set_level("INFO")
    path = tmp_path / "net.pt"
    torch.save(net.state_dict(), path)
    with pytest.raises(InputError, match="2 outputs") as caught:
        load_foreign(path, "resnet18", None, image_size=SIDE)
    assert caught.value.field == "classes"
    foreign = read_foreign(path, "resnet18", image_size=SIDE)
    with pytest.raises(InputError, match=r"classes: \[Normal, Pneumonia\]"):
        foreign.order(None, CLASSES)
    torch.save({"net": net.state_dict(), "class_to_idx": {"Pneumonia": 1, "Normal": 0}}, path)
    assert load_foreign(path, "resnet18", None, image_size=SIDE).classes == CLASSES
    with pytest.raises(InputError, match=r"another order.*classes: \[Normal, Pneumonia\]"):
        load_foreign(path, "resnet18", ("pneumonia", "normal"), image_size=SIDE)
    with pytest.raises(InputError, match="another order.*your own names in the order of the file"):
        load_foreign(path, "resnet18", ("ill", "normal"), image_size=SIDE)
    assert f"{SIDE} px" in caplog.text
    load_foreign(path, "resnet18", ("normal", "ill"), image_size=SIDE)
    renamed = load_foreign(path, "resnet18", ("healthy", "ill"), image_size=SIDE)
    save(renamed, tmp_path / "ours.safetensors")
    again = load_foreign(tmp_path / "ours.safetensors", "resnet18", None, image_size=SIDE)
    assert (again.classes, again.mean) == (renamed.classes, renamed.mean)
    one = resnet18(num_classes=1)
    save_file(one.state_dict(), tmp_path / "one.safetensors")
    with pytest.raises(InputError, match=r"1 output,.*one_logit and classes: \[Normal, Pneumonia"):
        read_foreign(tmp_path / "one.safetensors", "resnet18").order(None, CLASSES)


class Ends(nn.Module):
    def __init__(self, network: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.network, self.end = network, end

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.end(self.network(x))


def small(outputs: int) -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(4)),
        *(nn.Flatten(), nn.Linear(128, outputs)),
    )


@pytest.mark.parametrize(
    ("end", "outputs", "kind"),
    [
        (nn.Softmax(1), 2, "softmax"),
        (nn.Softmax(1), 5, "softmax"),
        (nn.Sigmoid(), 1, "sigmoid"),
        (nn.Sigmoid(), 4, "sigmoid"),
        (nn.LogSoftmax(1), 3, None),  # the softmax of these outputs equals that of the network
        (nn.Identity(), 1, None),
        (nn.Identity(), 3, None),
    ],
)
def test_outputs_that_are_no_logits(tmp_path, end, outputs, kind):
    network = Ends(small(outputs), end).eval()
    assert kind_of_outputs(network, 3, SIDE) == kind
    activation = "one_logit" if outputs == 1 else "softmax" if kind != "sigmoid" else "sigmoid"
    classes = [str(number) for number in range(max(outputs, 2))]
    torch.jit.trace(network, torch.zeros(1, 3, SIDE, SIDE)).save(tmp_path / "net.ts")

    def read(values: str | None):
        given = {"image_size": SIDE, "trusted": True, "activation": activation}
        path = tmp_path / "net.ts"
        return load_foreign(path, "torchscript", classes, output_values=values, **given)

    with torch.no_grad():
        own = network(normal(images()))
    if kind is None:
        found = read(None)
        expected = own.softmax(1) if outputs > 1 else torch.cat([-own, own], 1).sigmoid()
        with pytest.raises(InputError, match="are not probabilities"):
            read("probabilities")
    else:
        with pytest.raises(InputError, match=f"ends in {kind}.*output_values: probabilities"):
            read(None)
        assert read("logits").output_values == "logits"
        found = read("probabilities")
        expected = own if outputs > 1 else torch.cat([1 - own, own], 1)
    save(found, tmp_path / "saved.safetensors")
    found = load(tmp_path / "saved.safetensors")
    with torch.no_grad():
        logits = found(found.preprocess(images()))
    torch.testing.assert_close(found.probabilities(logits), expected, rtol=1e-4, atol=1e-5)
    if kind == "softmax":
        z = network.network(normal(images()))
        rest = torch.stack([z[:, [j for j in range(outputs) if j != i]].logsumexp(1)
                            for i in range(outputs)], 1)  # fmt: skip
        torch.testing.assert_close(logits, z.detach() - rest.detach(), rtol=1e-3, atol=1e-3)


def test_log_odds_of_certain_classes_are_finite_and_ordered():
    z = torch.tensor([[40.0, 0.0], [12.0, -12.0], [0.0, 0.0]], requires_grad=True)
    odds = log_odds(z.softmax(1), exclusive=True)
    assert odds[:, 0].tolist() == pytest.approx([40, 24, 0], rel=1e-4)
    odds[:, 0].sum().backward()
    assert z.grad[:, 0].tolist() == pytest.approx([1, 1, 1], rel=1e-3)
    assert torch.isfinite(log_odds(torch.tensor([[0.0], [1.0]]), exclusive=False)).all()
    apart = torch.tensor([[0.9, 0.8]])  # two sigmoids, although the classes exclude each other
    torch.testing.assert_close(log_odds(apart, exclusive=True).sigmoid(), apart)


def test_weights_for_images_of_another_size(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "net.pt"
    mixer = timm.create_model("mixer_s32_224", num_classes=2, img_size=64).eval()
    torch.save(mixer.state_dict(), path)
    with pytest.raises(InputError, match="images of 64 px, but image_size is 224.*image_size: 64"):
        read_foreign(path, "timm:mixer_s32_224")
    same(mixer, path, "timm:mixer_s32_224", image_size=64)
    flat = nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.Flatten(), nn.Linear(2 * 24 * 24, 2)).eval()
    torch.jit.trace(flat, torch.zeros(1, 1, 48, 48)).save(path)
    with pytest.raises(InputError, match="images of 48 px, but image_size is 224"):
        read_foreign(path, "torchscript", trusted=True)
    assert read_foreign(path, "torchscript", image_size=48, trusted=True).channels == 1


def test_a_network_that_normalises_itself_is_not_normalised_by_its_own_buffers(tmp_path):
    """Its file holds `mean` and `std`. They were applied once here and once in the network."""
    plugin, path = tmp_path / "mine.py", tmp_path / "net.pt"
    plugin.write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, outputs):\n"
        "        super().__init__()\n"
        "        self.register_buffer('mean', torch.tensor([0.4, 0.5, 0.6]).reshape(1, 3, 1, 1))\n"
        "        self.register_buffer('std', torch.tensor([0.2, 0.2, 0.2]).reshape(1, 3, 1, 1))\n"
        "        self.head = torch.nn.Linear(3, outputs)\n"
        "    def forward(self, x):\n"
        "        return self.head(((x - self.mean) / self.std).pow(2).mean((2, 3)))\n"
        "def mine(outputs):\n    return Net(outputs)\n"
        "mine.mean, mine.std = [0, 0, 0], [1, 1, 1]\n"
    )
    network = build("plugin:mine", 2, plugins=[plugin]).eval()
    for content in (network.state_dict(), {"state_dict": network.state_dict()}):
        torch.save(content, path)
        found = load_foreign(path, "plugin:mine", CLASSES, image_size=SIDE, plugins=[plugin])
        expected = network(normal(images(), [0.0] * 3, [1.0] * 3))
        torch.testing.assert_close(found(found.preprocess(images())), expected)


def test_mean_and_std_that_a_file_states_are_used_or_refused(tmp_path, net):
    path = tmp_path / "net.pt"

    def load_with(**notes):
        torch.save({"state_dict": net.state_dict(), "hyper_parameters": notes}, path)
        return load_foreign(path, "resnet18", CLASSES, image_size=SIDE)

    found = load_with(mean=0.5, std=0.25)
    assert (found.mean, found.std) == ((0.5,) * 3, (0.25,) * 3)
    assert load_with(mean=None, std=None).mean == IMAGENET_MEAN
    for notes in ({"mean": np.full(3, 0.5), "std": np.full(3, 0.2)}, {"mean": "0.5", "std": "0.2"}):
        with pytest.raises(InputError, match="no mean and std that can be used") as error:
            load_with(**notes)
        assert (error.value.file, error.value.field) == (path, "mean")
    own = {"mean": [0.1] * 3, "std": [0.3] * 3}
    assert load_foreign(path, "resnet18", CLASSES, image_size=SIDE, **own).mean == (0.1,) * 3


def test_quantised_weights_are_refused(tmp_path, net):
    """Torch converts int8 to float without the scale; the logits were wrong or nan."""
    state = net.state_dict() | {"conv1.weight": (net.conv1.weight * 100).to(torch.int8)}
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"conv1\.weight, torch\.int8.*before they are quantised"):
        read_foreign(tmp_path / "net.pt", "resnet18", image_size=SIDE)


@pytest.mark.parametrize(
    ("name", "start", "remedy"),
    [
        ("net.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("net.pt", b"<!DOCTYPE html><html>", "It is a web page"),
        ("net.onnx", b"\x08\x08\x12\x07pytorch", "convert the network to PyTorch"),
        ("net.pt", b"\x89HDF\r\n\x1a\n", "convert the network to PyTorch"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path, name, start, remedy):
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(InputError, match="not a checkpoint of PyTorch") as error:
        read_checkpoint(tmp_path / name)
    assert remedy in error.value.remedy


def test_outputs_without_a_class_of_the_data_set_are_named(tmp_path, caplog):
    """They do not count as predictions, which the log of no job stated."""
    torch.save(resnet18(num_classes=3).state_dict(), tmp_path / "net.pt")
    data = tmp_path / "classes.json"
    data.write_text(json.dumps({"classes": list(CLASSES), "task": "multiclass", "labels": {}}))
    names = ["Pneumonia", "COVID-19", "Normal"]
    entry = made_elsewhere.entry("resnet18", weights=str(tmp_path / "net.pt"), classes=names)
    model, training = str(tmp_path / "net.safetensors"), str(tmp_path / "training.csv")
    import_classifier(str(data), entry, SIDE, [], model, training)
    assert "the data set has no class COVID-19" in caplog.text
    assert load(model).classes == tuple(names)
