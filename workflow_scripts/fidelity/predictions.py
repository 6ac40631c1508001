"""Reading what a classifier said of the cases."""

from pathlib import Path

import pandas as pd

TEXT = ("case", "patient", "split", "class")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read predictions.csv; ids and names stay text ("007", "NA").

    Args:
        path: the file, as the rule `predict` writes it.

    Returns:
        case, patient, split, class, label, logit, probability; one row per case and model class.
    """
    numbers = {name: [""] for name in ("label", "logit", "probability")}
    return pd.read_csv(
        path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=numbers
    )
