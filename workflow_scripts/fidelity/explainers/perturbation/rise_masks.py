"""The random masks of RISE, created batch by batch."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Masks:
    """Random masks, stored as the grids and shifts that define them.

    A mask is a grid of cells, each shown with a given probability. The grid is enlarged bilinearly
    to one cell more than the image, and cropped at a random place. Thousands of grids are small,
    but thousands of masks of image size are not, so masks are created when they are needed.

    Attributes:
        grids: float32 (n, cells, cells), 0 or 1.
        shifts: int (n, 2), first row and column of the crop in pixels.
    """

    grids: torch.Tensor
    shifts: torch.Tensor
    size: tuple[int, int]

    def __len__(self) -> int:
        """Number of masks."""
        return len(self.grids)

    def make(self, run: slice) -> torch.Tensor:
        """Create the masks of a run: float32 (n, H, W) in [0, 1]."""
        grids, shifts = self.grids[run], self.shifts[run]
        sides = []
        for axis, side in enumerate(self.size):
            weights = enlargement(grids.shape[1], side).to(grids.device)
            rows = shifts[:, axis, None] + torch.arange(side, device=grids.device)
            sides.append(weights[rows])
        return sides[0] @ grids @ sides[1].transpose(1, 2)


def draw(
    number: int,
    cells: int,
    probability: float,
    size: tuple[int, int],
    seed: int,
    device: torch.device,
) -> Masks:
    """Draw masks (Petsiuk, Das & Saenko 2018, section 3.2).

    Args:
        seed: of the random numbers, which are drawn on the CPU: the same on every device.
    """
    rng = np.random.default_rng(seed)
    grids = rng.random((number, cells, cells)) < probability
    shifts = np.stack([rng.integers(0, -(-side // cells), number) for side in size], axis=1)
    return Masks(
        torch.from_numpy(grids.astype(np.float32)).to(device),
        torch.from_numpy(shifts).to(device),
        size,
    )


def enlargement(cells: int, side: int) -> torch.Tensor:
    """Compute the weights that enlarge a row of cells to one cell more than the image.

    Bilinear with half-pixel centres. Beyond the outermost centres, the row is mirrored as in the
    authors' code (scikit-image's resize with mode "reflect"). So the border of a mask is the mean
    of two cells, not one cell as with torch's `interpolate`.

    Returns:
        float32 ((cells + 1) * ceil(side / cells), cells).
    """
    length = (cells + 1) * -(-side // cells)
    if cells == 1:
        return torch.ones(length, 1)
    centres = (np.arange(length) + 0.5) * cells / length - 0.5
    mirrored = np.abs(centres)
    mirrored = (cells - 1) - np.abs((cells - 1) - mirrored)
    low = np.minimum(np.floor(mirrored).astype(int), cells - 2)
    weights = np.zeros((length, cells))
    rows = np.arange(length)
    weights[rows, low] = 1 - (mirrored - low)
    weights[rows, low + 1] = mirrored - low
    return torch.from_numpy(weights.astype(np.float32))
