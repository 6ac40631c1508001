"""Reading per-case CSV files: what a classifier said, how a mask came about."""

from pathlib import Path

import pandas as pd

TEXT = ("case", "patient", "split", "class", "target_class", "status", "reason")
NUMBERS = ("label", "logit", "probability", "threshold")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read predictions.csv; ids and names stay text ("007", "NA").

    Args:
        path: the file, as the rule `predict` writes it.

    Returns:
        case, patient, split, class, label, logit, probability; one row per case and model class.
    """
    return _read(path)


def read_status(path: str | Path) -> pd.DataFrame:
    """Read masks_status.csv; ids and names stay text.

    Args:
        path: the file, as the rule `binarize` writes it.

    Returns:
        case, class, target_class, status, reason, threshold; one row per explanation.
    """
    return _read(path)


def _read(path: str | Path) -> pd.DataFrame:
    numbers = {name: [""] for name in NUMBERS}
    return pd.read_csv(
        path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=numbers
    )
