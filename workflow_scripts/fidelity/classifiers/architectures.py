"""Networks by name, made fit for explanation, and the layer whose activation a CAM reads.

Two traps are removed at building (both measured, see docs): a ReLU that works in place overwrites
activations that a hook has kept, and torchvision's DenseNet ends in such a ReLU as a function call,
so that CPU and GPU give different CAMs.
"""

import difflib
import re
import types
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import timm
import torch
import torchvision
from torch import nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models import vision_transformer as tv_vit

from fidelity.classifiers.model import IMAGENET_MEAN, IMAGENET_STD, Classifier
from fidelity.errors import InputError
from fidelity.plugins import PREFIX, load_plugin_function

# Last convolutional block of the families whose choice is settled in the literature
# (pytorch-grad-cam's list). For others the forward pass is traced.
CAM_LAYERS: dict[type[nn.Module], str] = {
    torchvision.models.AlexNet: "features",
    torchvision.models.ResNet: "layer4",
    torchvision.models.VGG: "features",
    torchvision.models.DenseNet: "features",
    torchvision.models.ConvNeXt: "features",
    torchvision.models.EfficientNet: "features",
    torchvision.models.MobileNetV2: "features",
    torchvision.models.MobileNetV3: "features",
    torchvision.models.RegNet: "trunk_output",
    torchvision.models.SqueezeNet: "features",
    timm.models.resnet.ResNet: "layer4",
    timm.models.vgg.VGG: "features",
    timm.models.densenet.DenseNet: "features",
    timm.models.convnext.ConvNeXt: "stages",
}
# A layer of torchvision's DenseNet as its files name it: denselayer1.norm.1.weight.
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
# With these the network returns one tensor in training too, as the trainer expects.
BUILD_ARGUMENTS = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}


def build(
    architecture: str,
    outputs: int,
    pretrained: bool = False,
    *,
    image_size: int | None = None,
    plugins: Sequence[str | Path] = (),
) -> nn.Module:
    """Build a network with a fresh head.

    Args:
        architecture: a torchvision classification model ("resnet18"), "timm:<name>", a timm name
            that torchvision lacks, or "plugin:<function>" (function(outputs) -> nn.Module).
        outputs: number of values per image that the head returns.
        pretrained: load ImageNet weights (downloaded) into all but the head.
        image_size: side of the input, for architectures whose parameters depend on it (ViT).
        plugins: Python files searched for "plugin:<function>".

    Returns:
        The network, float32, in training mode, without in-place activations. Initial values come
        from torch's global generator.

    Raises:
        InputError: unknown name, or the weights cannot be had.
    """
    if architecture.startswith(PREFIX):
        network = load_plugin_function(architecture, plugins)(outputs)
        if not isinstance(network, nn.Module):
            raise InputError("the plugin returns no torch.nn.Module", field=architecture)
    elif architecture in _torchvision_names():
        network = _build_torchvision(architecture, outputs, pretrained, image_size)
    else:
        network = _build_timm(architecture, outputs, pretrained, image_size)
    return without_inplace(network)


def normalisation(
    architecture: str, pretrained: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std per RGB channel: those of the pretrained weights, else ImageNet's."""
    name = architecture.removeprefix("timm:")
    from_timm = not architecture.startswith(PREFIX) and architecture not in _torchvision_names()
    config = timm.get_pretrained_cfg(name) if pretrained and from_timm else None
    return (config.mean, config.std) if config else (IMAGENET_MEAN, IMAGENET_STD)


def without_inplace(network: nn.Module) -> nn.Module:
    """Make activations work out of place, so that hooked activations stay as they were.

    Args:
        network: changed in place.

    Returns:
        The same network.
    """
    for module in network.modules():
        if isinstance(getattr(module, "inplace", None), bool):
            module.inplace = False
        if isinstance(module, torchvision.models.DenseNet):
            module.forward = types.MethodType(_densenet_forward, module)
    return network


def _densenet_forward(self: torchvision.models.DenseNet, x: torch.Tensor) -> torch.Tensor:
    """Do what torchvision's DenseNet.forward does, with the last ReLU out of place."""
    features = torch.relu(self.features(x))
    pooled = nn.functional.adaptive_avg_pool2d(features, (1, 1))
    return self.classifier(torch.flatten(pooled, 1))


def _torchvision_names() -> list[str]:
    return list_models(module=torchvision.models)


def _build_torchvision(
    name: str, outputs: int, pretrained: bool, image_size: int | None
) -> nn.Module:
    arguments = dict(BUILD_ARGUMENTS.get(name, {}))
    if name.startswith("vit_"):
        arguments["image_size"] = image_size or 224
        patch = int(re.search(r"_(\d+)$", name).group(1))
        _check_patches(name, arguments["image_size"], patch)
    network = get_model(name, weights=None, num_classes=outputs, **arguments)
    if not pretrained:
        return network
    weights = get_model_weights(name).DEFAULT
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise _no_download(name, weights.url) from error
    state = current_names(state)
    if name.startswith("vit_"):
        state = tv_vit.interpolate_embeddings(arguments["image_size"], patch, state)
    own = network.state_dict()
    body = {key: value for key, value in state.items() if key in own}
    head = {key for key, value in body.items() if own[key].shape != value.shape}
    network.load_state_dict({k: v for k, v in body.items() if k not in head}, strict=False)
    # torch's own loading of less than the whole is silent, and a half random network still trains.
    absent = [key for key in own if key not in body and not key.endswith("num_batches_tracked")]
    layers = {key.rpartition(".")[0] for key in [*absent, *head]}
    if len(layers) > 1:  # the head
        raise InputError(
            f"the ImageNet weights of {name} lack {absent[0] if absent else sorted(head)[0]}"
            f" and others ({len(layers)} layers)",
            field="weights",
            remedy="Report it with the version of torchvision",
        )
    return network


def current_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the layers of torchvision's DenseNet files, which are older than its code.

    Args:
        state: of any network.

    Returns:
        The state with `denselayer1.norm.1.weight` written `denselayer1.norm1.weight`; unchanged
        where there is no such name.
    """
    return {OLD_DENSENET.sub(r"\1\2", key): value for key, value in state.items()}


def _build_timm(
    architecture: str, outputs: int, pretrained: bool, image_size: int | None
) -> nn.Module:
    name = architecture.removeprefix("timm:")
    if not timm.is_model(name):
        raise _unknown(architecture)
    arguments = {}
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size and image_size:
        arguments["img_size"] = image_size
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=outputs, **arguments)
    except (OSError, RuntimeError) as error:
        if pretrained:
            raise _no_download(architecture) from error
        raise InputError(
            f"{architecture} cannot be built: {error}", field="architecture"
        ) from error
    except (AssertionError, ValueError) as error:
        raise InputError(
            f"{architecture} cannot be built at {image_size} px: {error}",
            field="architecture",
            remedy="Choose another image_size or architecture",
        ) from error


def _check_patches(name: str, image_size: int, patch: int) -> None:
    if image_size % patch:
        raise InputError(
            f"{name} needs an image_size divisible by {patch}, not {image_size}",
            field="image_size",
        )


def _no_download(architecture: str, url: str | None = None) -> InputError:
    """Say what to do without a network, as exactly as the library knows."""
    if url is None:
        remedy = (
            "Download its checkpoint where there is a network (timm.create_model with "
            "pretrained=True, then torch.save of its state_dict()) and name the file: "
            "weights: <path>; or train from scratch: weights: null"
        )
    else:
        remedy = (
            f"Download {url} where there is a network, copy it into "
            f"{Path(torch.hub.get_dir()) / 'checkpoints'} and run again, or name the copied file: "
            f"weights: <path>/{url.rpartition('/')[2]}; or train from scratch: weights: null"
        )
    return InputError(
        f"the ImageNet weights of {architecture} cannot be downloaded",
        field="weights",
        remedy=remedy,
    )


def _unknown(architecture: str) -> InputError:
    name = architecture.removeprefix("timm:")
    of_timm = timm.list_models()
    names = of_timm if architecture.startswith("timm:") else _torchvision_names() + of_timm
    near = list(dict.fromkeys(difflib.get_close_matches(name, names, n=3)))
    return InputError(
        f"unknown architecture {architecture!r}",
        field="architecture",
        remedy=f"Did you mean {' or '.join(near)}?"
        if near
        else "Use a torchvision name, timm:<name> or plugin:<function>",
    )


def cam_layer(classifier: Classifier, name: str | None = "auto") -> tuple[str, nn.Module]:
    """Find the layer whose activation a CAM reads.

    Args:
        classifier: on any device; its mode is restored.
        name: "auto", or a dotted name below the network ("layer3", "features.denseblock4").

    Returns:
        (dotted name, module). Its output is (n, channels, h, w) with h and w above 1, and nothing
        overwrites it afterwards.

    Raises:
        InputError: no such layer, or its output is not a feature map that a CAM can use.
    """
    name, module, _ = _checked_layer(classifier, name)
    return name, module


def cam_size(classifier: Classifier, name: str | None = "auto") -> tuple[str, tuple[int, int]]:
    """Return the name and the spatial size (h, w) of the layer that `cam_layer` finds."""
    found, _, size = _checked_layer(classifier, name)
    return found, size


def _checked_layer(
    classifier: Classifier, name: str | None
) -> tuple[str, nn.Module, tuple[int, int]]:
    network = classifier.network
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise InputError(
            "a TorchScript classifier has no layers that can be hooked",
            field="layer",
            remedy="Use an explainer that only calls the classifier, or load a state dict",
        )
    automatic = name in (None, "auto")
    if automatic:
        name = next(
            (layer for kind, layer in CAM_LAYERS.items() if isinstance(network, kind)), None
        )
    elif name not in dict(network.named_modules()) or not name:
        raise _unknown_layer(classifier, str(name))
    traced = _trace(classifier, name)
    if name is None:
        name = _last_feature_map(classifier, traced)
    module = network.get_submodule(name)
    if name not in traced:
        raise InputError(
            f"layer {name!r} of {classifier.architecture} is not used or returns no feature map"
            " (n, channels, h, w)",
            field="layer",
            remedy="Name a convolutional layer or block",
        )
    size, overwritten = traced[name]
    if min(size) <= 1:
        raise InputError(
            f"layer {name!r} of {classifier.architecture} has {size[0]}×{size[1]} positions at"
            f" {classifier.image_size} px: a map needs more than one each way",
            field="layer",
            remedy="Use a larger image_size or name an earlier layer",
        )
    if overwritten:
        raise InputError(
            f"the output of layer {name!r} of {classifier.architecture} is overwritten in place by"
            " a later operation",
            field="layer",
            remedy="Name the block around it",
        )
    return name, module, size


def _trace(classifier: Classifier, only: str | None) -> dict[str, tuple[tuple[int, int], bool]]:
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
    chosen = modules if only is None else {only: modules[only]}
    handles = [
        module.register_forward_hook(partial(note, name)) for name, module in chosen.items() if name
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


def _last_feature_map(
    classifier: Classifier, traced: dict[str, tuple[tuple[int, int], bool]]
) -> str:
    """Choose the last completed module whose output has more than one position each way."""
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
