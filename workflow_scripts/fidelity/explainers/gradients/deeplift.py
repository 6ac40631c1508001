"""DeepLift with the rescale rule, by the package captum, with a corrected rule for max pooling."""

import warnings

import torch
import torch.nn.functional as F
from captum.attr import DeepLift
from torch import nn

from fidelity.explainers.base import Context, Explain
from fidelity.explainers.gradients.batches import (
    Attributions,
    Batch,
    completeness,
    explainer,
)
from fidelity.explainers.gradients.operations import with_known_operations
from fidelity.explainers.gradients.references import baseline
from fidelity.settings.explainers import Deeplift

# Below this difference of activations, the plain gradient is used; the value is captum's.
EPS = 1e-10


def make(context: Context, settings: Deeplift) -> Explain:
    """Set up DeepLift (Shrikumar, Greenside & Kundaje 2017).

    Returns:
        A function from tasks to maps of kind `dense`. Extras: logit_difference between image and
        baseline, and completeness_error, the sum of attributions minus that difference.

    Raises:
        InputError: an operation without a rule; see `with_known_operations`.
    """
    twin = with_known_operations(context.classifier, "deeplift")
    for name, module in list(twin.network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            twin.network.set_submodule(name, RescaledMaxPool(module))
    method = DeepLift(twin, eps=EPS)

    def attribute(batch: Batch) -> Attributions:
        x = twin.normalise(batch.grey).requires_grad_()
        start = twin.normalise(baseline(batch.grey, settings.baseline))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Setting forward, backward hooks")
            values = method.attribute(x, start, batch.targets)
        return Attributions(values, completeness(twin, x, start, batch.targets, values))

    return explainer(context, settings, attribute)


class RescaledMaxPool(nn.Module):
    """Max pooling whose backward pass is DeepLift's rescale rule.

    It replaces the rule of captum 0.9, which has three faults:

    - `max_unpool2d` undoes the pooling and keeps only one of the windows that share a maximum. If
      windows overlap (ResNet, DenseNet: 3 px wide, 2 px apart), attributions do not add up.
    - Directly after a ReLU, the rule has no effect, because the ReLU's hook has already read the
      gradient. Attributions then add up only for constant baselines.
    - Where image and baseline are equal, it uses the gradient of the batch's first image.

    Here all windows count, each for its own image.
    """

    def __init__(self, pool: nn.MaxPool2d) -> None:
        """Store the parameters of a pooling."""
        super().__init__()
        self.sizes = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool; under DeepLift, the batch's first half are images, its second half baselines."""
        return _MaxPool.apply(x, *self.sizes)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, *sizes):  # noqa: ANN001, ANN002, ANN205
        pooled, where = F.max_pool2d(x, *sizes, return_indices=True)
        ctx.save_for_backward(x, pooled, where)
        return pooled

    @staticmethod
    def backward(ctx, gradient):  # noqa: ANN001, ANN205
        x, pooled, where = ctx.saved_tensors
        change = x[: len(x) // 2] - x[len(x) // 2 :]
        image, reference = pooled.chunk(2)
        above = torch.maximum(image, reference)
        # The image's maximum adds the first part to the pooled value; the baseline's maximum takes
        # away the second part. Each belongs to its own place, and in each window one of the two is
        # zero.
        parts = torch.cat([above - reference, image - above])
        to_image, to_reference = _scatter(gradient * parts, where, x.shape).chunk(2)
        multiplier = (to_image + to_reference) / torch.where(change == 0, 1, change)
        plain = _scatter(gradient, where, x.shape)
        near = torch.cat([change.abs() < EPS] * 2)
        return torch.where(near, plain, torch.cat([multiplier] * 2)), *[None] * 5


def _scatter(values: torch.Tensor, where: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Add each window's value at the place of its maximum."""
    flat = torch.zeros(shape, dtype=values.dtype, device=values.device).flatten(2)
    return flat.scatter_add_(2, where.flatten(2), values.flatten(2)).view(shape)
