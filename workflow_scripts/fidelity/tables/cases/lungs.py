"""Table of the quality of predicted lung masks."""

import pandas as pd

from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import value_of
from fidelity.tables.layout import Table, interval_cell, lay_out


def lung_table(quality: pd.DataFrame, dataset: str) -> Table:
    """Lay out how well the model segments lungs with known masks.

    Args:
        quality: quality.csv of the data set that the model was trained on; may be empty.
        dataset: the data set whose lungs it segments.
    """
    rows = [
        [
            titles.dataset_title(row["dataset"]),
            title_of(row["metric"]),
            str(int(row["n"])),
            interval_cell(row, row["metric"], decide=0),
            value_of(row["metric"], row["median"]),
            value_of(row["metric"], row["min"]),
        ]
        for row in quality.to_dict("records")
    ]
    header = ["Trained on", "Metric", "n", "Mean", "Median", "Minimum"]
    return lay_out(
        "lungs",
        header,
        rows,
        4,
        section="organ_masks",
        file="lung-masks",
        dataset=titles.dataset_title(dataset),
        measured=bool(rows),
    )
