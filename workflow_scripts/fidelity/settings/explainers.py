"""The explainers: which cases and classes they explain, and one model for each method.

A new method is one class here: its `method`, its keys with their defaults, what each key means.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le
from pydantic import Field, WithJsonSchema, field_validator, model_validator

from fidelity.base.errors import InputError
from fidelity.explainers.lime.designs import PAIRED, SAMPLES, SAMPLES_INTERPOLATED
from fidelity.explainers.registry import Family
from fidelity.maps.imported_paths import check_entry
from fidelity.settings.closed_model import (
    Count,
    Entry,
    InnerShare,
    Integer,
    Natural,
    NonNegative,
    Number,
    Positive,
    PositiveShare,
    Section,
    Share,
    Split,
    Unique,
    checked,
)
from fidelity.settings.superpixels import Quickshift, Superpixels


class Explain(Section):
    """Which cases and classes are explained, by all explainers alike."""

    splits: Annotated[Unique[Split], Field(min_length=1)] = ["val", "test"]
    """Splits whose cohort is explained and scored."""
    cohort: Literal["annotated"] = "annotated"
    """Cases explained; `annotated` = those that show an annotated class."""
    target: str = "reference"
    """Class explained - `reference` (the class whose mask is scored), `predicted`, or a class
    name."""
    targets: dict[str, str] = {}
    """Explainer → a target of its own, to reproduce a study whose methods explained different
    classes; its scores are marked as confounded. {} = one target for all, the fair rule."""
    max_failed_cases: Natural = 0
    """Failed cases tolerated per shard; raising it resumes without making maps again."""
    partial_cohort: bool = False
    """Whether tables may be made where scores lack cases of the cohort (failed ones are not
    lacking, max_failed_cases allows them). Otherwise localization.csv is refused."""


Layer = Annotated[
    str | Annotated[dict[str, str], Field(min_length=1)], Field(description="As of `gradcam`.")
]
Hide = Annotated[
    Literal["mean", "blur", "noise", "inpaint"] | Share,
    Field(description="What hidden superpixels show, as of `lime`."),
]
HideSigma = Annotated[
    Positive,
    Field(description="Hide by blur: standard deviation in pixels of the working image."),
]
HideRadius = Annotated[
    Count, Field(description="Hide by inpaint: radius in pixels of the working image.")
]
Output = Annotated[
    Literal["probability", "logit"], Field(description="Classifier output that is explained.")
]
Precision = Annotated[
    Literal["float32", "bfloat16", "auto"],
    Field(
        description="Precision of the forward passes; `auto` = bfloat16 where the hardware has it."
    ),
]
Baseline = Annotated[
    Literal["black", "mean", "blur"],
    Field(
        description="Image that the attributions start from - black, its own mean grey value, or "
        "itself blurred (a Gaussian of a twentieth of its side)."
    ),
]
Smoothing = Annotated[
    NonNegative,
    Field(
        description="Standard deviation in pixels of the working image of a Gaussian that the map "
        "is smoothed by; 0 = none."
    ),
]


class Explainer(Entry):
    """An explainer; its keys depend on its method."""

    chosen_by: ClassVar[str] = "method"
    entry_name: ClassVar[str] = "explainer"
    method: str

    @classmethod
    def of_job(cls, params: Mapping[str, Any]) -> "Explainer":
        """Build the entry of an explainer from what a rule hands to a script.

        Args:
            params: the entry; beside its keys what decides about re-runs alone: `plugins`, the
                digests of the user's files, and `listing`, that of imported maps.
        """
        kept = {key: value for key, value in params.items() if key not in ("plugins", "listing")}
        if "of" in kept:
            kept["of"] = cls.of_job(kept["of"])
        return checked(Explainer, kept)


class Adaptive(Section):
    """Stop sampling when the intervals of the coefficients tell the top superpixels from the rest;
    `samples` is then not read. null = off."""

    budget: Annotated[Integer, Ge(10)] = 1000
    """Most samples per explanation."""
    batch: Annotated[Integer, Ge(2)] = 128
    """Samples between two looks at the intervals."""
    level: InnerShare = 0.95
    """Level of each superpixel's interval, not adjusted for looking several times."""
    top: Count = 5
    """Superpixels to be told from the rest."""


class Lime(Explainer):
    """LIME, in batches on the device: what the package lime converges to, from far fewer images, or
    the package's own coefficients (`sampling: package`)."""

    method: Literal["lime"] = "lime"
    samples: Annotated[Integer, Ge(10)] | None = None
    """Perturbed images per explanation; null = 128 with `interpolated`, else 1000 as in the
    package."""
    sampling: Literal["interpolated", "package", "random", "antithetic", "hadamard"] = (
        "interpolated"
    )
    """`interpolated` = all subsets of the superpixels that change the image, if `samples` suffice,
    else `hadamard` rows and a Gaussian process that predicts the rest. Regression over the samples
    alone: `package` = the draw of the package lime (Bernoulli, first row all shown), `random` =
    Bernoulli, `antithetic` = each row and its complement, `hadamard` = rows of Hadamard matrices
    with random columns and signs and their complements. All but `package` scale `alpha` by samples
    / 1000."""
    kernel_width: Positive = 0.25
    """Width of the exponential kernel on the cosine distance."""
    alpha: NonNegative = 1.0
    """Ridge penalty of the surrogate."""
    hide: Hide = "mean"
    """What hidden superpixels show - their `mean`, a grey value from 0 to 1, the image under a
    `blur`, `noise` of the image's mean and spread, or `inpaint` (filled from around them, Telea
    2004)."""
    hide_sigma: HideSigma = 8
    hide_radius: HideRadius = 3
    repeats: Count = 1
    """Seeds to explain each case with; the map is the first one's, two or more give stability_iou
    and stability_rank in tables/stability.csv, and cost as many times the samples."""
    stability_top: Count = 5
    """Superpixels of highest positive weight whose masks are compared between repeats."""
    adaptive: Adaptive | None = None
    output: Output = "probability"
    """Classifier output that the surrogate fits."""
    precision: Precision = "float32"
    """Precision of the forward passes; `auto` = bfloat16 where the hardware has it (twice as fast;
    moved the coefficients by 0.5 to 6 % of their size where measured)."""
    superpixels: Superpixels = Field(default_factory=Quickshift)

    @model_validator(mode="after")
    def _count_samples(self) -> "Lime":
        """Fill in the number of samples; refuse odd ones where a design consists of pairs."""
        if self.samples is None:
            few = self.sampling == "interpolated"
            self.samples = SAMPLES_INTERPOLATED if few else SAMPLES
        counts = {"samples": self.samples}
        if self.adaptive:
            counts = {
                "adaptive.budget": self.adaptive.budget,
                "adaptive.batch": self.adaptive.batch,
            }
        for key, count in counts.items():
            if self.sampling in PAIRED and count % 2:
                raise InputError(
                    f"{count} is odd, and {self.sampling} samples come in pairs",
                    field=key,
                    remedy=f"Use {count + 1}",
                )
        return self


class Cam(Explainer):
    """A class activation map of one layer."""

    layer: Layer = "auto"


class Gradcam(Cam):
    """Grad-CAM, by the package pytorch-grad-cam."""

    method: Literal["gradcam"] = "gradcam"
    layer: Layer = "auto"
    """Layer by its dotted name; `auto` = the last one with a spatial extent; `depth-1` to `depth-4`
    = quarters of the architecture's layers; `all` = those four, as explainers <name>-depth1 to
    -depth4; or a mapping from classifier to layer (auto for those it does not name)."""


class Gradient(Explainer):
    """Gradient of the logit at the input, summed over channels."""

    method: Literal["gradient"] = "gradient"
    magnitude: bool = True
    """Take the absolute value, as its paper does; false keeps the sign."""
    smoothing: Smoothing = 0


class InputXGradient(Explainer):
    """Gradient times the network's normalised input (zero at the grey value that normalisation
    subtracts)."""

    method: Literal["input_x_gradient"] = "input_x_gradient"
    smoothing: Smoothing = 0


class IntegratedGradients(Explainer):
    """Integrated gradients, by the package captum."""

    method: Literal["integrated_gradients"] = "integrated_gradients"
    steps: Annotated[Integer, Ge(2)] = 50
    """Points on the line from baseline to image, a gradient each (Gauss-Legendre)."""
    baseline: Baseline = "black"
    smoothing: Smoothing = 0


class Smoothgrad(Explainer):
    """SmoothGrad; the mean gradient of noisy copies of the image."""

    method: Literal["smoothgrad"] = "smoothgrad"
    samples: Count = 25
    """Noisy copies."""
    noise: NonNegative = 0.15
    """Standard deviation of the noise as a share of the image's range of grey values (the paper -
    0.1 to 0.2)."""
    magnitude: bool = True
    """Take the absolute value of the mean, as its paper draws it; false keeps the sign."""
    smoothing: Smoothing = 0


class GradientShap(Explainer):
    """GradientSHAP, as in the package captum; expected gradients from random baselines."""

    method: Literal["gradient_shap"] = "gradient_shap"
    samples: Count = 25
    """Random points, a gradient each."""
    baseline: Literal["black", "noise"] = "black"
    """Image that the attributions start from - black, or a new one of evenly distributed grey
    values for every sample."""
    noise: NonNegative = 0.1
    """Standard deviation of the noise added to the image, as a share of its range of grey
    values."""
    smoothing: Smoothing = 0


class GuidedBackprop(Explainer):
    """Guided backprop, by the package captum; ReLU networks alone."""

    method: Literal["guided_backprop"] = "guided_backprop"
    magnitude: bool = False
    """Take the absolute value; false keeps the sign."""
    smoothing: Smoothing = 0


class GuidedGradcam(Explainer):
    """Guided Grad-CAM; guided backprop times the rectified Grad-CAM, enlarged bilinearly. ReLU
    networks alone."""

    method: Literal["guided_gradcam"] = "guided_gradcam"
    layer: Layer = "auto"
    magnitude: bool = False
    """Take the absolute value; false keeps the sign."""
    smoothing: Smoothing = 0


class Deeplift(Explainer):
    """DeepLift with the rescale rule, by the package captum; networks of ReLUs and linear layers
    alone."""

    method: Literal["deeplift"] = "deeplift"
    baseline: Baseline = "black"
    smoothing: Smoothing = 0


class Lrp(Explainer):
    """Layer-wise relevance propagation of the logit, by the package zennit; networks of ReLUs and
    linear layers alone."""

    method: Literal["lrp"] = "lrp"
    composite: Literal[
        "epsilon_plus",
        "epsilon_plus_flat",
        "epsilon_gamma_box",
        "epsilon_alpha2_beta1",
        "epsilon_alpha2_beta1_flat",
    ] = "epsilon_plus"
    """Rules by layer, as zennit names them (epsilon for linear layers; for convolutions z+, gamma
    or alpha-beta; flat or a box at the input)."""
    epsilon: Positive = 1e-06
    """Stabiliser of the epsilon rule."""
    smoothing: Smoothing = 0


class GradcamPlusPlus(Cam):
    """Grad-CAM++, by the package pytorch-grad-cam."""

    method: Literal["gradcam_plus_plus"] = "gradcam_plus_plus"
    epsilon: NonNegative = 1e-06
    """Added to the denominator of the coefficients; the package's 1e-6 outweighs small gradients
    and 0 is the paper's formula."""


class Xgradcam(Cam):
    """XGrad-CAM, by the package pytorch-grad-cam; for layers after a ReLU."""

    method: Literal["xgradcam"] = "xgradcam"


class Hirescam(Cam):
    """HiResCAM, by the package pytorch-grad-cam."""

    method: Literal["hirescam"] = "hirescam"


class Layercam(Cam):
    """LayerCAM, by the package pytorch-grad-cam."""

    method: Literal["layercam"] = "layercam"


class Eigencam(Cam):
    """Eigen-CAM, by the package pytorch-grad-cam; the same map for every class."""

    method: Literal["eigencam"] = "eigencam"


class Eigengradcam(Cam):
    """EigenGrad-CAM, by the package pytorch-grad-cam."""

    method: Literal["eigengradcam"] = "eigengradcam"


class Finercam(Cam):
    """Finer-CAM, as in the package pytorch-grad-cam; Grad-CAM of what tells the class from those
    most like it."""

    method: Literal["finercam"] = "finercam"
    comparisons: Count = 3
    """Classes compared with - those whose logits are nearest; all others where there are fewer."""
    alpha: NonNegative = 1.0
    """Weight of the other classes; 0 = Grad-CAM."""


class Scorecam(Cam):
    """Score-CAM, as in the package pytorch-grad-cam; one forward pass per channel of the layer."""

    method: Literal["scorecam"] = "scorecam"
    output: Literal["logit", "probability"] = "logit"
    """Classifier output that scores a channel; `logit` = the package's, `probability` = the
    paper's."""


class Ablationcam(Cam):
    """Ablation-CAM, as in the package pytorch-grad-cam; one partial forward pass per channel of the
    layer."""

    method: Literal["ablationcam"] = "ablationcam"


class Fullgrad(Explainer):
    """FullGrad, as in the package pytorch-grad-cam; at input size; ReLU networks of convolutions
    and batch normalisations alone."""

    method: Literal["fullgrad"] = "fullgrad"
    scale: Literal["channel", "layer"] = "channel"
    """What is scaled to [0, 1] before all is added up; `channel` = the package's, `layer` = the
    authors' code, in which channels keep their proportions."""


class KernelShap(Explainer):
    """KernelSHAP: Shapley values of LIME's superpixels (Lundberg & Lee 2017)."""

    method: Literal["kernel_shap"] = "kernel_shap"
    samples: Annotated[Integer, Ge(10)] = 1000
    """Images classified per explanation at most; exact where all sets of superpixels that hiding
    changes fit."""
    hide: Hide = "mean"
    hide_sigma: HideSigma = 8
    hide_radius: HideRadius = 3
    output: Output = "probability"
    precision: Precision = "float32"
    superpixels: Superpixels = Field(default_factory=Quickshift)


class Rise(Explainer):
    """RISE: mean output over random masks (Petsiuk, Das & Saenko 2018)."""

    method: Literal["rise"] = "rise"
    samples: Annotated[Integer, Ge(10)] = 4000
    """Random masks per explanation."""
    cells: Count = 7
    """Cells per side of a mask's grid."""
    probability: InnerShare = 0.5
    """Probability of a cell to be shown."""
    fill: Share = 0
    """Grey value that masks fade to; 0 = black, the paper's (its authors' code fades to the mean
    that the network's input is normalised by)."""
    normalise: Literal["expectation", "coverage"] = "expectation"
    """Divide by the share that masks are expected to show (the paper's), or by the share that they
    showed of each pixel (less noise)."""
    output: Output = "probability"
    precision: Precision = "float32"


class Occlusion(Explainer):
    """Occlusion: what the output loses under a sliding square (Zeiler & Fergus 2014)."""

    method: Literal["occlusion"] = "occlusion"
    window: Count = 32
    """Side of the square in pixels of the working image."""
    stride: Count = 8
    """Step in pixels of the working image, at most the side."""
    fill: Literal["mean", "blur"] | Share = "mean"
    """What the square shows - `mean` of the image, the image under a `blur`, or a grey value from 0
    to 1."""
    fill_sigma: Positive = 8
    """Fill by blur: standard deviation in pixels of the working image."""
    output: Output = "probability"
    precision: Precision = "float32"

    @model_validator(mode="after")
    def _covers_the_image(self) -> "Occlusion":
        if self.stride > self.window:
            raise InputError(
                f"{self.stride} leaves gaps between windows of {self.window} pixels",
                field="stride",
                remedy=f"Use at most {self.window}",
            )
        return self


class FeatureAblation(Explainer):
    """Feature ablation: what the output loses without one of LIME's superpixels."""

    method: Literal["feature_ablation"] = "feature_ablation"
    hide: Hide = "mean"
    hide_sigma: HideSigma = 8
    hide_radius: HideRadius = 3
    output: Output = "probability"
    precision: Precision = "float32"
    superpixels: Superpixels = Field(default_factory=Quickshift)


class LungMask(Explainer):
    """Null baseline: the whole lung."""

    method: Literal["lung_mask"] = "lung_mask"


class CentrePrior(Explainer):
    """Null baseline: a Gaussian at the centre of the image."""

    method: Literal["centre_prior"] = "centre_prior"
    sigma: Positive = 0.25
    """Standard deviation as a share of the side."""


class RandomSuperpixels(Explainer):
    """Null baseline: LIME's superpixels with random weights."""

    method: Literal["random_superpixels"] = "random_superpixels"
    superpixels: Superpixels = Field(default_factory=Quickshift)


class LowerLung(Explainer):
    """Null baseline: the lower half of the lung."""

    method: Literal["lower_lung"] = "lower_lung"


class PeripheralLung(Explainer):
    """Null baseline: the band along the lung's edge."""

    method: Literal["peripheral_lung"] = "peripheral_lung"
    width: PositiveShare = 0.5
    """Width of the band as a share of the lung's largest inner distance."""


class MeanMask(Explainer):
    """Null baseline: the mean of the training split's reference masks."""

    method: Literal["mean_mask"] = "mean_mask"
    align: Literal["image", "lung_box"] = "image"
    """Laid over the whole image, or warped to the bounding box of each case's lung."""


class MeanBox(Explainer):
    """Null baseline: the mean of the training split's reference boxes."""

    method: Literal["mean_box"] = "mean_box"


class CentreBox(Explainer):
    """Null baseline: a box of the training boxes' mean size at the centre of the image."""

    method: Literal["centre_box"] = "centre_box"


class RandomBox(Explainer):
    """Null baseline: a box of the size of a training box, anywhere in the image."""

    method: Literal["random_box"] = "random_box"


class EdgeMap(Explainer):
    """Null baseline: the edges of the image."""

    method: Literal["edge_map"] = "edge_map"
    sigma: Positive = 2
    """Smoothing before the gradient in pixels of the working image."""


class RandomCam(Explainer):
    """Null baseline: a class activation map's grid filled with noise."""

    method: Literal["random_cam"] = "random_cam"
    grid: Annotated[Integer, Ge(2), Le(112)] = 7
    """Side of the grid."""


class RandomWeights(Explainer):
    """Null baseline: another explainer on the classifier with random weights (Adebayo et al.
    2018)."""

    method: Literal["random_weights"] = "random_weights"
    of: Annotated[
        Explainer, WithJsonSchema({"anyOf": [{"type": "string"}, {"entry": "Explainer"}]})
    ]
    """The key of another explainer of this config, whose settings it then follows, or settings of
    its own: {method: gradcam}."""

    @field_validator("of", mode="before")
    @classmethod
    def _is_an_explainer(cls, value: Any) -> Any:
        if not isinstance(value, dict | Explainer):
            raise InputError(
                f"{value!r} is not an explainer",
                remedy="Name another explainer of this config, or write {method: …}",
            )
        return value


class Unet(Explainer):
    """Ceiling: a small U-Net trained on the training split's reference masks."""

    method: Literal["unet"] = "unet"
    epochs: Count = 30
    """Epochs."""
    channels: Annotated[Integer, Ge(4)] = 16
    """Channels of the first level."""
    learning_rate: Positive = 0.003
    """Learning rate."""
    batch: Count = 16
    """Images per step."""


class SecondReader(Explainer):
    """Ceiling: the masks of a second reader, where a data set has them."""

    method: Literal["second_reader"] = "second_reader"


class Imported(Explainer):
    """Maps or masks made elsewhere, read from files; see docs/importing.md."""

    method: Literal["imported"] = "imported"
    folder: str | None = None
    """Folder of the maps, relative to where you start; `{dataset}` stands for the data set's
    name."""
    file: str | None = None
    """Instead of a folder: one masks.json, or COCO file, with the masks of all cases."""
    pattern: str | None = None
    """Name of a file in the folder, with `{case}` and, where classes differ, `{class}`; null = the
    format's usual name."""
    format: Literal["auto", "chexlocalize", "npy", "npz", "png", "masks_json"] = "auto"
    """Format of the files; `auto` = by the ending of the pattern or file."""
    kind: Literal["auto", "map", "mask"] = "auto"
    """A mask is its own mask under every binarization; `auto` = masks.json and boolean arrays are
    masks, all else maps."""
    sign: Literal["study", "absolute", "signed"] = "study"
    """Part of a map that counts: as the study's post-processing says, its absolute value, or its
    whole range."""
    min_score: Number = 0.5
    """Of a COCO file, only instances with at least this `score` count (those without a score always
    do)."""
    missing: Literal["error", "skip"] = "error"
    """What a case without a map is: an error, or left out, and comparisons with it are made on the
    cases it has."""
    family: Literal["imported", "perturbation", "cam", "gradient", "ceiling"] = "imported"
    """How it stands in tables and verdict: an explainer, or a ceiling (a reader, a segmentation
    network)."""
    classes: dict[str, str | Integer] = {}
    """Class of the data set: its name in the files, where they differ (in COCO files the category's
    id or name)."""

    @model_validator(mode="after")
    def _says_where_its_files_are(self) -> "Imported":
        check_entry(self)
        return self


class Plugin(Explainer):
    """`plugin:<function>` from a file under `plugins`."""

    method: Annotated[str, Field(pattern=r"^plugin:[A-Za-z_][A-Za-z0-9_]*$")]
    """`plugin:<function>` from a file under `plugins`."""
    params: dict[str, Any] = {}
    """Keyword arguments of the function."""
    family: Family | None = None
    """How it is listed in tables, figures and verdict; `baseline` is a null baseline. null = as its
    file says (a line `family = "cam"`), else `perturbation`."""


HidesSuperpixels = Lime | KernelShap | FeatureAblation
Perturbation = KernelShap | FeatureAblation | Rise | Occlusion


def guards_of(params: Mapping[str, Any]) -> list[Any]:
    """Give what decides, beside an entry, whether the maps of an unfinished shard are kept."""
    inner = guards_of(params["of"]) if "of" in params else []
    return [params.get("plugins"), params.get("listing"), *inner]


def plugins_of(params: Mapping[str, Any]) -> list[str]:
    """Name the files of the user's own methods that params name (see `Explainer.of_job`)."""
    return list(params.get("plugins") or params.get("of", {}).get("plugins", ()))
