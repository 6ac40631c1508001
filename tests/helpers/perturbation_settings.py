"""Settings of the perturbation methods, small enough for tests."""

from fidelity.explainers.perturbation import feature_ablation, kernel_shap, occlusion, rise
from fidelity.settings.explainers import FeatureAblation, KernelShap, Lime, Occlusion, Rise
from fidelity.settings.superpixels import Slic

SLIC = Slic(n_segments=30)
HIDE = Lime(hide_sigma=4)
METHODS = {
    "kernel_shap": (kernel_shap, KernelShap(samples=120, hide_sigma=4, superpixels=SLIC)),
    "rise": (rise, Rise(samples=60, fill=0.5)),
    "occlusion": (occlusion, Occlusion(window=15, fill_sigma=4)),
    "feature_ablation": (feature_ablation, FeatureAblation(hide_sigma=4, superpixels=SLIC)),
}
