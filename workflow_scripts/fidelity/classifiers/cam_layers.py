"""The layer whose activation a class activation map reads, and how its output becomes a grid.

Families by the names of their classes: the layers of a family stand in one pattern, from early to
late. `auto` is the last; `depth-k` is the one k quarters of the way. What a layer gives is checked
by a forward and a backward pass: more than one position each way, a gradient that arrives, and an
output that nothing overwrites.
"""

import difflib
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.func import functional_call

from fidelity.classifiers.model import Classifier
from fidelity.errors import InputError

# `depth-1` … `depth-4`.
DEPTHS = 4


@dataclass(frozen=True)
class Family:
    """The layers of an architecture that a CAM may read.

    Attributes:
        candidates: pattern of their dotted names; of those with equal first group the last counts.
        last: pattern of the layer that `auto` means, if it is none of the candidates.
        channels_last: the pattern's layers return (n, h, w, channels).
    """

    candidates: str
    last: str = ""
    channels_last: bool = False


# Last blocks as in pytorch-grad-cam's list; of transformers the first norm of the last block, since
# what follows the last attention reaches the class token alone.
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
    "torchvision.models.swin_transformer.SwinTransformer": Family(
        r"features\.([1357])\.\d+\.norm1", channels_last=True
    ),
    "torchvision.models.vision_transformer.VisionTransformer": Family(
        r"encoder\.layers\.(encoder_layer_\d+)\.ln_1"
    ),
    "timm.models.resnet.ResNet": Family(r"(layer\d)"),
    "timm.models.vgg.VGG": Family(r"features\.(\d+)", "features"),
    "timm.models.densenet.DenseNet": Family(r"features\.(denseblock\d)", "features"),
    "timm.models.convnext.ConvNeXt": Family(r"stages\.(\d)", "stages"),
    "timm.models.efficientnet.EfficientNet": Family(r"blocks\.(\d)", "bn2"),
    "timm.models.swin_transformer.SwinTransformer": Family(
        r"layers\.(\d)\.blocks\.\d+\.norm1", channels_last=True
    ),
    "timm.models.vision_transformer.VisionTransformer": Family(r"blocks\.(\d+)\.norm1"),
    "torchxrayvision.models.DenseNet": Family(r"features\.(denseblock\d)", "features"),
}


@dataclass(frozen=True)
class CamLayer:
    """A layer that a CAM can read.

    Attributes:
        name: dotted, below the network.
        module: what to hook.
        size: positions (h, w).
        reshape: turns its output into (n, channels, h, w); pytorch-grad-cam's reshape_transform.
    """

    name: str
    module: nn.Module
    size: tuple[int, int]
    reshape: Callable[[torch.Tensor], torch.Tensor] | None


def candidates(network: nn.Module) -> list[str]:
    """List the layers of a network from early to late; empty for a family that is not known."""
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
    # The block of layers as a whole ends where its last candidate ends, or a norm later.
    return [*names[:-1], family.last] if family.last else names


def find_cam_layer(classifier: Classifier, name: str | None = "auto") -> CamLayer:
    """Find the layer whose activation a CAM reads.

    Args:
        classifier: on any device; its mode is restored.
        name: "auto", "depth-1" … "depth-4" (quarters of the family's layers), or a dotted name
            below the network ("layer3", "features.denseblock4").

    Returns:
        The layer, checked.

    Raises:
        InputError: no such layer, or its output is not a feature map that a CAM can use.
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
    elif depth:
        if not known:
            raise InputError(
                f"the layers of {classifier.architecture} from early to late are not known",
                field="layer",
                remedy="Name each layer, one explainer for each",
            )
        name = known[math.ceil(int(depth.group(1)) * len(known) / DEPTHS) - 1]
    elif name not in dict(network.named_modules()) or not name:
        raise _unknown_layer(classifier, str(name))
    elif name is not None and name not in dict(network.named_modules()):
        raise _unknown_layer(classifier, name)
    return _checked(classifier, name or _last_feature_map(classifier))


def cam_layer(classifier: Classifier, name: str | None = "auto") -> tuple[str, nn.Module]:
    """Return the name and the module of the layer that `find_cam_layer` finds."""
    found = find_cam_layer(classifier, name)
    return found.name, found.module


def cam_size(classifier: Classifier, name: str | None = "auto") -> tuple[str, tuple[int, int]]:
    """Return the name and the spatial size (h, w) of the layer that `find_cam_layer` finds."""
    found = find_cam_layer(classifier, name)
    return found.name, found.size


def _family(network: nn.Module) -> Family | None:
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(network).__mro__)
    return next((FAMILIES[name] for name in names if name in FAMILIES), None)


def _to_channels_first(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2)


def _tokens_to_grid(x: torch.Tensor, prefix: int, side: int) -> torch.Tensor:
    """Drop class and register tokens, put the others in their places: (n, channels, h, w)."""
    return x[:, prefix:].transpose(1, 2).unflatten(2, (side, side))


def _reshape_of(
    network: nn.Module, name: str, shape: torch.Size
) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Say how an output becomes a grid; ValueError if it is none."""
    if len(shape) == 4:
        family = _family(network)
        last = family is not None and family.channels_last
        # torchvision ends its Swin by a module that puts the channels first.
        return _to_channels_first if last and name != "permute" else None
    if len(shape) == 3:
        # torchvision's ViT has one class token and does not say so.
        prefix = int(getattr(network, "num_prefix_tokens", hasattr(network, "class_token")))
        side = math.isqrt(shape[1] - prefix)
        if side * side == shape[1] - prefix:
            return partial(_tokens_to_grid, prefix=prefix, side=side)
    raise ValueError


def _checked(classifier: Classifier, name: str) -> CamLayer:
    """Run an image forwards and backwards and see what the layer gives."""
    network = classifier.network
    kept: list[tuple[torch.Tensor, int]] = []
    gradients: list[torch.Tensor] = []

    def note(_module: nn.Module, _inputs: tuple, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim in (3, 4) and output.requires_grad:
            kept.append((output.detach(), output._version))
            output.register_hook(gradients.append)

    module = network.get_submodule(name)
    handle = module.register_forward_hook(note)
    training = classifier.training
    side = classifier.image_size
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, classifier.channels, side, side, generator=generator)
    image = image.to(classifier.device).requires_grad_()
    # A head or a block that starts at zero would let no gradient through, before any training.
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
            # Not the sum: the two columns of a one-logit head cancel each other.
            torch.autograd.grad(logits[:, -1].sum(), image, allow_unused=True)
    finally:
        handle.remove()
        classifier.train(training)
    where = f"layer {name!r} of {classifier.architecture}"
    try:
        output, version = kept[-1]
        reshape = _reshape_of(network, name, output.shape)
    except (IndexError, ValueError):
        raise InputError(
            f"{where} is not used or returns no feature map (n, channels, h, w) or tokens",
            field="layer",
            remedy="Name a convolutional layer, or a block or norm of a transformer",
        ) from None
    grid = output if reshape is None else reshape(output)
    height, width = grid.shape[2:]
    if min(height, width) <= 1:
        raise InputError(
            f"{where} has {height}×{width} positions at {side} px: a map needs more than one each"
            " way",
            field="layer",
            remedy="Use a larger image_size or name an earlier layer",
        )
    if output._version != version:
        raise InputError(
            f"the output of {where} is overwritten in place by a later operation",
            field="layer",
            remedy="Name the block around it",
        )
    gradient = gradients[-1] if gradients else None
    if gradient is None or not (gradient if reshape is None else reshape(gradient)).any():
        raise InputError(
            f"no gradient of the logits reaches {where} at its positions",
            field="layer",
            remedy="Name an earlier layer (of a ViT the last block's first norm)",
        )
    return CamLayer(name, module, (height, width), reshape)


def _trace(classifier: Classifier) -> dict[str, tuple[tuple[int, int], bool]]:
    """Run a zero image through the network; note every module that returns a feature map.

    Returns:
        {name: ((h, w), whether its output was overwritten later)} in the order of completion.
    """
    seen: dict[str, tuple[torch.Tensor, int]] = {}

    def note(name: str, _module: nn.Module, _inputs: tuple, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            seen.pop(name, None)
            seen[name] = (output, output._version)

    modules = dict(classifier.network.named_modules())
    handles = [
        module.register_forward_hook(partial(note, name))
        for name, module in modules.items()
        if name
    ]
    training = classifier.training
    side = classifier.image_size
    zeros = torch.zeros(1, classifier.channels, side, side, device=classifier.device)
    try:
        classifier.eval()
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            classifier(zeros)
    finally:
        for handle in handles:
            handle.remove()
        classifier.train(training)
    return {
        name: ((output.shape[2], output.shape[3]), output._version != version)
        for name, (output, version) in seen.items()
    }


def _last_feature_map(classifier: Classifier) -> str:
    """Choose the last completed module whose output has more than one position each way."""
    traced = _trace(classifier)
    # 4-D tensors inside attention are (n, heads, tokens, …), not feature maps.
    fit = [
        name
        for name, (size, overwritten) in traced.items()
        if min(size) > 1 and not overwritten and "attn" not in name
    ]
    # timm marks networks whose 4-D outputs are (n, h, w, channels); a ViT's only feature map is the
    # patch embedding, before any of its layers.
    token_model = getattr(classifier.network, "output_fmt", "NCHW") == "NHWC"
    if not fit or token_model or re.search(r"patch_embed|conv_proj", fit[-1]):
        raise InputError(
            f"{classifier.architecture} has no convolutional feature map with more than one"
            f" position each way at {classifier.image_size} px",
            field="layer",
            remedy="Name a layer, use a larger image_size, or an explainer without layers",
        )
    return fit[-1]


def _unknown_layer(classifier: Classifier, name: str) -> InputError:
    names = [key for key, _ in classifier.network.named_modules() if key]
    near = difflib.get_close_matches(name, names, n=3)
    top = [key for key, _ in classifier.network.named_children()]
    return InputError(
        f"{classifier.architecture} has no layer {name!r}",
        field="layer",
        remedy=f"Did you mean {', '.join(near)}?" if near else f"Its blocks: {', '.join(top)}",
    )
