"""A classifier is checked before anything is computed."""

import warnings

import pytest
import torch
from torchvision.models import resnet18

from check_classifier import main as check_classifier
from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from tests.helpers import foreign as made_elsewhere

SIDE = 32
NETWORK = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 2)
    def forward(self, x):
        {}
def mine(outputs):
    return Net()
"""
WITHOUT = {
    "detached": "return self.head(x.mean((2, 3))).detach()",
    "not recorded": "with torch.no_grad(): return self.head(x.mean((2, 3)))",
    "not used": "return self.head(torch.from_numpy(x.detach().numpy()).mean((2, 3)))",
}


@pytest.mark.parametrize("line", WITHOUT.values(), ids=WITHOUT)
def test_a_network_without_a_gradient_is_refused_only_if_one_is_needed(tmp_path, line):
    """Grad-CAM ended in a traceback, and gradients failed in every case after the checks."""
    plugin, output = tmp_path / "nets.py", str(tmp_path / "a.json")
    plugin.write_text(NETWORK.format(line))
    plugins = [str(plugin)]
    entry = made_elsewhere.entry("plugin:mine")
    names = {"my_gradcam": "gradcam", "gradient": "gradient"}
    layers = {"my_gradcam": "auto"}
    if "head(torch" in line:  # the head can be trained
        check_classifier("net", "demo", entry, False, {}, {}, 32, plugins, output)
    else:
        with pytest.raises(InputError, match=r"classifiers\.net\.architecture.*cannot be trained"):
            check_classifier("net", "demo", entry, False, {}, {}, 32, plugins, output)
    weights = tmp_path / "net.pt"
    torch.save(build("plugin:mine", 2, plugins=plugins).state_dict(), weights)
    keys = {"weights": str(weights), "classes": ["a", "b"], "output_values": "logits"}
    entry = made_elsewhere.entry("plugin:mine", **keys)
    with pytest.raises(InputError, match=r"net\.architecture.*for: gradient, my_gradcam\. .*lime"):
        check_classifier("net", "demo", entry, True, layers, names, 32, plugins, output)
    check_classifier("net", "demo", entry, True, {}, {}, 32, plugins, output)


def test_networks_that_are_left_in_training_mode_are_refused(tmp_path):
    """F.dropout without `training`, and networks that were traced in training mode."""
    plugin, output = tmp_path / "mine.py", str(tmp_path / "a.json")
    plugin.write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())\n"
        "        self.head = torch.nn.Linear(8, 2)\n"
        "    def forward(self, x):\n"
        "        return self.head(torch.nn.functional.dropout(self.layers(x).mean((2, 3))))\n"
        "def mine(outputs):\n"
        "    return Net()\n"
    )
    said = r"'classifiers\.net.*': the network returns other values for the same image each time"
    with pytest.raises(InputError, match=said):
        check_classifier(
            "net", "demo", made_elsewhere.entry("plugin:mine"), False, {}, {}, 32, [str(plugin)],
            output,
        )  # fmt: skip
    network = build("plugin:mine", 2, plugins=[plugin])
    path = str(tmp_path / "net.ts")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing
        torch.jit.trace(network, torch.zeros(1, 3, 32, 32), check_trace=False).save(path)
    keys = {"weights": path, "trusted": True, "classes": ["a", "b"], "output_values": "logits"}
    entry = made_elsewhere.entry("torchscript", **keys)
    with pytest.raises(InputError, match=said):
        check_classifier("net", "demo", entry, True, {}, {}, 32, [], output)
    # Batch normalisation over the batch is not random.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(resnet18(num_classes=2).train(), torch.zeros(2, 3, 32, 32)).save(path)
    with pytest.raises(InputError, match=r"depends on the other images of the batch\. Call eval"):
        check_classifier("net", "demo", entry, True, {}, {}, 32, [], output)
    torch.jit.trace(resnet18(num_classes=2).eval(), torch.zeros(2, 3, 32, 32)).save(path)
    check_classifier("net", "demo", entry, True, {}, {}, 32, [], output)


def test_what_is_missing_is_said_before_anything_is_computed(tmp_path):
    """The check names the classes, reports outputs that are not logits, and shows the size."""
    torch.save(resnet18(num_classes=2).state_dict(), tmp_path / "net.pt")
    (tmp_path / "cases.csv").write_text(
        "case,image,split,label\n1,1.png,test,ill\n2,2.png,test,ok\n"
    )
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from torch import nn\n"
        "def soft(outputs):\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
        "                         nn.Linear(4, outputs), nn.Sigmoid())\n"
        "def flat(outputs):\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(8464, outputs))\n"
    )
    loaded = made_elsewhere.entry("resnet18", weights=str(tmp_path / "net.pt"))
    data = {
        "source": "table", "table": "cases.csv", "annotated_classes": ["ill"], "lung_masks": "none",
        "labels": {"ok": "well"}, "boxes": None, "folder": str(tmp_path),
    }  # fmt: skip

    def check(entry, data=None, size=SIDE):
        check_classifier(
            "net", "demo", entry, entry.weights is not None, {}, {}, size, [str(plugin)],
            str(tmp_path / "a.json"), data or {},
        )  # fmt: skip

    with pytest.raises(InputError, match=r"classifiers\.net\.classes.*classes: \[ill, well\]"):
        check(loaded, data)
    check(loaded.model_copy(update={"classes": ["well", "ill"]}))
    soft = made_elsewhere.entry("plugin:soft")
    with pytest.raises(InputError, match=r"net\.output_values.*ends in sigmoid.*return logits"):
        check(soft)
    check(soft.model_copy(update={"output_values": "logits"}))
    flat = made_elsewhere.entry("plugin:flat")
    with pytest.raises(InputError, match=r"datasets\.demo\.image_size.*write image_size: 48"):
        check(flat)
    check(flat, size=48)
    torch.save(build("plugin:flat", 2, plugins=[plugin]).state_dict(), tmp_path / "net.pt")
    with pytest.raises(
        InputError, match=r"demo\.image_size.*images of 48 px, but image_size is 32"
    ):
        check(loaded.model_copy(update={"architecture": "plugin:flat", "classes": ["well", "ill"]}))


@pytest.mark.parametrize("value", ["0.5", "__import__('torch').tensor([0.5])", "['a']"])
def test_mean_and_std_of_a_function_are_lists_of_numbers(tmp_path, value):
    """A number failed without a message; a tensor failed when the trained weights were stored."""
    plugin = tmp_path / "nets.py"
    plugin.write_text(
        "import torch\n"
        "def mine(outputs):\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1024, outputs))\n"
        f"mine.mean = {value}\n"
        "mine.std = [0.25]\n"
    )
    entry, output = made_elsewhere.entry("plugin:mine"), str(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"classifiers\.net\.architecture.*mean of the function"):
        check_classifier("net", "demo", entry, False, {}, {}, 32, [str(plugin)], output)


def test_a_network_traced_for_one_image_is_named(tmp_path):
    """The message named the image_size of the config as the one to write."""

    class One(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(3 * 64 * 64, 2)

        def forward(self, x):
            return self.head(x.reshape(1, 3 * 64 * 64))

    path = str(tmp_path / "net.ts")
    torch.jit.trace(One(), torch.zeros(1, 3, 64, 64)).save(path)
    keys = {"weights": path, "trusted": True, "classes": ["a", "b"]}
    entry, output = made_elsewhere.entry("torchscript", **keys), str(tmp_path / "a.json")
    with pytest.raises(InputError, match="takes one image, but not several at once"):
        check_classifier("net", "demo", entry, True, {}, {}, 64, [], output)


def test_networks_that_fail_are_refused_before_anything_is_computed(tmp_path):
    """Each ended in a traceback, in a wrong remedy or, with nan, in nothing at all."""
    plugin, output = tmp_path / "mine.py", str(tmp_path / "a.json")
    plugin.write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, end, outputs=2):\n"
        "        super().__init__()\n"
        "        self.layer, self.end = torch.nn.Conv2d(1, outputs, 3), end\n"
        "    def forward(self, x):\n"
        "        return self.end(self.layer(x).mean((2, 3)))\n"
        "def nan(outputs): return Net(lambda z: z / 0)\n"
        "def first(outputs): return Net(lambda z: z[:1])\n"
        "class Overwriting(Net):\n"
        "    def forward(self, x): return super().forward(x.relu_())\n"
        "def overwriting(outputs): return Overwriting(lambda z: z)\n"
        "def named(outputs): return Net(lambda z: {'logits': z})\n"
        "def broken(outputs): return Net(lambda z: {}['x'])\n"
        "def unbuilt(outputs): return {}['x']\n"
        "def nothing(): return Net(lambda z: z)\n"
        "def half(outputs): return Net(lambda z: z).half()\n"
    )

    def check(function, **keys):
        entry = made_elsewhere.entry(f"plugin:{function}", **keys)
        loaded = "weights" in keys
        check_classifier("net", "demo", entry, loaded, {}, {}, SIDE, [str(plugin)], output)

    problems = {
        "nan": r"'classifiers\.net\.architecture'.*not finite",
        "overwriting": r"'classifiers\.net\.architecture': the network overwrites the image",
        "first": r"'classifiers\.net\.architecture'.*one row of values per image",
        "named": r"'classifiers\.net\.architecture'.*one row of values per image",
        "broken": r"mine\.py, line 14, '.*architecture': .* fails: KeyError: 'x'",
        "unbuilt": r"mine\.py, line 15, .*: plugin:unbuilt fails: KeyError: 'x'",
        "nothing": r"'classifiers\.net\.architecture': plugin:nothing fails: TypeError",
    }
    for function, problem in problems.items():
        with pytest.raises(InputError, match=problem):
            check(function)
    check("half")  # one channel, and half precision: both are read from the network
    network = build("plugin:half", 2, plugins=[plugin])
    assert network.layer.weight.dtype == torch.float32
    path = str(tmp_path / "net.pt")
    torch.save(network.state_dict(), path)
    for function, problem in list(problems.items())[1:5]:
        with pytest.raises(InputError, match=problem.replace(r"classifiers\.net\.", ".*")):
            check(function, weights=path, classes=["Normal", "Pneumonia"])
