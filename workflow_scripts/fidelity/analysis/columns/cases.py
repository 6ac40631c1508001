"""Tables of cases: which there are, and which images are near-duplicates."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Table, count, number, text
from fidelity.study import paths

CASE_COUNTS = Table(
    paths.CASE_COUNTS,
    (
        common.SPLIT,
        text("status", "used, unusable, excluded or unscored"),
        text("cause", "why, in the same words for all cases with one reason"),
        count("n", "cases"),
    ),
)
DATA_WARNINGS = Table(
    paths.DATA_WARNINGS,
    (text("warning", "what may be wrong with the data; left-out cases and twins have tables"),),
)
# Organ masks from CheXmask.
ORGAN_MASKS = Table(
    paths.table("organ_masks"),
    (
        text("row", "image as CheXmask's file names it; empty for a case without a row"),
        text("case", "id of the image; empty if the study does not use it"),
        common.SPLIT,
        text("status", "`used`, `low quality`, `no row` or `no case` (an image that is not used)"),
        number("quality", "estimated quality, Dice RCA (mean)", "0 to 1"),
        text("organs", "organs that the row has masks of"),
    ),
)
# Near-duplicates between two data sets.
ACROSS = Table(
    paths.summary_table("near_duplicates"),
    (
        common.DATASET,
        common.CASE,
        common.SPLIT,
        text("twin_dataset", "key of the other data set"),
        text("twin", "the case of it that looks the same"),
        text("twin_split", "its split"),
        number("distance", "differing bits of the perceptual hashes", "0 to 64"),
        number("correlation", "of the thumbnails", "-1 to 1"),
    ),
)
NEAR_DUPLICATES = Table(
    paths.NEAR_DUPLICATES,
    (
        common.CASE,
        common.SPLIT,
        text("label", "its class"),
        text("twin", "the other case of the pair"),
        text("twin_split", "its split"),
        text("twin_label", "its class"),
        number("distance", "differing bits of the perceptual hashes", "0 to 64"),
        number("correlation", "of the thumbnails", "-1 to 1"),
        text("excluded", "`yes` where the case was left out for it"),
    ),
)
