"""Reading per-case CSV files: what a classifier said, how a mask came about."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fidelity.base.files import read_csv
from fidelity.base.formulas import restore_formulas

TEXT = ("case", "patient", "split", "class", "target_class", "status", "reason")
NUMBERS = ("label", "logit", "probability", "threshold")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read predictions.csv; ids and names stay text ("007", "NA").

    Args:
        path: the file, as the rule `predict` writes it.

    Returns:
        case, patient, split, class, label, logit, probability; one row per case and model class.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    return _read(path, ("case", "class", "label", "probability"))


def read_status(path: str | Path) -> pd.DataFrame:
    """Read masks_status.csv; ids and names stay text.

    Args:
        path: the file, as the rule `binarize` writes it.

    Returns:
        case, class, target_class, status, reason, threshold; one row per explanation.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    return _read(path, ("case", "class", "target_class", "status"))


def _read(path: str | Path, needed: Sequence[str]) -> pd.DataFrame:
    numbers = {name: [""] for name in NUMBERS}
    text = dict.fromkeys(TEXT, str)
    return restore_formulas(
        read_csv(path, needed, dtype=text, keep_default_na=False, na_values=numbers)
    )
