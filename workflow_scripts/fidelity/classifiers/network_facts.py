"""Find out from a network itself what its outputs, its last layers and its image sizes are."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.randomised import noise

# Factors by which inputs are larger than images: logits grow, probabilities stay in [0, 1].
SCALES = (100, 10, 1)
IMAGES = 4
TOLERANCE = 1e-3
# Common input sizes of networks.
SIDES = (224, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 192, 196, 208, 240, 256, 288, 299)
SIDES += (300, 320, 331, 336, 352, 380, 384, 416, 448, 456, 480, 512, 518, 528, 560, 600, 640, 768)
SIDES += (896, 1024)


def layers_of(network: nn.Module) -> list[list[str]]:
    """List the names of the layers with parameters, in their order; the heads are the last group.

    Every other group is one layer. A distilled network of timm has several heads, all in one group.
    """
    names = list(dict.fromkeys(name.rpartition(".")[0] for name, _ in network.named_parameters()))
    heads = getattr(network, "pretrained_cfg", {}).get("classifier")
    # With one head, timm gives a string. It is the last layer, as in other networks.
    heads = [name for name in names if name in heads] if isinstance(heads, tuple | list) else []
    rest = [[name] for name in names if name not in heads]
    return [*rest, heads] if heads else rest


@torch.no_grad()
def kind_of_outputs(network: nn.Module, channels: int, side: int) -> str | None:
    """Check whether a network (in eval mode, on the CPU) ends in softmax or sigmoid.

    Returns:
        "softmax" (all outputs in [0, 1], rows sum to 1), "sigmoid" (all in [0, 1]) or None. It is
        also None if the outputs are equal for all images, as with a head of zeros.
    """
    grey = torch.from_numpy(noise(side, 0)[:IMAGES]).float() / 127.5 - 1
    grey = torch.cat([grey, torch.full_like(grey[:1], -1), torch.ones_like(grey[:1])])
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(len(grey), channels, side, side, generator=generator)
    parts = []
    for images in (drawn, grey.unsqueeze(1).expand(-1, channels, -1, -1)):
        for scale in SCALES:
            out = network(images * scale).float().reshape(len(images), -1)
            out = out[out.isfinite().all(dim=1)]
            if (out < 0).any() or (out > 1 + TOLERANCE).any():
                return None
            parts.append(out)
    out = torch.cat(parts)
    if not len(out) or bool((out == out[0]).all()):
        return None
    sums_to_one = out.shape[1] > 1 and float((out.sum(dim=1) - 1).abs().max()) < TOLERANCE
    return "softmax" if sums_to_one else "sigmoid"


def check_outputs_are(
    network: nn.Module,
    channels: int,
    side: int,
    output_values: str | None,
    *,
    file: str | Path | None = None,
) -> None:
    """Check that a network's outputs are what the config states.

    Args:
        output_values: `logits` (not checked), `probabilities`, or None: logits, if a probe agrees.
        file: the file of its weights; None if the network is to be trained here, which needs
            logits.

    Raises:
        InputError: the outputs look like probabilities, or are stated to be probabilities and are
            not.
    """
    if output_values == "logits":
        return
    found = kind_of_outputs(network, channels, side)
    if output_values is None and found is not None:
        how = "in [0, 1] and sum to 1" if found == "softmax" else "in [0, 1]"
        raise InputError(
            f"the network ends in {found}. For every tested image, its outputs are {how}: they"
            " are probabilities, not logits",
            file=file,
            field="output_values",
            remedy="Let the network return logits, which training needs; or write"
            " output_values: logits if they are logits"
            if file is None
            else "Write output_values: probabilities (their log-odds are then explained), or"
            " output_values: logits if they are logits",
        )
    if output_values == "probabilities" and found is None:
        raise InputError(
            "the outputs of the network are not probabilities: some are outside [0, 1], or they"
            " are the same for all images",
            file=file,
            field="output_values",
            remedy="Write output_values: logits, or leave it out",
        )


def sides_taken(network: nn.Module, channels: int) -> Iterator[int]:
    """Try square images of common sizes; yield the sides in pixels that the network accepts."""
    for side in SIDES:
        try:
            with torch.no_grad():
                network(torch.zeros(1, channels, side, side))
        except Exception:  # the user's own code may raise any error
            continue
        yield side
