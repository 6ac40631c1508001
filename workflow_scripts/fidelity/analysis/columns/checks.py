"""Tables of checks other than localization: of the maps themselves, and against known truths."""

from typing import TYPE_CHECKING

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Column, Table, count, names_of, number, text
from fidelity.study import paths

if TYPE_CHECKING:
    from fidelity.digests.markers import Description

_MAPS_OF = (*common.OF_CLASSIFIER, common.EXPLAINER)
_MASK_IOU = common.similarity("mask_iou", "intersection over union of the masks", "0 to 1")
_QUANTITY = text("quantity", "what was measured of the maps")

# Quantities that explainers report for each map.
_REPORTED = (
    number("surrogate_r2", "R² of the surrogate model", "up to 1"),
    number("stability_iou", "IoU of the maps of two seeds of the explainer", "0 to 1"),
    number("stability_rank", "rank correlation between two seeds", "-1 to 1"),
    number("coefficient_half_width", "half width of a coefficient's interval"),
    number("samples", "samples of the classifier"),
    number("superpixels", "superpixels of the image"),
)
STABILITY_QUANTITIES = names_of(_REPORTED)
STABILITY_CASES = Table(
    paths.STABILITY, (common.EXPLAINER, common.CASE, common.SPLIT, common.CLASS, *_REPORTED)
)
STABILITY = Table(
    paths.table("stability"),
    (*_MAPS_OF, _QUANTITY, common.N, common.MEAN, common.MEDIAN, common.MIN, common.MAX),
)

AGREEMENT_CASES = Table(
    paths.AGREEMENT,
    (
        common.CASE,
        common.SPLIT,
        common.CLASS,
        *common.PAIR,
        number("iou", "intersection over union of their masks", "0 to 1"),
    ),
)
AGREEMENT = Table(
    paths.table("agreement-{classifier}"),
    (
        *common.OF_CLASSIFIER,
        common.BINARIZATION,
        common.CLASS,
        *common.PAIR,
        common.N,
        number("mean_iou", "mean intersection over union of their masks", "0 to 1"),
    ),
)

REPEATABILITY_QUANTITIES = names_of((*common.MAP_SIMILARITIES, _MASK_IOU))
REPEATABILITY_CASES = Table(
    paths.REPEATABILITY, (*common.MAP, common.N_SEEDS, *common.MAP_SIMILARITIES, _MASK_IOU)
)
REPEATABILITY = Table(
    paths.table("repeatability"),
    (*_MAPS_OF, common.BINARIZATION, common.CLASS, _QUANTITY, common.N_SEEDS, *common.CASE_MEANS),
)

_CHECK = (
    text("test", "`parameters`: weights made random; `logit`: another class"),
    count("depth", "layers with random weights, 1 is the last layer alone"),
    text("layer", "dotted name of the deepest of them"),
    number("parameters_share", "share of the network's parameters in them", "0 to 1"),
)
SANITY_CHECK = names_of(_CHECK)
SANITY_MAP = names_of((*common.MAP, common.TARGET_CLASS))
SANITY_CASES = Table(
    paths.SANITY,
    (
        *common.MAP,
        common.TARGET_CLASS,
        *_CHECK,
        text("explained_class", "class of the other map"),
        *common.MAP_SIMILARITIES,
    ),
)
SANITY = Table(
    paths.table("sanity"),
    (*_MAPS_OF, *_CHECK, text("similarity", "how the two maps are compared"), *common.CASE_MEANS),
)

# One row per map; one column per metric is appended.
FAITHFULNESS_CASES = Table(
    paths.FAITHFULNESS,
    (
        *common.MAP,
        common.TARGET_CLASS,
        common.STATUS,
        number("mask_share", "share of the image that the mask covers", "0 to 1"),
        common.PROBABILITY,
    ),
)
SENSITIVITY = Table(
    paths.SENSITIVITY,
    (*common.MAP, number("sensitivity_max", "largest relative change of the map")),
)
FAITHFULNESS = Table(
    paths.table("faithfulness"),
    (
        *_MAPS_OF,
        common.CLASS,
        common.METRIC,
        common.DIRECTION,
        *common.CASE_MEANS,
        text("localization", "the localization metric that is correlated"),
        number("spearman", "rank correlation with it; above 0: better in both", "-1 to 1"),
        common.P_VALUE,
        count("n_pairs", "cases with both values"),
        common.NOTE,
    ),
)

ENDS = ("", "_low", "_high")


def _with_bounds(
    name: str, meaning: "Description", measured_in: "Description"
) -> tuple[Column, ...]:
    """Describe a mean and the two bounds of its interval."""
    return tuple(
        number(f"{name}{end}", f"{meaning}, {_ENDS_IN_WORDS[end]}", measured_in) for end in ENDS
    )


_ENDS_IN_WORDS = {"": "mean", "_low": "lower bound", "_high": "upper bound"}
_IN_WORDS = {
    "auc": "pixel ROC-AUC",
    "hit": "pointing game",
    "rank": "relevance rank",
    "mark": "the planted mark",
    "lesion": "the lesion that nothing depends on",
}
_CLASSIFIER = (
    number("accuracy", "of the classifier", "0 to 1"),
    number("accuracy_erased", "the same where the mark is erased", "0 to 1"),
    number("follows_mark", "share of predictions that change with the mark", "0 to 1"),
)
CLASSIFIER_COLUMNS = names_of(_CLASSIFIER)
KNOWN_TRUTH = Table(
    paths.table("known_truth"),
    (
        common.DATASET,
        common.CLASSIFIER,
        common.EXPLAINER,
        text("family", "perturbation, cam, gradient, imported, baseline or ceiling"),
        text("points_at", "`mark`, `lesion` or `neither`"),
        common.N,
        common.N_PATIENTS,
        *(
            column
            for short in ("auc", "hit", "rank")
            for truth in ("mark", "lesion")
            for column in _with_bounds(
                f"{short}_{truth}", f"{_IN_WORDS[short]} against {_IN_WORDS[truth]}", "0 to 1"
            )
        ),
        *_with_bounds("auc_difference", "AUC of the mark − AUC of the lesion", "-1 to 1"),
        count("nulls_beaten", "null baselines that find the mark less well"),
        count("nulls", "null baselines"),
        *_CLASSIFIER,
    ),
)
HIDING_CASES = Table(
    paths.HIDING,
    (
        *common.MAP,
        common.TARGET_CLASS,
        number("lesion_share", "share of the image that the lesion covers", "0 to 1"),
        common.PROBABILITY,
        number("drop_lesion", "drop of it once the lesion is hidden", "-1 to 1"),
        number("drop_elsewhere", "drop of it once as many pixels elsewhere are", "-1 to 1"),
    ),
)
_KIND = text("kind", "`aligned`, `plain` or `misaligned`")
HIDING = Table(
    paths.table("hiding"),
    (
        *common.OF_CLASSIFIER,
        _KIND,
        common.CLASS,
        number("val_accuracy", "its accuracy on the validation split", "0 to 1"),
        common.N,
        common.N_PATIENTS,
        common.N_UNDEFINED,
        *_with_bounds("drop_lesion", "drop of the probability, the lesion hidden", "-1 to 1"),
        *_with_bounds("drop_elsewhere", "the same, an equal area elsewhere hidden", "-1 to 1"),
        *_with_bounds("difference", "drop_lesion − drop_elsewhere", "-1 to 1"),
        text("uses_lesion", "`yes` where the interval of the difference is above 0, else `no`"),
    ),
)
CONTROLS = Table(
    paths.table("controls"),
    (
        common.DATASET,
        common.SPLIT,
        text("explainer", "its key; `all`: the mean over explainers; `none`: hiding, without any"),
        *common.SETTING,
        common.DIRECTION,
        common.N,
        common.N_PATIENTS,
        common.N_UNDEFINED,
        common.N_SEEDS,
        number("aligned", "mean with masks of the image's own as guidance"),
        number("plain", "mean without guidance"),
        number("misaligned", "mean with guidance to a wrong place"),
        *_with_bounds("aligned_over_plain", "how much better aligned is than plain", ""),
        text("signs_aligned_over_plain", "sign of this difference in each seed: +, - or 0"),
        *_with_bounds("plain_over_misaligned", "how much better plain is than misaligned", ""),
        text("signs_plain_over_misaligned", "sign of this difference in each seed"),
        text("passes", "`yes` where both intervals are above 0, else `no`"),
        common.NOTE,
    ),
)
HUMAN_BENCHMARK = Table(
    paths.table("human_benchmark"),
    (
        common.DATASET,
        common.SPLIT,
        common.CLASS,
        common.METRIC,
        common.N,
        common.N_PATIENTS,
        count("n_without_point", "of these, cases without a point of the reader"),
        *common.INTERVAL,
    ),
)
