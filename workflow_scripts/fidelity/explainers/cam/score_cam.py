"""Score-CAM (Wang et al. 2020): weighs channels by the score of the image that they mask.

The algorithm and the maps are those of pytorch-grad-cam. The package holds all masked images of a
batch in memory at once (10 GB for 32 images of 512 channels at 224 px). Here they are created when
they are needed. The method needs no gradients: it perturbs the input. It is in the CAM family
because its map is a weighted sum of a layer's activations, with a CAM's resolution.
"""

import torch

from fidelity.classifiers.cam_layers.choose import find_cam_layer
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.cam.layer_reader import LayerReader
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Scorecam


def make(context: Context, settings: Scorecam) -> Explain:
    """Set up Score-CAM.

    Args:
        settings: layer (see `explainers.cam`); output: `logit` (the package's) or `probability`
            (the paper's). Probabilities differ little between channels, so the softmax over
            channels gives nearly equal weights.

    Returns:
        A function from tasks to maps of kind `grid`, signed. Extras: layer, and passes (images
        that went through the network).

    Raises:
        InputError: there is no such layer, or it has no spatial extent.
    """
    classifier = context.classifier
    layer = find_cam_layer(classifier, settings.layer)
    reader = LayerReader(classifier, layer, gradients=False)

    @one_by_one
    @torch.no_grad()
    def explain(task: Task) -> Explanation:
        image = classifier.preprocess(task.case.image[None])
        reader(image)
        activations = reader.activations[0]
        reader.release()
        scores, passes = channel_scores(
            classifier, image, activations, task.target, settings.output, context.batch
        )
        grid = (scores.softmax(0)[:, None, None] * activations).sum(0)
        extras = {"layer": layer.name, "passes": passes + 1}
        return Explanation(SaliencyMap("grid", grid.numpy()), extras)

    return explain


def channel_scores(
    classifier: Classifier,
    image: torch.Tensor,
    activations: torch.Tensor,
    target: int,
    output: str,
    batch: int,
) -> tuple[torch.Tensor, int]:
    """Score the image masked by each channel.

    Args:
        classifier: in eval mode.
        image: (1, channels, H, W), preprocessed; where a mask is 0, so is the normalised image.
        activations: (k, h, w).

    Returns:
        float32 (k,) on the CPU, and the number of images that were classified. Channels that do
        not vary share one image: their mask is 0. The package scales the rounding errors of such a
        channel to a mask, unless the channel is exactly 0.
    """
    flat = activations.flatten(1)
    low, high = flat.amin(1), flat.amax(1)
    varies = high - low > 1e-6 * flat.abs().amax(1)
    masks = activations[varies].to(image.device)
    size = image.shape[-2:]

    def score(images: torch.Tensor) -> torch.Tensor:
        logits = classifier(images).float()
        values = classifier.probabilities(logits) if output == "probability" else logits
        return values[:, target].cpu()

    found = []
    for start in range(0, len(masks), batch):
        part = torch.nn.functional.interpolate(
            masks[None, start : start + batch], size=size, mode="bilinear", align_corners=True
        )[0]
        least, most = part.amin((1, 2), keepdim=True), part.amax((1, 2), keepdim=True)
        part = (part - least) / (most - least + 1e-8)
        found.append(score(image * part[:, None]))
    scores = torch.zeros(len(activations))
    if found:
        scores[varies] = torch.cat(found)
    constant = int((~varies).sum())
    if constant:
        scores[~varies] = score(torch.zeros_like(image))
    return scores, int(varies.sum()) + (constant > 0)
