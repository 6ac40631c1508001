"""The thresholds that were tuned on the validation split."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.localization import NO_CLASSIFIER
from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import ABSENT, set_value
from fidelity.tables.layout import Table, lay_out


def threshold_tables(
    tuned: Mapping[str, pd.DataFrame], classifier: str, binarization: str
) -> list[Table]:
    """Lay out the threshold of each explainer and class: one table; none if nothing was tuned.

    Args:
        tuned: explainer → its thresholds.csv.
    """
    if not tuned:
        return []
    columns = {name: rows.set_index("class")["threshold"] for name, rows in tuned.items()}
    classes = list(dict.fromkeys(cls for column in columns.values() for cls in column.index))
    cells = [
        [
            titles.explainer_title(name),
            *(set_value(columns[name][c]) if c in columns[name] else ABSENT for c in classes),
        ]
        for name in titles.ordered(list(columns))
    ]
    return [
        lay_out(
            "thresholds",
            ["Method", *classes],
            cells,
            len(classes),
            classifier="" if classifier == NO_CLASSIFIER else titles.classifier_title(classifier),
            binarization=titles.binarization_title(binarization),
            metric=title_of(next(iter(tuned.values()))["metric"].iloc[0]),
        )
    ]
