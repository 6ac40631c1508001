"""Judge metrics by controls, into tables/hiding.csv and tables/controls.csv."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.checks.controls import doubts, judge_metrics, summarize_hiding
from fidelity.analysis.columns.classifiers import CLASSIFICATION
from fidelity.analysis.localization import scores_of
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job


def main(
    scores: pd.DataFrame,
    hidden: Sequence[str],
    classification: str,
    dataset: str,
    kinds: Mapping[str, Sequence[str]],
    least_accuracy: float,
    families: Mapping[str, str],
    statistics: Mapping[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables; `hidden` are the outputs of hiding.py, one per training in `kinds`."""
    names = [name for group in kinds.values() for name in group]
    parts = {name: read_parquet(path) for name, path in zip(names, hidden, strict=True)}
    rated = CLASSIFICATION.read(classification)
    rated = rated[(rated["split"] == "val") & (rated["metric"] == "accuracy")]
    values = rated[rated["class"] == "all"].set_index("classifier")["value"]
    accuracies = {name: float(values.get(name, float("nan"))) for name in names}
    table = summarize_hiding(parts, kinds, accuracies, dataset, statistics)
    note = doubts(table, least_accuracy)
    if note:
        logging.warning("the controls are in doubt: %s", note)
    return table, judge_metrics(scores, parts, kinds, families, note, statistics)


if __name__ == "__main__":
    run_job(main, snakemake, scores=scores_of)
