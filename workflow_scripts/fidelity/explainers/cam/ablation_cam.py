"""Ablation-CAM (Desai & Ramaswamy 2020): weighs channels by what the class loses without them.

Where the maps of pytorch-grad-cam are sound, this module gives the same maps. It differs in four
points.

- A weight is the drop of the logit. The package divides it by the logit. A negative logit inverts
  the map, so that a class seems to be where it is not (its issue 555). Near 0 it overflows.
- A channel is set to 0, as in the paper. The package sets it to its batch's minimum - 1e7, unless
  that minimum is 0. In a batch, each row gets a lower value than the row before. So maps depend on
  the batch size, and after a LayerNorm they depend on nothing else.
- Channels are set in a hook. The package replaces the layer in the network, and does not restore
  it if a pass raises: every later map is of another network.
- The layers before see one image per pass. The package sends a batch of copies through them.

The method needs no gradients: it perturbs a layer. It is in the CAM family because its map is a
weighted sum of that layer's activations, with a CAM's resolution.
"""

import torch
from torch import nn

from fidelity.classifiers.cam_layers.choose import CamLayer, find_cam_layer
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.cam.layer_reader import LayerReader
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Ablationcam


def make(context: Context, settings: Ablationcam) -> Explain:
    """Set up Ablation-CAM.

    Returns:
        A function from tasks to maps of kind `grid`, signed, in logits × activation. Extras: layer.

    Raises:
        InputError: there is no such layer, or it has no spatial extent.
    """
    classifier = context.classifier
    layer = find_cam_layer(classifier, settings.layer)
    reader = LayerReader(classifier, layer, gradients=False)
    side = classifier.image_size
    probe = torch.zeros(1, classifier.channels, side, side, device=classifier.device)
    spread = not broadcasts(classifier, layer, probe)

    @one_by_one
    @torch.no_grad()
    def explain(task: Task) -> Explanation:
        image = classifier.preprocess(task.case.image[None])
        logit = reader(image)[0, task.target].cpu()
        activations = reader.activations[0]
        reader.release()
        # A channel that is 0 already loses nothing.
        alive = activations.flatten(1).abs().amax(1).nonzero().flatten()
        weights = torch.zeros(len(activations))
        for channels in alive.split(context.batch):
            images = image.expand(len(channels), -1, -1, -1) if spread else image
            logits = ablated(classifier, layer, images, channels)
            weights[channels] = logit - logits[:, task.target].cpu()
        grid = (weights[:, None, None] * activations).sum(0)
        return Explanation(SaliencyMap("grid", grid.numpy()), {"layer": layer.name})

    return explain


@torch.no_grad()
def ablated(
    classifier: Classifier, layer: CamLayer, images: torch.Tensor, channels: torch.Tensor
) -> torch.Tensor:
    """Return logits (k, classes) of an image without one channel of a layer, for several channels.

    Args:
        classifier: in eval mode; restored afterwards, even if an error is raised.
        layer: whose output loses a channel. Tokens have their channels last; a class token loses
            the channel too, as in the package's layer for transformers.
        images: the image, once (n = 1) or as often as there are channels.
        channels: int64 (k,).
    """
    count = len(channels)

    def without(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        copies = output.expand(count, *output.shape[1:]).clone()
        last = layer.reshape is not None
        rows = copies.movedim(-1, 1) if last else copies
        rows[torch.arange(count), channels.to(output.device)] = 0
        return copies

    handle = layer.module.register_forward_hook(without)
    try:
        return classifier(images).float()
    finally:
        handle.remove()


def broadcasts(classifier: Classifier, layer: CamLayer, image: torch.Tensor) -> bool:
    """Check whether the rest of the network takes several outputs of the layer for one image.

    The other inputs of the later layers are then those of a single image. Additions around the
    layer (residual blocks) allow this; concatenations (inside dense blocks) do not.
    """
    channels = torch.zeros(2, dtype=torch.int64)
    try:
        one = ablated(classifier, layer, image, channels)
    except RuntimeError:
        return False
    two = ablated(classifier, layer, image.expand(2, -1, -1, -1), channels)
    return one.shape == two.shape and torch.allclose(one, two, rtol=1e-3, atol=1e-4)
