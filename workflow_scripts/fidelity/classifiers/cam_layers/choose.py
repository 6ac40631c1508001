"""Choose the layer whose activation a CAM reads, and how its output becomes a grid.

Known families are recognised by the names of their classes. A pattern lists the layers of a family
from early to late. `auto` is the last one; `depth-k` is the one after k quarters of them. In other
networks, `auto` is the last layer through which all information about the image reaches the logits.

A layer is used only after a probe has shown that its cells respond to places in the image
(`probe`). A forward and a backward pass check the rest. The layer needs more than one position in
each direction, and a gradient must reach it. No later operation may overwrite its output.
"""

import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call

from fidelity.base.errors import InputError
from fidelity.base.suggestions import did_you_mean, nearest
from fidelity.classifiers.cam_layers.probe import Layout, Probe, Seen, layouts
from fidelity.classifiers.model import Classifier

# `depth-1` … `depth-4`.
DEPTHS = 4
# For `auto` outside the known families. DEEP: at least this share of the layers with parameters
# must have run before; earlier layers are part of the stem. TRIED: how many layers are tried.
DEEP, TRIED = 0.5, 40
OTHERS = "Use an explainer that only calls the classifier, such as lime"
# Words of the error for a layer with too few cells, by which `docs/write_cam_layers.py` finds it.
ENOUGH = "at least two in each direction"


@dataclass(frozen=True)
class Family:
    """The layers of an architecture that a CAM may read.

    Attributes:
        candidates: pattern of their dotted names. Among names with an equal first group, the last
            one is used.
        last: the layer that `auto` means, if it is not one of the candidates.
    """

    candidates: str
    last: str = ""


# The last blocks are those of pytorch-grad-cam's list. For transformers, it is the first norm of
# the last block: after the last attention, only the class token reaches the logits.
FAMILIES: dict[str, Family] = {
    "torchvision.models.alexnet.AlexNet": Family(r"features\.(\d+)", "features"),
    "torchvision.models.resnet.ResNet": Family(r"(layer\d)"),
    "torchvision.models.vgg.VGG": Family(r"features\.(\d+)", "features"),
    "torchvision.models.densenet.DenseNet": Family(r"features\.(denseblock\d)", "features"),
    "torchvision.models.convnext.ConvNeXt": Family(r"features\.([1357])", "features"),
    "torchvision.models.efficientnet.EfficientNet": Family(r"features\.(\d)", "features"),
    "torchvision.models.mobilenetv2.MobileNetV2": Family(r"features\.(\d+)", "features"),
    "torchvision.models.mobilenetv3.MobileNetV3": Family(r"features\.(\d+)", "features"),
    "torchvision.models.regnet.RegNet": Family(r"trunk_output\.(block\d)", "trunk_output"),
    "torchvision.models.squeezenet.SqueezeNet": Family(r"features\.(\d+)", "features"),
    # In Swin v2, the norms are at the end of the branches, so the stages are used instead. Swin v2
    # has the same network class as Swin, so it is recognised by its blocks.
    "torchvision.models.swin_transformer.SwinTransformerBlockV2": Family(
        r"features\.([1357])", "permute"
    ),
    "torchvision.models.swin_transformer.SwinTransformer": Family(
        r"features\.([1357])\.\d+\.norm1"
    ),
    "torchvision.models.vision_transformer.VisionTransformer": Family(
        r"encoder\.layers\.(encoder_layer_\d+)\.ln_1"
    ),
    "timm.models.resnet.ResNet": Family(r"(layer\d)"),
    "timm.models.vgg.VGG": Family(r"features\.(\d+)", "features"),
    "timm.models.densenet.DenseNet": Family(r"features\.(denseblock\d)", "features"),
    "timm.models.convnext.ConvNeXt": Family(r"stages\.(\d)", "stages"),
    "timm.models.efficientnet.EfficientNet": Family(r"blocks\.(\d)", "bn2"),
    "timm.models.swin_transformer.SwinTransformer": Family(r"layers\.(\d)\.blocks\.\d+\.norm1"),
    "timm.models.vision_transformer.VisionTransformer": Family(r"blocks\.(\d+)\.norm1"),
    "torchxrayvision.models.DenseNet": Family(r"features\.(denseblock\d)", "features"),
}


@dataclass(frozen=True)
class CamLayer:
    """A layer that a CAM can read.

    Attributes:
        name: dotted name within the network.
        size: positions (h, w).
        reshape: None if the output is (n, channels, h, w). Otherwise the channels are last, and
            this function returns (n, channels, h, w); pytorch-grad-cam's reshape_transform.
    """

    name: str
    module: nn.Module
    size: tuple[int, int]
    reshape: Callable[[torch.Tensor], torch.Tensor] | None


def candidates(network: nn.Module) -> list[str]:
    """List the layers of a network from early to late; empty if the family is not known."""
    own = getattr(network, "cam_layers", None)
    if isinstance(own, (list, tuple)):
        return list(own)
    family = _family(network)
    if family is None:
        return []
    last: dict[str, str] = {}
    for name, _ in network.named_modules():
        found = re.fullmatch(family.candidates, name)
        if found:
            last.pop(found.group(1), None)
            last[found.group(1)] = name
    names = list(last.values())
    # The whole block of layers ends at its last candidate, or at a norm after it.
    return [*names[:-1], family.last] if family.last else names


def find_cam_layer(classifier: Classifier, name: str | None = "auto") -> CamLayer:
    """Find the layer whose activation a CAM reads.

    Args:
        classifier: on any device; its mode is restored.
        name: "auto", "depth-1" … "depth-4" (quarters of the family's layers), or a dotted name
            within the network ("layer3", "features.denseblock4").

    Raises:
        InputError: the layer does not exist, or a CAM cannot use its output.
    """
    network = classifier.network
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise InputError(
            "a TorchScript classifier has no layers that can be hooked",
            field="layer",
            remedy="Use an explainer that only calls the classifier, or load a state dict",
        )
    depth = re.fullmatch(rf"depth-([1-{DEPTHS}])", name or "")
    known = candidates(network)
    if name in (None, "auto"):
        own = getattr(network, "cam_layer", None)
        name = own if isinstance(own, str) else known[-1] if known else None
        if name is None:
            return _last_of_all(classifier)
    elif depth:
        if not known:
            raise InputError(
                f"the order of the layers of {classifier.architecture}, from early to late, is"
                " unknown",
                field="layer",
                remedy="Define one explainer for each layer. Or give the function of a plugin"
                " the attribute cam_layers",
            )
        name = known[math.ceil(int(depth.group(1)) * len(known) / DEPTHS) - 1]
    if name not in dict(network.named_modules()) or not name:
        raise _unknown_layer(classifier, str(name))
    return _checked(classifier, name, Probe(classifier))


def cam_layer(classifier: Classifier, name: str | None = "auto") -> tuple[str, nn.Module]:
    """Return the name and the module of the layer that `find_cam_layer` finds."""
    found = find_cam_layer(classifier, name)
    return found.name, found.module


def cam_size(classifier: Classifier, name: str | None = "auto") -> tuple[str, tuple[int, int]]:
    """Return the name and the spatial size (h, w) of the layer that `find_cam_layer` finds."""
    found = find_cam_layer(classifier, name)
    return found.name, found.size


def _family(network: nn.Module) -> Family | None:
    own = {_path(kind) for kind in type(network).__mro__}
    parts = {_path(type(module)) for module in network.modules()}
    return next(
        (
            family
            for name, family in FAMILIES.items()
            if name in own or (name.endswith("BlockV2") and name in parts)
        ),
        None,
    )


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _checked(classifier: Classifier, name: str, probe: Probe) -> CamLayer:
    """Check a layer by a forward and a backward pass of an image, and by the probe."""
    where = f"layer {name!r} of {classifier.architecture}"
    output, overwritten, gradient = _passes(classifier, name)
    possible = [] if output is None else layouts(output.shape, 1)
    if output is None or not possible:
        raise InputError(
            f"{where} is not used, or returns neither a feature map (n, channels, h, w) nor tokens",
            field="layer",
            remedy="Name a convolutional layer, or a block or norm of a transformer",
        )
    sizes = [layout.grid(output).shape[2:] for layout in possible]
    if all(min(size) <= 1 for size in sizes):
        raise _too_small(classifier, where, min(sizes, key=math.prod))
    if overwritten:
        raise InputError(
            f"the output of {where} is overwritten in place by a later operation",
            field="layer",
            remedy="Name the block around it",
        )
    layout = _proven_layout(classifier, name, probe)
    if gradient is None or not layout.grid(gradient).any():
        raise InputError(
            f"no gradient of the logits reaches the positions of {where}",
            field="layer",
            remedy="Name an earlier layer (for a ViT, the first norm of the last block)",
        )
    height, width = layout.grid(output).shape[2:]
    if min(height, width) <= 1:
        raise _too_small(classifier, where, (height, width))
    reshape = None if layout.kind == "channels first" else layout.grid
    return CamLayer(name, classifier.network.get_submodule(name), (height, width), reshape)


def _too_small(classifier: Classifier, where: str, size: Sequence[int]) -> InputError:
    height, width = size
    return InputError(
        f"{where} has {height}×{width} positions at {classifier.image_size} px, but a map needs"
        f" {ENOUGH}",
        field="layer",
        remedy="Use a larger image_size or name an earlier layer",
    )


def _proven_layout(classifier: Classifier, name: str, probe: Probe) -> Layout:
    """Return the layout that the probe has proven; InputError lists layers that pass."""
    seen = probe.look([name]).get(name)
    if seen is not None and seen.layout is not None and probe.separates_images(name):
        return seen.layout
    near = _near(name, probe.look())
    raise InputError(
        f"the cells of layer {name!r} of {classifier.architecture} do not correspond to fixed"
        " places in the image",
        field="layer",
        remedy=f"Suitable layers: {', '.join(near)}" if near else OTHERS,
    )


def _near(name: str, seen: dict[str, Seen]) -> list[str]:
    """List layers that pass: the last one before the given layer and the first two after it."""
    order = list(seen)
    at = order.index(name) if name in seen else len(order)
    passing = [i for i, each in enumerate(seen.values()) if each.layout and each.share >= DEEP]
    before = [order[i] for i in passing if i < at][-1:]
    return before + [order[i] for i in passing if i > at][:2]


def _passes(
    classifier: Classifier, name: str
) -> tuple[torch.Tensor | None, bool, torch.Tensor | None]:
    """Pass an image forwards and backwards through the network.

    Returns:
        The layer's output, whether a later operation has overwritten it, and its gradient if one
        reaches it. The output is None if it is not a tensor of three or four axes with a gradient.
    """
    network = classifier.network
    kept: list[tuple[torch.Tensor, int]] = []
    gradients: list[torch.Tensor] = []

    def note(_module: nn.Module, _inputs: tuple, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim in (3, 4) and output.requires_grad:
            kept.append((output.detach(), output._version))
            output.register_hook(gradients.append)

    handle = network.get_submodule(name).register_forward_hook(note)
    training = classifier.training
    side = classifier.image_size
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, classifier.channels, side, side, generator=generator)
    image = image.to(classifier.device).requires_grad_()
    # Before training, a head or block initialised to zero would let no gradient through.
    waking = {
        key: torch.full_like(value, 0.1)
        if value.ndim == 1
        else torch.randn(value.shape, generator=generator).to(value) * 0.1
        for key, value in classifier.named_parameters()
        if not value.any()
    }
    try:
        classifier.eval()
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            logits = functional_call(classifier, waking, (image,))
            # A plain sum fails: the two columns of a one-logit head cancel each other. A single
            # logit fails: SqueezeNet's logits follow a ReLU, so one of them may be 0.
            weights = torch.arange(1.0, logits.shape[1] + 1, device=logits.device)
            torch.autograd.grad((logits * weights).sum(), image, allow_unused=True)
    finally:
        handle.remove()
        classifier.train(training)
    if not kept:
        return None, False, None
    output, version = kept[-1]
    return output, output._version != version, gradients[-1] if gradients else None


def _last_of_all(classifier: Classifier) -> CamLayer:
    """Choose the last layer that passes every check and carries all information for the logits.

    Raises:
        InputError: there is no such layer; layers of the network's stem are not accepted.
    """
    probe = Probe(classifier)
    seen = probe.look()
    fit = [
        name
        for name, each in seen.items()
        if each.layout and each.share >= DEEP and each.calls == 1 and not each.passes_on
    ]
    why = ""
    for name in fit[-TRIED:][::-1]:
        if probe.carries_all(name):
            try:
                return _checked(classifier, name, probe)
            except InputError as error:
                why = why or error.problem
    bypassed = "information bypasses each layer whose cells respond to places of the image"
    none = "no late layer has cells that respond to places of the image"
    raise InputError(
        f"{classifier.architecture} has no layer for a CAM at {classifier.image_size} px:"
        f" {why or (bypassed if fit else none)}",
        field="layer",
        remedy=f"{OTHERS}, name a layer, or use a larger image_size",
    )


def _unknown_layer(classifier: Classifier, name: str) -> InputError:
    names = [key for key, _ in classifier.network.named_modules() if key]
    top = [key for key, _ in classifier.network.named_children()]
    return InputError(
        f"{classifier.architecture} has no layer {name!r}",
        field="layer",
        remedy=did_you_mean(nearest(name, names, 3), f"Its blocks: {', '.join(top)}"),
    )
