"""LIME for images (Ribeiro, Singh & Guestrin 2016), by the package `lime`.

The package's algorithm is left as it is; segmentation and seeds are handed to it from outside,
because its own seed does not reach scikit-image.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from lime import lime_image
from sklearn.linear_model import Ridge

from fidelity.compute import autocast
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps import SaliencyMap

# The package draws one progress bar per image and offers no switch.
lime_image.tqdm = partial(lime_image.tqdm, disable=True)


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Set LIME up.

    Args:
        context: classifier, batch size and seed.
        settings: samples, kernel_width, hide ("mean" or a grey value in [0, 1]), alpha (ridge),
            output ("probability" or "logit"), precision (of the forward passes) and superpixels.

    Returns:
        A function from tasks to maps of kind `superpixels`: one signed ridge coefficient per
        superpixel. Extras: surrogate_r2 (weighted, of the local fit), intercept, superpixels
        (their number).
    """

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        return [_explain_one(context, settings, task) for task in tasks]

    return explain


def _explain_one(context: Context, settings: dict[str, Any], task: Task) -> Explanation:
    image = rgb_image(task.case.image)
    segments = segment(image, settings["superpixels"], context.seed_of(task))
    explainer = lime_image.LimeImageExplainer(
        kernel_width=settings["kernel_width"],
        feature_selection="none",  # keeps every superpixel, as 'auto' does with num_features=100000
        random_state=np.random.RandomState(context.seed_of(task)),
    )
    explanation = explainer.explain_instance(
        image,
        lambda images: outputs(context, images, settings["output"], settings["precision"]),
        labels=(task.target,),
        top_labels=None,
        hide_color=None if settings["hide"] == "mean" else float(settings["hide"]),
        num_samples=settings["samples"],
        batch_size=context.batch,
        segmentation_fn=lambda _: segments,
        model_regressor=Ridge(alpha=settings["alpha"], fit_intercept=True),
    )
    weights = np.zeros(segments.max() + 1)
    for label, weight in explanation.local_exp[task.target]:
        weights[label] = weight
    return Explanation(
        SaliencyMap("superpixels", weights, segments),
        {
            "surrogate_r2": float(explanation.score),
            "intercept": float(np.ravel(explanation.intercept[task.target])[0]),
            "superpixels": int(segments.max() + 1),
        },
    )


@torch.inference_mode()
def outputs(
    context: Context, images: Sequence[np.ndarray], output: str, precision: str
) -> np.ndarray:
    """Classify perturbed images in batches of one fixed size.

    Args:
        context: its classifier and batch size; a short last batch is padded, since the kernels
            that a library picks for another batch size round differently.
        images: float (H, W, 3) in [0, 1], the three channels equal.
        output: `probability` or `logit`.
        precision: `float32`, `bfloat16`, or `auto` (bfloat16 where the hardware has it).

    Returns:
        float64 (n, classes).
    """
    classifier = context.classifier
    grey = np.stack([image[..., 0] for image in images])
    pad = -len(grey) % context.batch
    grey = np.concatenate([grey, np.zeros((pad, *grey.shape[1:]))])
    results = []
    for start in range(0, len(grey), context.batch):
        chunk = torch.from_numpy(grey[start : start + context.batch]).float()
        with autocast(classifier.device, precision):
            logits = classifier(classifier.normalise(chunk.to(classifier.device))).float()
        results.append(classifier.probabilities(logits) if output == "probability" else logits)
    return torch.cat(results)[: len(images)].double().cpu().numpy()
