"""Settings of the perturbation methods, small enough for tests."""

from fidelity import settings
from fidelity.explainers.perturbation import feature_ablation, kernel_shap, occlusion, rise

SLIC = {"algorithm": "slic", **settings.SUPERPIXEL_DEFAULTS["slic"], "n_segments": 30}
OUTPUT = {"output": "probability", "precision": "float32"}
METHODS = {
    "kernel_shap": (kernel_shap, {"samples": 120, "hide": "mean", "superpixels": SLIC, **OUTPUT}),
    "rise": (
        rise,
        {"samples": 60, "cells": 7, "probability": 0.5, "fill": 0.5, "normalise": "expectation"}
        | OUTPUT,
    ),
    "occlusion": (occlusion, {"window": 15, "stride": 8, "fill": "mean", **OUTPUT}),
    "feature_ablation": (feature_ablation, {"hide": "mean", "superpixels": SLIC, **OUTPUT}),
}
