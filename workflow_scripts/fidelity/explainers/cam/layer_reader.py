"""Read a layer's activations and their gradients, for class activation maps."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from fidelity.classifiers.cam_layers.choose import CamLayer


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Build no graph for parameters within the block; each flag is restored afterwards.

    The backward pass of the outputs may run after the block: the graph contains no parameters.
    """
    learning = [p for p in network.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


class LayerReader:
    """A replacement for pytorch-grad-cam's `ActivationsAndGradients`, for one layer.

    The graph starts at the layer's output: earlier layers run forward only, and no parameter gets a
    gradient. The package goes back to the input and computes the gradient of every parameter. If
    parameters are frozen and the input has no gradient, it raises.

    Later layers get a copy, so that an in-place operation (the last ReLU of torchvision's DenseNet)
    cannot overwrite the map. In the package, this happens on CPUs.

    Hooks exist only during the call, even if it raises. A layer that a pass uses several times is
    read at its last use.
    """

    def __init__(self, model: nn.Module, layer: CamLayer, gradients: bool) -> None:
        """Prepare to read.

        Args:
            gradients: whether gradients are needed; if not, the call may run under `no_grad`.
        """
        self.model, self.layer, self.wanted = model, layer, gradients
        self._kept: torch.Tensor | None = None

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Run the model and keep the layer's output."""
        self._kept = None
        handle = self.layer.module.register_forward_hook(self._read)
        try:
            with frozen(self.model):
                return self.model(images)
        finally:
            handle.remove()

    @property
    def activations(self) -> torch.Tensor:
        """The layer's output as grids (n, channels, h, w), on the CPU."""
        return self._as_grids(self._kept)

    @property
    def gradients(self) -> torch.Tensor:
        """The gradients of the activations, after `backward` was called on a sum of logits."""
        if self._kept is None or self._kept.grad is None:
            raise ValueError(f"no gradient has reached layer {self.layer.name!r}")
        return self._as_grids(self._kept.grad)

    def release(self) -> None:
        """Free what is kept; the package calls this where its hooks would be removed."""
        self._kept = None

    def _read(self, _module: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        self._kept = output.detach()
        if self.wanted:
            self._kept.requires_grad_()
        return self._kept.clone()

    def _as_grids(self, values: torch.Tensor | None) -> torch.Tensor:
        if values is None:
            raise ValueError(f"layer {self.layer.name!r} was not run")
        values = values.detach()
        return (values if self.layer.reshape is None else self.layer.reshape(values)).cpu()
