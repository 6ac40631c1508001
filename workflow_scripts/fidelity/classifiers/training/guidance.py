"""Guidance of a training by masks: the input gradients are kept inside them."""

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
    """Find the pixels of the training images that should not matter: those outside of a mask.

    Args:
        masks: the image's own reference masks (all its classes together), or those of another
            image with the same labels (which one is random; no mask is used twice). `outside`: the
            rest of the image, so that the pixels of its own masks should not matter.

    Returns:
        (n, S, S) bool, sorted by case as `read_examples` sorts the images. All False where the
        image has no mask, or an empty one: nothing is known of its reasons.

    Raises:
        InputError: no image has a mask, or the only one of its labels has no other image's.
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
            # Each takes the mask of the next in a random circle.
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
        images: (n, H, W) in [0, 1], which the logits were computed from, requiring gradients.
        irrelevant: (n, H, W), 1 where a pixel should not matter, else 0.

    Returns:
        Scalar, 0 or more, with a graph, mean over the images. Of the gradients of the sum of all
        log probabilities: `squared`, their squares, summed over the irrelevant pixels (Ross et al.
        2017, equation 1); `share`, the share of their absolute values in the irrelevant pixels
        (the energy loss of Rao et al. 2023, of these gradients), 0 to 1.
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
