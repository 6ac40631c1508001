"""KernelSHAP on superpixels (Lundberg & Lee 2017), in closed form."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation
from fidelity.explainers.perturbation import shapley
from fidelity.explainers.perturbation.coalitions import Game
from fidelity.explainers.perturbation.forward import per_case
from fidelity.maps import SaliencyMap

if TYPE_CHECKING:
    from fidelity.datasets.prepared import PreparedCase


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Set KernelSHAP up.

    The players are the superpixels that hiding changes: the others are null players, whose Shapley
    value is 0 and who do not change that of the rest.

    Args:
        context: classifier, batch size and seed.
        settings: samples (images classified at most, the whole and the hidden one among them;
            where all coalitions of the players fit, the Shapley values are exact), hide (`mean` of
            the superpixel, `blur`, or a grey value in [0, 1]), output, precision (as LIME's) and
            superpixels.

    Returns:
        A function from tasks to maps of kind `superpixels`, in the unit of the output; their sum is
        f(image) - f(all hidden). Extras: superpixels (their number), players (those that hiding
        changes), exact (all coalitions were classified), surrogate_r2 (weighted by the Shapley
        kernel, of the additive game), forward_passes (images classified for this case, all its
        classes together, without those that fill a batch up).
    """

    def explain(case: "PreparedCase", seed: int, targets: Sequence[int]) -> list[Explanation]:
        game = Game(context, settings, case)
        found, fit, extras = _attributions(game, settings["samples"], seed, targets)
        extras = {"superpixels": game.superpixels, "players": len(game.players), **extras}
        return [
            Explanation(
                SaliencyMap("superpixels", game.spread(values), game.segments),
                {**extras, "surrogate_r2": float(of_target)},
            )
            for values, of_target in zip(found.T, fit, strict=True)
        ]

    return per_case(context, explain)


def _attributions(
    game: Game, budget: int, seed: int, targets: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Solve a game: attributions (players, targets), R² (targets,), and extras."""
    players = len(game.players)
    ends = np.repeat([[False], [True]], players, axis=1)
    if players < 2:  # no coalition between the ends
        values = game.values(ends)[:, targets]
        found = np.tile(values[1] - values[0], (players, 1))
        return found, np.ones(len(targets)), {"exact": True, "forward_passes": 2}
    chosen = shapley.design(players, budget, np.random.default_rng(seed))
    values = game.values(np.concatenate([ends, chosen.coalitions]))[:, targets]
    nothing, everything, between = values[0], values[1], values[2:]
    found = shapley.solve(chosen, between, nothing, everything)
    fit = shapley.r2(chosen, between, nothing, found)
    return found, fit, {"exact": chosen.exact, "forward_passes": len(values)}
