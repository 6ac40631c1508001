"""Random augmentation of training images, with one set of parameters per image.

A batch is augmented in one vectorised pass.
"""

import math

import torch
from torch.nn import functional

from fidelity.settings.classifiers import Augmentation

# Settings for masks: they move with their images, but keep their values.
UNSHADED = {"brightness": 0, "contrast": 0}


def augment(
    images: torch.Tensor, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Augment a batch of images.

    Args:
        images: float (n, H, W) in [0, 1].
        settings: `flip` probability of a left-right flip; `rotation` ± degrees; `translation` ±
            share of the side; `scale` ± share; `brightness` ± added; `contrast` ± share around the
            image's mean.
        generator: on the CPU; the only source of randomness.

    Returns:
        Float (n, H, W) in [0, 1]. Areas that come from outside the image are black.
    """
    count = len(images)

    def spread(half_width: float, columns: int = 1) -> torch.Tensor:
        draws = torch.rand(count, columns, generator=generator)
        return ((draws * 2 - 1) * half_width).to(images.device)

    # All numbers are drawn whatever the settings are. So switching one setting off does not change
    # the others.
    flip = (torch.rand(count, generator=generator) < settings.flip).to(images.device)
    angle = spread(settings.rotation * math.pi / 180)[:, 0]
    shift = spread(2 * settings.translation, 2)  # the sampling grid spans [-1, 1]
    zoom = 1 + spread(settings.scale)[:, 0]
    brightness = spread(settings.brightness)[:, :, None]
    contrast = 1 + spread(settings.contrast)[:, :, None]

    if any(getattr(settings, key) > 0 for key in ("flip", "rotation", "translation", "scale")):
        mirror = 1 - 2 * flip.float()
        cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
        top = torch.stack([cos * mirror, -sin, shift[:, 0]], dim=1)
        bottom = torch.stack([sin * mirror, cos, shift[:, 1]], dim=1)
        theta = torch.stack([top, bottom], dim=1)
        batch = images.unsqueeze(1)
        grid = functional.affine_grid(theta, list(batch.shape), align_corners=False)
        images = functional.grid_sample(batch, grid, align_corners=False).squeeze(1)
    mean = images.mean(dim=(1, 2), keepdim=True)
    return ((images - mean) * contrast + mean + brightness).clamp(0, 1)


def move_masks(masks: torch.Tensor, settings: Augmentation, state: torch.Tensor) -> torch.Tensor:
    """Move masks as `augment` moves their images, with the same random numbers.

    Args:
        masks: bool (n, H, W).
        settings: settings of the images.
        state: state of the images' generator, before `augment` draws from it.

    Returns:
        Float (n, H, W), 0 or 1. Areas that come from outside the image are 0.
    """
    again = torch.Generator()
    again.set_state(state)
    moved = augment(masks.float(), settings.model_copy(update=UNSHADED), again)
    return (moved > 0.5).float()
