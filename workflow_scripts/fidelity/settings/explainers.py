"""The explainers: which cases and classes they explain, and one model for each method.

To add a method, add one class here: its `method`, its keys with defaults, and their meaning.
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
    Title,
    Unique,
    checked,
)
from fidelity.settings.superpixels import Quickshift, Superpixels


class Explain(Section):
    """Which cases and classes are explained. They are the same for all explainers, unless `targets`
    is set."""

    splits: Annotated[Unique[Split], Field(min_length=1)] = ["val", "test"]
    """Splits whose cases are explained and scored."""
    cohort: Literal["annotated"] = "annotated"
    """Cases that are explained; `annotated` = those of an annotated class."""
    target: str = "reference"
    """Class that is explained: `reference` (the class whose mask is scored), `predicted`, or a
    class name."""
    targets: dict[str, str] = {}
    """Map from explainer to its own target, to reproduce a study whose methods explained different
    classes. Tables then warn that differences between explainers may come from their targets. {} =
    one target for all."""
    max_failed_cases: Natural = 0
    """Number of cases per shard that may fail. If you raise it, the run resumes and keeps its maps.
    """
    partial_cohort: bool = False
    """Whether means may be computed if some cases have no scores. With false, such cases are an
    error, and localization.csv is not written. Failed cases that max_failed_cases allows do not
    count as missing."""


Layer = Annotated[
    str | Annotated[dict[str, str], Field(min_length=1)],
    Field(
        description="Layer that the map is made from: `auto`, `depth-1` to `depth-4`, `all`, or "
        "its dotted name (docs/models.md). A mapping sets the layer per classifier; `auto` for "
        "those that it does not name."
    ),
]
Hide = Annotated[
    Literal["mean", "blur", "noise", "inpaint"] | Share,
    Field(
        description="What hidden superpixels show. A number = a grey value from 0 to 1; `mean` = "
        "each superpixel's own mean; `blur` = the blurred image. Also: `noise` = noise with the "
        "image's mean and spread; `inpaint` = filled from the surroundings (Telea 2004)."
    ),
]
HideSigma = Annotated[
    Positive,
    Field(description="For `hide: blur`: standard deviation in pixels of the working image."),
]
HideRadius = Annotated[
    Count, Field(description="For `hide: inpaint`: radius in pixels of the working image.")
]
Output = Annotated[
    Literal["probability", "logit"], Field(description="Classifier output that is explained.")
]
Precision = Annotated[
    Literal["float32", "bfloat16", "auto"],
    Field(
        description="Precision of the forward passes; `auto` = bfloat16 if the hardware has it "
        "(about twice as fast, less exact: docs/speed.md)."
    ),
]
Baseline = Annotated[
    Literal["black", "mean", "blur"],
    Field(
        description="Image that the attributions start from: black, the image's mean grey value, "
        "or the blurred image. The blur's standard deviation is a twentieth of the image's side."
    ),
]
Smoothing = Annotated[
    NonNegative,
    Field(
        description="Standard deviation of a Gaussian that smooths the map, in pixels of the "
        "working image; 0 = none."
    ),
]


class Explainer(Entry):
    """An explainer; its keys depend on its method."""

    chosen_by: ClassVar[str] = "method"
    entry_name: ClassVar[str] = "explainer"
    method: str
    title: Title = None
    """Name in figures, tables and pages; null = the method's, with what distinguishes explainers
    of one method ("Grad-CAM, depth 3")."""

    @classmethod
    def of_job(cls, params: Mapping[str, Any]) -> "Explainer":
        """Build the entry of an explainer from the params that a rule passes to a script."""
        kept = {key: value for key, value in params.items() if key not in ("plugins", "listing")}
        if "of" in kept:
            kept["of"] = cls.of_job(kept["of"])
        return checked(Explainer, kept)


class Adaptive(Section):
    """Stop sampling when the intervals of the coefficients separate the top superpixels from the
    rest, or at a stated `error`. `samples` is then ignored. `null` = off."""

    budget: Annotated[Integer, Ge(10)] = 1000
    """Largest number of samples per explanation."""
    batch: Annotated[Integer, Ge(2)] = 128
    """Samples between two checks of the intervals."""
    level: InnerShare = 0.95
    """Level of each superpixel's interval, not adjusted for several checks."""
    top: Count = 5
    """Number of superpixels to separate from the rest."""
    error: Positive | None = None
    """Stop instead when the norm of the superpixels' standard errors is at most this share of the
    norm of their coefficients. `null` = stop by `level` and `top`."""


class Lime(Explainer):
    """LIME, in batches on the device. It estimates what the package lime converges to, from far
    fewer images. `sampling: package` gives the package's own coefficients."""

    method: Literal["lime"] = "lime"
    samples: Annotated[Integer, Ge(10)] | None = None
    """Perturbed images per explanation; null = 128 with `interpolated`, else 1000 (as in the
    package)."""
    sampling: Literal["interpolated", "package", "random", "antithetic", "hadamard"] = (
        "interpolated"
    )
    """How perturbed images are chosen. `random` = each superpixel is shown with probability 1/2;
    `package` = the same, but the first image hides nothing, as in the package lime; `antithetic` =
    random images and their complements; `hadamard` = rows of Hadamard matrices and their
    complements. `interpolated` = one image for every subset of the superpixels, if there are at
    most `samples` subsets. A superpixel that does not change the image when hidden is ignored when
    subsets are counted. With more subsets, it takes the images of `hadamard`. A Gaussian process
    then predicts the outputs of other subsets: all for at most 13 superpixels, else a sample.

    Except for `package`, `alpha` is multiplied by n / 1000. Here, n counts the images in the
    regression, including those with predicted outputs."""
    kernel_width: Positive = 0.25
    """Width of the kernel that weighs samples by their cosine distance from the image."""
    alpha: NonNegative = 1.0
    """Ridge penalty of the surrogate."""
    hide: Hide = "mean"
    hide_sigma: HideSigma = 8
    hide_radius: HideRadius = 3
    repeats: Count = 1
    """Number of seeds that each case is explained with. The map is that of the first seed. Two or
    more give stability_iou and stability_rank in tables/stability.csv; the cost grows in
    proportion."""
    stability_top: Count = 5
    """Number of superpixels with the highest positive weights whose masks are compared between
    repeats."""
    adaptive: Adaptive | None = None
    output: Output = "probability"
    precision: Precision = "float32"
    superpixels: Superpixels = Field(default_factory=Quickshift)
    """How superpixels are made: see the section `superpixels`."""

    @model_validator(mode="after")
    def _count_samples(self) -> "Lime":
        """Fill in the number of samples; refuse an odd number if samples come in pairs."""
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


class Gradient(Explainer):
    """Gradient of the logit at the input, summed over channels."""

    method: Literal["gradient"] = "gradient"
    magnitude: bool = True
    """Take the absolute value, as the paper does; false keeps the sign."""
    smoothing: Smoothing = 0


class InputXGradient(Explainer):
    """Gradient times the network's normalised input. The map is 0 where a pixel equals the mean
    that normalisation subtracts."""

    method: Literal["input_x_gradient"] = "input_x_gradient"
    smoothing: Smoothing = 0


class IntegratedGradients(Explainer):
    """Integrated gradients, by the package captum."""

    method: Literal["integrated_gradients"] = "integrated_gradients"
    steps: Annotated[Integer, Ge(2)] = 50
    """Points on the line from baseline to image (Gauss-Legendre). Each point costs one gradient."""
    baseline: Baseline = "black"
    smoothing: Smoothing = 0


class Smoothgrad(Explainer):
    """SmoothGrad; the mean gradient of noisy copies of the image."""

    method: Literal["smoothgrad"] = "smoothgrad"
    samples: Count = 25
    """Noisy copies."""
    noise: NonNegative = 0.15
    """Standard deviation of the noise, as a share of the image's range of grey values (the paper
    uses 0.1 to 0.2)."""
    magnitude: bool = True
    """Take the absolute value of the mean, as in the paper's figures; false keeps the sign."""
    smoothing: Smoothing = 0


class GradientShap(Explainer):
    """GradientSHAP; mean attributions at random points between a baseline and noisy copies of the
    image."""

    method: Literal["gradient_shap"] = "gradient_shap"
    samples: Count = 25
    """Random points. Each costs one gradient."""
    baseline: Literal["black", "noise"] = "black"
    """Image that the attributions start from: black, or for every sample a new image of uniformly
    distributed grey values."""
    noise: NonNegative = 0.1
    """Standard deviation of the noise added to the image, as a share of its range of grey
    values."""
    smoothing: Smoothing = 0


class GuidedBackprop(Explainer):
    """Guided backprop, by the package captum; only for ReLU networks."""

    method: Literal["guided_backprop"] = "guided_backprop"
    magnitude: bool = False
    """Take the absolute value; false keeps the sign."""
    smoothing: Smoothing = 0


class GuidedGradcam(Explainer):
    """Guided Grad-CAM; guided backprop times the rectified Grad-CAM, enlarged bilinearly. Only for
    ReLU networks."""

    method: Literal["guided_gradcam"] = "guided_gradcam"
    layer: Layer = "auto"
    magnitude: bool = False
    """Take the absolute value; false keeps the sign."""
    smoothing: Smoothing = 0


class Deeplift(Explainer):
    """DeepLift with the rescale rule, by the package captum; only for networks of ReLUs,
    convolutions, linear layers and pooling (docs/explainers.md)."""

    method: Literal["deeplift"] = "deeplift"
    baseline: Baseline = "black"
    smoothing: Smoothing = 0


class Lrp(Explainer):
    """Layer-wise relevance propagation of the logit, by the package zennit; only for networks of
    ReLUs, convolutions, linear layers and pooling (docs/explainers.md)."""

    method: Literal["lrp"] = "lrp"
    composite: Literal[
        "epsilon_plus",
        "epsilon_plus_flat",
        "epsilon_gamma_box",
        "epsilon_alpha2_beta1",
        "epsilon_alpha2_beta1_flat",
    ] = "epsilon_plus"
    """Rules by layer, with zennit's names (see its documentation). Linear layers use epsilon;
    convolutions z+, gamma or alpha-beta; the input layer flat or a box."""
    epsilon: Positive = 1e-06
    """Stabiliser of the epsilon rule."""
    smoothing: Smoothing = 0


class GradcamPlusPlus(Cam):
    """Grad-CAM++, by the package pytorch-grad-cam."""

    method: Literal["gradcam_plus_plus"] = "gradcam_plus_plus"
    epsilon: NonNegative = 1e-06
    """Added to the denominator of the coefficients. The package's 1e-6 outweighs small gradients; 0
    is the paper's formula."""


class Xgradcam(Cam):
    """XGrad-CAM, by the package pytorch-grad-cam. It is meant for layers that follow a ReLU."""

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
    """Finer-CAM; Grad-CAM of the difference between the class and the most similar ones."""

    method: Literal["finercam"] = "finercam"
    comparisons: Count = 3
    """Number of other classes to compare with: those with the most similar logits."""
    alpha: NonNegative = 1.0
    """Weight of the other classes; 0 = Grad-CAM."""


class Scorecam(Cam):
    """Score-CAM; one forward pass per channel of the layer."""

    method: Literal["scorecam"] = "scorecam"
    output: Literal["logit", "probability"] = "logit"
    """Classifier output that scores a channel; `logit` = as in the package pytorch-grad-cam,
    `probability` = as in the paper."""


class Ablationcam(Cam):
    """Ablation-CAM; one partial forward pass per channel of the layer."""

    method: Literal["ablationcam"] = "ablationcam"


class Fullgrad(Explainer):
    """FullGrad, at input size; only for ReLU networks of convolutions and batch normalisations."""

    method: Literal["fullgrad"] = "fullgrad"
    scale: Literal["channel", "layer"] = "channel"
    """What is scaled to [0, 1] before the sum: `channel` = as in the package pytorch-grad-cam;
    `layer` = as in the authors' code, where channels keep their proportions."""


class KernelShap(Explainer):
    """KernelSHAP: Shapley values of LIME's superpixels (Lundberg & Lee 2017)."""

    method: Literal["kernel_shap"] = "kernel_shap"
    samples: Annotated[Integer, Ge(10)] = 1000
    """Largest number of images classified per explanation. The result is exact if this allows all
    subsets of the superpixels. A superpixel that does not change the image when hidden is ignored.
    """
    hide: Hide = "mean"
    hide_sigma: HideSigma = 8
    hide_radius: HideRadius = 3
    output: Output = "probability"
    precision: Precision = "float32"
    superpixels: Superpixels = Field(default_factory=Quickshift)
    """How superpixels are made: see the section `superpixels`."""


class Rise(Explainer):
    """RISE: the mean output over random masks (Petsiuk, Das & Saenko 2018)."""

    method: Literal["rise"] = "rise"
    samples: Annotated[Integer, Ge(10)] = 4000
    """Random masks per explanation."""
    cells: Count = 7
    """Cells per side of a mask's grid."""
    probability: InnerShare = 0.5
    """Probability that a cell is shown."""
    fill: Share = 0
    """Grey value of hidden pixels. 0 = black, as in the paper; the authors' code uses the mean of
    the network's input normalisation."""
    normalise: Literal["expectation", "coverage"] = "expectation"
    """What the sum is divided by: the expected share of masks that show a pixel (as in the paper),
    or the actual share (less noise)."""
    output: Output = "probability"
    precision: Precision = "float32"


class Occlusion(Explainer):
    """Occlusion: how much the output drops under a sliding square (Zeiler & Fergus 2014)."""

    method: Literal["occlusion"] = "occlusion"
    window: Count = 32
    """Side of the square in pixels of the working image."""
    stride: Count = 8
    """Step in pixels of the working image, at most `window`."""
    fill: Literal["mean", "blur"] | Share = "mean"
    """What the square shows: the `mean` of the image, the image under a `blur`, or a grey value
    from 0 to 1."""
    fill_sigma: Positive = 8
    """For `fill: blur`: standard deviation in pixels of the working image."""
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
    """Feature ablation: how much the output drops without one of LIME's superpixels."""

    method: Literal["feature_ablation"] = "feature_ablation"
    hide: Hide = "mean"
    hide_sigma: HideSigma = 8
    hide_radius: HideRadius = 3
    output: Output = "probability"
    precision: Precision = "float32"
    superpixels: Superpixels = Field(default_factory=Quickshift)
    """How superpixels are made: see the section `superpixels`."""


class LungMask(Explainer):
    """Null baseline: the whole lung."""

    method: Literal["lung_mask"] = "lung_mask"


class HeartMask(Explainer):
    """Null baseline: the whole heart, by CheXmask (`lung_masks: chexmask`). It has a
    map only for cases with a heart mask."""

    method: Literal["heart_mask"] = "heart_mask"


class CentrePrior(Explainer):
    """Null baseline: a Gaussian at the centre of the image."""

    method: Literal["centre_prior"] = "centre_prior"
    sigma: Positive = 0.25
    """Standard deviation as a share of the side."""


class RandomSuperpixels(Explainer):
    """Null baseline: LIME's superpixels with random weights."""

    method: Literal["random_superpixels"] = "random_superpixels"
    superpixels: Superpixels = Field(default_factory=Quickshift)
    """How superpixels are made: see the section `superpixels`."""


class LowerLung(Explainer):
    """Null baseline: the lower half of the lung."""

    method: Literal["lower_lung"] = "lower_lung"


class PeripheralLung(Explainer):
    """Null baseline: the band along the lung's edge."""

    method: Literal["peripheral_lung"] = "peripheral_lung"
    width: PositiveShare = 0.5
    """Width of the band, as a share of the largest distance from the lung's edge."""


class MeanMask(Explainer):
    """Null baseline: the mean of the training split's reference masks."""

    method: Literal["mean_mask"] = "mean_mask"
    align: Literal["image", "lung_box"] = "image"
    """Where the mean mask is placed: over the whole image, or scaled to the bounding box of each
    case's lung."""


class MeanBox(Explainer):
    """Null baseline: one box per class. The position of each of its edges is the mean over the
    training split's reference boxes."""

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
    """Smoothing before the gradient, in pixels of the working image."""


class RandomCam(Explainer):
    """Null baseline: noise on the grid of a class activation map."""

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
    """Explainer to run on random weights: its name in this config, or keys such as
    {method: gradcam}."""

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
    """Ceiling: the masks of another reader. The data set must have them. If the data set's
    `reference` is set, each reader is scored against the joined masks of the others."""

    method: Literal["second_reader"] = "second_reader"
    reader: Annotated[str | None, Field(exclude_if=lambda value: value is None)] = None
    """Whose masks: a reader's name; `any` = one of the readers of each case, drawn at random; null
    = the data set's second reader: `second_mask:<class>` of a table, `second_reader` of the
    phantom, `human_benchmark.segmentations` of CheXlocalize."""


class Imported(Explainer):
    """Maps or masks made elsewhere, read from files; see docs/importing.md."""

    method: Literal["imported"] = "imported"
    folder: str | None = None
    """Folder of the maps, relative to the folder that you run snakemake in; `{dataset}` is replaced
    by the data set's name."""
    file: str | None = None
    """One masks.json or COCO file with the masks of all cases, instead of a folder."""
    pattern: str | None = None
    """Name of a file in the folder, with `{case}` and, if each class has its own file, `{class}`;
    null = `{case}.npy`, `{case}.npz` or `{case}.png`, by `format`; for `chexlocalize`,
    `{case}_{class}_map.pkl`. With `folder` and `format: auto`, the pattern is required."""
    format: Literal["auto", "chexlocalize", "npy", "npz", "png", "masks_json"] = "auto"
    """Format of the files; `auto` = by the ending of `pattern` or `file`."""
    kind: Literal["auto", "map", "mask"] = "auto"
    """Whether the files hold maps or masks. A mask stays the same under every binarization. `auto`
    = masks.json and boolean arrays are masks, all others maps."""
    sign: Literal["study", "absolute", "signed"] = "study"
    """Part of a map that counts: as set by the study's post-processing (`study`), its absolute
    value, or its whole range (`signed`)."""
    min_score: Number = 0.5
    """For a COCO file: only instances with at least this `score` count. Instances without a score
    always count."""
    missing: Literal["error", "skip"] = "error"
    """What to do with a case without a map: `error` stops; `skip` leaves it out, and comparisons
    use only the cases that have a map."""
    family: Literal["imported", "perturbation", "cam", "gradient", "ceiling"] = "imported"
    """Kind under which tables and verdict list it. `ceiling` = a reader or a segmentation network;
    the other kinds are explainers."""
    classes: dict[str, str | Integer] = {}
    """Map from class of the data set to its name in the files, if they differ (in COCO files, the
    category's id or name)."""

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
    """Kind under which tables, figures and verdict list it; `baseline` = a null baseline. `null` =
    as set in its file (a line `family = "cam"`), else `perturbation`."""


HidesSuperpixels = Lime | KernelShap | FeatureAblation
Perturbation = KernelShap | FeatureAblation | Rise | Occlusion


def guards_of(params: Mapping[str, Any]) -> list[Any]:
    """Return what decides, besides the entry, whether maps of an unfinished shard can be reused."""
    inner = guards_of(params["of"]) if "of" in params else []
    return [params.get("plugins"), params.get("listing"), *inner]


def plugins_of(params: Mapping[str, Any]) -> list[str]:
    """Return the user's plugin files from the params of an explainer (see `Explainer.of_job`)."""
    return list(params.get("plugins") or params.get("of", {}).get("plugins", ()))
