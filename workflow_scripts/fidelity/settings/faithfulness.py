"""Settings besides localization: faithfulness, sanity checks, controls, and known truth."""

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
    """The squares that the metric infidelity removes from the image."""

    samples: Annotated[Integer, Ge(2)] = 64
    """Squares per map, at random places. Each square is one forward pass."""
    side: InnerShare = 0.2
    """Side of a square, as a share of the image's side."""


class Sensitivity(Section):
    """For `sensitivity_max`: how images are slightly changed. Each explainer is rerun on the
    original and on `samples` changed images of each case, unless its maps are read from files."""

    samples: Count = 10
    """Changed images per case."""
    radius: Annotated[Number, Ge(0.004), Le(1)] = 0.02
    """Largest change of a pixel, as a share of the range from black to white, rounded down to whole
    grey levels (0.02 = 5 of 255)."""
    cases: Count | None = 16
    """Cases per annotated class, chosen by a hash of their names; null = all."""


class Faithfulness(Section):
    """Measures whether the classifier uses what the maps show, for every explainer, null baseline
    and ceiling."""

    metrics: Unique[FaithfulnessMetric] = []
    """Metrics to compute (docs/measuring.md); [] = none. `road` is by far the slowest (seconds per
    map at 128 px). `comprehensiveness` and `sufficiency` use the masks of the primary binarization.
    `sensitivity_max` computes new maps (see `sensitivity`)."""
    steps: Annotated[Integer, Ge(2)] = 20
    """Steps of the deletion and insertion curves. Each curve takes `steps` + 1 forward passes."""
    fill: Literal["blur", "black", "mean"] = "blur"
    """What replaces removed pixels. `road` ignores this key: it fills from the neighbours."""
    road_shares: Annotated[Unique[InnerShare], Field(min_length=1)] = [0.2, 0.4, 0.6, 0.8]
    """Shares of the pixels that `road` removes."""
    infidelity: Infidelity = Field(default_factory=Infidelity)
    sensitivity: Sensitivity = Field(default_factory=Sensitivity)


class Sanity(Section):
    """Sanity checks of the explainers that use the classifier: does a map change if the weights are
    random, or if another class is explained?"""

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
    """Number of steps of the test `parameters`. The first step randomises only the last layer that
    has weights; the last step randomises the whole network. The others are evenly spaced."""
    explainers: Annotated[Unique[str], Field(min_length=1)] | None = None
    """Explainers that are checked; null = all that use the classifier, except `random_weights`."""


class Controls(Section):
    """Judges metrics with three classifiers. `aligned` is trained to look at the lesion, `plain` is
    trained as usual, and `misaligned` is trained to look elsewhere (config/metric_controls.yaml). A
    metric passes if it scores `aligned` above `plain`, and `plain` above `misaligned`. The three
    differ only in `training.guidance`."""

    aligned: str | None = None
    """Classifier that is guided by the reference masks (`guidance.masks: reference`); null = no
    metrics are judged."""
    plain: str | None = None
    """Classifier without guidance."""
    misaligned: str | None = None
    """Classifier that is guided to a wrong place (`guidance.masks: other_cases` or `outside`)."""
    least_accuracy: PositiveShare = 0.8
    """Validation accuracy that each training should reach; controls.csv names those below it."""

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of control → classifier; empty if no metric is judged."""
        kinds = {"aligned": self.aligned, "plain": self.plain, "misaligned": self.misaligned}
        return {kind: name for kind, name in kinds.items() if name is not None}


class KnownTruth(Section):
    """Tests which explainers find a planted mark (config/known_truth.yaml,
    config/known_truth_covid_qu_ex.yaml). The images are made so that classes differ only
    in the mark. `accuracy` and `level` check that the classifier uses only the mark."""

    datasets: Unique[str] = []
    """Data sets on which maps are scored twice, against the mark and against the lesion masks; [] =
    none. Set `planted` for each of them. For `source: phantom`, you can set `contrast: 0` and
    `shortcut.probability: 1` instead."""
    accuracy: PositiveShare = 0.9
    """Two values must reach this number. One is the accuracy on the unchanged test images. For the
    other, the mark is planted in images of the other classes: the share of them that is predicted
    as the mark's class. If one value is lower, known_truth.csv is not written: the classifier does
    not use the mark."""
    level: InnerShare = 0.05
    """Significance level of this test: is the accuracy above chance after the mark is erased? If
    so, known_truth.csv is not written: the classifier uses more than the mark."""
