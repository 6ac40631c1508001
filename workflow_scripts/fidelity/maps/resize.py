"""Bilinear resizing that equals torch's, so that thresholding gives the published pixels."""

import numpy as np


def bilinear(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize as `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` does.

    The operations are those of torch on a CPU, in the same order, and rounded to float32 at the
    same places. Torch's fused multiplications and additions round once; here they are computed in
    float64. OpenCV's resize agrees to 1e-6 of the largest value. That difference is enough to move
    single pixels across a grey level, and to change CheXlocalize's published IoU in the seventh
    digit.

    Args:
        values: (h, w).

    Returns:
        float32 (height, width).
    """
    values = np.asarray(values, np.float32)
    top, bottom, upper, lower = _weights(values.shape[0], size[0])
    left, right, first, second = _weights(values.shape[1], size[1])
    columns = _mix(values[:, left], first, values[:, right], second)
    return _mix(columns[top], upper[:, None], columns[bottom], lower[:, None])


def _mix(one: np.ndarray, share: np.ndarray, other: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Compute one * share + other * rest: the second product is rounded, the first is fused."""
    return (one.astype(np.float64) * share + other * rest).astype(np.float32)


def _weights(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the two old positions around each new position, and the share of each."""
    scale = np.float64(np.float32(old) / np.float32(new))
    positions = (scale * (np.arange(new) + 0.5) - 0.5).astype(np.float32)
    positions = np.maximum(positions, np.float32(0))
    low = np.minimum(positions.astype(np.int64), old - 1)
    second = np.clip(positions - low.astype(np.float32), 0, 1).astype(np.float32)
    return low, np.minimum(low + 1, old - 1), np.float32(1) - second, second
