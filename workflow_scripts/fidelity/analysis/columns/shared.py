"""Columns that several result tables share."""

from typing import TYPE_CHECKING

from fidelity.analysis.columns.described_table import Column, count, number, text

if TYPE_CHECKING:
    from fidelity.digests.markers import Description

DATASET = text("dataset", "key of the data set in the config")
SPLIT = text("split", "train, val or test")
CLASSIFIER = text(
    "classifier", "key of the classifier, training seed included; `none` where none is needed"
)
EXPLAINER = text("explainer", "key of the explainer in the config")
BINARIZATION = text("binarization", "key of the binarization; `none` for scores of the map itself")
PROTOCOL = text("protocol", "key of the metrics' conventions")
CLASS = text("class", "annotated class, or `all`: the rows of all classes together")
METRIC = text("metric", "name of the metric")
DIRECTION = text("direction", "`higher` or `lower`: which values of the metric are better")
NOTE = text("note", "what a reader must know of the row, mostly empty")

CASE = text("case", "id of the image")
PATIENT = text("patient", "id of the patient; the case's own where patients are unknown")
TARGET_CLASS = text("target_class", "class of the classifier that was explained")
REFERENCE = text("reference", "what the reference was drawn as: `mask` or `box`")
STATUS = text("status", "`ok`, or why there is no map or mask")
PROBABILITY = number("probability", "predicted probability of the class", "0 to 1")
THRESHOLD = number("threshold", "threshold on the normalised map", "0 to 1")

N = count("n", "cases that count")
N_PATIENTS = count("n_patients", "patients (or images, where these are the unit of analysis)")
N_UNDEFINED = count("n_undefined", "of these, cases without a defined value")
N_SEEDS = count("n_seeds", "training seeds")
MEAN = number("mean", "mean over cases")
CI_LOW = number("ci_low", "lower bound of the interval")
CI_HIGH = number("ci_high", "upper bound of the interval")
MEDIAN = number("median", "median over cases")
MIN = number("min", "smallest value")
MAX = number("max", "largest value")
P_VALUE = number("p_value", "p value, not adjusted", "0 to 1")

PAIR = (
    text("explainer_a", "first explainer of the pair"),
    text("explainer_b", "second explainer of the pair"),
)

# How the references of several cases were drawn.
REFERENCES = text("reference", "what the references were drawn as: `mask`, `box` or `mask and box`")

# What a file of scores is about; there is one file per combination.
COMBINATION = (DATASET, CLASSIFIER, EXPLAINER, BINARIZATION, PROTOCOL)
# What a row is about, if it does not depend on an explainer.
OF_CLASSIFIER = (DATASET, SPLIT, CLASSIFIER)
# The columns that name a scored setting, for tables over several explainers.
SETTING = (BINARIZATION, PROTOCOL, CLASS, METRIC)
# The key columns of a row of results.
RESULT = (DATASET, SPLIT, CLASSIFIER, EXPLAINER, BINARIZATION, PROTOCOL, CLASS)
INTERVAL = (MEAN, CI_LOW, CI_HIGH)
# The columns that tables of checks give for each quantity.
CASE_MEANS = (N, N_PATIENTS, N_UNDEFINED, *INTERVAL, MEDIAN)
# What identifies a map: one case and class.
MAP = (CASE, PATIENT, SPLIT, CLASS)


def similarity(name: str, meaning: "Description", measured_in: "Description" = "-1 to 1") -> Column:
    """Describe a similarity of two maps or masks; nan where it is undefined."""
    return number(name, meaning, measured_in)


MAP_SIMILARITIES = (
    similarity("spearman", "Spearman's rank correlation of the maps"),
    similarity("abs_spearman", "Spearman's rank correlation of their absolute values"),
    similarity("ssim", "structural similarity"),
)
SIMILARITIES = [column.name for column in MAP_SIMILARITIES]
