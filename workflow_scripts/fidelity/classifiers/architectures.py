"""Build networks by name, prepared for explanation.

Three problems are removed when a network is built. The effect of the first two was measured (see
docs):

- A ReLU that works in place overwrites activations that a hook has kept.
- torchvision's DenseNet ends in such a ReLU as a function call: CPU and GPU give different CAMs.
- torchvision's MNASNet refuses weights without a version, and neither safetensors nor plain dicts
  keep the version.
"""

import inspect
import re
import types
from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision
from torch import nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models import vision_transformer as tv_vit

from fidelity.base.errors import InputError
from fidelity.base.plugins import PREFIX, failure, load_plugin_function
from fidelity.base.suggestions import did_you_mean, nearest
from fidelity.classifiers import xrv
from fidelity.classifiers.model import IMAGENET_MEAN, IMAGENET_STD
from fidelity.classifiers.weights.tensor_names import current_names

# With these arguments, the network also returns one tensor in training, as the trainer expects.
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
    channels: int | None = None,
    plugins: Sequence[str | Path] = (),
) -> nn.Module:
    """Build a network with a new head.

    Args:
        architecture: a torchvision classification model ("resnet18"), "timm:<name>", a timm name
            that torchvision lacks, "xrv:<name>" (torchxrayvision), or "plugin:<function>"
            (function(outputs) or function(outputs, pretrained) -> nn.Module; see docs/models.md).
        pretrained: load ImageNet weights (downloaded) into everything except the head.
        image_size: side of the input, for architectures whose parameters depend on it (ViT).
        channels: channels of the input, if they differ from the architecture's. 1 for a network of
            torchvision or timm whose first layer reads grey images.
        plugins: Python files searched for "plugin:<function>".

    Returns:
        The network, float32, in training mode, without in-place activations. Initial values come
        from torch's global generator.

    Raises:
        InputError: the name is unknown, or the weights are not available.
    """
    if architecture.startswith(PREFIX):
        network = _build_plugin(architecture, outputs, pretrained, plugins)
        if not isinstance(network, nn.Module):
            raise InputError(
                "the plugin does not return a torch.nn.Module",
                field=architecture,
                remedy="Let its function return the network",
            )
    elif architecture.startswith(xrv.PREFIX):
        network = xrv.build_xrv(architecture, outputs)
    elif architecture in _torchvision_names():
        network = _build_torchvision(architecture, outputs, pretrained, image_size)
        if channels == 1:
            _read_grey(network)
    else:
        network = _build_timm(architecture, outputs, pretrained, image_size, channels)
    return without_inplace(network.float())


def normalisation(
    architecture: str, pretrained: bool, plugins: Sequence[str | Path] = ()
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and std per channel that the network expects.

    The number of values is the number of channels.

    Args:
        pretrained: whether weights from elsewhere are loaded. If so, the result is the
            normalisation of the library's own pretrained weights; otherwise that of ImageNet.
            torchxrayvision and plugins have the same values in both cases.
        plugins: Python files for "plugin:<function>", whose attributes `mean` and `std` are used.

    Raises:
        InputError: a plugin has different numbers of values in `mean` and `std`.
    """
    if architecture.startswith(xrv.PREFIX):
        return xrv.MEAN, xrv.STD
    if architecture.startswith(PREFIX):
        function = load_plugin_function(architecture, plugins)
        mean = tuple(getattr(function, "mean", IMAGENET_MEAN))
        std = tuple(getattr(function, "std", IMAGENET_STD))
        if len(mean) != len(std):
            raise InputError(
                f"the mean of the plugin has {len(mean)} values, but its std has {len(std)}",
                field=architecture,
                remedy="Set function.mean and function.std, one value per channel",
            )
        return mean, std
    if not pretrained:
        return IMAGENET_MEAN, IMAGENET_STD
    if architecture in _torchvision_names():
        # Not always ImageNet's values: EfficientNetV2-L has 0.5.
        expected = get_model_weights(architecture).DEFAULT.transforms()
        return tuple(expected.mean), tuple(expected.std)
    import timm

    name = architecture.removeprefix("timm:")
    config = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    return (config.mean, config.std) if config else (IMAGENET_MEAN, IMAGENET_STD)


def rescaled(
    mean: Sequence[float], std: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Include `transform_input` of torchvision's GoogLeNet and Inception v3 in mean and std.

    Args:
        mean: the mean by which images in [0, 1] are normalised before the network.
        std: the standard deviation of the same normalisation.

    Returns:
        Mean and std with which the network without `transform_input` gets the same input. Both are
        0.5 for ImageNet's values.
    """
    new_std = tuple(s * 0.5 / imagenet for s, imagenet in zip(std, IMAGENET_STD, strict=True))
    new_mean = tuple(
        m - (imagenet - 0.5) / 0.5 * s
        for m, imagenet, s in zip(mean, IMAGENET_MEAN, new_std, strict=True)
    )
    return new_mean, new_std


def without_inplace(network: nn.Module) -> nn.Module:
    """Replace in-place activations, so that later operations do not change hooked activations."""
    for module in network.modules():
        if isinstance(getattr(module, "inplace", None), bool):
            module.inplace = False
        if isinstance(module, torchvision.models.DenseNet):
            module.forward = types.MethodType(_densenet_forward, module)
        if isinstance(module, torchvision.models.MNASNet):
            module._load_from_state_dict = types.MethodType(_mnasnet_load, module)
        xrv.without_inplace_xrv(module)
    return network


def _densenet_forward(self: torchvision.models.DenseNet, x: torch.Tensor) -> torch.Tensor:
    """Compute torchvision's DenseNet.forward, with the last ReLU out of place."""
    features = torch.relu(self.features(x))
    pooled = nn.functional.adaptive_avg_pool2d(features, (1, 1))
    return self.classifier(torch.flatten(pooled, 1))


def _mnasnet_load(
    self: torchvision.models.MNASNet, state: dict, prefix: str, local_metadata: dict, *rest: object
) -> None:
    """Load weights without a version as weights of the present version."""
    metadata = {"version": self._version, **local_metadata}
    torchvision.models.MNASNet._load_from_state_dict(self, state, prefix, metadata, *rest)


def _build_plugin(
    architecture: str, outputs: int, pretrained: bool, plugins: Sequence[str | Path]
) -> nn.Module:
    function = load_plugin_function(architecture, plugins)
    takes_pretrained = "pretrained" in inspect.signature(function).parameters
    if pretrained and not takes_pretrained:
        raise InputError(
            f"{architecture} has no argument `pretrained`",
            field="weights",
            remedy="Add it to the function, or set weights: null",
        )
    try:
        network = function(outputs, **({"pretrained": pretrained} if takes_pretrained else {}))
    except Exception as error:
        raise failure(architecture, error) from error
    for name in ("cam_layer", "cam_layers"):  # explainers look here first
        if hasattr(function, name) and isinstance(network, nn.Module):
            setattr(network, name, getattr(function, name))
    return network


def _torchvision_names() -> list[str]:
    return list_models(module=torchvision.models)


def _read_grey(network: nn.Module) -> None:
    """Change the layers that read an image of three channels to read one channel, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            module.in_channels = 1
            module.weight = nn.Parameter(module.weight.detach().sum(dim=1, keepdim=True))


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
    # Torch loads incomplete weights without a message, and a half-random network still trains.
    absent = [key for key in own if key not in body and not key.endswith("num_batches_tracked")]
    layers = {key.rpartition(".")[0] for key in [*absent, *head]}
    if len(layers) > 1:  # the head
        raise InputError(
            f"the ImageNet weights of {name} do not contain"
            f" {absent[0] if absent else sorted(head)[0]} and others ({len(layers)} layers)",
            field="weights",
            remedy="Report this error, with the version of torchvision",
        )
    return network


def _build_timm(
    architecture: str,
    outputs: int,
    pretrained: bool,
    image_size: int | None,
    channels: int | None,
) -> nn.Module:
    import timm  # not at the top: it costs half a second in each job that loads another network

    name = architecture.removeprefix("timm:")
    if not timm.is_model(name):
        raise _unknown(architecture)
    arguments = {"in_chans": 1} if channels == 1 else {}
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size and image_size:
        arguments["img_size"] = image_size
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=outputs, **arguments)
    except (OSError, RuntimeError) as error:
        if pretrained:
            raise _no_download(architecture) from error
        raise InputError(
            f"{architecture} cannot be built: {error}",
            field="architecture",
            remedy="Choose another architecture",
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
            remedy=f"Use a multiple of {patch}",
        )


def _no_download(architecture: str, url: str | None = None) -> InputError:
    """Return an error with steps that work offline, as exact as the library allows."""
    if url is None:
        remedy = (
            "On a computer with internet, call timm.create_model with pretrained=True and save its "
            "state_dict() by torch.save. Name the file: weights: <path>. Or train from scratch: "
            "weights: null"
        )
    else:
        remedy = (
            f"Download {url} on a computer with internet. Copy the file into"
            f" {Path(torch.hub.get_dir()) / 'checkpoints'} and run again. Or name the copied"
            f" file: weights: <path>/{url.rpartition('/')[2]}. Or train from scratch: weights:"
            " null"
        )
    return InputError(
        f"the ImageNet weights of {architecture} cannot be downloaded",
        field="weights",
        remedy=remedy,
    )


def _unknown(architecture: str) -> InputError:
    import timm

    name = architecture.removeprefix("timm:")
    prefix = architecture.removesuffix(name)
    of_timm = timm.list_models()
    names = of_timm if prefix else _torchvision_names() + of_timm
    near = [prefix + one for one in nearest(name, names, 3)]
    return InputError(
        f"unknown architecture {architecture!r}",
        field="architecture",
        remedy=did_you_mean(
            near, "Use a torchvision name, timm:<name>, xrv:<name> or plugin:<function>"
        ),
    )
