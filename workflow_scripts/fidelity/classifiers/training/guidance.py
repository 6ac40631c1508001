"""Guide a training by masks: penalise input gradients outside the masks."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.classifiers.model import Activation
from fidelity.datasets.prepared import PreparedShard
from fidelity.maps.pixel_frames import reference_in_frame


def irrelevant_pixels(
    paths: Sequence[str | Path], masks: Literal["reference", "other_cases", "outside"], seed: int
) -> np.ndarray:
    """Find the pixels of the training images that should not matter: those outside a mask.

    Args:
        masks: `reference`: the image's own reference masks (all its classes together).
            `other_cases`: the masks of another image with the same labels; it is chosen at random,
            and no mask is used twice. `outside`: the rest of the image, so that the pixels of its
            own masks should not matter.

    Returns:
        (n, S, S) bool, sorted by case as `read_examples` sorts the images. All False if the image
        has no mask or an empty one, because the relevant pixels are then not known.

    Raises:
        InputError: no image has a mask, or there are labels for which only one image has a mask.
    """
    found: dict[str, np.ndarray] = {}
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in paths:
        with PreparedShard(path) as shard:
            for case in shard:
                inside = np.zeros(case.image.shape, bool)
                for cls in case.references:
                    inside |= reference_in_frame(case, cls, "working")
                found[case.case] = ~inside if inside.any() else inside
                if inside.any():
                    alike[tuple(case.labels)].append(case.case)
    if not alike or (masks == "other_cases" and min(map(len, alike.values())) < 2):
        raise InputError(
            "too few training images have a reference mask",
            field="training.guidance",
            remedy="Leave it out, or use a data set whose training split has masks",
        )
    own = dict(found)
    if masks == "outside":
        own |= {case: ~found[case] for cases in alike.values() for case in cases}
    if masks == "other_cases":
        for labels, cases in sorted(alike.items()):
            rng = np.random.default_rng(seed_for(seed, "masks of other cases", *labels))
            # The cases are put in a random circle; each one takes the mask of its neighbour.
            circle = [sorted(cases)[index] for index in rng.permutation(len(cases))]
            own |= {case: found[circle[place - 1]] for place, case in enumerate(circle)}
    return np.stack([own[case] for case in sorted(own)])


def penalty(
    logits: torch.Tensor,
    activation: Activation,
    images: torch.Tensor,
    irrelevant: torch.Tensor,
    loss: Literal["squared", "share"],
) -> torch.Tensor:
    """Measure how much the outputs depend on pixels that should not matter.

    Args:
        logits: (n, classes) of the images; `three_way`: (n, classes, 3).
        images: (n, H, W) in [0, 1], from which the logits were computed, with gradients enabled.
        irrelevant: (n, H, W), 1 if a pixel should not matter, else 0.

    Returns:
        Scalar, 0 or more, with a graph; the mean over the images. Both losses use the gradients of
        the sum of all log probabilities. `squared` is the sum of their squares over the irrelevant
        pixels (Ross et al. 2017, equation 1). `share` is the share of their absolute values in the
        irrelevant pixels, 0 to 1. It is the energy loss of Rao et al. 2023, for these gradients.
    """
    logits = logits.float()
    if activation in ("softmax", "three_way"):
        log_probability = logits.log_softmax(dim=-1)
    else:
        each = logits[:, 1:] if activation == "one_logit" else logits
        log_probability = functional.logsigmoid(each) + functional.logsigmoid(-each)
    (gradients,) = torch.autograd.grad(log_probability.sum(), images, create_graph=True)
    if loss == "squared":
        return (gradients * irrelevant).square().sum(dim=(1, 2)).mean()
    size = gradients.abs()
    whole = size.sum(dim=(1, 2)).clamp_min(torch.finfo(size.dtype).tiny)
    return ((size * irrelevant).sum(dim=(1, 2)) / whole).mean()
