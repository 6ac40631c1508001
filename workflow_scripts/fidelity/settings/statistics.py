"""The scores of masks and maps, and the statistics on them."""

from typing import Annotated, Literal, get_args

from annotated_types import Ge, Lt
from pydantic import Field, field_validator

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.settings.closed_model import (
    UNUSED,
    InnerShare,
    Integer,
    NonNegative,
    Number,
    Positive,
    PositiveShare,
    Section,
    Unique,
)

# Metrics that are scored by default.
UsualMetric = Literal[
    "iou",
    "dice",
    "precision",
    "recall",
    "specificity",
    "volume_similarity",
    "hausdorff_full",
    "hausdorff_boundary",
    "hd95_boundary",
    "assd",
    "nsd",
    "hausdorff_full_diagonal",
    "hd95_boundary_diagonal",
    "assd_diagonal",
    "hausdorff_full_mm",
    "hd95_boundary_mm",
    "assd_mm",
    "iou_nan",
    "false_positive_share",
]
FurtherMetric = Literal[
    "lesion_recall",
    "hausdorff_boundary_mm",
    "hausdorff_boundary_diagonal",
    "dice_nan",
]
MaskMetric = Literal[UsualMetric, FurtherMetric]
MapMetric = Literal[
    "pointing_game",
    "pointing_game_any",
    "hit_rate",
    "pointing_game_tolerance",
    "relevance_mass",
    "relevance_rank",
    "roc_auc",
    "average_precision",
    "best_iou",
    "best_iou_threshold",
    "outside_lung_share",
]
Protocol = Literal[
    "default",
    "seed",
    "chexlocalize",
    "chexlocalize-full",
    "monai",
    "metrics-reloaded",
    "surface-distance",
    "medpy",
    "scikit-image",
]
# Protocols for boxes, besides `default`; used for data sets with boxes.
BoxProtocol = Literal["wsol", "chestxray8", "rodeo"]


class Empty(Section):
    """Values of the default protocol's metrics for empty masks. The other protocols are fixed."""

    overlap_both: Literal["one", "nan"] = "one"
    """IoU and Dice if prediction and reference are empty."""
    distance_both: Literal["zero", "nan"] = "zero"
    """Distances if prediction and reference are empty."""
    distance_prediction: Literal["diagonal", "inf", "nan"] = "diagonal"
    """Distances if only the prediction is empty."""


class Boxes(Section):
    """How maps become boxes, and when a box finds a lesion; for data sets with boxes."""

    threshold: Annotated[Number, Ge(0), Lt(1)] = 0.5
    """Threshold of the map. Boxes bound the connected parts strictly above it."""
    of: Annotated[Literal["maximum", "absolute"], UNUSED] = "maximum"
    """Has no effect, because the highest value of every map is 1."""
    connectivity: Literal[4, 8] = 8
    """Whether pixels that touch only at a corner are connected (8) or not (4)."""
    keep: Literal["all", "largest"] = "all"
    """Boxes of all connected parts, or only of the largest."""
    hit: Literal["centre"] | PositiveShare = "centre"
    """When a predicted box finds a lesion (lesion-wise recall, FROC): its centre lies in the
    lesion's box, or their IoU reaches this number."""
    # The values of LUNA16, object-CXR and wsrpn.
    false_positives: Annotated[Unique[Positive], Field(min_length=1)] = [
        *(0.125, 0.25, 0.5, 1, 2, 4, 8)
    ]
    """Numbers of false positives per image at which FROC reads the sensitivity; `froc` is the mean
    of these sensitivities."""


class Scores(Section):
    """Metrics and their conventions."""

    metrics: Annotated[Unique[MaskMetric], Field(min_length=1)] = list(get_args(UsualMetric))
    """Metrics of the masks (docs/measuring.md). `_mm` metrics need the pixel spacing; `_diagonal`
    metrics are shares of the image diagonal; `_nan` metrics leave empty predictions out of the
    mean."""
    ranking: Unique[MapMetric] = list(get_args(MapMetric))
    """Metrics of the maps, without a threshold (docs/measuring.md)."""
    surface_tolerance: NonNegative = 2
    """Tolerance of the normalised surface Dice (nsd), in pixels of the scored image."""
    pointing_tolerance: NonNegative = 15
    """Tolerance of `pointing_game_tolerance`, in pixels of the scored image (TorchRay uses 15)."""
    empty: Empty = Field(default_factory=Empty)
    boxes: Boxes = Field(default_factory=Boxes)
    thresholds: Annotated[Integer, Ge(2)] = 101
    """Number of thresholds from 0 to 1 in the threshold curves."""

    @field_validator("metrics")
    @classmethod
    def _has_iou(cls, names: list[str]) -> list[str]:
        if "iou" not in names:
            raise InputError("iou is missing, but the gallery is ordered by it", remedy="Add iou")
        return names


class Statistics(Section):
    """Intervals and tests."""

    primary: str = "iou"
    """Metric of the primary comparison."""
    primary_binarization: str | None = None
    """Binarization of the primary comparison; null = the first `tuned` one, else the first that
    does not see the reference."""
    compared: Annotated[Unique[str], Field(min_length=1)] = [
        "iou",
        "dice",
        "hausdorff_full",
        "hd95_boundary",
        "assd",
        "nsd",
        "pointing_game",
        "relevance_mass",
        "relevance_rank",
        "roc_auc",
        "average_precision",
    ]
    """Metrics with paired tests and ranks, if they are among the scores. The primary metric always
    has them."""
    permutations: Annotated[Integer, Ge(99)] = 9999
    """Sign flips of the permutation test; at least 1 / alpha."""
    margin: InnerShare = 0.05
    """Equivalence margin for metrics from 0 to 1. Two explainers are called equivalent only if the
    interval of their difference is inside it."""
    replicates: Annotated[Integer, Ge(100)] = 2000
    """Bootstrap replicates; at least 2 / alpha."""
    cluster: Literal["patient", "case"] = "patient"
    """Unit of analysis: what bootstrap and tests resample; `case` = an image."""
    least_accuracy: PositiveShare | None = None
    """The verdict draws conclusions about explainers only if the classifier's test accuracy is at
    least this number. An error for data with several labels per image. null = above chance is
    enough. Choose it before the run."""
    alpha: InnerShare = 0.05
    """Significance level of the tests; intervals have the confidence level 1 - alpha."""

    @field_validator("primary")
    @classmethod
    def _counts_empty_predictions(cls, name: str) -> str:
        if name.endswith("_nan"):
            raise InputError(
                f"{name!r} leaves empty predictions out, which rewards predicting nothing",
                remedy=f"Use {name.removesuffix('_nan')!r}",
            )
        return name

    @field_validator("compared")
    @classmethod
    def _are_metrics(cls, names: list[str]) -> list[str]:
        known = get_args(MaskMetric) + get_args(MapMetric)
        for name in names:
            if name not in known:
                raise InputError(f"{name!r} is not a metric", remedy=suggestion(name, known))
        return names
