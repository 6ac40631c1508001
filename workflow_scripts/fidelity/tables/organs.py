"""Tables of where attribution lies, and of the organ masks that were used."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.columns.organs import REGIONS
from fidelity.analysis.localization import pooled_classes
from fidelity.presentation import titles
from fidelity.presentation.wording import ABSENT, value_of
from fidelity.tables.layout import Table, by_explainer, interval_cell, lay_out, place_of

TITLES = {
    "left_lung": "Left lung",
    "right_lung": "Right lung",
    "heart": "Heart",
    "outside": "Outside",
}
# In the order of the table.
STATUSES = {
    "used": "used",
    "low quality": "quality below the limit, not used",
    "no row": "cases without a row",
    "no case": "rows of images that the study does not use",
}
# These shares, and an estimated Dice, have as many decimals as these metrics.
_SHARE, _QUALITY = "relevance_mass", "dice"


def organ_tables(organs: pd.DataFrame, families: Mapping[str, str]) -> list[Table]:
    """Lay out the mean share of each map per region; the references' own shares come first.

    Args:
        organs: organs.csv of one data set and split; not empty.

    Returns:
        One table, all classes together: two rows of the references and of the image, then one row
        per classifier and explainer.
    """
    shown = pooled_classes(organs)
    regions = [name for name in REGIONS if (shown["region"] == name).any()]
    # Some explainers lack cases: the references' shares are taken from the row with most cases.
    first = shown.loc[shown.groupby("region", sort=False)["n"].idxmax()].set_index("region")
    drawn = ("reference_mean", "reference_ci_low", "reference_ci_high")
    rows = [
        ["", "Reference masks", "", *(interval_cell(first.loc[n], _SHARE, drawn) for n in regions)],
        ["", "Size of the region", "", *(value_of(_SHARE, first.area_mean[n]) for n in regions)],
    ]
    counts = [str(int(first["n"].max()))] * 2
    headings = {0: ""}
    for classifier, part in shown.groupby("classifier", sort=False):
        headings[len(rows)] = ""
        for who, of_explainer in by_explainer(part, families):
            found = of_explainer.set_index("region")
            shares = (
                interval_cell(found.loc[name], _SHARE) if name in found.index else ABSENT
                for name in regions
            )
            rows.append([titles.classifier_title(classifier), *who, *shares])
            counts.append(str(int((found["n"] - found["n_undefined"]).max())))
    header = ["Classifier", "Method", "Family", *(TITLES[name] for name in regions), "n"]
    rows = [[*row, n] for row, n in zip(rows, counts, strict=True)]
    return [
        lay_out(
            "organs",
            header,
            rows,
            len(regions) + 1,
            headings,
            file="organs",
            classifiers=shown["classifier"],
            where=place_of(shown),
            hearts="heart" in regions,
        )
    ]


def organ_masks_table(masks: pd.DataFrame, dataset: str) -> Table:
    """Lay out how many organ masks were used, and what was not used."""
    rows = []
    for status, words in STATUSES.items():
        part = masks[masks["status"] == status]
        quality = part["quality"].dropna()
        rows.append(
            [
                words,
                str(len(part)),
                f"{value_of(_QUALITY, quality.min())} to {value_of(_QUALITY, quality.max())}"
                if len(quality)
                else ABSENT,
                str(int(part["organs"].str.contains("heart").sum())) if status == "used" else "",
            ]
        )
    header = ["Organ masks", "n", "Estimated quality", "With heart"]
    shown = titles.dataset_title(dataset)
    return lay_out(
        "organ_masks", header, rows, 3, section="organ_masks", file="organ-masks", dataset=shown
    )
