"""The quality of predicted lung masks as a table."""

import pandas as pd

from fidelity.presentation import titles
from fidelity.presentation.wording import digits_of, value_of, with_interval
from fidelity.tables.layout import Table, described

METRIC_TITLES = {"dice": "Dice", "iou": "IoU"}


def lung_table(quality: pd.DataFrame, dataset: str) -> Table:
    """Lay out how well the model segments lungs that are known.

    Args:
        quality: quality.csv of the data set that the model was trained on; may be empty.
        dataset: the data set whose lungs it segments.

    Returns:
        The table, one row per metric.
    """
    rows = [
        [
            titles.dataset_title(str(row.dataset)),
            METRIC_TITLES[row.metric],
            str(int(row.n)),
            with_interval(row.mean, row.ci_low, row.ci_high, digits_of(row.metric)),
            value_of(row.metric, row.median),
            value_of(row.metric, row.min),
        ]
        for row in quality.itertuples()
    ]
    title, notes = described("lungs", dataset=titles.dataset_title(dataset), measured=bool(rows))
    header = ["Trained on", "Metric", "n", "Mean", "Median", "Minimum"]
    return Table(title, header, rows, 4, notes=notes, section="cases", name="lung-masks")
