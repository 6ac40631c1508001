"""Tables of metrics judged by controls, and of the check of the controls."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.checks.controls import ALL_EXPLAINERS, HIDING_METRIC
from fidelity.analysis.localization import NO_BINARIZATION, NO_CLASSIFIER, pooled_classes
from fidelity.presentation import titles
from fidelity.presentation.protocols import explained
from fidelity.presentation.wording import ABSENT, metric_title, number
from fidelity.tables.layout import Table, facts_of, interval_cell, lay_out

Families = Mapping[str, str]


def hiding_tables(hiding: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out how hiding the lesion, and hiding elsewhere, changes outputs: a row per training."""
    pooled = pooled_classes(hiding)
    rows = [
        [
            titles.classifier_title(row["classifier"]),
            row["kind"],
            number(row["val_accuracy"]),
            str(int(row["n"])),
            *(
                interval_cell(row, drop, _ends(drop), decide=1)
                for drop in ("drop_lesion", "drop_elsewhere", "difference")
            ),
            row["uses_lesion"],
        ]
        for row in pooled.to_dict("records")
    ]
    header = ["Classifier", "Guidance", "Validation accuracy", "n", "Lesion hidden"]
    header += ["As much elsewhere", "Difference", "Uses the lesion"]
    return [lay_out("hiding", header, rows, 6, file="hiding", **facts_of(pooled))]


def control_tables(controls: pd.DataFrame, families: Families) -> list[Table]:
    """Lay out which metrics and protocols pass, over all explainers, one row each."""
    pooled = pooled_classes(controls)
    first = {ALL_EXPLAINERS, NO_CLASSIFIER}
    # A single explainer has no row with the mean over explainers.
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
                f"{interval_cell(row, row['metric'], _ends(step), decide=1)} "
                f"({row[f'signs_{step}'].replace('-', '−')})"
                for step in ("aligned_over_plain", "plain_over_misaligned")
            ),
            row["passes"],
        ]
        for row in shown.to_dict("records")
    ]
    header = ["Binarization", "Protocol", "Metric", "Aligned over plain", "Plain over misaligned"]
    header.append("Passes")
    failed = [f"{row[2]} ({row[0]}, {row[1]})" for row in rows if row[-1] == "no"]
    told = {"failed": failed, "doubt": _with_titles(shown["note"].iloc[0]), **facts_of(pooled)}
    told["protocols"] = explained(shown["protocol"].unique())
    return [lay_out("controls", header, rows, 3, file="controls", **told)]


def _with_titles(doubts: str) -> str:
    """Replace keys of trainings by titles in the result of `analysis.checks.controls.doubts`."""
    parts = (part.partition(": ") for part in doubts.split("; ") if part)
    return "; ".join(
        f"{why}{colon}{', '.join(map(titles.classifier_title, names.split(', ')))}"
        for why, colon, names in parts
    )


def _ends(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"
