"""Classify images with some superpixels hidden."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from fidelity.base.seeding import seed_for
from fidelity.explainers.base import Context
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.perturbation.forward import classify_all
from fidelity.explainers.perturbation.hiding import live_superpixels, unit_image
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.settings.explainers import HidesSuperpixels

if TYPE_CHECKING:
    from fidelity.datasets.prepared import PreparedCase


def lime_parts(
    context: Context, settings: HidesSuperpixels, case: "PreparedCase"
) -> tuple[np.ndarray, np.ndarray]:
    """Split a case's image as LIME does, and hide its superpixels as LIME does.

    The seed is LIME's, because noise decides quickshift's superpixels where an image is flat
    (masked to the lung). So a method is compared with LIME on the same superpixels, and differs
    only in how it uses them.

    Returns:
        Labels 0 … k-1, int (H, W), and the image in which all are hidden, float32 (H, W) in [0, 1].
    """
    of_lime = seed_for(context.seed, case.case, "lime", 0)
    segments = segment(rgb_image(case.image), settings.superpixels, of_lime, case.lung)
    hidden = hidden_image(case.image, segments, settings, of_lime)
    return segments, hidden.astype(np.float32)


class Game:
    """The classifier as a function of the set of superpixels that are shown to it.

    Attributes:
        segments: labels 0 … k-1, int (H, W).
        players: labels of the superpixels that hiding changes; the others are not players.
    """

    def __init__(self, context: Context, settings: HidesSuperpixels, case: "PreparedCase") -> None:
        """Set up the game of a case."""
        self.segments, hidden = lime_parts(context, settings, case)
        image = unit_image(case.image)
        self.players = live_superpixels(image, hidden, self.segments)
        self._context, self._settings = context, settings
        device = context.classifier.device
        self._image, self._hidden = (torch.from_numpy(x).to(device) for x in (image, hidden))
        # Pixels of no player are always shown: hiding does not change them.
        player_of = np.full(self.superpixels, len(self.players))
        player_of[self.players] = np.arange(len(self.players))
        self._player_of_pixel = torch.from_numpy(player_of[self.segments]).to(device)

    @property
    def superpixels(self) -> int:
        """Number of superpixels, players or not."""
        return int(self.segments.max()) + 1

    def values(self, coalitions: np.ndarray) -> np.ndarray:
        """Classify the image once per coalition: float64 (n, classes).

        Args:
            coalitions: bool (n, players), True where a player is shown.
        """
        shown = np.column_stack([coalitions, np.ones(len(coalitions), bool)])
        shown = torch.from_numpy(shown).to(self._image.device)

        def perturb(run: slice) -> torch.Tensor:
            return torch.where(shown[run][:, self._player_of_pixel], self._image, self._hidden)

        return classify_all(self._context, self._settings, len(coalitions), perturb)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Give every superpixel its player's value, or 0 if it is not a player."""
        weights = np.zeros(self.superpixels)
        weights[self.players] = values
        return weights
