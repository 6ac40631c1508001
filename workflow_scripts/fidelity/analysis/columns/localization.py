"""Tables of the scores of maps and masks: per case, and means by strata, layer and seed."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Column, Table, count, names_of, number, text
from fidelity.study import paths

COMBO = names_of(common.COMBINATION)
# Without the data set: a table of results is about a single one.
WITHIN_DATASET = [name for name in COMBO if name != "dataset"]

# One row per map or mask; one column per metric is appended.
SCORES = Table(
    paths.SCORES,
    (
        *common.MAP,
        common.TARGET_CLASS,
        Column(
            "target_is_predicted", "flag or unknown", "whether the classifier predicts that class"
        ),
        common.PROBABILITY,
        Column("correct", "flag or unknown", "whether the classifier is right about the case"),
        common.STATUS,
        common.REFERENCE,
        Column("empty_prediction", "flag", "whether the predicted mask is empty"),
        Column("empty_reference", "flag", "whether the reference mask is empty"),
        count("reference_area", "pixels of the reference mask"),
        count("image_area", "pixels of the image"),
    ),
)
# One row per non-empty reference, measured on the image that the classifier sees.
LESIONS = Table(
    paths.LESIONS,
    (
        *common.MAP,
        count("lesions", "parts of the mask, pixels that touch at a corner connected"),
        number("size", "share of the image that the mask covers", "0 to 1"),
        number("elongation", "long over short side of the largest part's rectangle", "1 or more"),
        number("contrast", "mean grey inside minus that of the lung next to it", "-1 to 1"),
        number("height", "place of the mask's centre, 0 at the top", "0 to 1"),
        number("from_midline", "distance of its centre from the middle column", "0 to 1"),
    ),
)
MASK_STATUS = Table(
    paths.MASKS_STATUS,
    (
        common.CASE,
        common.CLASS,
        common.TARGET_CLASS,
        common.STATUS,
        text("reason", "why there is no mask, in words"),
        common.THRESHOLD,
    ),
)
THRESHOLDS = Table(
    paths.THRESHOLDS,
    (
        common.CLASS,
        common.METRIC,
        common.THRESHOLD,
        number("mean", "mean of the metric there"),
        common.N,
    ),
)
# One row per map and threshold.
CASE_CURVES = Table(
    paths.CURVES,
    (
        *common.MAP,
        common.TARGET_CLASS,
        common.REFERENCE,
        common.THRESHOLD,
        number("iou", "intersection over union with the reference", "0 to 1"),
        number("dice", "Dice coefficient with the reference", "0 to 1"),
        number("precision", "share of the predicted pixels that are in the reference", "0 to 1"),
        number("recall", "share of the reference's pixels that are predicted", "0 to 1"),
        Column("reference_empty", "flag", "whether the reference mask is empty"),
    ),
)
THRESHOLD_CURVES = Table(
    paths.THRESHOLD_CURVES,
    (
        common.EXPLAINER,
        common.CLASS,
        common.METRIC,
        common.THRESHOLD,
        common.N,
        *common.INTERVAL,
        common.REFERENCES,
    ),
)

_MEANS = (
    common.METRIC,
    text("unit", "unit of the metric; 1 for shares"),
    count("n", "cases with a non-empty reference (all, where the protocol counts empty ones)"),
    common.N_PATIENTS,
    count("n_empty_prediction", "of these, cases with an empty predicted mask"),
    count("n_empty_reference", "cases with an empty reference"),
    common.N_UNDEFINED,
    common.MEAN,
    common.CI_LOW,
    common.CI_HIGH,
    common.MEDIAN,
    number("std", "sample standard deviation over cases"),
    common.REFERENCES,
)
LOCALIZATION = Table(paths.table("localization"), (*common.RESULT, *_MEANS))
# One row per explainer over the data sets of a source; OF_INPUT of each data set is appended.
INPUT_ABLATION = Table(
    paths.summary_table("inputs"),
    (
        text("source", "source of the data sets"),
        common.CLASSIFIER,
        common.EXPLAINER,
        common.BINARIZATION,
        common.CLASS,
        common.METRIC,
    ),
)
OF_INPUT = (common.N, *common.INTERVAL)
STRATA = Table(
    paths.table("strata"),
    (
        *common.RESULT,
        text(
            "stratum",
            "what cases are divided by: lesion_size, prediction, confidence, or one of the setting"
            " `strata`",
        ),
        text("level", "small, medium or large; correct or wrong; low, medium or high; …"),
        *_MEANS,
    ),
)
# One row per case and class; has only the columns that the setting `strata` requests.
STRATA_CASES = Table(
    paths.STRATA_CASES,
    (
        common.CASE,
        common.CLASS,
        text("view", "view of the image, such as PA"),
        text("sex", "sex of the patient"),
        text("age_group", "age group of the patient"),
        text("label_source", "where the labels come from"),
        text("lesion_count", "one, two, or three or more parts of the reference"),
        text("side", "side of the patient that the reference is on: left, right or both"),
    ),
)
LAYERS = Table(
    paths.table("layers"),
    (
        *LOCALIZATION.columns,
        text("sweep", "key of the explainer that sweeps over layers"),
        count("depth", "place of the layer, 1 is the earliest"),
        text("layer", "dotted name of the layer in the network"),
        count("height", "positions of its feature map"),
        count("width", "positions of its feature map"),
    ),
)
OF_SEEDS = names_of((*common.RESULT, common.METRIC))
SEEDS = Table(
    paths.table("seeds"),
    (
        *common.RESULT,
        common.METRIC,
        common.N_SEEDS,
        number("mean", "mean of the seeds' means"),
        number("std_between_seeds", "sample standard deviation of the seeds' means"),
        common.MIN,
        common.MAX,
        number("mean_ci_half_width", "mean half width of the seeds' intervals over cases"),
        common.REFERENCES,
    ),
)
