"""Judge metrics by controls: into tables/hiding.csv and tables/controls.csv."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.columns.classifiers import CLASSIFICATION
from fidelity.analysis.controls import doubts, judge_metrics, summarize_hiding
from fidelity.analysis.localization import load_scores
from fidelity.base.files import read_parquet, write_csv
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    hidden: Sequence[str],
    classification: str,
    combos: Sequence[Mapping[str, str]],
    dataset: str,
    kinds: Mapping[str, Sequence[str]],
    least_accuracy: float,
    families: Mapping[str, str],
    statistics: Mapping[str, Any],
    seed: int,
    hiding: str,
    controls: str,
) -> None:
    """Write both tables.

    Args:
        scores: scores.parquet and ranking.parquet files.
        hidden: of hiding.py, one per training of `kinds`.
        classification: classification.csv.
        kinds: kind → its trainings, in the same order of seeds.
        least_accuracy: validation accuracy that each training should reach.
    """
    names = [name for group in kinds.values() for name in group]
    parts = {name: read_parquet(path) for name, path in zip(names, hidden, strict=True)}
    rated = CLASSIFICATION.read(classification)
    rated = rated[(rated["split"] == "val") & (rated["metric"] == "accuracy")]
    values = rated[rated["class"] == "all"].set_index("classifier")["value"]
    accuracies = {name: float(values.get(name, float("nan"))) for name in names}
    table = summarize_hiding(parts, kinds, accuracies, dataset, statistics, seed)
    note = doubts(table, least_accuracy)
    if note:
        logging.warning("the controls are in doubt: %s", note)
    write_csv(table, hiding)
    loaded = load_scores(scores, combos)
    judged = judge_metrics(loaded, parts, kinds, families, note, statistics, seed)
    write_csv(judged, controls)


if __name__ == "__main__":
    run_job(main, snakemake)
