"""The classifiers of torchxrayvision (`xrv:<name>`), built so that they return logits.

If the package's operating points are set, its forward applies sigmoid and then a piecewise linear
scaling. Networks built here apply neither. Probabilities are the plain sigmoid.
"""

import contextlib
import io
import types
from collections.abc import Mapping, Sequence

import torch
import torchvision
from torch import nn

from fidelity.base.errors import InputError
from fidelity.base.suggestions import nearest

PREFIX = "xrv:"
# x in [0, 1] becomes (2x - 1) · 1024, the package's range.
MEAN, STD = (0.5,), (1 / 2048,)
DENSENET, RESNETS = "densenet121", ("resnet50", "resnet101")


def build_xrv(architecture: str, outputs: int) -> nn.Module:
    """Build a network with one input channel and a new head; refuse an unknown name.

    Args:
        architecture: "xrv:densenet121", "xrv:resnet50", or a name of the package's weights such as
            "xrv:densenet121-res224-all", which also determines the names of the outputs.
    """
    output_names(architecture)
    kind = architecture.removeprefix(PREFIX).partition("-")[0]
    if kind == DENSENET:
        return _package().DenseNet(num_classes=outputs, in_channels=1)
    network = torchvision.models.get_model(kind, weights=None, num_classes=outputs)
    network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return network


def output_names(architecture: str) -> tuple[str, ...]:
    """List the outputs of the package's checkpoints; '' for an output that was never trained.

    Raises:
        InputError: the name is unknown.
    """
    models = _package()
    name = architecture.removeprefix(PREFIX)
    kinds = (DENSENET, *RESNETS)
    if name in kinds:
        return tuple(models.DenseNet.targets)
    known = [key for key in models.model_urls if key.startswith(kinds)]
    if name not in known:
        names = [*kinds, *known]
        raise InputError(
            f"torchxrayvision has no classifier {name!r}",
            field="architecture",
            remedy=f"Use xrv: and one of {', '.join(nearest(name, names, 2) or names)}",
        )
    return tuple(models.model_urls[name]["labels"])


def choose_outputs(
    state: Mapping[str, torch.Tensor],
    architecture: str,
    classes: Sequence[str],
    mapping: Mapping[str, str] | None,
) -> dict[str, torch.Tensor]:
    """Reduce a checkpoint's head to the classes of a data set.

    Args:
        classes: model classes, in the requested order.
        mapping: class → output of the checkpoint; a class without an entry uses the output of its
            own name.

    Returns:
        The state with one row of the head per class. Two classes may share an output.

    Raises:
        InputError: a class has no trained output.
    """
    state = dict(state)
    names = output_names(architecture)
    chosen = [(mapping or {}).get(cls, cls) for cls in classes]
    for cls, name in zip(classes, chosen, strict=True):
        if not name or name not in names:
            raise InputError(
                f"{architecture} has no output {name!r} for the class {cls!r}",
                field="outputs",
                remedy=f"Map the class to one of {', '.join(filter(None, names))} under outputs,"
                " or leave it out under the data set's labels (null)",
            )
    rows = [names.index(name) for name in chosen]
    heads = [key for key in state if key.rpartition(".")[0].split(".")[-1] in ("classifier", "fc")]
    for key in heads:
        state[key] = state[key][rows]
    return state


def without_inplace_xrv(module: nn.Module) -> None:
    """Replace the last ReLU of the package's DenseNet, so that it leaves hooked maps unchanged."""
    if type(module).__module__ == "torchxrayvision.models" and hasattr(module, "features2"):
        module.features2 = types.MethodType(_features2, module)


def _features2(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return nn.functional.adaptive_avg_pool2d(torch.relu(self.features(x)), (1, 1)).flatten(1)


def _package() -> types.ModuleType:
    """Import the package's models only when they are needed: the import is slow and prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        import torchxrayvision.models as models
    return models
