"""Tables of where attribution lies: its shares in the lungs, the heart and outside of both."""

from fidelity.analysis.columns import shared as common
from fidelity.analysis.columns.described_table import Table, count, number, text
from fidelity.study import paths

# Regions of an image; no two share a pixel, and "outside" is the rest.
REGIONS = ("left_lung", "right_lung", "heart", "outside")
REFERENCE, AREA = "reference_", "area_"

# One row per map.
ORGAN_SHARES = Table(
    paths.ORGAN_SHARES,
    (
        *common.MAP,
        common.STATUS,
        *(number(name, f"share of the map's sum in {name}", "0 to 1") for name in REGIONS),
        *(
            number(REFERENCE + name, f"share of the reference mask in {name}", "0 to 1")
            for name in REGIONS
        ),
        *(number(AREA + name, f"share of the image in {name}", "0 to 1") for name in REGIONS),
    ),
)
ORGANS = Table(
    paths.table("organs"),
    (
        *common.OF_CLASSIFIER,
        common.EXPLAINER,
        common.CLASS,
        text("region", "left_lung and right_lung (the patient's sides), heart, or outside"),
        count("n", "maps of cases with organ masks"),
        common.N_PATIENTS,
        common.N_UNDEFINED,
        number("mean", "mean share of the map's sum in the region", "0 to 1"),
        common.CI_LOW,
        common.CI_HIGH,
        common.MEDIAN,
        number("reference_mean", "mean share of the reference masks in the region", "0 to 1"),
        number("reference_ci_low", "lower bound of the interval"),
        number("reference_ci_high", "upper bound of the interval"),
        number("area_mean", "mean share of the image: that of a constant map", "0 to 1"),
    ),
)
