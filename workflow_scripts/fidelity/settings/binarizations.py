"""The binarizations: rules that turn a map into a mask, and the post-processing of masks.

To add a rule, add one class here: its `method`, its keys with defaults, and the meaning of each
key.
"""

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Lt
from pydantic import MISSING, Field, field_validator

from fidelity.base.errors import InputError
from fidelity.settings.closed_model import (
    UNUSED,
    Count,
    Entry,
    Natural,
    NonNegative,
    Number,
    Section,
    Share,
    Title,
)
from fidelity.settings.superpixels import Quickshift, Superpixels

Threshold = Annotated[Number, Ge(0), Lt(1)]
Overlap = Literal["iou", "dice"]


class Binarization(Entry):
    """A binarization; its keys depend on its method."""

    chosen_by: ClassVar[str] = "method"
    entry_name: ClassVar[str] = "binarization"
    method: str
    title: Title = None
    """Name in figures, tables and pages; null = the rule's ("Tuned threshold")."""


class Postprocess(Section):
    """One post-processing for all explainers."""

    sign: Literal["positive", "absolute", "signed"] = "positive"
    """What counts of a map with positive and negative values, before it is scaled to 0 to 1.
    `positive` = negative values become 0; `absolute` = absolute values; `signed` = all values, the
    lowest becoming 0."""
    lung: bool = False
    """Restrict predicted masks to the lung mask."""
    median: Natural = 0
    """Side of a median blur of the predicted mask, in pixels (odd); 0 = none."""
    opening: Natural = 0
    """Radius of the disc of a morphological opening, in pixels; 0 = none."""
    fill_holes: bool = False
    """Fill the holes of the predicted mask."""
    min_component: NonNegative = 0
    """Smallest connected part that is kept, in pixels, or as a share of the image if below 1; 0 =
    all."""
    min_probability: Share = 0
    """If the classifier's probability of the explained class is lower, the mask is made empty, as
    in CheXlocalize; 0 = never."""

    @field_validator("median")
    @classmethod
    def _is_odd(cls, side: int) -> int:
        if side and side % 2 == 0:
            raise InputError(f"{side} is even", remedy="Use an odd number")
        return side


class RuleOfOne(Section):
    """Rule and post-processing of one explainer."""

    binarization: Binarization
    """The rule: keys as in `binarizations.<name>`, such as {method: fixed, threshold: 0.5}."""
    postprocess: Postprocess | MISSING = MISSING
    """Post-processing of this explainer. Left out = the study's `postprocess`."""

    @field_validator("binarization")
    @classmethod
    def _is_simple(cls, rule: Binarization) -> Binarization:
        if isinstance(rule, PerExplainer):
            raise InputError(
                "per_explainer cannot contain another per_explainer",
                remedy="Use another method here, such as otsu or percentile",
            )
        return rule


class Fixed(Binarization):
    """The same threshold for every map, or one per class."""

    method: Literal["fixed"] = "fixed"
    threshold: Threshold | Annotated[dict[str, Threshold], Field(min_length=1)]
    """Pixels of the normalised map above this value form the mask. Give one number, or one for
    every class of `annotated_classes`, such as {COVID-19: 0.5, Non-COVID: 0.6}."""


class Percentile(Binarization):
    """The highest pixels of each map."""

    method: Literal["percentile"] = "percentile"
    percentile: Annotated[Number, Ge(0), Lt(100)]
    """Pixels above this percentile of the map form the mask (80 = the top fifth)."""
    ties: Literal["shuffled", "excluded"] = "shuffled"
    """Pixels that tie with the threshold: taken in a fixed shuffled order until the share is
    reached, or all left out."""


class Otsu(Binarization):
    """Otsu's threshold of each map, by OpenCV."""

    method: Literal["otsu"] = "otsu"


class Tuned(Binarization):
    """One threshold per classifier, explainer and class, chosen on the validation split."""

    method: Literal["tuned"] = "tuned"
    metric: Overlap = "iou"
    """The threshold maximises the mean of this score on the validation split."""
    thresholds: Annotated[list[Threshold], Field(min_length=1)] | None = None
    """Thresholds to try; null = 0, 0.01, …, 0.99."""


class AreaMatched(Binarization):
    """The highest pixels of the map, as many as the reference mask has. Diagnostic, because it sees
    the reference."""

    method: Literal["area_matched"] = "area_matched"


class Oracle(Binarization):
    """The best threshold of each image. Diagnostic, because it sees the reference."""

    method: Literal["oracle"] = "oracle"
    metric: Overlap = "iou"
    """The threshold maximises this score."""


class SuperpixelRule(Binarization):
    """The superpixels with the highest positive weights, as LIME shows them. Other maps are first
    averaged over the superpixels of the image."""

    method: Literal["superpixels"] = "superpixels"
    top: Count = 5
    """Number of superpixels kept."""
    min_weight: NonNegative = 0.0
    """Smallest weight kept, in units of the explainer's map before it is scaled to 0 to 1."""
    superpixels: Superpixels = Field(default_factory=Quickshift)
    """How superpixels are made: see the section `superpixels`."""


class BoxesRule(Binarization):
    """The bounding rectangles of the connected parts above a threshold, filled."""

    method: Literal["boxes"] = "boxes"
    threshold: Threshold = 0.5
    """Threshold of the map. Boxes bound the connected parts strictly above it."""
    of: Annotated[Literal["maximum", "absolute"], UNUSED] = "maximum"
    """Has no effect, because the highest value of every map is 1."""
    connectivity: Literal[4, 8] = 8
    """Whether pixels that touch only at a corner are connected (8) or not (4)."""
    keep: Literal["all", "largest"] = "all"
    """Boxes of all connected parts, or only of the largest."""


class ChexlocalizeOtsu(Binarization):
    """Otsu's threshold with all contours filled, as CheXlocalize does."""

    method: Literal["chexlocalize_otsu"] = "chexlocalize_otsu"


class PerExplainer(Binarization):
    """A different rule for each explainer. Use it only to reproduce a study: such a comparison is
    not fair."""

    method: Literal["per_explainer"] = "per_explainer"
    otherwise: RuleOfOne
    """Rule and post-processing of the explainers that `explainers` does not name. Its keys:
    `binarization` and `postprocess`, see below."""
    explainers: dict[str, RuleOfOne] = {}
    """Map from an explainer's name to its rule and post-processing, with the same keys."""

    def parts(self) -> dict[str, RuleOfOne]:
        """Return {path in the entry: rule and post-processing}."""
        named = {f"explainers.{name}": rule for name, rule in self.explainers.items()}
        return {"otherwise": self.otherwise} | named
