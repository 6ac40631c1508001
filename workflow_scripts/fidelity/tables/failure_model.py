"""Table of the failure model: one row per covariate, one column per explainer."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.localization import pooled_classes
from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import ABSENT, FACTS
from fidelity.tables.layout import Table, facts_of, interval_cell, lay_out


def failure_tables(model: pd.DataFrame, families: Mapping[str, str]) -> list[Table]:
    """Lay out failure_model.csv: the metric's change per standard deviation of each covariate."""
    shown = pooled_classes(model)
    metric = shown["metric"].iloc[0]
    explainers = titles.ordered(list(shown["explainer"].unique()))
    found = shown.set_index(["term", "explainer"])

    def cell(term: str, explainer: str) -> str:
        if (term, explainer) not in found.index:
            return ABSENT
        ends = ("estimate", "ci_low", "ci_high")
        return interval_cell(found.loc[(term, explainer)], metric, ends, decide=1)

    rows = [
        [title, *(cell(term, name) for name in explainers)]
        for term, title in FACTS.items()
        if (shown["term"] == term).any()
    ]
    notes_of = shown.drop_duplicates("explainer")
    withheld = notes_of[notes_of["status"] != "ok"]
    return [
        lay_out(
            "failure_model",
            ["Fact", *map(titles.explainer_title, explainers)],
            rows,
            len(explainers),
            section="strata",
            file="failure-model",
            metric=title_of(metric),
            **facts_of(shown),
            withheld=[
                f"{titles.explainer_title(row['explainer'])} ({row['note']})"
                for row in withheld.to_dict("records")
            ],
            counts=sorted({int(n) for n in shown["n"]}),
        )
    ]
