"""The tables that a comparison of two studies writes."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Table, count, names_of, number, text

_DATASETS = (
    text("dataset_a", "key of the data set in A"),
    text("dataset_b", "key of the data set in B"),
)
_RESULT = (
    *_DATASETS,
    common.SPLIT,
    text("classifier_a", "key of the classifier in A; `none` in a study without one"),
    text("classifier_b", "key of the classifier in B; `none` in a study without one"),
    common.EXPLAINER,
    common.BINARIZATION,
    common.PROTOCOL,
    common.CLASS,
    common.METRIC,
)
# Holm's correction is over the explainers: the rows that agree in these columns.
HOLM_WITHIN = [name for name in names_of(_RESULT) if name != "explainer"]

COMPARED = Table(
    "comparison.csv",
    (
        *_RESULT,
        text("family", "primary, secondary or diagnostic"),
        text("design", "`paired` or `unpaired`"),
        count("n_a", "cases of A that count; if paired, those that both studies have a value of"),
        count("n_b", "cases of B that count; the same number if paired"),
        count("n_patients_a", "patients of A (or images, where these are the unit of analysis)"),
        count("n_patients_b", "patients of B; the same number if paired"),
        number("n_different", "cases whose value differs; empty if unpaired"),
        number("mean_a", "mean of A over units of analysis"),
        number("mean_b", "mean of B over units of analysis"),
        number("mean_difference", "mean_a − mean_b"),
        common.CI_LOW,
        common.CI_HIGH,
        number(
            "effect_size",
            "rank-biserial correlation: of matched pairs, or of two samples if unpaired",
            "-1 to 1",
        ),
        number("p_value", "Wilcoxon's signed-rank test; Mann-Whitney's U if unpaired", "0 to 1"),
        number("p_adjusted", "the same with Holm's correction over the explainers", "0 to 1"),
        number("p_permutation", "sign-flip test of the mean; empty if unpaired", "0 to 1"),
        number("p_permutation_adjusted", "the same with Holm's correction", "0 to 1"),
        text("conclusion", "a_higher, b_higher, equivalent or none_shown"),
        text("unit_of_analysis", "`patient` or `image`"),
        common.REFERENCES,
    ),
)
SHARED_CASES = Table(
    "shared_cases.csv",
    (
        *_RESULT,
        common.CASE,
        common.PATIENT,
        number("value_a", "primary metric in A"),
        number("value_b", "primary metric in B"),
        number("difference", "value_a − value_b"),
    ),
)
DIFFERING = Table(
    "differing_settings.csv",
    (
        *_DATASETS,
        text("part", "config, code, inputs, classifiers, seeds, environment or hardware"),
        text("key", "dotted place of the value, by the names of A"),
        text("value_a", "its value in A; – if A has none"),
        text("value_b", "its value in B; – if B has none"),
    ),
)
