"""Tables of several readers of the same images: their agreement, and explainers against each."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Column, Table, count, number, text
from fidelity.analysis.columns.localization import SCORES
from fidelity.study import paths

_READER = text("reader", "the reader who is left out, or `all`: their mean, case by case")
_A, _B = (text(f"reader_{x}", f"{nth} reader of the pair, or `all` pairs") for x, nth in
          (("a", "first"), ("b", "second")))  # fmt: skip

# One row per map or mask; the column of the primary metric is appended.
SCORES_WITHOUT = Table(paths.READER_SCORES, (_READER, *SCORES.columns))
PAIR_CASES = Table(
    paths.READER_PAIRS,
    (
        *common.MAP,
        _A,
        _B,
        Column("marked_a", "flag", "whether the first has marked anything"),
        Column("marked_b", "flag", "whether the second has marked anything"),
        number("iou", "intersection over union of their masks; boxes are filled", "0 to 1"),
        number("dice", "Dice coefficient of their masks; boxes are filled", "0 to 1"),
    ),
)
AGREEMENT = Table(
    paths.table("reader_agreement"),
    (
        common.DATASET,
        common.SPLIT,
        common.CLASS,
        _A,
        _B,
        common.METRIC,
        count("n_marked_a", "cases in which the first has marked anything"),
        count("n_marked_b", "cases in which the second has marked anything"),
        *common.CASE_MEANS,
    ),
)
READERS = Table(
    paths.table("readers"),
    (
        *common.OF_CLASSIFIER,
        common.EXPLAINER,
        common.BINARIZATION,
        common.CLASS,
        common.METRIC,
        common.DIRECTION,
        _READER,
        common.N,
        common.N_PATIENTS,
        number("mean", "mean of the explainer against what the other readers agree on"),
        common.CI_LOW,
        common.CI_HIGH,
        number("reader_mean", "mean of the reader who is left out against the same"),
        number("reader_low", "lower bound of its interval"),
        number("reader_high", "upper bound of its interval"),
        number("difference", "mean of explainer − reader over cases"),
        number("difference_low", "lower bound of its interval"),
        number("difference_high", "upper bound of its interval"),
        text("conclusion", "`within`, `below`, `none_shown` or `few_cases`"),
    ),
)
