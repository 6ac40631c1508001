"""FullGrad (Srinivas & Fleuret 2019): input and bias gradients of all layers, at input size.

It follows pytorch-grad-cam, with these differences.

- A gradient belongs to the layer it came from. The package pairs biases in the order of definition
  with gradients in the order of the pass, which is wrong where the two differ.
- The authors' code scales the gradients of a layer to [0, 1] together (`scale: layer`). The package
  scales each channel, so a channel whose gradients are nearly 0 counts as much as the strongest.
  The package's way is the default here, as for all CAMs.
- Channels are summed before they are enlarged. This gives the same map without all channels at
  image size.
- A network that does not decompose (not piecewise linear, or with biases in other layers) is
  refused. The package gives a map of the parts that it finds.
"""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.cam.layer_reader import frozen
from fidelity.explainers.padding import padded
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Fullgrad

# Exact types: a subclass (timm's BatchNormAct2d) does more than the linear step.
BIASED = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
# Allowed gap between the logit and the sum of its parts, as a share of all their sizes: the
# rounding of float32 in a deep network.
TOLERANCE = 1e-3


def make(context: Context, settings: Fullgrad) -> Explain:
    """Set up FullGrad.

    Returns:
        A function from tasks to maps of kind `dense` at input size, at least 0. Linear layers have
        no place in the image; their biases are left out.

    Raises:
        InputError: input and bias gradients of the classifier do not add up to its logits.
    """
    classifier = context.classifier
    check(classifier)

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        images, targets = padded(tasks, context.batch)
        _, parts = decompose(classifier, classifier.preprocess(images), targets)
        maps = saliency(parts, classifier.image_size, settings.scale)
        return [Explanation(SaliencyMap("dense", values)) for values in maps[: len(tasks)]]

    return explain


def check(classifier: Classifier) -> None:
    """Raise InputError unless the parts of a logit add up to it on one image of noise."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in classifier.modules()):
        raise _refused(classifier, "TorchScript has no layers that can be hooked")
    generator = torch.Generator().manual_seed(0)
    side = classifier.image_size
    image = torch.randn(1, classifier.channels, side, side, generator=generator)
    logits, parts = decompose(classifier, image.to(classifier.device), [0])
    logit = float(logits[0, 0])
    sums = [float(part.double().sum()) for part in parts]
    if len(parts) < 2 or not any(part.ndim == 4 for part in parts[1:]):
        raise _refused(classifier, "it has no convolution or batch normalisation with a bias")
    missing = abs(logit - sum(sums))
    if not missing <= TOLERANCE * (abs(logit) + sum(map(abs, sums))):
        raise _refused(
            classifier,
            f"its input and bias gradients add up to {sum(sums):.3g}, not to the logit {logit:.3g}",
        )


def decompose(
    classifier: Classifier, images: torch.Tensor, targets: Sequence[int]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Split logits into input × gradient and, per layer and use, bias × gradient.

    Args:
        images: (n, channels, H, W), preprocessed.

    Returns:
        Logits (n, classes), and the parts. The first part is that of the input (n, channels, H, W).
        The parts of layers follow in the order of the pass, (n, k, h, w) or (n, k). In networks of
        ReLUs, the parts sum to the class's logit.
    """
    seen: list[tuple[torch.Tensor, list[torch.Tensor]]] = []

    def note(bias: torch.Tensor, _module: nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
        gradients: list[torch.Tensor] = []
        seen.append((bias, gradients))
        output.register_hook(gradients.append)

    handles = [
        module.register_forward_hook(partial(note, bias)) for module, bias in biases(classifier)
    ]
    images = images.detach().requires_grad_()
    try:
        with frozen(classifier), torch.enable_grad():
            logits = classifier(images)
            chosen = logits[range(len(targets)), list(targets)].sum()
            (gradient,) = torch.autograd.grad(chosen, images)
    finally:
        for handle in handles:
            handle.remove()
    parts = [gradient * images.detach()]
    for bias, gradients in seen:
        # There is no gradient where the class does not depend on the layer. A bias of 3 axes has
        # one value per channel. The bias of a linear layer belongs to the last axis, whatever comes
        # before.
        parts += [
            found.detach() * bias if bias.ndim == 3 else (found.detach() * bias).flatten(1)
            for found in gradients
        ]
    return logits.detach(), parts


def biases(classifier: Classifier) -> Iterable[tuple[nn.Module, torch.Tensor]]:
    """Yield the layers with a bias; batch normalisation also has one from its means.

    Returns:
        Layer and bias, shaped (k, 1, 1), or (k,) for linear layers.
    """
    for module in classifier.network.modules():
        if type(module) not in BIASED:
            continue
        if isinstance(module, nn.Linear):
            if module.bias is not None:
                yield module, module.bias.detach()
        elif isinstance(module, nn.Conv2d):
            if module.bias is not None:
                yield module, module.bias.detach()[:, None, None]
        elif module.running_mean is not None:
            bias = -module.running_mean / torch.sqrt(module.running_var + module.eps)
            if module.affine:
                bias = bias * module.weight.detach() + module.bias.detach()
            yield module, bias[:, None, None]


def saliency(parts: Sequence[torch.Tensor], side: int, scale: str) -> np.ndarray:
    """Add up the absolute values of all parts at image size: float32 (n, side, side).

    Args:
        scale: what is scaled to [0, 1] by its minimum and maximum: the `layer` or each `channel`.
    """
    axes = (2, 3) if scale == "channel" else (1, 2, 3)
    total = torch.zeros(len(parts[0]), 1, side, side, device=parts[0].device)
    for part in parts:
        if part.ndim != 4:
            continue
        size = part.abs()
        size = size - size.amin(axes, keepdim=True)
        peak = size.amax(axes, keepdim=True)
        # The 1e-7 is the package's. Per layer, only a layer without any gradient needs such a term.
        size = size / (peak + 1e-7) if scale == "channel" else size / peak.clamp(min=1e-30)
        summed = size.sum(1, keepdim=True)
        total += nn.functional.interpolate(
            summed, size=(side, side), mode="bilinear", align_corners=False
        )
    return total[:, 0].cpu().numpy()


def _refused(classifier: Classifier, why: str) -> InputError:
    return InputError(
        f"fullgrad cannot explain {classifier.architecture}: {why}",
        field="explainers.method",
        remedy="Use it on ReLU networks of convolutions and batch normalisations (VGG, ResNet, "
        "DenseNet), or another CAM",
    )
