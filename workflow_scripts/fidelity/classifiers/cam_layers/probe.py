"""Prove that each cell of a layer's output responds to the same place of the same image.

This is a property of the architecture. The probe runs on a copy with weights from a fixed seed. So
the check before training and every later job find the same layer.
"""

import copy
import math
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.classifiers.randomised import draw_weights

# One image for each place: the centre (y, x) of its changed square, as a share of the image's side.
# Each square is inside one quadrant.
PLACES = ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75), (0.375, 0.625), (0.625, 0.375))
# Side of the changed square, as a share of the image's side.
PATCH = 0.25
# The first size tried: small, and the layout does not depend on it. Some networks refuse it.
SIDE = 128
# The last size tried. In grids of few cells, strides shift the centres by too large a share.
LARGER = 224
# Class and register tokens. An output with more of them is not treated as a grid.
MAX_PREFIX = 32
SEED = 0


@dataclass(frozen=True)
class Layout:
    """How an output becomes a grid.

    Attributes:
        kind: `channels first` (n, c, h, w), `channels last` (n, h, w, c) or `tokens` (n, t, c).
        prefix: number of tokens before those of the grid (class, distillation, registers).
    """

    kind: str
    prefix: int = 0

    def grid(self, x: torch.Tensor) -> torch.Tensor:
        """Reshape an output, or its gradient, to (n, channels, h, w)."""
        if self.kind == "channels first":
            return x
        if self.kind == "channels last":
            return x.permute(0, 3, 1, 2)
        side = math.isqrt(x.shape[1] - self.prefix)
        return x[:, self.prefix :].transpose(1, 2).unflatten(2, (side, side))

    def __str__(self) -> str:
        prefix = f", {self.prefix} before the grid" if self.prefix else ""
        return self.kind + prefix


def layouts(shape: torch.Size, images: int, prefix: int | None = None) -> list[Layout]:
    """List the layouts that a shape allows; empty if the first axis is not the number of images.

    Args:
        shape: shape of an output.
        images: number of input images.
        prefix: number of tokens before the grid, if the network declares it.
    """
    if not shape or shape[0] != images:
        return []
    if len(shape) == 4:
        return [Layout("channels first"), Layout("channels last")]
    if len(shape) != 3:
        return []
    if prefix is None or math.isqrt(shape[1] - prefix) ** 2 != shape[1] - prefix:
        prefix = shape[1] - math.isqrt(shape[1]) ** 2
    return [Layout("tokens", prefix)] if prefix <= MAX_PREFIX else []


def in_place(change: torch.Tensor) -> bool:
    """Check whether the cells of each image respond to the place that was changed in it.

    Args:
        change: (places, channels, h, w), changed minus unchanged image.

    Returns:
        Whether the cell that changes most touches the changed square, for all places but one. One
        place may be missed by up to one more cell, because strides shift the centres of cells. A
        random order of cells passes in fewer than one of 300 cases.
    """
    heat = change.float().square().sum(1)
    height, width = heat.shape[1:]
    cell = torch.tensor([1 / height, 1 / width])
    peaks = torch.stack(
        [torch.stack(torch.unravel_index(each.argmax(), each.shape)) for each in heat]
    ).cpu()
    off = ((peaks + 0.5) * cell - torch.tensor(PLACES)).abs() - PATCH / 2 - cell / 2
    missed = (off / cell).amax(1)
    changed = heat.flatten(1).any(1).all()
    return bool(changed and (missed > 1e-4).sum() <= 1 and (missed < 1 + 1e-4).all())


@dataclass(frozen=True)
class Seen:
    """What a pass of the probe measured for a layer.

    Attributes:
        layout: the proven layout; None if a cell does not respond to its place.
        share: share of the layers with parameters that had run before or with this layer.
        calls: how often the network called the layer.
        passes_on: whether its output is its input (dropout, identity).
    """

    layout: Layout | None
    share: float
    calls: int
    passes_on: bool


class Probe:
    """A copy of a network, used to find what its layers respond to."""

    def __init__(self, classifier: Classifier) -> None:
        """Copy a classifier, with weights from a fixed seed.

        Args:
            classifier: on any device; it is not changed.
        """
        self.twin = _twin_of(classifier)
        self.sides = list(dict.fromkeys((SIDE, classifier.image_size, LARGER)))

    def look(self, names: Collection[str] | None = None) -> dict[str, Seen]:
        """Find the layers that respond to places; `names` is None for all layers.

        Returns:
            Layers whose output has 3 or 4 axes, in the order in which they finish. Several image
            sizes are tried: the next one is used if no layer responds at the previous one.
        """
        found: dict[str, Seen] = {}
        for side in self.sides:
            try:
                seen = self._look(side, names)
            except (RuntimeError, AssertionError, ValueError, IndexError):
                if side == self.sides[-1] and not found:
                    raise
                continue
            if any(each.layout for each in seen.values()):
                return seen
            found = found or seen
        return found

    def separates_images(self, name: str) -> bool:
        """Check that a layer's output for an image does not depend on other images of the batch."""
        outputs: list[torch.Tensor] = []

        def note(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
            outputs.append(output)

        handle = self.twin.network.get_submodule(name).register_forward_hook(note)
        try:
            for side in self.sides:
                images = self._images(side)
                changed = torch.cat([images[:1], images[len(PLACES) + 1 :][:1], images[2:3]])
                outputs.clear()
                if self._runs(images[:3]) is not None:
                    before = outputs[-1]
                    self._runs(changed)
                    difference = (outputs[-1] - before).abs().flatten(1).amax(1)
                    return bool(difference[[0, 2]].amax() <= 1e-3 * difference[1])
        finally:
            handle.remove()
        return False

    def carries_all(self, name: str) -> bool:
        """Check whether the logits depend on the image through this layer only.

        Two images are exchanged in the layer's output; then the logits must be exchanged too. This
        is not the case for a branch beside a shortcut, or for one of several branches that are
        joined later.
        """
        images, plain = self._pair
        module = self.twin.network.get_submodule(name)
        handle = module.register_forward_hook(lambda _m, _i, output: output.flip(0))
        try:
            with _loud(self.twin):
                swapped = self._runs(images)
        finally:
            handle.remove()
        if plain is None or swapped is None:
            return False
        apart = (plain[0] - plain[1]).abs().amax()
        return bool(apart > 0 and (swapped.flip(0) - plain).abs().amax() <= 1e-3 * apart)

    @cached_property
    def _pair(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Two images of a size that the network accepts, and their logits."""
        for side in self.sides:
            images = self._images(side)[:2]
            with _loud(self.twin):
                logits = self._runs(images)
            if logits is not None:
                break
        return images, logits

    @torch.no_grad()
    def _runs(self, images: torch.Tensor) -> torch.Tensor | None:
        """Return the network's outputs; None if the network does not accept images of this size."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                return self.twin.network(images)
        except (RuntimeError, AssertionError, ValueError, IndexError):
            return None

    @torch.no_grad()
    def _look(self, side: int, names: Collection[str] | None) -> dict[str, Seen]:
        images = self._images(side)
        seen: dict[str, Seen] = {}
        calls: dict[str, int] = {}
        done: set[str] = set()
        modules = {name: module for name, module in self.twin.network.named_modules() if name}
        weighted = {name for name, module in modules.items() if _has_own_weights(module)}
        prefix = _declared_prefix(self.twin.network)

        def note(name: str, _module: nn.Module, inputs: tuple, output: object) -> None:
            if name in weighted:
                done.add(name)
            if (names is None or name in names) and isinstance(output, torch.Tensor):
                calls[name] = calls.get(name, 0) + 1
                seen.pop(name, None)
                if output.ndim in (3, 4):
                    passes_on = bool(inputs) and output is inputs[0]
                    layout = None if passes_on and names is None else _proven(output, prefix)
                    share = len(done) / max(1, len(weighted))
                    seen[name] = Seen(layout, share, calls[name], passes_on)

        handles = [
            module.register_forward_hook(partial(note, name)) for name, module in modules.items()
        ]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                self.twin.network(images)
        finally:
            for handle in handles:
                handle.remove()
        return seen

    def _images(self, side: int) -> torch.Tensor:
        """Make (2 × places, channels, S, S): different images, then each changed at its place."""
        generator = torch.Generator().manual_seed(SEED)
        shape = (len(PLACES), self.twin.channels, side, side)
        plain, other = (torch.randn(shape, generator=generator) for _ in range(2))
        changed, size = plain.clone(), max(1, round(PATCH * side))
        for row, (y, x) in enumerate(PLACES):
            top, left = round((y - PATCH / 2) * side), round((x - PATCH / 2) * side)
            square = (row, slice(None), slice(top, top + size), slice(left, left + size))
            changed[square] = 2 * other[square]
        return torch.cat([plain, changed]).to(self.twin.device)


def _proven(output: torch.Tensor, prefix: int | None) -> Layout | None:
    for layout in layouts(output.shape, 2 * len(PLACES), prefix):
        grid = layout.grid(output)
        if min(grid.shape[2:]) > 1 and in_place(grid[len(PLACES) :] - grid[: len(PLACES)]):
            return layout
    return None


def _declared_prefix(network: nn.Module) -> int | None:
    # torchvision's ViT has one class token, but no attribute that states it.
    default = 1 if hasattr(network, "class_token") else None
    found = getattr(network, "num_prefix_tokens", default)
    return found if isinstance(found, int) else None


def _has_own_weights(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))


def _norm_weights(twin: Classifier) -> list[nn.Parameter]:
    """Weights of normalisations within an image: layer norm, group norm, RMS norm."""
    return [
        module.weight
        for module in twin.network.modules()
        if "Norm" in type(module).__name__
        and not isinstance(module, nn.modules.batchnorm._BatchNorm)
        and isinstance(getattr(module, "weight", None), nn.Parameter)
    ]


@contextmanager
def _loud(twin: Classifier) -> Iterator[None]:
    """Set the norm weights to 1, so that each block adds as much as it passes on."""
    weights = _norm_weights(twin)
    kept = [weight.clone() for weight in weights]
    try:
        for weight in weights:
            weight.fill_(1.0)
        yield
    finally:
        for weight, values in zip(weights, kept, strict=True):
            weight.copy_(values)


def _twin_of(classifier: Classifier) -> Classifier:
    """Copy a classifier, with weights for which changes stay visible in a deep network.

    - No biases: in a deep network without normalisation, they would dominate the image.
    - No parameters of zeros (heads, gates of blocks): no information would pass.
    - Weights of norms that decrease from block to block: a transformer's block mixes all places.
      What it adds is then less than what it passes on.
    """
    twin = copy.deepcopy(classifier).cpu().eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        for module in twin.network.modules():
            draw_weights(module)
        for depth, weight in enumerate(_norm_weights(twin)):
            weight.fill_(max(0.5**depth, 1e-6))
        for name, parameter in twin.network.named_parameters():
            if name.endswith("bias") and parameter.ndim == 1:
                parameter.zero_()
            elif not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape))
    return twin.requires_grad_(False).to(classifier.device)
