"""An explainer from the user's own file, named by `method: plugin:<function>`."""

import numpy as np

from fidelity.base.plugins import load_plugin_function
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Plugin


def make(context: Context, settings: Plugin) -> Explain:
    """Wrap the user's function.

    Returns:
        A function from tasks to maps. The user's function is called per image as
        `function(classifier, image, target, seed, **params)`. `image` is a float32 tensor (1, C, H,
        W), normalised for the network. The function returns an array (h, w) of any resolution.
    """
    function = load_plugin_function(settings.method, context.plugins)

    @one_by_one
    def explain(task: Task) -> Explanation:
        image = context.classifier.preprocess(task.case.image[None])
        values = function(
            context.classifier, image, task.target, context.seed_of(task), **settings.params
        )
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2:
            raise ValueError(f"{settings.method} returned shape {values.shape}, not (h, w)")
        return Explanation(SaliencyMap("dense", values))

    return explain
