"""Tables of metrics that are judged by controls, and of how the controls were checked."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.controls import ALL_EXPLAINERS, HIDING_METRIC
from fidelity.analysis.localization import NO_BINARIZATION, NO_CLASSIFIER, pooled_classes
from fidelity.presentation import titles
from fidelity.presentation.wording import (
    ABSENT,
    classes_title,
    digits_of,
    metric_title,
    number,
    with_interval,
)
from fidelity.tables.layout import Table, described

Families = Mapping[str, str]


def hiding_tables(hiding: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out what hiding the lesion changes, and hiding elsewhere: one row per training."""
    pooled = pooled_classes(hiding)
    rows = [
        [
            titles.classifier_title(row["classifier"]),
            row["kind"],
            number(row["val_accuracy"]),
            str(int(row["n"])),
            *(_ends(row, drop, drop) for drop in ("drop_lesion", "drop_elsewhere", "difference")),
            row["uses_lesion"],
        ]
        for row in pooled.to_dict("records")
    ]
    header = ["Classifier", "Guidance", "Validation accuracy", "n", "Lesion hidden"]
    header += ["As much elsewhere", "Difference", "Uses the lesion"]
    title, notes = described("hiding", **_where(pooled))
    return [Table(title, header, rows, 6, {}, notes, "checks", "hiding")]


def control_tables(controls: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out which metrics and protocols pass, over all explainers: one row each."""
    pooled = pooled_classes(controls)
    first = {ALL_EXPLAINERS, NO_CLASSIFIER}
    # A single explainer has no mean over explainers beside it.
    several = (pooled["explainer"] == ALL_EXPLAINERS).any()
    shown = pooled[pooled["explainer"].isin(first)] if several else pooled
    rows = [
        [
            titles.binarization_title(row["binarization"])
            if row["binarization"] != NO_BINARIZATION
            else ABSENT,
            titles.protocol_title(row["protocol"]),
            "Drop of hiding" if row["metric"] == HIDING_METRIC else metric_title(row["metric"]),
            *(
                f"{_ends(row, step, row['metric'])} ({row[f'signs_{step}'].replace('-', '−')})"
                for step in ("aligned_over_plain", "plain_over_misaligned")
            ),
            row["passes"],
        ]
        for row in shown.to_dict("records")
    ]
    header = ["Binarization", "Protocol", "Metric", "Aligned over plain", "Plain over misaligned"]
    failed = [f"{row[2]} ({row[0]}, {row[1]})" for row in rows if row[-1] == "no"]
    title, notes = described(
        "controls", failed=failed, doubt=_with_titles(shown["note"].iloc[0]), **_where(pooled)
    )
    return [Table(title, [*header, "Passes"], rows, 3, {}, notes, "checks", "controls")]


def _with_titles(doubts: str) -> str:
    """Replace the keys of trainings in what `analysis.controls.doubts` gives."""
    parts = (part.rpartition(": ") for part in doubts.split("; ") if part)
    return "; ".join(
        f"{why}: {', '.join(map(titles.classifier_title, names.split(', ')))}"
        for why, _, names in parts
    )


def _where(table: pd.DataFrame) -> dict[str, Any]:
    return {
        "dataset": titles.dataset_title(table["dataset"].iloc[0]),
        "split": table["split"].iloc[0],
        "classes": classes_title(table["class"].unique()),
    }


def _ends(row: Mapping[str, Any], name: str, metric: str) -> str:
    values = row[name], row[f"{name}_low"], row[f"{name}_high"]
    return with_interval(*values, digits_of(metric, values[0]))
