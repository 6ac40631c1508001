"""KernelSHAP on superpixels (Lundberg & Lee 2017), in closed form."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation
from fidelity.explainers.perturbation import shapley
from fidelity.explainers.perturbation.coalitions import Game
from fidelity.explainers.perturbation.forward import per_case
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import KernelShap

if TYPE_CHECKING:
    from fidelity.datasets.prepared import PreparedCase


def make(context: Context, settings: KernelShap) -> Explain:
    """Set up KernelSHAP.

    The players are the superpixels that look different when hidden. The others are null players:
    their Shapley value is 0, and they do not change the values of the rest.

    Returns:
        A function from tasks to maps of kind `superpixels`, in the unit of the output; their sum is
        f(image) - f(all hidden). Extras:

        - superpixels: their number.
        - players: the number of superpixels that hiding changes.
        - exact: whether all coalitions were classified.
        - surrogate_r2: R² of the additive game, weighted by the Shapley kernel. It is below 0
          where the game does worse than the mean, because it must pass through both ends.
        - forward_passes: images classified for this case, all its classes together,
          without padding.
    """

    def explain(case: "PreparedCase", seed: int, targets: Sequence[int]) -> list[Explanation]:
        game = Game(context, settings, case)
        players = len(game.players)
        chosen = shapley.design(players, settings.samples, np.random.default_rng(seed))
        ends = np.repeat([[False], [True]], players, axis=1)
        values = game.values(np.concatenate([ends, chosen.coalitions]))
        extras = {
            "superpixels": game.superpixels,
            "players": players,
            "exact": chosen.exact,
            "forward_passes": len(values),
        }
        explanations = []
        for target in targets:  # separately, because solving them together rounds differently
            nothing, everything, between = np.split(values[:, target], [1, 2])
            found = shapley.solve(chosen, between, nothing[0], everything[0])
            fit = shapley.r2(chosen, between, nothing[0], found)
            saliency = SaliencyMap("superpixels", game.spread(found), game.segments)
            explanations.append(Explanation(saliency, {**extras, "surrogate_r2": fit}))
        return explanations

    return per_case(context, explain)
