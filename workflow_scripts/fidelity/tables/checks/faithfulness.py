"""Tables of explainers shown to be more faithful than null baselines or than each other."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from fidelity.analysis.localization import pooled_classes
from fidelity.explainers.registry import explains
from fidelity.faithfulness.registry import METRICS
from fidelity.presentation import titles
from fidelity.presentation.wording import ABSENT, listed, value_of
from fidelity.tables.layout import Table, facts_of, lay_out
from fidelity.verdict.compared_pair import Comparison, between, read_rows


def faithfulness_comparison_tables(
    comparisons: pd.DataFrame, families: Mapping[str, str], alpha: float
) -> list[Table]:
    """Lay out which explainers were shown to be more faithful than null baselines and each other.

    Args:
        alpha: level of significance, as used.
    """
    pooled = pooled_classes(comparisons)
    named = {name for part in ("explainer_a", "explainer_b") for name in pooled[part]}
    names = [name for name in families if name in named]
    real = [name for name in names if explains(families[name])]
    nulls = [name for name in names if families[name] == "baseline"]
    metrics = list(pooled["metric"].unique())
    columns = [METRICS[name].title for name in metrics]
    against: list[list[str]] = []
    between: list[list[str]] = []
    for classifier, rows in pooled.groupby("classifier", sort=False):
        found = list(read_rows(rows))
        against += [
            [titles.classifier_title(classifier), titles.explainer_title(name)]
            + [_beaten(found, name, nulls, metric) for metric in metrics]
            for name in real
            if nulls
        ]
        between += [
            [
                titles.classifier_title(classifier),
                titles.explainer_title(a),
                titles.explainer_title(b),
            ]
            + [_shown(found, a, b, name) for name in metrics]
            for a, b in combinations(real, 2)
        ]
    units = pooled.groupby("metric", sort=False)["n_patients"].max()
    unit = pooled["unit_of_analysis"].iloc[0]
    content = {
        **facts_of(pooled),
        "alpha": alpha,
        "lower": listed(METRICS[n].title for n in metrics if METRICS[n].direction == "lower"),
        "units": f"{unit}s",
        "counts": ", ".join(f"{int(n)} ({METRICS[name].title})" for name, n in units.items()),
    }
    return [
        lay_out(
            "faithfulness_comparisons",
            header,
            cells,
            len(metrics),
            file=f"faithfulness-{part}",
            classifiers=pooled["classifier"],
            part=part,
            **content,
        )
        for part, header, cells in (
            ("against-null-baselines", ["Classifier", "Explainer", *columns], against),
            ("comparisons", ["Classifier", "A", "B", *columns], between),
        )
        if cells
    ]


def _beaten(found: Sequence[Comparison], name: str, nulls: Sequence[str], metric: str) -> str:
    rows = [row for null in nulls for row in between(found, name, null) if row.metric == metric]
    if not rows:
        return ABSENT
    outcomes = [row.outcome for row in rows]
    better, worse = outcomes.count("better"), outcomes.count("worse")
    return f"{better} more, {worse} less, of {len(rows)}"


def _shown(found: Sequence[Comparison], a: str, b: str, metric: str) -> str:
    row = next((row for row in between(found, a, b) if row.metric == metric), None)
    if row is None:
        return ABSENT
    more = {"better": "A", "worse": "B"}.get(row.outcome, "not shown")
    return f"{value_of(metric, row.difference)} ({more})"
