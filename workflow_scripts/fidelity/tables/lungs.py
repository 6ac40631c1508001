"""The quality of predicted lung masks as a table."""

import pandas as pd

from fidelity.presentation.titles import dataset_title
from fidelity.presentation.wording import number, with_interval
from fidelity.tables.layout import Table

METRIC_TITLES = {"dice": "Dice", "iou": "IoU"}


def lung_table(quality: pd.DataFrame, dataset: str) -> Table:
    """Lay out how well the model draws lungs that are known.

    Args:
        quality: quality.csv of the data set that taught the model; may be empty.
        dataset: the data set whose lungs it draws.

    Returns:
        The table, one row per metric.
    """
    rows = [
        [
            dataset_title(row.dataset),
            METRIC_TITLES[row.metric],
            str(int(row.n)),
            with_interval(row.mean, row.ci_low, row.ci_high, 3),
            number(row.median),
            number(row.min),
        ]
        for row in quality.itertuples()
    ]
    notes = [
        f"The lung masks of {dataset_title(dataset)} are predicted by a U-Net, not drawn by "
        "readers. Measured on the test split of the data set that taught it; on other images it "
        "may do worse."
    ]
    if not rows:
        notes.append("That data set has no test case with a lung mask: nothing was measured.")
    header = ["Taught by", "Metric", "n", "Mean", "Median", "Minimum"]
    return Table(f"Predicted lung masks of {dataset_title(dataset)}", header, rows, 4, notes=notes)
