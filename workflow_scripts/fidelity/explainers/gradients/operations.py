"""List the operations that methods with a changed backward pass support; others are refused.

An operation without a rule would silently get the plain gradient. So operations are allowed by
name, and an error names all others.
"""

import operator
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import fx, nn

from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.explainers.gradients.modules import REMEDY, with_own_modules

# These are linear in their input, or only move values, or have a rule in every method.
MODULES: tuple[type[nn.Module], ...] = (
    nn.Conv2d,
    nn.Linear,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.MaxPool2d,
    nn.ReLU,
    nn.Flatten,
    nn.Unflatten,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.ZeroPad2d,
    nn.Upsample,
    nn.ChannelShuffle,
)
FUNCTIONS = {
    "_assert",
    "add",
    "cat",
    "chunk",
    "concat",
    "contiguous",
    "dim",
    "dropout",
    "eq",
    "flatten",
    "floordiv",
    "getattr",
    "getitem",
    "iadd",
    "permute",
    "reshape",
    "size",
    "squeeze",
    "transpose",
    "unsqueeze",
    "view",
    "view_as",
}
# Additional operations per method. Guided backprop allows gates, whose gradient is plain by the
# method's definition. DeepLift allows linear operations that zennit's rules do not cover.
MORE_MODULES: dict[str, tuple[type[nn.Module], ...]] = {
    "guided_backprop": (nn.Sigmoid, nn.Hardsigmoid)
}
MORE_FUNCTIONS = {
    "guided_backprop": {"batch_norm", "mean", "mul", "sigmoid", "hardsigmoid"},
    "deeplift": {"batch_norm", "mean"},
    "lrp": set(),
}
TITLES = {"guided_backprop": "guided backprop", "deeplift": "DeepLift", "lrp": "LRP"}


def with_known_operations(classifier: Classifier, method: str) -> Classifier:
    """Rewrite a classifier for a method and check that the method has a rule for each operation.

    Raises:
        InputError: the network cannot be traced, has no ReLU (guided backprop), or has an operation
            without a rule.
    """
    rules = "guided_backprop" if method == "guided_gradcam" else method
    twin = with_own_modules(classifier)
    modules = MODULES + MORE_MODULES.get(rules, ())
    functions = FUNCTIONS | MORE_FUNCTIONS[rules]
    unknown = sorted(
        {
            name
            for name, module in _operations(twin.network)
            if not (type(module) in modules if module is not None else name in functions)
        }
    )
    if unknown:
        raise InputError(
            f"{TITLES[rules]} has no rule for {', '.join(unknown)} of {classifier.architecture},"
            " where it would use the plain gradient",
            field="architecture",
            remedy=REMEDY,
        )
    has_relu = any(isinstance(module, nn.ReLU) for module in twin.modules())
    if rules == "guided_backprop" and not has_relu:
        raise InputError(
            f"{classifier.architecture} has no ReLU, without which {TITLES[rules]} is the plain"
            " gradient",
            field="architecture",
            remedy=REMEDY,
        )
    return twin


def _operations(network: fx.GraphModule) -> Iterator[tuple[str, Any]]:
    """Yield the name of each operation of a traced network, and its module if it is one."""
    for node in network.graph.nodes:
        if node.op == "call_module":
            module = network.get_submodule(node.target)
            yield type(module).__name__, module
        elif node.op == "call_function":
            yield name_of(node.target), None
        elif node.op == "call_method":
            yield node.target.rstrip("_"), None


def name_of(function: Any) -> str:
    """Return a function's name; an in-place form has the name of the plain one."""
    if function is operator.iadd or function is torch.Tensor.add_:
        return "add"
    function = function.func if isinstance(function, partial) else function
    return getattr(function, "__name__", str(function)).rstrip("_")
