"""Smaller versions of networks, for tests that do not depend on the size."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from torch import nn
from torchvision.models import VGG, densenet


def narrow(network: nn.Module) -> nn.Module:
    """Give a VGG hidden layers of 256 instead of 4,096 units, which hold most of its weights."""
    if isinstance(network, VGG):
        head = network.classifier
        head[0] = nn.Linear(head[0].in_features, 256)
        head[3] = nn.Linear(256, 256)
        head[6] = nn.Linear(256, head[6].out_features)
    return network


@contextmanager
def short_densenets() -> Iterator[None]:
    """Let torchvision build DenseNets of two layers per block: 128 channels instead of 1,024."""
    whole = densenet._densenet

    def short(growth, blocks, first, *arguments, **options):
        return whole(growth, (2,) * len(blocks), first, *arguments, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(densenet, "_densenet", short)
        yield
