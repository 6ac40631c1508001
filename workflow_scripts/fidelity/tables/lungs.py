"""The quality of predicted lung masks as a table."""

import pandas as pd

from fidelity.presentation.wording import digits_of, value_of, with_interval
from fidelity.tables.layout import Table

METRIC_TITLES = {"dice": "Dice", "iou": "IoU"}


def lung_table(quality: pd.DataFrame, dataset: str) -> Table:
    """Lay out how well the model segments lungs, by provided lung masks.

    Args:
        quality: quality.csv of the data set that the model was trained on; may be empty.
        dataset: the data set whose lung masks it predicts.

    Returns:
        The table, one row per metric.
    """
    rows = [
        [
            str(row.dataset),
            METRIC_TITLES[row.metric],
            str(int(row.n)),
            with_interval(row.mean, row.ci_low, row.ci_high, digits_of(row.metric)),
            value_of(row.metric, row.median),
            value_of(row.metric, row.min),
        ]
        for row in quality.itertuples()
    ]
    notes = [
        f"The lung masks of {dataset} are predicted by a U-Net, not drawn by readers. Measured on "
        "the test split of the data set that it was trained on; on other images it may do worse."
    ]
    if not rows:
        notes.append("That data set has no test case with a lung mask: nothing was measured.")
    header = ["Trained on", "Metric", "n", "Mean", "Median", "Minimum"]
    return Table(f"Predicted lung masks of {dataset}", header, rows, 4, notes=notes)
