"""Display names of the protocols of boxes, and of the metrics of a set of images."""

import re

TITLES = {"wsol": "WSOL evaluation", "chestxray8": "ChestX-ray8", "rodeo": "RoDeO"}
_METRICS = {
    "box_iou": "Box IoU",
    "box_iobb": "Box IoBB",
    "box_energy": "Energy in boxes",
    "box_pointing": "Pointing game",
    "box_pointing_tolerance": "Pointing game (tolerance)",
    "corloc": "CorLoc",
    "lesion_recall": "Lesion-wise recall",
    "froc": "FROC (mean sensitivity)",
    "max_box_acc": "MaxBoxAcc",
    "max_box_acc_v2": "MaxBoxAccV2",
    "box_acc": "BoxAcc",
    "box_acc_v2": "BoxAccV2",
    "pxap": "PxAP",
    "rodeo": "RoDeO",
    "rodeo_localization": "RoDeO: localization",
    "rodeo_shape_matching": "RoDeO: shape",
    "rodeo_classification": "RoDeO: classification",
}
# Metrics whose names end with a number.
_AT = {
    "sensitivity_at": "Sensitivity at {} FP per image",
    "acc_iou": "Accuracy, IoU > {}",
    "acc_iobb": "Accuracy, IoBB > {}",
    "afp_iou": "FP per image, IoU ≤ {}",
    "afp_iobb": "FP per image, IoBB ≤ {}",
}


def title_of(metric: str) -> str:
    """Return the display name of a metric of a set of images with boxes."""
    if metric in _METRICS:
        return _METRICS[metric]
    name, number = re.fullmatch(r"(\w+)_([\d.]+)", metric).groups()
    return _AT[name].format(number)
