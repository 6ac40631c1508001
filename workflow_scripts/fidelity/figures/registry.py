"""The figures of a study, one entry each. Snakemake reads this module when it parses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure of one data set and classifier.

    Attributes:
        module: in this package, or `package.module` below it. Its function `draw` takes the files
            of `reads` and the required `settings` by name, and returns a matplotlib Figure.
        subcategory: where the report lists it.
        label: its name in the report; `{binarization}` means one figure per binarization.
        reads: tables of the data set (`tables/<name>.csv`), or names of FILES in figures.smk.
        settings: names of SETTINGS in figures.smk; `dpi` and `classifier` are always available.
        labelled: the report's column of the label.
    """

    module: str
    subcategory: str
    label: str
    reads: tuple[str, ...]
    settings: tuple[str, ...] = ()
    labelled: str = "content"

    @property
    def suffix(self) -> str:
        """The part of the file's name after the figure's name."""
        return "-{binarization}" if self.label == "{binarization}" else ""


_SCORES = ("explainers", "metric")
# File name → the figure; the caption in rules/captions has the same name.
FIGURES: dict[str, Figure] = {
    "gallery": Figure(
        "gallery",
        "Overlays",
        "{binarization}",
        ("prepared", "maps", "masks", "shown_scores"),
        ("gallery", "rule"),
        labelled="binarization",
    ),
    "forest": Figure(
        "forest",
        "Main result",
        "Forest plot of the primary result",
        ("localization",),
        ("binarization", "metric"),
    ),
    "curves": Figure(
        "threshold_curves",
        "Threshold curves",
        "every threshold",
        ("curves", "thresholds"),
        ("explainers", "tuned"),
        labelled="binarization",
    ),
    "distributions": Figure(
        "distributions",
        "Distributions",
        "{binarization}",
        ("scores",),
        (*_SCORES, "rule"),
        labelled="binarization",
    ),
    "training": Figure("classifier.training", "Classifier", "Training curves", ("training",)),
    "confusion": Figure(
        "classifier.confusion",
        "Classifier",
        "Confusion and calibration",
        ("confusion", "calibration"),
    ),
    "ranks": Figure(
        "critical_difference",
        "Ranks",
        "Critical differences",
        ("ranks",),
        ("binarization", "metric", "alpha"),
    ),
    "sensitivity": Figure(
        "rank_by_protocol",
        "Ranks",
        "Sensitivity to protocol and binarization",
        ("localization",),
        ("binarization", "metric", "diagnostic"),
    ),
    "layers": Figure(
        "layer_depth",
        "Ranks",
        "Score against the CAM's layer",
        ("layers",),
        ("binarization", "metrics"),
    ),
    "sanity": Figure(
        "checks.sanity",
        "Sanity",
        "Similarity against random weights and another class",
        ("sanity",),
    ),
    "faithfulness": Figure(
        "checks.faithfulness",
        "Faithfulness",
        "Faithfulness against localization",
        ("faithfulness", "localization"),
        ("binarization",),
    ),
    "lesion_size": Figure(
        "lesion_size",
        "Distributions",
        "Score against lesion size",
        ("scores",),
        (*_SCORES, "intervals"),
    ),
    "failure_model": Figure(
        "failure_model",
        "Distributions",
        "Score against what the lesions are like",
        ("failure_model",),
    ),
    "organs": Figure("organs", "Distributions", "Share of attribution per organ", ("organs",)),
    "agreement": Figure(
        "mask_agreement", "Ranks", "Agreement between explainers", ("agreement",), ("explainers",)
    ),
    "known_truth": Figure(
        "checks.known_truth", "Known truth", "Who finds the planted mark", ("known_truth",)
    ),
}
# These need images and maps; a re-analysis has only per-case results.
WITH_IMAGES = ("gallery",)
