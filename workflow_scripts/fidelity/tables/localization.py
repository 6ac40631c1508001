"""Mean localization scores as tables: one per binarization and protocol, the rest in a second."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_BINARIZATION,
    ON_EMPTY_REFERENCES,
    PROTOCOLS,
    keep_test_split,
)
from fidelity.metrics.registry import METRICS
from fidelity.presentation.wording import (
    ABSENT,
    classifier_title,
    confidence,
    digits_of,
    family_title,
    metric_title,
    unit_note,
    value_of,
    with_interval,
)
from fidelity.tables.layout import Table, by_family
from fidelity.tables.quality import Qualities, quality_note

# What the first table of a binarization shows, as far as it was computed; a page holds no more.
MAIN = [
    "iou",
    "iou_nan",
    "dice",
    "precision",
    "recall",
    "hausdorff_full",
    "hd95_boundary",
    "assd",
    "nsd",
    "false_positive_share",
]
DIAGNOSTIC = "sees the reference: diagnostic"
CONFOUNDED = "a rule by explainer: confounded"
CONFOUNDED_MARK = " (confounded)"


def localization_tables(
    localization: pd.DataFrame,
    statistics: Mapping[str, Any],
    scoring_size: str,
    empty: Mapping[str, Any],
    *,
    families: Mapping[str, str],
    unit: str,
    diagnostic: Collection[str] = (),
    seeds: pd.DataFrame | None = None,
    bases: Mapping[str, str] | None = None,
    quality: Qualities | None = None,
    confounded: Mapping[str, str] | None = None,
) -> list[Table]:
    """Lay out the test split's means: explainers by class and classifier.

    Args:
        localization: localization.csv of one data set.
        statistics: replicates, alpha, primary, as they were used.
        scoring_size: `original` or `working`.
        empty: what a score is where a mask is empty under the default protocol, as it was used.
        families: explainer → family.
        unit: unit of analysis, `patient` or `image`.
        diagnostic: binarizations that see the reference.
        seeds: seeds.csv; its spread is beside the primary metric where there are two seeds.
        bases: classifier → its key in seeds.csv.
        quality: (dataset, classifier) → the classifier's, for a column and a note.
        confounded: explainer or binarization → how it differs from the rule for all.

    Returns:
        Per binarization and protocol, in the order of the file, a table of the main metrics and,
        where there are others, a second one; the threshold-free metrics of the maps in one.
    """
    tables = []
    quality, confounded = quality or {}, confounded or {}
    keys = ["dataset", "split", "binarization", "protocol"]
    for (dataset, split, binarization, protocol), block in keep_test_split(localization).groupby(
        keys, sort=False
    ):
        notes = _notes(statistics, scoring_size, empty, protocol, unit)
        shown = {"families": families, "quality": quality, "confounded": confounded}
        own = _confounds(block, confounded)
        told = quality_note(quality, dataset, list(block["classifier"].unique()))
        own += [told] if told else []
        where = f"{dataset}, {split} split"
        computed = [name for name in METRICS if (block["metric"] == name).any()]
        computed += [name for name in block["metric"].unique() if name not in computed]
        if binarization == NO_BINARIZATION:
            title = f"Maps without a threshold on {where}"
            # Maps are never empty masks.
            tables.append(_table(title, block, computed, [*notes[:2], notes[-1], *own], **shown))
            continue
        title = f"on {where}: binarization {binarization}, protocol {protocol}"
        title += f" ({DIAGNOSTIC})" if binarization in diagnostic else ""
        title += f" ({CONFOUNDED})" if binarization in confounded else ""
        notes += own
        spread = _spread(seeds, block, statistics["primary"], bases or {})
        main = [name for name in MAIN if name in computed]
        more = [name for name in computed if name not in main]
        if main:
            tables.append(
                _table(
                    f"Localization {title}",
                    block,
                    main,
                    notes,
                    **shown,
                    spread=spread,
                    primary=statistics["primary"],
                )
            )
        if more:
            tables.append(_table(f"More metrics {title}", block, more, notes, **shown))
    return tables


def _table(
    title: str,
    block: pd.DataFrame,
    metrics: list[str],
    notes: list[str],
    *,
    families: Mapping[str, str],
    quality: Qualities,
    confounded: Mapping[str, str],
    spread: Mapping[tuple[str, str, str], str] | None = None,
    primary: str = "",
) -> Table:
    rows: list[list[str]] = []
    rules: set[int] = set()
    for name in block["class"].unique():
        of_class = block[block["class"] == name]
        for classifier in of_class["classifier"].unique():
            rules.add(len(rows))
            part = of_class[of_class["classifier"] == classifier]
            groups = dict(list(part.groupby("explainer", sort=False)))
            for explainer in by_family(list(groups), families):
                cells = _cells(groups[explainer], metrics)
                if spread:
                    cells.append(spread.get((classifier, explainer, name), ABSENT))
                mark = CONFOUNDED_MARK if explainer in confounded else ""
                who = [name, classifier_title(classifier), explainer + mark]
                who.append(family_title(explainer, families))
                if quality:
                    rated = quality.get((block["dataset"].iloc[0], classifier))
                    measures = rated.measures if rated else {}
                    accuracy = measures["accuracy"].value if "accuracy" in measures else math.nan
                    cells.insert(0, value_of("accuracy", accuracy))
                rows.append([*who, *cells])
    header = ["Class", "Classifier", "Explainer", "Family"]
    header += ["Test accuracy"] if quality else []
    header += ["n", "empty pred.", "empty ref."]
    header += [metric_title(metric) for metric in metrics]
    header += [f"{metric_title(primary)[:-2]}: SD over seeds"] if spread else []
    return Table(title, header, rows, len(header) - 4, frozenset(rules - {0}), notes)


def _confounds(block: pd.DataFrame, confounded: Mapping[str, str]) -> list[str]:
    """State what in a table was not treated like the rest."""
    names = {*block["explainer"], *block["binarization"]}
    return [
        f"Confounded: {name} {how}; differences from the rest are not of the explainers alone."
        for name, how in confounded.items()
        if name in names
    ]


def _cells(rows: pd.DataFrame, metrics: list[str]) -> list[str]:
    by_metric = rows.set_index("metric")
    # False-positive area is counted over other cases.
    usual = by_metric[~by_metric.index.isin(ON_EMPTY_REFERENCES)]
    first = (usual if len(usual) else by_metric).iloc[0]
    cells = [str(int(first[name])) for name in ("n", "n_empty_prediction", "n_empty_reference")]
    for metric in metrics:
        if metric not in by_metric.index:
            cells.append(ABSENT)
            continue
        row = by_metric.loc[metric]
        values = row["mean"], row["ci_low"], row["ci_high"]
        text = with_interval(*values, digits_of(metric, *values))
        fewer = metric in ON_EMPTY_REFERENCES or row["n_undefined"] > 0
        if fewer and text != ABSENT:
            text += f" (n = {int(row['n'] - row['n_undefined'])})"
        cells.append(text)
    return cells


def _spread(
    seeds: pd.DataFrame | None, block: pd.DataFrame, primary: str, bases: Mapping[str, str]
) -> dict[tuple[str, str, str], str]:
    """Give (classifier, explainer, class) its between-seeds spread of the primary metric."""
    if seeds is None:
        return {}
    first = block.iloc[0]
    chosen = seeds[(seeds["metric"] == primary) & (seeds["n_seeds"] > 1)]
    for name in ("dataset", "split", "binarization", "protocol"):
        chosen = chosen[chosen[name] == first[name]]
    found = {
        (row.classifier, row.explainer, row._asdict()["class_"]): row
        for row in chosen.rename(columns={"class": "class_"}).itertuples()
    }
    result = {}
    for classifier, explainer, name in (
        block[["classifier", "explainer", "class"]].drop_duplicates().itertuples(index=False)
    ):
        row = found.get((bases.get(classifier, ""), explainer, name))
        if row is not None:
            spread = value_of(primary, row.std_between_seeds, row.mean)
            text = f"{spread} ({int(row.n_seeds)} seeds)"
            result[classifier, explainer, name] = text
    return result


def _notes(
    statistics: Mapping[str, Any],
    scoring_size: str,
    empty: Mapping[str, Any],
    protocol: str,
    unit: str,
) -> list[str]:
    known = PROTOCOLS.get(protocol)
    if known is not None and known.interval == "order_statistics":
        interval = (
            "Mean over 1000 bootstrap resamples of images [their 25th and 975th order statistics], "
            "as CheXlocalize reports it."
        )
    else:
        interval = (
            f"Mean over cases [{confidence(statistics)}]: percentile bootstrap of "
            f"{statistics['replicates']} resamples of units. {unit_note(unit)}"
        )
    counted = (
        "all cases"
        if known is not None and known.counts_empty_references
        else ("cases with a non-empty reference")
    )
    return [
        interval,
        f"Masks are scored at the {scoring_size} image size. n: {counted}; "
        "(n = …) beside a value: cases with a defined value, where these are fewer.",
        _empty_note(empty)
        if protocol == DEFAULT_PROTOCOL
        else (f"Empty masks: as protocol {protocol} defines it, whatever the config sets."),
        "A null baseline ignores the trained classifier; a ceiling has seen reference "
        "masks, or is a second reader.",
    ]


def _empty_note(empty: Mapping[str, Any]) -> str:
    """State the policy in the config's own words."""
    values = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in empty.items())
    if not any(key.startswith("overlap_prediction") for key in empty):
        values = "; ".join([*filter(None, [values]), "overlap of an empty prediction: 0"])
    return (
        f"Empty masks: {values}. Cases with an empty reference are counted, not averaged. Columns "
        "over predicted cases leave empty predictions out, which rewards a method that predicts "
        "nothing."
    )
