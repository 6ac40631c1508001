"""Beside localization: faithfulness, sanity checks, and phantoms whose truth is known."""

from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Field

from fidelity.settings.closed_model import (
    Count,
    InnerShare,
    Integer,
    Natural,
    Number,
    PositiveShare,
    Section,
    Unique,
)

FaithfulnessMetric = Literal[
    "deletion_auc",
    "insertion_auc",
    "road",
    "comprehensiveness",
    "sufficiency",
    "infidelity",
    "infidelity_relative",
    "sensitivity_max",
]


class Infidelity(Section):
    """Squares that infidelity removes."""

    samples: Annotated[Integer, Ge(2)] = 64
    """Squares per map at random places, a forward pass each."""
    side: InnerShare = 0.2
    """Side of a square as a share of the image's."""


class Sensitivity(Section):
    """Changed images that sensitivity-max explains. It costs samples + 1 maps per case, of every
    explainer."""

    samples: Count = 10
    """Changed images per case."""
    radius: Annotated[Number, Ge(0.004), Le(1)] = 0.02
    """Largest change of a pixel as a share of the range from black to white, rounded down to whole
    levels of 255 (0.02 = 5 levels)."""
    cases: Count | None = 16
    """Cases per annotated class, by a hash of their names; null = all."""


class Faithfulness(Section):
    """Whether the classifier uses what the maps show, beside where they point. Every explainer and
    null baseline is asked of every classifier."""

    metrics: Unique[FaithfulnessMetric] = []
    """What is measured; nothing if empty. ROAD solves an equation per pixel removed, the slowest by
    far (seconds per map at 128 px). Comprehensiveness and sufficiency are taken at the masks of the
    primary binarization. Sensitivity makes new maps (see `sensitivity`)."""
    steps: Annotated[Integer, Ge(2)] = 20
    """Steps of the deletion and insertion curves, a forward pass each."""
    fill: Literal["blur", "black", "mean"] = "blur"
    """What stands where pixels are removed (all metrics but ROAD, which fills from the
    neighbours)."""
    road_shares: Annotated[Unique[InnerShare], Field(min_length=1)] = [0.2, 0.4, 0.6, 0.8]
    """Shares of the pixels that ROAD removes."""
    infidelity: Infidelity = Field(default_factory=Infidelity)
    sensitivity: Sensitivity = Field(default_factory=Sensitivity)


class Sanity(Section):
    """Sanity checks of the explainers that explain a classifier - does a map change when what was
    learnt, or the class asked about, does."""

    cases: Natural = 0
    """Cases per annotated class, by a hash of their names; 0 = no sanity checks. Each check costs a
    map per case - `layers` + 2 in all with both tests."""
    tests: Annotated[Unique[Literal["parameters", "logit"]], Field(min_length=1)] = [
        "parameters",
        "logit",
    ]
    """`parameters` = cascading randomisation of the weights from the last layer down (Adebayo et
    al. 2018); `logit` = another class is explained (Sixt et al. 2020)."""
    layers: Annotated[Integer, Ge(2)] = 5
    """Depths of the cascade, evenly spaced, from the last layer with weights alone to the whole
    network."""
    explainers: Annotated[Unique[str], Field(min_length=1)] | None = None
    """Explainers that are checked; null = all that explain a classifier, but those on random
    weights."""


class KnownTruth(Section):
    """Which explainers find the mark of a phantom where the mark is all that a classifier can use
    (config/known_truth.yaml)."""

    datasets: Unique[str] = []
    """Phantoms with a `shortcut` whose explainers are scored against the mark and the lesion; none
    if empty. They want `contrast` 0 and `shortcut.probability` 1."""
    accuracy: PositiveShare = 0.9
    """Least test accuracy with the mark, and least share of the other classes' images that follow a
    planted one; below it tables/known_truth.csv is refused."""
    level: InnerShare = 0.05
    """Level of the test whether the accuracy is above chance once the mark is erased; if it is, the
    table is refused."""
