"""The explainers by name. Importing this imports no torch: Snakemake reads it when it parses."""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from fidelity.settings.explainers import Explainer

Family = Literal["perturbation", "cam", "gradient", "imported", "baseline", "ceiling"]
FAMILY_ORDER = get_args(Family)


@dataclass(frozen=True)
class Method:
    """What the workflow must know about an explainer before running it.

    Attributes:
        module: module below `fidelity` with `make(context, settings)`.
        family: perturbation-, CAM- or gradient-based; imported (made elsewhere); a null baseline
            (ignores the trained classifier); or a ceiling (has seen reference masks, which no
            explanation of the classifier has).
        needs_classifier: if False, its files are stored under the reserved classifier `none`.
        needs_lung: refused where a data set has no lung masks (mean_mask: only if aligned to them).
        needs_heart: refused where a data set has no heart masks.
        fitted: its module also has `fit(train, val, settings, seed, compute, output)`, which learns
            from the training split's reference masks; `make` reads the result.
        needs_second_reader: refused where a data set has no second reader's masks.
        partial: may leave cases without a map, such as a reader who read only some of them. It is
            compared on the cases it has, and ranked only if it has (nearly) all.
        own_network: runs a network that is not the classifier, so it gets threads and a device.
        unsupported: pattern of architectures it cannot explain, and the reason. They are refused
            when the config is read. Other architectures (a plugin's) are checked once the network
            exists.
        stability: its maps report how stable they are (extras such as surrogate_r2), for the table
            stability.csv.
        own_backward: changes the backward pass of the network's layers. Before any training,
            `check_classifier` checks whether it has a rule for each.
        given: its maps are read, not computed from the image: a changed image has no map.
        per_grey_value: its maps are derivatives (logit per grey value), not contributions to the
            logit. Infidelity multiplies them by how much a pixel changed, not by whether it did.
        case_by_case: gives each case forward passes of its own, so that grouping saves nothing.
            Results are stored after every case, not after every batch.
        takes_minutes: runs no network, but a shard of it may take minutes. On a cluster it is
            submitted as a job, while other null baselines run where Snakemake runs.
    """

    module: str
    title: str
    family: Family
    source: str
    needs_classifier: bool = True
    needs_lung: bool = False
    needs_heart: bool = False
    fitted: bool = False
    needs_second_reader: bool = False
    partial: bool = False
    own_network: bool = False
    unsupported: tuple[str, str] | None = None
    stability: bool = False
    own_backward: bool = False
    given: bool = False
    per_grey_value: bool = False
    case_by_case: bool = False
    takes_minutes: bool = False

    def implementation(self) -> ModuleType:
        """Import the module, which may import torch."""
        return importlib.import_module(f"fidelity.{self.module}")


# Names of torchvision and timm. Not piecewise linear: GELU, SiLU, attention, layer norms.
_SMOOTH = (
    "convnext|vit|deit|beit|eva|cait|xcit|swin|maxvit|coatnet|mixer|convformer"
    "|efficientnet|tf_efficientnet"
)
# Networks that do not consist of plain ReLUs either.
_NO_RELU = (
    f"{_SMOOTH}|mobilevit|pvt|twins|mobilenet_?v[23]|lcnet|ghostnet|nfnet|dm_nfnet|efficientformer"
    "|poolformer|metaformer"
)
# Networks with products of branches.
_PRODUCTS = "regnet_?y"
_RULES_OF_RELU = (
    "it has rules for ReLUs, convolutions, linear layers and pooling; others get the plain gradient"
)
GUIDED_UNSUPPORTED = (rf"torchscript|(?:timm:)?(?:{_NO_RELU})[\w.]*", _RULES_OF_RELU)
RULES_UNSUPPORTED = (rf"torchscript|(?:timm:)?(?:{_NO_RELU}|{_PRODUCTS})[\w.]*", _RULES_OF_RELU)

METHODS: dict[str, Method] = {
    "lime": Method(
        "explainers.lime.lime",
        "LIME",
        "perturbation",
        "Ribeiro, Singh & Guestrin 2016, package lime",
        stability=True,
        case_by_case=True,
    ),
    "gradcam": Method(
        "explainers.cam.cam", "Grad-CAM", "cam", "Selvaraju et al. 2017, package pytorch-grad-cam"
    ),
    "gradient": Method(
        "explainers.gradients.vanilla",
        "Gradient",
        "gradient",
        "Simonyan, Vedaldi & Zisserman 2014",
        per_grey_value=True,
    ),
    "input_x_gradient": Method(
        "explainers.gradients.vanilla", "Input × gradient", "gradient", "Shrikumar et al. 2016"
    ),
    "integrated_gradients": Method(
        "explainers.gradients.integrated",
        "Integrated gradients",
        "gradient",
        "Sundararajan, Taly & Yan 2017, package captum",
    ),
    "smoothgrad": Method(
        "explainers.gradients.smoothgrad",
        "SmoothGrad",
        "gradient",
        "Smilkov et al. 2017",
        per_grey_value=True,
    ),
    "gradient_shap": Method(
        "explainers.gradients.shap",
        "GradientSHAP",
        "gradient",
        "Lundberg & Lee 2017, as package captum",
    ),
    "guided_backprop": Method(
        "explainers.gradients.guided",
        "Guided backprop",
        "gradient",
        "Springenberg et al. 2015, package captum",
        unsupported=GUIDED_UNSUPPORTED,
        own_backward=True,
        per_grey_value=True,
    ),
    "guided_gradcam": Method(
        "explainers.gradients.guided",
        "Guided Grad-CAM",
        "gradient",
        "Selvaraju et al. 2017, guided backprop by package captum",
        unsupported=GUIDED_UNSUPPORTED,
        own_backward=True,
        per_grey_value=True,
    ),
    "deeplift": Method(
        "explainers.gradients.deeplift",
        "DeepLift",
        "gradient",
        "Shrikumar, Greenside & Kundaje 2017 (rescale rule), package captum",
        unsupported=RULES_UNSUPPORTED,
        own_backward=True,
    ),
    "lrp": Method(
        "explainers.gradients.lrp",
        "LRP",
        "gradient",
        "Bach et al. 2015, package zennit",
        unsupported=RULES_UNSUPPORTED,
        own_backward=True,
    ),
    "gradcam_plus_plus": Method(
        "explainers.cam.cam",
        "Grad-CAM++",
        "cam",
        "Chattopadhyay et al. 2018, package pytorch-grad-cam",
    ),
    "xgradcam": Method(
        "explainers.cam.cam", "XGrad-CAM", "cam", "Fu et al. 2020, package pytorch-grad-cam"
    ),
    "hirescam": Method(
        "explainers.cam.cam", "HiResCAM", "cam", "Draelos & Carin 2020, package pytorch-grad-cam"
    ),
    "layercam": Method(
        "explainers.cam.cam", "LayerCAM", "cam", "Jiang et al. 2021, package pytorch-grad-cam"
    ),
    "eigencam": Method(
        "explainers.cam.cam",
        "Eigen-CAM",
        "cam",
        "Muhammad & Yeasin 2020, package pytorch-grad-cam (no class, no gradients)",
    ),
    "eigengradcam": Method(
        "explainers.cam.cam",
        "EigenGrad-CAM",
        "cam",
        "Eigen-CAM of gradient × activation, package pytorch-grad-cam",
    ),
    "finercam": Method(
        "explainers.cam.cam", "Finer-CAM", "cam", "Zhang et al. 2025, as package pytorch-grad-cam"
    ),
    "scorecam": Method(
        "explainers.cam.score_cam",
        "Score-CAM",
        "cam",
        "Wang et al. 2020, as package pytorch-grad-cam (perturbs the input, no gradients)",
        case_by_case=True,
    ),
    "ablationcam": Method(
        "explainers.cam.ablation_cam",
        "Ablation-CAM",
        "cam",
        "Desai & Ramaswamy 2020, as package pytorch-grad-cam (perturbs a layer, no gradients)",
        case_by_case=True,
    ),
    "fullgrad": Method(
        "explainers.gradients.fullgrad",
        "FullGrad",
        "cam",
        "Srinivas & Fleuret 2019, as package pytorch-grad-cam (gradients of all layers)",
        unsupported=(
            rf"(?:timm:)?(?:{_SMOOTH}|mobilenet_?v3|{_PRODUCTS})[\w.]*",
            "its input and bias gradients do not add up to the logit: it has layers that are not"
            " piecewise linear",
        ),
    ),
    "kernel_shap": Method(
        "explainers.perturbation.kernel_shap",
        "KernelSHAP",
        "perturbation",
        "Lundberg & Lee 2017, sampled in pairs as Covert & Lee 2021",
        stability=True,
        case_by_case=True,
    ),
    "rise": Method(
        "explainers.perturbation.rise",
        "RISE",
        "perturbation",
        "Petsiuk, Das & Saenko 2018",
        case_by_case=True,
    ),
    "occlusion": Method(
        "explainers.perturbation.occlusion",
        "Occlusion",
        "perturbation",
        "Zeiler & Fergus 2014, windows as in package captum",
        case_by_case=True,
    ),
    "feature_ablation": Method(
        "explainers.perturbation.feature_ablation",
        "Feature ablation",
        "perturbation",
        "leaving one superpixel out, as in package captum",
        case_by_case=True,
        stability=True,
    ),
    "lung_mask": Method(
        "explainers.baselines.lung_mask",
        "Whole lung",
        "baseline",
        "null baseline: the lung mask itself",
        needs_classifier=False,
        needs_lung=True,
    ),
    "heart_mask": Method(
        "explainers.baselines.heart_mask",
        "Whole heart",
        "baseline",
        "null baseline: the heart mask itself",
        needs_classifier=False,
        needs_heart=True,
        partial=True,
    ),
    "centre_prior": Method(
        "explainers.baselines.centre_prior",
        "Centre prior",
        "baseline",
        "null baseline: a Gaussian at the image centre",
        needs_classifier=False,
    ),
    "random_superpixels": Method(
        "explainers.baselines.random_superpixels",
        "Random superpixels",
        "baseline",
        "null baseline: LIME's superpixels with random weights",
        needs_classifier=False,
        takes_minutes=True,  # quickshift: 0.2 s at 224 px, 5 s at 1024 px
    ),
    "lower_lung": Method(
        "explainers.baselines.lower_lung",
        "Lower lung",
        "baseline",
        "null baseline: the lower half of the lung",
        needs_classifier=False,
        needs_lung=True,
    ),
    "peripheral_lung": Method(
        "explainers.baselines.peripheral_lung",
        "Peripheral lung",
        "baseline",
        "null baseline: the band along the lung's edge",
        needs_classifier=False,
        needs_lung=True,
    ),
    "mean_mask": Method(
        "explainers.baselines.mean_mask",
        "Mean training mask",
        "baseline",
        "null baseline: the mean of the training split's reference masks",
        needs_classifier=False,
        fitted=True,
    ),
    "mean_box": Method(
        "explainers.baselines.boxes",
        "Mean training box",
        "baseline",
        "null baseline: the mean of the training split's reference boxes",
        needs_classifier=False,
        fitted=True,
    ),
    "centre_box": Method(
        "explainers.baselines.boxes",
        "Centre box",
        "baseline",
        "null baseline: a box of the training boxes' mean size at the image centre",
        needs_classifier=False,
        fitted=True,
    ),
    "random_box": Method(
        "explainers.baselines.boxes",
        "Random box",
        "baseline",
        "null baseline: a box of the size of a training box, anywhere",
        needs_classifier=False,
        fitted=True,
    ),
    "edge_map": Method(
        "explainers.baselines.edge_map",
        "Edge map",
        "baseline",
        "null baseline: an edge detector, Adebayo et al. 2018",
        needs_classifier=False,
    ),
    "random_cam": Method(
        "explainers.baselines.random_cam",
        "Random CAM",
        "baseline",
        "null baseline: noise on the grid of a class activation map",
        needs_classifier=False,
    ),
    "random_weights": Method(
        "explainers.baselines.random_weights",
        "Random weights",
        "baseline",
        "null baseline: an explainer on random weights, Adebayo et al. 2018",
    ),
    "unet": Method(
        "explainers.baselines.unet",
        "U-Net",
        "ceiling",
        "ceiling: Ronneberger, Fischer & Brox 2015, package MONAI",
        needs_classifier=False,
        fitted=True,
        own_network=True,
    ),
    "second_reader": Method(
        "explainers.baselines.second_reader",
        "Second reader",
        "ceiling",
        "ceiling: another reader's masks",
        needs_classifier=False,
        needs_second_reader=True,
        partial=True,
        given=True,
    ),
    "imported": Method(
        "explainers.imported",
        "Imported",
        "imported",
        "maps or masks made elsewhere",
        needs_classifier=False,
        given=True,
        takes_minutes=True,  # 0.2 s to store a map of 6.5 megapixels
    ),
}

PLUGIN = Method(
    "explainers.plugin", "Plugin", "perturbation", "the user's own code", case_by_case=True
)


def method_of(name: str) -> Method:
    """Find a method by name; `plugin:<function>` is the user's own.

    Raises:
        KeyError: unknown name.
    """
    return PLUGIN if name.startswith("plugin:") else METHODS[name]


def inside_lung(entry: "Explainer") -> bool:
    """Check whether the superpixels of an explainer or a binarization are made inside the lung."""
    superpixels = getattr(entry, "superpixels", None)
    return superpixels is not None and superpixels.algorithm == "slic_lung"


def is_case_by_case(entry: "Explainer") -> bool:
    """Check whether an explainer's finished cases are stored one by one (see `Method`)."""
    return method_of(getattr(entry, "of", entry).method).case_by_case


def refusal(method: str, architecture: str) -> str | None:
    """Return why a method cannot explain an architecture; None if no reason is known."""
    unsupported = method_of(method).unsupported
    if unsupported is None or re.fullmatch(unsupported[0], architecture) is None:
        return None
    return unsupported[1]


def is_derivative(entry: "Explainer") -> bool:
    """Check whether an explainer's maps are signed derivatives with respect to grey values.

    Magnitudes of derivatives do not count: without a sign, the change of the logit is unknown.
    """
    inner = getattr(entry, "of", entry)
    return method_of(inner.method).per_grey_value and not getattr(inner, "magnitude", False)


def explains(family: str) -> bool:
    """Check whether a family explains the classifier; null baselines and ceilings do not."""
    return family not in ("baseline", "ceiling")


def depends_on_training(method: str) -> bool:
    """Check whether an explainer's maps depend on the classifier's training."""
    return method_of(method).needs_classifier and method != "random_weights"


def family_of(entry: "Explainer") -> Family:
    """Return the family of a config entry: its own (imported maps, plugins) or its method's."""
    return getattr(entry, "family", None) or method_of(entry.method).family


def without_family(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config entry that decides its maps.

    The family is removed: it only decides which explainers are compared.
    """
    kept = {key: value for key, value in entry.items() if key != "family"}
    return {**kept, "of": without_family(entry["of"])} if "of" in entry else kept
