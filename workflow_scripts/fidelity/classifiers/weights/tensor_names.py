"""Find the tensors of a weights file that belong to a network: prefixes, heads, extra tensors.

General rules are used, not the names of training scripts. The weights are the set in which every
name of the network's body has the same prefix. Any other tensor must be of a known kind, or the
file is refused.
"""

import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import torch

from fidelity.base.errors import InputError
from fidelity.classifiers.weights.checkpoint import Checkpoint

log = logging.getLogger(__name__)

# The name of a DenseNet layer in torchvision's files: denselayer1.norm.1.weight.
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
SHOWN = 4
COUNTER = "num_batches_tracked"
# Tensors that do not affect the output, by a part of their name between two dots.
BESIDE = {
    "loss weights": re.compile(
        r"criteri\w*|(\w+_)?loss(es)?(_\w+)?|(\w+_)?(pos|class)_?weights?|bce\w*|ce|focal\w*", re.I
    ),
    "state of metrics": re.compile(
        r"(\w+_)?(metrics?|acc|accuracy|auroc|auc|f1(_?score)?|precision|recall|confmat|kappa|ece"
        r"|specificity|sensitivity|mcc|iou|dice)(_\w+)?|tp|fp|tn|fn|preds|target",
        re.I,
    ),
    "auxiliary heads": re.compile(r"AuxLogits|aux(iliary)?\d*(_\w+)?", re.I),
    "counters": re.compile(
        r"n_averaged|initted|step|global_step|num_updates|decay|total_ops|total_params"
    ),
    "buffers that are computed": re.compile(r"relative_position_index|attn_mask"),
    "operating points": re.compile(r"op_threshs"),
}
NORMALISATION = re.compile(r"(.*?)_?(?:(pixel|image|img|input)_)?(mean|std)")


@dataclass
class Match:
    """The tensors of a file that belong to a network.

    Attributes:
        place: where in the file they were found, in words; "" for the top.
        state: the network's name → tensor; shapes may differ, missing names are absent.
        unexpected: names of tensors of unknown kinds.
        dropped: kind → names of tensors that are not used.
        renamed: the head's name in the file, if it differs from that in the network; else None.
        mean: per channel, from a layer that normalises the input.
    """

    place: str
    state: dict[str, torch.Tensor]
    unexpected: list[str] = field(default_factory=list)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    renamed: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def fits(self, own: Mapping[str, torch.Tensor]) -> bool:
        """Check whether every name and shape is the network's."""
        return not self.unexpected and own.keys() == self.state.keys() and not self.misshapen(own)

    def misshapen(self, own: Mapping[str, torch.Tensor]) -> list[str]:
        """List the tensors whose shape differs from the network's."""
        return [k for k in own if k in self.state and own[k].shape != self.state[k].shape]


def match(
    checkpoint: Checkpoint,
    own: Mapping[str, torch.Tensor],
    heads: set[str],
    entry: str | None = None,
) -> Match:
    """Find the best match of a network's tensors in a file; the caller decides whether it fits.

    Args:
        own: the network's state; only names and shapes are used.
        heads: names of the tensors whose shape depends on the number of outputs.
        entry: which set of weights to use, if the file has several (`weights_entry`).

    Raises:
        InputError: several sets of weights fit, and `entry` names none of them.
    """
    body = {key for key in own if key not in heads and not key.endswith(COUNTER)} or set(own)
    found: dict[str, tuple[dict[str, torch.Tensor], str]] = {}
    best: tuple[int, str, dict[str, torch.Tensor], str] = (-1, "", {}, "")
    for name, tensors in checkpoint.sets.items():
        current = current_names(tensors)
        renamed = {key: value for key, value in current.items() if key not in tensors}
        tensors = current if _prefixes(renamed, body) else tensors
        counts = _prefixes(tensors, body) or Counter({"": 0})
        for prefix, count in counts.items():
            place = ".".join(filter(None, (name, prefix.rstrip("."))))
            if count == len(body):
                found[place] = (tensors, prefix)
            if count > best[0]:
                best = (count, place, tensors, prefix)
    if not found:
        _, place, tensors, prefix = best
        return _match(place, tensors, prefix, own, heads)
    place = _choose(found, body, entry, checkpoint)
    tensors, prefix = found[place]
    others = [other for _, other in found.values() if other != prefix]
    return _match(place, tensors, prefix, own, heads, others)


def current_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the layers of torchvision's DenseNet files, which are older than its code.

    Returns:
        The state with `denselayer1.norm.1.weight` renamed to `denselayer1.norm1.weight`; unchanged
        if there is no such name.
    """
    return {OLD_DENSENET.sub(r"\1\2", key): value for key, value in state.items()}


def _prefixes(tensors: Mapping[str, torch.Tensor], body: set[str]) -> Counter[str]:
    """Count for each prefix how many names of the body follow it."""
    counts: Counter[str] = Counter()
    for key in tensors:
        start = 0
        while True:
            if key[start:] in body:
                counts[key[:start]] += 1
            start = key.find(".", start) + 1
            if not start:
                break
    return counts


def _choose(
    found: Mapping[str, tuple[dict[str, torch.Tensor], str]],
    body: set[str],
    entry: str | None,
    checkpoint: Checkpoint,
) -> str:
    """Choose one of several sets of weights; identical sets count as one."""
    distinct: dict[str, tuple[dict[str, torch.Tensor], str]] = {}
    for place, candidate in found.items():
        if not any(_equal(candidate, other, body) for other in distinct.values()):
            distinct[place] = candidate
    if entry in found:
        return entry
    if entry is not None:
        named = [place for place in found if place.startswith(f"{entry}.")]
        if len(named) == 1:
            return named[0]
        raise InputError(
            f"under {entry!r}, the file holds no weights of this network"
            if not named
            else f"the file holds several sets of weights under {entry!r}",
            file=checkpoint.path,
            field="weights_entry",
            remedy=f"Choose one of {', '.join(map(repr, found))}",
        )
    if len(distinct) > 1:
        raise InputError(
            f"the file holds {len(distinct)} sets of weights of this network:"
            f" {', '.join(repr(place or 'the top of the file') for place in distinct)}",
            file=checkpoint.path,
            field="weights",
            remedy="State which one to use: weights_entry:"
            f" {next(filter(None, reversed(distinct)))}",
        )
    return next(iter(distinct))


def _equal(one: tuple[dict, str], two: tuple[dict, str], body: set[str]) -> bool:
    pairs = [(one[0][one[1] + key], two[0][two[1] + key]) for key in body]
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)


def _match(
    place: str,
    tensors: Mapping[str, torch.Tensor],
    prefix: str,
    own: Mapping[str, torch.Tensor],
    heads: set[str],
    others: Sequence[str] = (),
) -> Match:
    """Sort the tensors of a set; `others` are the prefixes of other weights of this network."""
    state = {key: tensors[prefix + key] for key in own if prefix + key in tensors}
    # Files of old versions of torch lack this counter; no result depends on it.
    zero = torch.zeros((), dtype=torch.long)  # real, as `own` may have shapes only
    state = {key: zero.clone() for key in own if key.endswith(COUNTER)} | state
    left = {key: v for key, v in tensors.items() if key.removeprefix(prefix) not in own}
    result = Match(place, state)
    result.mean, result.std = _normalisation(left)
    for key in list(left):
        other = _of_others(key, prefix, others, own)
        kind = "other weights of this network" if other else _kind(key)
        if kind is not None:
            result.dropped.setdefault(kind, []).append(key)
            del left[key]
    _find_head(result, left, own, heads)
    result.unexpected = sorted(left)
    return result


def _of_others(
    key: str, prefix: str, others: Sequence[str], own: Mapping[str, torch.Tensor]
) -> bool:
    """Check whether a tensor is part of a set that was not chosen (a teacher, an average)."""
    return any(
        key.startswith(other) and (not prefix.startswith(other) or key.removeprefix(other) in own)
        for other in others
    )


def _kind(key: str) -> str | None:
    """Return the kind of an extra tensor; None if it is not known."""
    parts = key.split(".")
    return next(
        (kind for kind, rule in BESIDE.items() if any(rule.fullmatch(part) for part in parts)),
        None,
    )


def _normalisation(
    left: dict[str, torch.Tensor],
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Remove and return the mean and standard deviation of a layer that normalises the input."""
    found: dict[str, dict[str, str]] = {}
    for key, value in left.items():
        parent, _, last = key.rpartition(".")
        named = NORMALISATION.fullmatch(last)
        if named and value.numel() in (1, 3):
            found.setdefault(f"{parent}|{named[1]}", {})[named[3]] = key
    pairs = [names for names in found.values() if len(names) == 2]
    if len(pairs) != 1:
        return None, None
    mean, std = (
        tuple(left.pop(pairs[0][which]).flatten().double().tolist()) for which in ("mean", "std")
    )
    return mean, std


def _find_head(
    result: Match,
    left: dict[str, torch.Tensor],
    own: Mapping[str, torch.Tensor],
    heads: set[str],
) -> None:
    """Use the only remaining layer as the head, if the head is missing.

    This covers a head that is a Sequential of dropout and one linear layer, a linear layer in place
    of a Sequential, and a head that is stored next to the network.
    """
    lacking = heads - result.state.keys()
    layers = {name.rpartition(".")[0] for name in lacking}
    if len(layers) != 1 or lacking != heads:
        return
    layer = layers.pop()
    weights = [
        key
        for key, value in left.items()
        if key.rpartition(".")[2] == "weight"
        and value.shape[1:] == own[f"{layer}.weight"].shape[1:]
    ]
    if len(weights) != 1:
        return
    parent = weights[0].removesuffix("weight")
    if any(not key.startswith(parent) for key in left):
        return
    weight = result.state[f"{layer}.weight"] = left.pop(weights[0])
    if f"{layer}.bias" in heads:
        bias = left.pop(f"{parent}bias", None)
        result.state[f"{layer}.bias"] = torch.zeros(len(weight)) if bias is None else bias
    result.renamed = parent.rstrip(".")


def raise_misfit(
    own: Mapping[str, torch.Tensor],
    state: Mapping[str, torch.Tensor],
    unexpected: Sequence[str],
    path: str | Path,
    architecture: str,
    heads: Collection[str] = (),
) -> NoReturn:
    """Raise InputError that names what does not fit.

    Args:
        heads: names of tensors whose shape depends on the number of outputs; they may differ.
    """
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and own[key].shape != state[key].shape and key not in heads
    ]
    parts = [
        f"{len(names)} {what} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
        for what, names in (
            ("missing", sorted(own.keys() - state.keys())),
            ("unexpected", sorted({*unexpected, *(state.keys() - own.keys())})),
            ("of another shape", shapes),
        )
        if names
    ]
    raise InputError(
        f"the checkpoint does not fit {architecture}: {'; '.join(parts)}",
        file=path,
        field="weights",
        remedy="Name the architecture that it was trained with. For your own network, write a"
        " function that builds it: architecture: plugin:<function> (docs/models.md)",
    )
