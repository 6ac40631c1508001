"""Settings of the perturbation methods, small enough for tests."""

from fidelity import settings
from fidelity.explainers.perturbation import feature_ablation, kernel_shap, occlusion, rise

SLIC = {"algorithm": "slic", **settings.SUPERPIXEL_DEFAULTS["slic"], "n_segments": 30}
HIDE = {"hide": "mean", "hide_sigma": 4, "hide_radius": 3}
OUTPUT = {"output": "probability", "precision": "float32"}
METHODS = {
    "kernel_shap": (kernel_shap, {"samples": 120, **HIDE, "superpixels": SLIC, **OUTPUT}),
    "rise": (
        rise,
        {"samples": 60, "cells": 7, "probability": 0.5, "fill": 0.5, "normalise": "expectation"}
        | OUTPUT,
    ),
    "occlusion": (
        occlusion,
        {"window": 15, "stride": 8, "fill": "mean", "fill_sigma": 4, **OUTPUT},
    ),
    "feature_ablation": (feature_ablation, {**HIDE, "superpixels": SLIC, **OUTPUT}),
}
