"""Tables of box scores: metrics of sets of images by protocol, and their differences."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.localization import ALL_CLASSES, keep_test_split, pooled_classes
from fidelity.explainers.registry import explains
from fidelity.metrics.boxes.protocols import title_of
from fidelity.presentation import titles
from fidelity.presentation.protocols import explained
from fidelity.presentation.wording import ABSENT, confidence, unit_note, with_direction
from fidelity.tables.layout import (
    Table,
    by_explainer,
    class_and_classifier,
    facts_of,
    interval_cell,
    lay_out,
)

# Tables of a protocol: part → (title, prefixes of its metrics' names).
PARTS = {
    "default": {
        "boxes": ("Boxes", ("box_", "corloc", "lesion_recall", "froc")),
        "sensitivity": ("Sensitivity by false positives (FP)", ("sensitivity_",)),
    },
    "wsol": {"wsol": ("Boxes by wsolevaluation", ("",))},
    "chestxray8": {
        "accuracy": ("Accuracy at T", ("acc_",)),
        "false-positives": ("False positives (FP) at T", ("afp_",)),
    },
    "rodeo": {"rodeo": ("RoDeO", ("",))},
}


def box_tables(
    values: pd.DataFrame,
    comparisons: pd.DataFrame,
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    unit: str,
) -> list[Table]:
    """Lay out the test split's box scores.

    Args:
        values: boxes.csv of one data set.
        comparisons: box_comparisons.csv of the same data set.

    Returns:
        One or two tables per protocol, with explainers by class and classifier. Then the
        differences of pairs with an explainer of the classifier, all classes together, protocol
        `default`.
    """
    shown = keep_test_split(values)
    tables = []
    for protocol, block in shown.groupby("protocol", sort=False):
        for part, (name, beginnings) in PARTS[protocol].items():
            rows = block[block["metric"].str.startswith(beginnings)]
            tables.append(_values(rows, part, name, statistics, families, unit))
    # With one explainer, or without boxes in the scored classes, nothing was compared.
    if comparisons.empty:
        return tables
    pairs = pooled_classes(keep_test_split(comparisons))
    pairs = pairs[pairs["metric"].str.startswith(PARTS["default"]["boxes"][1])]
    pairs = pairs[(pairs["protocol"] == "default")]
    others = [name for name, family in families.items() if not explains(family)]
    pairs = pairs[~(pairs["explainer_a"].isin(others) & pairs["explainer_b"].isin(others))]
    return [*tables, _differences(pairs, statistics)] if len(pairs) else tables


def _values(
    block: pd.DataFrame,
    part: str,
    name: str,
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    unit: str,
) -> Table:
    metrics = block.drop_duplicates("metric").set_index("metric")
    rows, headings = [], {}
    parts = block.groupby(["class", "classifier"], sort=False)
    # Sorted so that each class has its classifiers together.
    order = list(block["class"].unique())
    for key, group in sorted(parts, key=lambda part: order.index(part[0][0])):
        headings[len(rows)] = class_and_classifier(*key)
        for who, own in by_explainer(group, families):
            found = own.set_index("metric")
            counts = str(int(found["n"].max())), str(int(found["n_boxes"].iloc[0]))
            rows.append([*who, *counts, *(_cell(found, name, "value") for name in metrics.index)])
    header = ["Method", "Family", "n", "boxes"]
    header += [
        with_direction(
            title_of(metric) + ", diagnostic" * (row.uses_reference == "True"), row.direction
        )
        for metric, row in metrics.iterrows()
    ]
    told = {**_told(block, statistics, part), "name": name, "unit": unit_note(unit)}
    return lay_out("boxes", header, rows, len(header) - 2, headings, **told)


def _differences(pairs: pd.DataFrame, statistics: Mapping[str, Any]) -> Table:
    metrics = pairs.drop_duplicates("metric").set_index("metric")["direction"]
    rows = []
    keys = ["classifier", "explainer_a", "explainer_b"]
    for (classifier, a, b), group in pairs.groupby(keys, sort=False):
        found = group.set_index("metric")
        cells = [_cell(found, metric, "difference") for metric in metrics.index]
        names = titles.explainer_title(a), titles.explainer_title(b)
        rows.append([titles.classifier_title(classifier), *names, *cells])
    header = ["Classifier", "A", "B"]
    header += [with_direction(title_of(name), direction) for name, direction in metrics.items()]
    return lay_out("boxes", header, rows, len(metrics), **_told(pairs, statistics, "differences"))


def _told(block: pd.DataFrame, statistics: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {
        "section": "boxes",
        "file": f"boxes-{part}",
        "classifiers": block["classifier"],
        **facts_of(block),
        "part": part,
        "meaning": explained(block["protocol"].unique())[0],
        "pooled": (block["class"] == ALL_CLASSES).any(),
        "from_masks": block["reference"].iloc[0] == "mask",
        "interval": confidence(statistics),
        "statistics": statistics,
        "lacking": sorted({note for note in block.get("note", ()) if note}),
    }


def _cell(rows: pd.DataFrame, metric: str, column: str) -> str:
    if metric not in rows.index:
        return ABSENT
    return interval_cell(rows.loc[metric], metric, (column, "ci_low", "ci_high"))
