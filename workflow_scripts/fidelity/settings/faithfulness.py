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
    """Squares per map, at random places. Each square is one forward pass."""
    side: InnerShare = 0.2
    """Side of a square, as a share of the image's side."""


class Sensitivity(Section):
    """Changed images that sensitivity-max explains. Every explainer computes `samples` + 1 more
    maps per case."""

    samples: Count = 10
    """Changed images per case."""
    radius: Annotated[Number, Ge(0.004), Le(1)] = 0.02
    """Largest change of a pixel, as a share of the range from black to white. It is rounded down to
    whole grey levels of 255 (0.02 = 5 levels)."""
    cases: Count | None = 16
    """Cases per annotated class, chosen by a hash of their names; null = all."""


class Faithfulness(Section):
    """Measures whether the classifier uses what the maps show: for every explainer and null
    baseline, on every classifier."""

    metrics: Unique[FaithfulnessMetric] = []
    """Metrics to compute; [] = none. ROAD is by far the slowest (seconds per map at 128 px),
    because it solves one equation per removed pixel. Comprehensiveness and sufficiency use the
    masks of the primary binarization. Sensitivity computes new maps (see `sensitivity`)."""
    steps: Annotated[Integer, Ge(2)] = 20
    """Steps of the deletion and insertion curves. Each step is one forward pass."""
    fill: Literal["blur", "black", "mean"] = "blur"
    """What replaces removed pixels. ROAD ignores this key: it fills from the neighbours."""
    road_shares: Annotated[Unique[InnerShare], Field(min_length=1)] = [0.2, 0.4, 0.6, 0.8]
    """Shares of the pixels that ROAD removes."""
    infidelity: Infidelity = Field(default_factory=Infidelity)
    sensitivity: Sensitivity = Field(default_factory=Sensitivity)


class Sanity(Section):
    """Sanity checks of the explainers that explain a classifier. Does a map change if the weights
    are random, or if another class is explained?"""

    cases: Natural = 0
    """Cases per annotated class, chosen by a hash of their names; 0 = no sanity checks. With both
    tests, `layers` + 2 maps are computed per case."""
    tests: Annotated[Unique[Literal["parameters", "logit"]], Field(min_length=1)] = [
        "parameters",
        "logit",
    ]
    """`parameters` = the weights are made random step by step, from the last layer down (Adebayo et
    al. 2018); `logit` = another class is explained (Sixt et al. 2020)."""
    layers: Annotated[Integer, Ge(2)] = 5
    """Number of steps. The first step randomises only the last layer with weights, the last step
    the whole network; the others are evenly spaced."""
    explainers: Annotated[Unique[str], Field(min_length=1)] | None = None
    """Explainers that are checked; null = all that explain a classifier, except those on random
    weights."""


class Controls(Section):
    """Classifiers whose reasons are known to be better and worse: metrics are judged by them
    (config/metric_controls.yaml). A metric passes if it prefers `aligned` to `plain` and `plain` to
    `misaligned`. The three are trained alike, with the same seeds, except for
    `training.guidance`."""

    aligned: str | None = None
    """Classifier that is guided by the reference masks (`guidance.masks: reference`); null = no
    metric is judged."""
    plain: str | None = None
    """Classifier without guidance."""
    misaligned: str | None = None
    """Classifier that is guided to a wrong place (`guidance.masks: other_cases` or `outside`)."""
    least_accuracy: PositiveShare = 0.8
    """Validation accuracy that each training should reach. The table names those that do not."""

    @property
    def kinds(self) -> dict[str, str]:
        """Kind → classifier; nothing where no metric is judged."""
        kinds = {"aligned": self.aligned, "plain": self.plain, "misaligned": self.misaligned}
        return {kind: name for kind, name in kinds.items() if name is not None}


class KnownTruth(Section):
    """Tests which explainers find a planted mark, if the mark is all that a classifier can use
    (config/known_truth.yaml, config/known_truth_covid_qu_ex.yaml)."""

    datasets: Unique[str] = []
    """Data sets whose explainers are scored against the mark and the lesion; [] = none. Such a data
    set has `planted`, or is a phantom with `shortcut`, `contrast: 0` and `shortcut.probability: 1`.
    """
    accuracy: PositiveShare = 0.9
    """Smallest allowed test accuracy with the mark. Also the smallest allowed share of
    images of other classes that are predicted as the mark's class when the mark is planted in them.
    Below it, tables/known_truth.csv is refused."""
    level: InnerShare = 0.05
    """Significance level of a test: is the accuracy still above chance after the mark is erased? If
    so, the table is refused."""
