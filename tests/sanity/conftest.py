"""A small convolutional network for the sanity checks."""

import pytest
import torch
from torch import nn

from fidelity.classifiers.model import Classifier

SIDE = 32


@pytest.fixture
def convolutional():
    """Return a network for three classes, with statistics of batch normalisation as if trained."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(128, 3),
    )
    network.train()
    for _ in range(20):
        network(torch.rand(8, 1, SIDE, SIDE))
    return Classifier(network, "own", ("a", "b", "c"), "softmax", 1, (0.5,), (0.25,), SIDE).eval()
