"""Explain in one sentence what each protocol is, for pages, tables and docs/measuring.md."""

from collections.abc import Iterable

from fidelity.presentation.titles import protocol_title

# Protocols of masks first, then those of boxes.
MEANINGS = {
    "default": "this project's conventions, for all metrics; the config sets how an empty mask "
    "is scored.",
    "seed": "conventions of Gupta, Kohli & Rawat (2025), who compared LIME with Grad-CAM; empty "
    "predictions have IoU 0 and no distance.",
    "chexlocalize": "IoU by CheXlocalize's code for true positives: a case is left out if "
    "either mask is empty.",
    "chexlocalize-full": "IoU by CheXlocalize's code for the full data set; 0 if one mask is "
    "empty, left out if both are.",
    "monai": "metrics as the package MONAI computes them; one empty mask makes most distances "
    "infinite.",
    "metrics-reloaded": "metrics as the package MetricsReloaded computes them; distances are left "
    "out if exactly one mask is empty.",
    "surface-distance": "metrics as DeepMind's package computes them; Surface Dice and HD95 "
    "weight parts of boundaries by their length; one empty mask makes distances infinite.",
    "medpy": "metrics as the package MedPy computes them; HD95 is taken over both directions "
    "together, and distances from empty masks are left out.",
    "scikit-image": "the Hausdorff distance over all mask pixels by the package scikit-image; "
    "it is infinite if exactly one mask is empty.",
    "wsol": "MaxBoxAcc, MaxBoxAccV2 and PxAP by the code of wsolevaluation (weakly supervised "
    "object localization).",
    "chestxray8": "accuracy and false positives of boxes at fixed overlaps, as in the paper of "
    "ChestX-ray8.",
    "rodeo": "the RoDeO score, which combines place, shape and class of matched boxes.",
}


def explained(protocols: Iterable[str]) -> list[str]:
    """Explain protocols in one sentence each, after their titles: "MONAI: metrics as …"."""
    return [f"{protocol_title(name)}: {MEANINGS[name]}" for name in protocols]
