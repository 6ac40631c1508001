"""Copy a classifier so that every activation and every pooling is a module used once.

captum and zennit change the backward pass through hooks on modules. Hooks fail for a ReLU that is
called twice (ResNet) or works in place. For a function call (DenseNet), they fail silently. So the
network is traced (torch.fx) and rewritten.
"""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.overrides import TorchFunctionMode

from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier

RELU_FUNCTIONS = {F.relu, torch.relu, torch.relu_}
RELU_METHODS = {"relu", "relu_"}
# All forms of a ReLU call that a TorchFunctionMode sees.
RELU_CALLS = RELU_FUNCTIONS | {torch.Tensor.relu, torch.Tensor.relu_}
POOL_ARGUMENTS = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
MAX_POOL_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
# Functions that become modules: function → module, names of its arguments after the input.
POOLS: dict[Callable, tuple[type[nn.Module], tuple[str, ...]]] = {
    F.max_pool2d: (nn.MaxPool2d, MAX_POOL_ARGUMENTS),
    torch.max_pool2d: (nn.MaxPool2d, MAX_POOL_ARGUMENTS),
    F.avg_pool2d: (nn.AvgPool2d, POOL_ARGUMENTS),
    F.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",)),
}
REMEDY = (
    "Use gradient, input_x_gradient, integrated_gradients, smoothgrad or gradient_shap, which leave"
    " the backward pass as it is"
)
# Allowed difference of a logit, relative to the largest logit (or 1), in double precision.
TOLERANCE = 1e-5


def with_own_modules(classifier: Classifier) -> Classifier:
    """Rewrite a classifier's network so that each activation and pooling is a module of its own.

    Returns:
        A copy in eval mode, without parameter gradients, whose network is a `torch.fx.GraphModule`.
        Its logits and its number of ReLUs are checked against the original.

    Raises:
        InputError: the network cannot be traced, or the copy is not equal.
    """
    network = copy.deepcopy(classifier.network).eval().requires_grad_(False)
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise _untraceable(classifier, "TorchScript has no modules of Python")
    try:
        graph = fx.Tracer().trace(network)
    except Exception as error:  # any error that the network's own code raises on symbolic values
        raise _untraceable(classifier, f"{type(error).__name__}: {error}") from error
    traced = fx.GraphModule(network, graph).eval()
    _own_modules(traced)
    twin = with_network(classifier, traced)
    check_equal(classifier, twin)
    check_relus(classifier, twin)
    return twin


def with_network(classifier: Classifier, network: nn.Module) -> Classifier:
    """Combine another network with a classifier's preprocessing and head, in eval mode."""
    twin = Classifier(
        network,
        classifier.architecture,
        classifier.classes,
        classifier.activation,
        classifier.channels,
        classifier.mean,
        classifier.std,
        classifier.image_size,
        classifier.output_values,
    )
    return twin.to(classifier.device).eval().requires_grad_(False)


def check_equal(classifier: Classifier, twin: Classifier) -> None:
    """Raise InputError unless two classifiers give equal logits, on noise, in double precision."""
    noise = _noise(classifier)
    with torch.no_grad():
        expected = _doubled(classifier)(noise)
        found = _doubled(twin)(noise)
    scale = expected.abs().amax().clamp(min=1)
    difference = float((found - expected).abs().amax() / scale)
    if not difference <= TOLERANCE:
        raise InputError(
            f"if {classifier.architecture} is rewritten with one module per ReLU, it returns"
            f" other logits (relative difference {difference:.1e})",
            field="architecture",
            remedy=REMEDY,
        )


def check_relus(classifier: Classifier, twin: Classifier) -> None:
    """Check that each ReLU of a classifier is one module of its copy, which runs once.

    Raises:
        InputError: some ReLU is not a module, or a module runs more than once.
    """
    noise = _noise(classifier).float()
    with torch.no_grad(), _ReluCounter() as counter:
        classifier(noise)
    runs: list[nn.Module] = []
    relus = [module for module in twin.modules() if isinstance(module, nn.ReLU)]
    handles = [
        module.register_forward_hook(lambda module, *_: runs.append(module)) for module in relus
    ]
    try:
        with torch.no_grad():
            twin(noise)
    finally:
        for handle in handles:
            handle.remove()
    if not len(runs) == len(set(runs)) == len(relus) == counter.calls:
        raise InputError(
            f"{classifier.architecture} computes {counter.calls} ReLUs, but hooks reach"
            f" {len(set(runs))} modules in {len(runs)} runs",
            field="architecture",
            remedy="Make each ReLU of the network a separate torch.nn.ReLU module",
        )


class _ReluCounter(TorchFunctionMode):
    """Counts the ReLUs that are computed while it is active, as modules or as function calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
        self.calls += func in RELU_CALLS
        return func(*args, **(kwargs or {}))


def _own_modules(traced: fx.GraphModule) -> None:
    """Replace functions, and modules without parameters, by modules that are called once."""
    for node in list(traced.graph.nodes):
        module = _module_for(node, traced)
        if module is None:
            continue
        name = f"own_{node.name}"
        traced.add_submodule(name, module.eval())
        given = node.args[0]
        with traced.graph.inserting_before(node):
            if isinstance(module, nn.ReLU):
                # captum's hooks are on this tensor; without a view, its other uses would lose their
                # gradient.
                given = traced.graph.call_method("view_as", (given, given))
            new = traced.graph.call_module(name, (given,))
        node.replace_all_uses_with(new)
        traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()


def _module_for(node: fx.Node, traced: fx.GraphModule) -> nn.Module | None:
    """Make the module that replaces a node; None if the node can stay."""
    if node.op == "call_module":
        module = traced.get_submodule(node.target)
        if isinstance(module, nn.ReLU):
            return nn.ReLU()
        return None if next(module.parameters(), None) is not None else copy.deepcopy(module)
    if node.op == "call_method" and node.target in RELU_METHODS:
        return nn.ReLU()
    if node.op != "call_function":
        return None
    if node.target in RELU_FUNCTIONS:
        return nn.ReLU()
    if node.target in POOLS:
        kind, names = POOLS[node.target]
        given = {**dict(zip(names, node.args[1:], strict=False)), **node.kwargs}
        # Arguments that the module does not take (return_indices, …) have their default values in
        # classifiers.
        return kind(**{name: value for name, value in given.items() if name in names})
    return None


def _noise(classifier: Classifier) -> torch.Tensor:
    side = classifier.image_size
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, classifier.channels, side, side, generator=generator)
    return noise.double().to(classifier.device)


def _doubled(classifier: Classifier) -> Classifier:
    return copy.deepcopy(classifier).eval().double()


def _untraceable(classifier: Classifier, reason: str) -> InputError:
    return InputError(
        f"the code of {classifier.architecture} cannot be traced, so its ReLUs cannot be hooked"
        f" one by one ({reason})",
        field="architecture",
        remedy=REMEDY,
    )
