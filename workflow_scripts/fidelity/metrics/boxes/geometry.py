"""Overlap of boxes: each predicted box with each reference box."""

import numpy as np


def areas(boxes: np.ndarray) -> np.ndarray:
    """Areas of boxes (k, 4) in square pixels, (k,)."""
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)


def centres(boxes: np.ndarray) -> np.ndarray:
    """Centres (y, x) of boxes (k, 4), (k, 2)."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def intersections(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Areas of the intersections of boxes (k, 4) and (m, 4), (k, m)."""
    start = np.maximum(predicted[:, None, :2], reference[None, :, :2])
    end = np.minimum(predicted[:, None, 2:], reference[None, :, 2:])
    return np.clip(end - start, 0, None).prod(axis=2)


def box_iou(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (k, 4) and (m, 4): (k, m) in [0, 1].

    It is 0 if neither box has an area.
    """
    shared = intersections(predicted, reference)
    union = areas(predicted)[:, None] + areas(reference)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def box_iobb(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Intersection over the area of the predicted box: (k, m) in [0, 1].

    IoBB of Wang et al. 2017 (ChestX-ray8) is a precision: a predicted box inside the reference has
    1, however small it is. A predicted box without an area has 0.
    """
    shared = intersections(predicted, reference)
    own = np.broadcast_to(areas(predicted)[:, None], shared.shape)
    return np.divide(shared, own, out=np.zeros_like(shared), where=own > 0)


def generalized_iou(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Generalised IoU of boxes (k, 4) and (m, 4): (k, m) in [-1, 1] (Rezatofighi et al. 2019).

    It is the IoU minus the share of the smallest common box that neither box covers.
    """
    shared = intersections(predicted, reference)
    union = areas(predicted)[:, None] + areas(reference)[None, :] - shared
    start = np.minimum(predicted[:, None, :2], reference[None, :, :2])
    end = np.maximum(predicted[:, None, 2:], reference[None, :, 2:])
    common = (end - start).prod(axis=2)
    return shared / union - (common - union) / common
