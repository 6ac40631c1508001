"""Check that a weights file fits an architecture; find the number of outputs and the classes.

What neither the file nor the network states, the user must state. A wrong guess (such as the order
of the classes) would give wrong numbers without any message.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from fidelity.base.errors import InputError, first_line
from fidelity.base.plugins import PREFIX as PLUGIN
from fidelity.base.plugins import failure, load_plugin_function
from fidelity.classifiers import xrv
from fidelity.classifiers.architectures import build, normalisation
from fidelity.classifiers.model import STATES, Activation, outputs_of
from fidelity.classifiers.network_facts import SIDES, sides_taken
from fidelity.classifiers.weights.checkpoint import (
    Checkpoint,
    read_checkpoint,
    trusted_torchscript,
)
from fidelity.classifiers.weights.header import fixed_size
from fidelity.classifiers.weights.tensor_names import Match, match, raise_misfit

log = logging.getLogger(__name__)

TORCHSCRIPT = "torchscript"


@dataclass
class Foreign:
    """A weights file that fits its architecture.

    Attributes:
        checkpoint: the content of the file; None for TorchScript.
        match: the tensors of the file that belong to the network; None for TorchScript.
        script: the network; None for a state dict.
    """

    path: Path
    architecture: str
    image_size: int
    outputs: int
    channels: int
    checkpoint: Checkpoint | None
    match: Match | None
    script: nn.Module | None
    plugins: Sequence[str | Path] = ()

    def order(
        self,
        classes: Sequence[str] | None,
        example: Sequence[str] = (),
        activation: Activation = "softmax",
    ) -> tuple[str, ...]:
        """Return the class of each output: those of the config, or else those that the file states.

        Args:
            classes: classes of the config; None if it has none.

        Raises:
            InputError: neither of them states the classes, or the two contradict each other.
        """
        if self.by_name:
            return tuple(classes or example)
        noted = self.checkpoint.classes if self.checkpoint else None
        if classes:
            theirs, ours = ([name.casefold() for name in names] for names in (noted or (), classes))
            moved = [name in theirs and theirs.index(name) != at for at, name in enumerate(ours)]
            if any(moved) and len(theirs) == len(ours):
                right = "save the weights without the names if these are wrong"
                raise InputError(
                    f"the file states another order of the classes: {', '.join(noted)}",
                    file=self.path,
                    field="classes",
                    remedy=f"Write {_line(noted)}, or {right}"
                    if sorted(theirs) == sorted(ours)
                    else f"List your own names in the order of the file, or {right}",
                )
            return tuple(classes)
        if noted and outputs_of(activation, len(noted)) == self.outputs:
            log.info("%s states the classes of its outputs: %s", self.path, ", ".join(noted))
            return noted
        raise self._unnamed(example, activation)

    def _unnamed(self, example: Sequence[str], activation: Activation) -> InputError:
        """Return an error that states the number of outputs and the config line to write."""
        names, count = list(example), self.outputs
        what = f"{count} outputs" if count > 1 else "1 output"
        one_logit = count == 1 and activation != "sigmoid"
        if activation == "three_way":
            count //= STATES["three_way"]
        elif one_logit:
            count = 2
        line = _line([*names, *["…"] * (count - len(names))] if count >= len(names) else names)
        hint = ""
        if one_logit:
            hint = " (the first class is that of outputs below 0)"
            line = f"head: one_logit and {line}"
        return InputError(
            f"the network has {what}, but neither the file nor the config states which class each"
            " output is"
            if self.outputs > 1
            else "the network has 1 output, but neither the file nor the config states its classes",
            file=self.path,
            field="classes",
            remedy="Look the order up in the training script and write it, for example:"
            f" {line}{hint}",
        )

    @property
    def by_name(self) -> bool:
        """Whether outputs are selected by name: the file has all outputs of torchxrayvision."""
        of_xrv = self.architecture.startswith(xrv.PREFIX)
        return of_xrv and self.outputs == len(xrv.output_names(self.architecture))

    def network(
        self, classes: Sequence[str], outputs: int, mapping: Mapping[str, str] | None
    ) -> nn.Module:
        """Build the network with the file's weights.

        Args:
            mapping: class → output of torchxrayvision, if outputs are selected by name.
        """
        if self.script is not None:
            return self.script
        network, state = _built(self, outputs), self.match.state
        if self.by_name:
            state = xrv.choose_outputs(state, self.architecture, classes, mapping)
        network.load_state_dict(state)
        return network


def _line(names: Sequence[str]) -> str:
    """Return the line of the config; names that YAML would misread are quoted."""
    dumped = yaml.safe_dump(list(names), default_flow_style=True, allow_unicode=True, width=10_000)
    return f"classes: {dumped.strip()}"


def read_foreign(
    path: str | Path,
    architecture: str,
    *,
    image_size: int = 224,
    trusted: bool = False,
    plugins: Sequence[str | Path] = (),
    entry: str | None = None,
) -> Foreign:
    """Read a weights file and check that it fits its architecture, for any number of outputs.

    Args:
        path: a file of torch.save, safetensors, or TorchScript with architecture "torchscript".
        trusted: allow TorchScript, which is code.
        entry: which weights to use, if the file has several (`weights_entry`).

    Raises:
        InputError: the file is missing, corrupt, a pickle that runs code, or TorchScript without
            trust; or its weights do not fit, or are for images of another size.
    """
    path = Path(path)
    if architecture == TORCHSCRIPT:
        script = trusted_torchscript(path, trusted).eval()
        channels, outputs = _ask_script(script, path, image_size)
        log.info("%s: used with images of %d px; the network accepts this size", path, image_size)
        return Foreign(path, architecture, image_size, outputs, channels, None, None, script)
    checkpoint = read_checkpoint(path)
    own, heads = own_shapes(architecture, image_size, None, plugins)
    found = match(checkpoint, own, heads, entry)
    channels = _channels(found, own)
    if channels == 1:
        own, heads = own_shapes(architecture, image_size, 1, plugins)
    if found.unexpected or own.keys() - found.state.keys():
        raise_misfit(own, found.state, found.unexpected, path, architecture, heads)
    if set(found.misshapen(own)) - heads:
        names = {"path": path, "architecture": architecture, "image_size": image_size}
        _raise_misshapen(found, own, heads, channels, names)
    _check_kinds(found, own, path)
    _log(found, path)
    if fixed_size(path) is None:
        log.info(
            "%s: used with images of %d px. The file does not state a size; image_size should be"
            " the one of its training",
            path,
            image_size,
        )
    first = next((value.shape[1] for value in own.values() if value.ndim == 4), None)
    channels = channels or expected_channels(architecture, first, plugins)
    foreign = Foreign(path, architecture, image_size, 0, channels, checkpoint, found, None, plugins)
    # A plugin's function may ignore the number of outputs.
    foreign.outputs = (
        len(found.state[min(heads)]) if heads else ask_outputs(foreign, _built(foreign, 1).eval())
    )
    return foreign


def _check_kinds(found: Match, own: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse whole numbers where the network has fractions: torch converts without their scale."""
    for key, value in found.state.items():
        if own[key].is_floating_point() and not value.is_floating_point():
            raise InputError(
                f"the weights are not floating-point numbers (first: {key}, {value.dtype}), as"
                " after quantisation",
                file=path,
                field="weights",
                remedy="Save the weights before they are quantised",
            )


def own_shapes(
    architecture: str,
    image_size: int,
    channels: int | None = None,
    plugins: Sequence[str | Path] = (),
) -> tuple[dict[str, torch.Tensor], set[str]]:
    """Return a network's state without values, and the names that depend on the output count."""
    one, two = (_shapes(architecture, outputs, image_size, channels, plugins) for outputs in (5, 7))
    return one, {key for key in one if key in two and one[key].shape != two[key].shape}


def _shapes(
    architecture: str,
    outputs: int,
    image_size: int,
    channels: int | None,
    plugins: Sequence[str | Path],
) -> dict[str, torch.Tensor]:
    arguments = {"image_size": image_size, "channels": channels, "plugins": plugins}
    with torch.random.fork_rng(devices=[]):
        if not architecture.startswith(PLUGIN):
            try:
                with torch.device("meta"):
                    state = build(architecture, outputs, **arguments).state_dict()
                return {key: torch.empty_like(value) for key, value in state.items()}
            except InputError:
                raise
            except Exception:  # a network whose constructor computes with values
                log.debug("%s cannot be built without values", architecture)
        return build(architecture, outputs, **arguments).state_dict()


def _built(foreign: Foreign, outputs: int) -> nn.Module:
    return build(
        foreign.architecture,
        outputs,
        image_size=foreign.image_size,
        channels=foreign.channels,
        plugins=foreign.plugins,
    )


def _channels(found: Match, own: Mapping[str, torch.Tensor]) -> int | None:
    """Return 1 if the file's first layer reads one channel and the network's reads three.

    Otherwise return None.
    """
    for key in found.misshapen(own):
        mine, theirs = own[key].shape, found.state[key].shape
        if len(mine) == len(theirs) == 4 and mine[1] == 3 and theirs == (mine[0], 1, *mine[2:]):
            return 1
    return None


def expected_channels(architecture: str, first: int | None, plugins: Sequence[str | Path]) -> int:
    """Return the channels a network reads; for a plugin, its first layer may determine them.

    Args:
        first: channels that the first convolution reads; None if there is none.
    """
    if architecture.startswith(PLUGIN) and first == 1:
        function = load_plugin_function(architecture, plugins)
        if not hasattr(function, "mean"):
            return 1
    return len(normalisation(architecture, True, plugins)[0])


def _raise_misshapen(
    found: Match,
    own: Mapping[str, torch.Tensor],
    heads: set[str],
    channels: int | None,
    foreign: dict[str, Any],
) -> None:
    """Raise InputError; it names the image size if the size is the reason for the misfit."""
    architecture, size = foreign["architecture"], foreign["image_size"]
    wrong = set(found.misshapen(own)) - heads
    for side in SIDES:
        if architecture.startswith(PLUGIN) or side == size:
            continue
        try:
            other = _shapes(architecture, 5, side, channels, ())
        except InputError:
            continue
        if all(other[key].shape == own[key].shape for key in wrong):
            break  # the size is not the reason
        if not wrong & set(found.misshapen(other)):
            raise wrong_size(foreign["path"], side, size)
    raise_misfit(own, found.state, found.unexpected, foreign["path"], architecture, heads)


def wrong_size(path: str | Path | None, taken: int, size: int) -> InputError:
    """Return the error for a network that accepts one image of a size.

    If this is the given size, it refuses several images at once.
    """
    if taken == size:
        return InputError(
            "the network takes one image, but not several at once",
            file=path,
            field="architecture",
            remedy="Leave the number of images open in the network's code, as in"
            " x.reshape(x.shape[0], -1). Trace it with two images",
        )
    return InputError(
        f"the network takes images of {taken} px, but image_size is {size}",
        file=path,
        field="image_size",
        remedy=f"Write image_size: {taken} under the data set",
    )


def _log(found: Match, path: Path) -> None:
    if found.place:
        log.info("%s: the weights are read from the entry %r", path, found.place)
    if found.renamed is not None:
        log.info("%s: the only linear layer, %r, is used as the head", path, found.renamed)
    for kind, names in found.dropped.items():
        log.info("%s: left out, %s: %s", path, kind, ", ".join(names))


def _ask_script(script: nn.Module, path: Path, size: int) -> tuple[int, int]:
    """Run a TorchScript network; return its channels and its number of outputs."""
    candidates = list(dict.fromkeys((script.channels, 3, 1)))
    for channels in candidates:
        try:
            return channels, count_outputs(script, channels, size)
        except InputError as error:
            raise InputError(
                error.problem, file=path, field="architecture", remedy=error.remedy
            ) from error
        except Exception as error:  # the script may raise any error
            reason = error
    for channels in candidates:
        side = next(sides_taken(script, channels), None)
        if side is not None:
            raise wrong_size(path, side, size)
    raise InputError(
        f"the network takes no square image of 1 or 3 channels ({first_line(reason)})",
        file=path,
        field="architecture",
        remedy="Export it with an input of type float32 and shape (n, channels, side, side)",
    )


@torch.no_grad()
def count_outputs(network: nn.Module, channels: int, size: int) -> int:
    """Count the values that a network returns per image.

    Raises:
        InputError: it does not return one row of values.
    """
    out = network(torch.zeros(2, channels, size, size))
    if not isinstance(out, torch.Tensor) or out.ndim > 2 or len(out) != 2:
        raise no_row("architecture")
    return out[0].numel()


def ask_outputs(foreign: Foreign, network: nn.Module) -> int:
    """Count the values per image that a network with the weights of a file returns.

    Raises:
        InputError: it takes images of another size, fails, or does not return one row of values.
    """
    try:
        return count_outputs(network, foreign.channels, foreign.image_size)
    except InputError:
        raise
    except Exception as error:  # the user's own code may raise any error
        side = next(sides_taken(network, foreign.channels), None)
        if side is None:
            raise failure(foreign.architecture, error) from error
        raise wrong_size(foreign.path, side, foreign.image_size) from error


def no_row(field: str) -> InputError:
    """Describe a network whose output is not (images, outputs)."""
    return InputError(
        "the network does not return one row of values per image",
        field=field,
        remedy="Return one tensor (images, outputs), not a tuple or dict",
    )
