"""Where attribution lies, and which organ masks were used, as tables."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.columns.organs import REGIONS
from fidelity.analysis.localization import pooled_classes
from fidelity.presentation import titles
from fidelity.presentation.wording import (
    ABSENT,
    classes_title,
    digits_of,
    family_title,
    value_of,
    with_interval,
)
from fidelity.tables.layout import Table, by_family, described

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
# Metrics whose digits these shares, and an estimated Dice, have.
_SHARE, _QUALITY = "relevance_mass", "dice"


def organ_tables(organs: pd.DataFrame, families: Mapping[str, str]) -> list[Table]:
    """Lay out the mean share of each map per region, the references' own first.

    Args:
        organs: organs.csv of one data set and split; not empty.
        families: explainer → family.

    Returns:
        One table, all classes together: two rows of the references and of the image, then one row
        per classifier and explainer.
    """
    shown = pooled_classes(organs)
    regions = [name for name in REGIONS if (shown["region"] == name).any()]
    # Some explainers lack cases: the references' own shares are those of the most.
    first = shown.loc[shown.groupby("region", sort=False)["n"].idxmax()].set_index("region")
    rows = [
        ["", "Reference masks", "", *(_drawn(first.loc[name]) for name in regions)],
        ["", "Size of the region", "", *(_area(first.loc[name]) for name in regions)],
    ]
    counts = [str(int(first["n"].max()))] * 2
    headings = {0: ""}
    for classifier, part in shown.groupby("classifier", sort=False):
        headings[len(rows)] = ""
        groups = dict(list(part.groupby("explainer", sort=False)))
        for explainer in by_family(list(groups), families):
            found = groups[explainer].set_index("region")
            rows.append(
                [
                    titles.classifier_title(classifier),
                    titles.explainer_title(explainer),
                    family_title(explainer, families),
                    *(_share(found.loc[n]) if n in found.index else ABSENT for n in regions),
                ]
            )
            counts.append(str(int((found["n"] - found["n_undefined"]).max())))
    where = f"{titles.dataset_title(shown['dataset'].iloc[0])}, {shown['split'].iloc[0]} split"
    where += f", {classes_title(shown['class'].unique())}"
    title, notes = described("organs", where=where, hearts="heart" in regions)
    header = ["Classifier", "Explainer", "Family", *(TITLES[name] for name in regions), "n"]
    rows = [[*row, n] for row, n in zip(rows, counts, strict=True)]
    return [
        Table(
            title,
            header,
            rows,
            len(regions) + 1,
            headings,
            notes,
            "checks",
            "organs",
            frozenset(shown["classifier"]),
        )  # fmt: skip
    ]


def organ_masks_table(masks: pd.DataFrame, dataset: str) -> Table:
    """Lay out how many organ masks were used, and what was not.

    Args:
        masks: organ_masks.csv.
        dataset: key of the data set.
    """
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
    title, notes = described("organ_masks", dataset=titles.dataset_title(dataset))
    header = ["Organ masks", "n", "Estimated quality", "With heart"]
    return Table(title, header, rows, 3, notes=notes, section="cases", name="organ-masks")


def _share(row: pd.Series) -> str:
    values = row["mean"], row["ci_low"], row["ci_high"]
    return with_interval(*values, digits_of(_SHARE, *values))


def _drawn(row: pd.Series) -> str:
    values = row["reference_mean"], row["reference_ci_low"], row["reference_ci_high"]
    return with_interval(*values, digits_of(_SHARE, *values))


def _area(row: pd.Series) -> str:
    return value_of(_SHARE, row["area_mean"])
