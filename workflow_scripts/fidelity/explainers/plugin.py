"""An explainer from the user's own file, named by `method: plugin:<function>`."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fidelity.base.plugins import load_plugin_function
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Plugin

if TYPE_CHECKING:
    from fidelity.classifiers.model import Classifier

_RESTORE = "restore it, or change a copy (copy.deepcopy): later cases would get other maps"


def make(context: Context, settings: Plugin) -> Explain:
    """Wrap the user's function.

    Returns:
        A function from tasks to maps. The user's function is called per image as
        `function(classifier, image, target, seed, **params)`. `image` is a float32 tensor (1, C, H,
        W), normalised for the network. The function returns an array (h, w) of any resolution.
    """
    function = load_plugin_function(settings.method, context.plugins)
    classifier = context.classifier
    modes = modes_of(classifier)
    weights = {key: value.clone() for key, value in classifier.network.state_dict().items()}

    @one_by_one
    def explain(task: Task) -> Explanation:
        image = classifier.preprocess(task.case.image[None])
        values = function(classifier, image, task.target, context.seed_of(task), **settings.params)
        if modes_of(classifier) != modes:
            raise ValueError(f"{settings.method} left the classifier in training mode; {_RESTORE}")
        if not _are_equal(classifier.network.state_dict(), weights):
            raise ValueError(f"{settings.method} changed the classifier's weights; {_RESTORE}")
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


def checked(values: Any, method: str) -> np.ndarray:
    """Check what a function returned, as float32 (h, w), the precision in which maps are stored.

    Raises:
        ValueError: it is not an array (h, w) of real numbers, or float32 cannot hold its values.
    """
    values = np.asanyarray(values)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{method} returned shape {values.shape}, not (h, w)")
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{method} returned a masked array; return values.filled(0) instead")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{method} returned values of type {values.dtype}, not real numbers")
    with np.errstate(over="ignore", under="ignore"):
        stored = values.astype(np.float32)
    lost = np.isinf(stored) & np.isfinite(values)
    if lost.any() or (values.any() and not stored.any()):
        raise ValueError(
            f"{method} returned values that float32 cannot hold (magnitude"
            f" {np.abs(values).max():.0e}); scale the map"
        )
    return stored
