"""Bring a network into the form that relevance propagation has rules for.

zennit's canonizers do this for torchvision's ResNet and VGG, by their classes. This module works on
the traced network of any class. Tests show that both give the same maps.
"""

from collections import Counter

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from zennit.layer import Sum

from fidelity.classifiers.model import Classifier
from fidelity.explainers.gradients.modules import check_equal, with_network
from fidelity.explainers.gradients.operations import name_of, with_known_operations


class Addition(nn.Module):
    """A sum of two branches as a module, so that relevance is divided by their contributions."""

    def __init__(self) -> None:
        """Create the module that zennit's rule applies to."""
        super().__init__()
        self.sum = Sum()

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Add the two inputs."""
        return self.sum(torch.stack(torch.broadcast_tensors(first, second), dim=-1))


def canonised(classifier: Classifier) -> Classifier:
    """Copy a classifier for relevance propagation; its logits are checked against the original's.

    Batch normalisations right after a convolution or linear layer are merged into it. Others stay
    (at the start of DenseNet's layers, whose input has other uses). They have one input each and
    pass relevance on unchanged, which is zennit's rule for them.

    Raises:
        InputError: the network cannot be traced, or has an operation without a rule.
    """
    network = with_known_operations(classifier, "lrp").network
    _merge_norms(network)
    _sums_as_modules(network)
    network.graph.lint()
    network.recompile()
    network.delete_all_unused_submodules()
    twin = with_network(classifier, network)
    check_equal(classifier, twin)
    return twin


def _merge_norms(network: fx.GraphModule) -> None:
    uses = Counter(node.target for node in network.graph.nodes if node.op == "call_module")
    for node in list(network.graph.nodes):
        if node.op != "call_module" or not isinstance(node.args[0], fx.Node):
            continue
        before = node.args[0]
        if before.op != "call_module" or len(before.users) > 1 or uses[before.target] > 1:
            continue
        layer, norm = (network.get_submodule(each.target) for each in (before, node))
        if type(layer) is nn.Conv2d and type(norm) is nn.BatchNorm2d:
            merged = fuse_conv_bn_eval(layer, norm)
        elif type(layer) is nn.Linear and type(norm) is nn.BatchNorm1d:
            merged = fuse_linear_bn_eval(layer, norm)
        else:
            continue
        network.set_submodule(before.target, merged.requires_grad_(False))
        node.replace_all_uses_with(before)
        network.graph.erase_node(node)


def _sums_as_modules(network: fx.GraphModule) -> None:
    for node in list(network.graph.nodes):
        called = node.op == "call_function" and name_of(node.target) == "add"
        called = called or (node.op == "call_method" and node.target in ("add", "add_"))
        if not called or not all(isinstance(each, fx.Node) for each in node.args[:2]):
            continue
        name = f"own_{node.name}"
        network.add_submodule(name, Addition())
        with network.graph.inserting_before(node):
            new = network.graph.call_module(name, node.args[:2])
        node.replace_all_uses_with(new)
        network.graph.erase_node(node)
