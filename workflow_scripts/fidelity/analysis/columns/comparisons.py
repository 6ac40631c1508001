"""Tests between explainers: pairs, ranks, the mixed model."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Table, count, names_of, number, text
from fidelity.study import paths

_BLOCK = (*common.OF_CLASSIFIER, *common.SETTING)
_FAMILY = (*_BLOCK, text("family", "primary, secondary or diagnostic"))
_FAMILY_OF_FAITHFULNESS = (*common.OF_CLASSIFIER, common.CLASS, common.METRIC)
# Holm's correction is over the rows that agree in these columns.
HOLM_WITHIN = names_of(_FAMILY)
HOLM_WITHIN_FAITHFULNESS = names_of(_FAMILY_OF_FAITHFULNESS)
# With fewer units, a bootstrap interval is too narrow to claim equivalence of two explainers.
EQUIVALENCE_UNITS = 10

_TESTS = (
    count("n", "cases that both explainers have a value of"),
    common.N_PATIENTS,
    number("mean_difference", "mean of explainer_a − explainer_b over units of analysis"),
    common.CI_LOW,
    common.CI_HIGH,
    number("effect_size", "matched-pairs rank-biserial correlation", "-1 to 1"),
    number("p_value", "Wilcoxon's signed-rank test", "0 to 1"),
    number("p_adjusted", "the same with Holm's correction", "0 to 1"),
    number("p_permutation", "sign-flip permutation test of the mean", "0 to 1"),
    number("p_permutation_adjusted", "the same with Holm's correction", "0 to 1"),
)
_CONCLUSION = text("conclusion", "a_higher, b_higher, equivalent or none_shown")
_UNIT = text("unit_of_analysis", "`patient` or `image`")

COMPARISONS = Table(
    paths.table("comparisons"),
    (*_FAMILY, *common.PAIR, *_TESTS, _CONCLUSION, _UNIT, common.REFERENCES),
)
FAITHFULNESS_COMPARISONS = Table(
    paths.table("faithfulness_comparisons"),
    (
        *_FAMILY_OF_FAITHFULNESS,
        common.DIRECTION,
        *common.PAIR,
        *_TESTS,
        _CONCLUSION,
        text("more_faithful", "the explainer that was shown to be; empty if none was"),
        _UNIT,
    ),
)
RANKS = Table(
    paths.table("ranks"),
    (
        *_BLOCK,
        common.EXPLAINER,
        text("explainer_family", "perturbation, cam, gradient, imported, baseline or ceiling"),
        common.N_PATIENTS,
        number("mean_rank", "mean rank over units of analysis; empty without a value", "1 is best"),
        number("friedman_statistic", "statistic of Friedman's test"),
        number("friedman_p", "its p value", "0 to 1"),
        number("critical_difference", "Nemenyi's critical difference of mean ranks"),
        common.REFERENCES,
    ),
)
_TERM = (
    text("term", "coefficient of the model; empty where there is no fit"),
    number("estimate", "its estimate"),
    number("std_error", "its standard error"),
    common.CI_LOW,
    common.CI_HIGH,
    common.P_VALUE,
    common.N,
    common.N_PATIENTS,
    text("status", "whether the fit holds"),
    common.NOTE,
    common.REFERENCES,
)
_OF_MODEL = (common.DATASET, common.SPLIT, *common.SETTING)
MIXED_MODEL = Table(paths.table("mixed_model"), (*_OF_MODEL, *_TERM))
FAILURE_MODEL = Table(paths.table("failure_model"), (*_OF_MODEL, common.EXPLAINER, *_TERM))
