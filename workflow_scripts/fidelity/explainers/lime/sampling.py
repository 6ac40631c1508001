"""Choose which superpixels LIME shows in each perturbed image: the designs, as 0/1 rows."""

import numpy as np
from scipy.linalg import hadamard

from fidelity.explainers.lime.designs import PAIRED


def design(sampling: str, samples: int, superpixels: int, seed: int) -> np.ndarray:
    """Draw the rows, uint8 (samples, superpixels), 1 = shown; the first rows are a smaller design.

    Args:
        sampling: `package` (the rows that lime 0.2.0.1 draws from `RandomState(seed)`: Bernoulli ½,
            the first all ones); `random` (Bernoulli ½); `antithetic` (Bernoulli ½ rows, each
            followed by its complement); `hadamard` (see `hadamard_rows`, with their complements);
            or `interpolated` (the same).
        samples: number of rows, even for paired designs.

    Raises:
        ValueError: unknown design, or an odd number of samples for a paired one.
    """
    if sampling == "package":
        state = np.random.RandomState(seed)
        state.randint(0, high=1000)  # the package's unused segmentation seed
        rows = state.randint(0, 2, samples * superpixels).reshape(samples, superpixels)
        rows[0] = 1
        return rows.astype(np.uint8)
    rng = np.random.default_rng(seed)
    if sampling == "random":
        return rng.integers(0, 2, (samples, superpixels), np.uint8)
    if sampling == "interpolated":  # here rows need not come in pairs
        return design("hadamard", samples + samples % 2, superpixels, seed)[:samples]
    if sampling not in PAIRED:
        raise ValueError(f"unknown sampling {sampling!r}")
    if samples % 2:
        raise ValueError(f"{sampling} sampling needs an even number of samples, not {samples}")
    if sampling == "antithetic":
        half = rng.integers(0, 2, (samples // 2, superpixels), np.uint8)
    else:
        half = hadamard_rows(samples // 2, superpixels, rng)
    rows = np.empty((samples, superpixels), np.uint8)
    rows[0::2], rows[1::2] = half, 1 - half
    return rows


def all_subsets(live: np.ndarray) -> np.ndarray:
    """List every subset of the live superpixels, dead ones shown: uint8 (2 ** live, k), 1 = shown.

    Args:
        live: bool (k,), at most about 20 of them true.
    """
    count = int(live.sum())
    rows = np.ones((2**count, len(live)), np.uint8)
    rows[:, live] = np.arange(2**count)[:, None] >> np.arange(count) & 1
    return rows


def hadamard_rows(count: int, superpixels: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows of Hadamard matrices; with their complements they are a balanced design.

    A Hadamard matrix and its fold-over form a two-level orthogonal array. Its main effects are not
    confounded with one another or with interactions of two (Plackett & Burman 1946; Box & Wilson
    1951). Each block uses other columns of the matrix, in random order and with random signs. So
    confounding with higher interactions is random, and the design is unbiased over seeds.

    Args:
        superpixels: number of columns; the order of the matrix is the next power of two.

    Returns:
        uint8 (count, superpixels): whole blocks, the last one cut short.
    """
    order = 1 << max(0, superpixels - 1).bit_length()
    matrix = (hadamard(order) > 0).astype(np.uint8)
    blocks = []
    for _ in range(-(-count // order)):
        columns = rng.permutation(order)[:superpixels]
        flips = rng.integers(0, 2, superpixels, np.uint8)
        blocks.append(matrix[rng.permutation(order)][:, columns] ^ flips)
    return np.concatenate(blocks)[:count]
