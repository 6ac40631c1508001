"""An explainer from the user's own file, named by `method: plugin:<function>`."""

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fidelity.base.plugins import load_plugin_function
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Plugin

if TYPE_CHECKING:
    from fidelity.classifiers.model import Classifier

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_RESTORE = "restore it, or change a copy (copy.deepcopy): later cases would get other maps"


def make(context: Context, settings: Plugin) -> Explain:
    """Wrap the user's function.

    Returns:
        A function from tasks to maps. The user's function is called per image as
        `function(classifier, image, target, seed, **params)`. `image` is a float32 tensor (1, C, H,
        W), normalised for the network. The function returns an array (h, w) of any resolution. The
        global random generators are set to the seed before each map. A function that uses them
        then makes the same map whatever was explained before.
    """
    function = load_plugin_function(settings.method, context.plugins)
    classifier = context.classifier
    modes = modes_of(classifier)
    weights = {key: value.clone() for key, value in classifier.network.state_dict().items()}
    hooks, response = hooks_of(classifier), response_of(classifier)

    @one_by_one
    def explain(task: Task) -> Explanation:
        image = classifier.preprocess(task.case.image[None])
        seed = context.seed_of(task)
        seed_globally(seed)
        classifier.zero_grad()  # gradients of weights would add up from map to map
        with torch.enable_grad():  # also restores the mode if the function changes it
            values = function(classifier, image, task.target, seed, **settings.params)
        if modes_of(classifier) != modes:
            raise ValueError(f"{settings.method} left the classifier in training mode; {_RESTORE}")
        if not _are_equal(classifier.network.state_dict(), weights):
            raise ValueError(f"{settings.method} changed the classifier's weights; {_RESTORE}")
        # Hooks that only store values are common, and harmless.
        if hooks_of(classifier) != hooks and not _are_close(response_of(classifier), response):
            raise ValueError(
                f"{settings.method} left hooks or modules that change the classifier's outputs or"
                " gradients. Remove them (handle.remove()), or change a copy (copy.deepcopy)."
                " Otherwise later cases get other maps"
            )
        return Explanation(SaliencyMap("dense", checked(values, settings.method)))

    return explain


def _are_equal(weights: dict[str, torch.Tensor], before: dict[str, torch.Tensor]) -> bool:
    """Compare weights. After every map, this is several times faster than to hash them."""
    return weights.keys() == before.keys() and all(
        torch.equal(value.to(before[key].device), before[key]) for key, value in weights.items()
    )


def modes_of(classifier: "Classifier") -> list[bool]:
    """List for every module of a classifier whether it is in training mode."""
    return [module.training for module in classifier.modules()]


def seed_globally(seed: int) -> None:
    """Set the global random generators of Python, NumPy and PyTorch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - functions of other packages use it
    torch.manual_seed(seed)


def hooks_of(classifier: "Classifier") -> list[tuple[Any, ...]]:
    """List the modules of a classifier with what can change their computation besides weights."""
    return [
        (
            module,
            *(tuple(getattr(module, name, ())) for name in _HOOKS),
            vars(module).get("forward"),
        )
        for module in classifier.modules()
    ]


def response_of(classifier: "Classifier") -> tuple[torch.Tensor, ...]:
    """Compute the logits of an image of noise and, if there is one, their gradient at the image."""
    side = classifier.image_size
    noise = np.random.default_rng(0).integers(0, 256, (1, side, side), np.uint8)
    try:
        with torch.enable_grad():
            image = classifier.preprocess(noise).requires_grad_()
            logits = classifier(image)
            # Unequal weights: the sum of probabilities is constant.
            scale = torch.arange(1, logits.shape[1] + 1).to(logits)
            (gradient,) = torch.autograd.grad((logits * scale).sum(), image)
        return logits.detach(), gradient
    except RuntimeError:  # a network without a gradient; some plugins need none
        with torch.no_grad():
            return (classifier(classifier.preprocess(noise)),)


def _are_close(found: tuple[torch.Tensor, ...], before: tuple[torch.Tensor, ...]) -> bool:
    """Compare with a tolerance for networks that compute in another order each time."""
    return len(found) == len(before) and all(
        torch.allclose(a, b, rtol=0, atol=1e-3 * b.abs().max().item(), equal_nan=True)
        for a, b in zip(found, before, strict=True)
    )


def checked(values: Any, method: str) -> np.ndarray:
    """Return what a function returned as float32 (h, w), the precision in which maps are stored.

    Raises:
        ValueError: it is not an array (h, w) of real numbers, or float32 cannot hold its values.
    """
    raise_unless_map(values, method)
    with np.errstate(under="ignore"):
        return np.asanyarray(values).astype(np.float32)


def raise_unless_map(values: Any, method: str) -> None:
    """Raise ValueError for what is not a map; the message describes what was returned.

    The function only raises errors, so digests ignore it (`digests.messages`).
    """
    try:
        found, remedy = np.asanyarray(values), ""
    except Exception:  # noqa: BLE001 - the error depends on the type; the description is clearer
        found, remedy = np.empty(0), "Return map.detach().cpu().numpy()"
    if found.ndim != 2 or not found.size:
        returned = _described(values)
        remedy = remedy if isinstance(values, torch.Tensor) else ""
    elif isinstance(found, np.ma.MaskedArray):
        returned, remedy = "a masked array", "Return values.filled(0)"
    elif found.dtype.kind not in "biuf":
        returned = f"values of type {found.dtype}"
    elif count := int((~np.isfinite(found)).sum()):
        returned = f"an array in which {count} of {found.size} values are NaN or infinite"
    elif too_far := _beyond_float32(found):
        returned = f"values that float32 cannot hold (magnitude {too_far:.0e})"
        remedy = "Scale the map"
    else:
        return
    wanted = "Its function must return an array (h, w) of finite real numbers"
    raise ValueError(f"{method} returned {returned}. {wanted}" + (remedy and f". {remedy}"))


def _beyond_float32(values: np.ndarray) -> float:
    """Return the largest magnitude if values would be stored as infinity, or all as 0; else 0."""
    with np.errstate(over="ignore", under="ignore"):
        stored = values.astype(np.float32)
    lost = np.isinf(stored).any() or (values.any() and not stored.any())
    return float(np.abs(values).max()) if lost else 0.0


def _described(values: Any) -> str:
    """Describe what a function returned: its kind, and its shape or length."""
    if values is None:
        return "nothing (None)"
    if isinstance(values, torch.Tensor):
        where = "" if values.device.type == "cpu" else f" on {values.device}"
        gradient = " with a gradient" if values.requires_grad else ""
        return f"a tensor of shape {tuple(values.shape)}{where}{gradient}"
    if isinstance(values, np.ndarray):
        return f"an array of shape {values.shape}"
    if isinstance(values, tuple | list):
        return f"a {type(values).__name__} of {len(values)} values"
    return f"a value of type {type(values).__name__}"
