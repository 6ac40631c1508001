"""Feature ablation: how much the output drops when one superpixel is hidden."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation
from fidelity.explainers.perturbation.coalitions import Game
from fidelity.explainers.perturbation.forward import per_case
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import FeatureAblation

if TYPE_CHECKING:
    from fidelity.datasets.prepared import PreparedCase


def make(context: Context, settings: FeatureAblation) -> Explain:
    """Set up feature ablation: captum's FeatureAblation with superpixels as features.

    The attribution of a superpixel is f(image) - f(image without it). A superpixel that hiding does
    not change gets 0 without a forward pass.

    Returns:
        A function from tasks to maps of kind `superpixels`, in the unit of the output. Extras:
        superpixels (their number), forward_passes (images classified for this case, all its
        classes together, without padding).
    """

    def explain(case: "PreparedCase", _seed: int, targets: Sequence[int]) -> list[Explanation]:
        game = Game(context, settings, case)
        number = len(game.players)
        # The first row shows all players; row 1 + i shows all but player i.
        values = game.values(np.vstack([np.ones((1, number), bool), ~np.eye(number, dtype=bool)]))
        losses = values[0] - values[1:]
        extras = {"superpixels": game.superpixels, "forward_passes": number + 1}
        return [
            Explanation(SaliencyMap("superpixels", game.spread(loss), game.segments), extras)
            for loss in losses[:, targets].T
        ]

    return per_case(context, explain)
