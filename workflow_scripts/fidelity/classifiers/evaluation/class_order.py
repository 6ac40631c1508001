"""Check the order of the classes: which class does each output fit best? No torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

from fidelity.analysis.columns.classifiers import OUTPUTS
from fidelity.analysis.columns.described_table import names_of
from fidelity.classifiers.weights.header import noted

# Small bonus for the present order: it is kept if another order agrees equally well.
TIE = 1e-6


def fitting_order(truth: np.ndarray, scores: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Assign outputs to classes so that they agree best with the labels.

    Args:
        truth: (n, k), 1 if a case has the class, nan if that is not known.
        scores: (n, k), probabilities of the outputs, in the present order of the classes.

    Returns:
        The class that each output fits, and the AUC of every output (row) for every class (column).
        The AUC is nan for a class whose AUC is undefined. The assignment is one to one and has the
        largest sum of AUCs. If all cases have a class, its mean probability replaces the AUC. A
        class without a case does not affect the assignment.
    """
    from sklearn.metrics import roc_auc_score  # slow import (a second), not needed by result tables

    k = truth.shape[1]
    aucs = np.full((k, k), np.nan)
    agreement = np.full((k, k), 0.5)
    for cls, column in enumerate(truth.T):
        known = ~np.isnan(column)
        if len(np.unique(column[known])) == 2:
            for output in range(k):
                aucs[output, cls] = roc_auc_score(column[known], scores[known, output])
            agreement[:, cls] = aucs[:, cls]
        elif (column == 1).any():
            agreement[:, cls] = scores[known].mean(axis=0)
    agreement += TIE * np.eye(k)
    return scipy.optimize.linear_sum_assignment(agreement, maximize=True)[1].tolist(), aucs


def class_order(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str], outputs: Sequence[str]
) -> pd.DataFrame:
    """List for every output of a network its class and the class that it fits best.

    Args:
        truth: as in `fitting_order`, columns in the order of `classes`.
        outputs: class names of the network's outputs, in its order; may contain more names than
            `classes`.

    Returns:
        One row per output, with the columns OUTPUTS. If no class of the data set matches an output,
        the output keeps its name and has no AUC.
    """
    fits, aucs = fitting_order(truth, scores)
    rows = []
    for place, name in enumerate(outputs):
        here = classes.index(name) if name in classes else None
        there = None if here is None else fits[here]
        rows.append(
            {
                "output": place,
                "class": name,
                "fitting_class": name if there is None else classes[there],
                "auc": np.nan if here is None else aucs[here, here],
                "fitting_auc": np.nan if there is None else aucs[here, there],
            }
        )
    return pd.DataFrame(rows, columns=names_of(OUTPUTS))


def output_names(path: str | Path) -> list[str]:
    """Read the class names of a classifier's outputs from the header of its model.safetensors."""
    return list(noted(path)["classes"])
