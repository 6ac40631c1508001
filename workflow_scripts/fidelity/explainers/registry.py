"""The explainers by name. Importing this imports no torch: Snakemake reads it when it parses."""

from dataclasses import dataclass
from typing import Literal

Family = Literal["perturbation", "cam", "gradient", "null"]


@dataclass(frozen=True)
class Method:
    """What the workflow must know about an explainer before running it.

    Attributes:
        module: module below `fidelity` with `make(context, settings)`.
        title: name in tables and figures.
        family: perturbation-, CAM- or gradient-based, or a null baseline.
        needs_classifier: False puts its files under the reserved classifier `none`.
        needs_lung: refused where a data set has no lung masks.
        source: the paper it comes from.
    """

    module: str
    title: str
    family: Family
    source: str
    needs_classifier: bool = True
    needs_lung: bool = False


METHODS: dict[str, Method] = {
    "lime": Method(
        "explainers.lime", "LIME", "perturbation", "Ribeiro, Singh & Guestrin 2016, package lime"
    ),
    "gradcam": Method(
        "explainers.cam", "Grad-CAM", "cam", "Selvaraju et al. 2017, package pytorch-grad-cam"
    ),
    "lung_mask": Method(
        "explainers.baselines.lung_mask",
        "Whole lung",
        "null",
        "null baseline: the lung mask itself",
        needs_classifier=False,
        needs_lung=True,
    ),
    "centre_prior": Method(
        "explainers.baselines.centre_prior",
        "Centre prior",
        "null",
        "null baseline: a Gaussian at the image centre",
        needs_classifier=False,
    ),
    "random_superpixels": Method(
        "explainers.baselines.random_superpixels",
        "Random superpixels",
        "null",
        "null baseline: LIME's superpixels with random weights",
        needs_classifier=False,
    ),
}

PLUGIN = Method("explainers.plugin", "Plugin", "perturbation", "the user's own code")


def method_of(name: str) -> Method:
    """Look a method up; `plugin:<function>` names the user's own.

    Args:
        name: the `method` of a config entry.

    Returns:
        Its entry.

    Raises:
        KeyError: unknown name.
    """
    return PLUGIN if name.startswith("plugin:") else METHODS[name]
