"""Tables of mean localization scores: up to two per binarization and protocol."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_BINARIZATION,
    ON_EMPTY_REFERENCES,
    PROTOCOLS,
    keep_test_split,
    sees_reference,
)
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation import titles
from fidelity.presentation.protocols import explained
from fidelity.presentation.wording import (
    ABSENT,
    confidence,
    empty_masks,
    metric_title,
    pixels_compared,
    unit_note,
    value_of,
)
from fidelity.tables.layout import (
    Table,
    by_explainer,
    class_and_classifier,
    interval_cell,
    lay_out,
)
from fidelity.tables.quality import quality_note
from fidelity.tables.results import Results

# The metrics in the first table of a binarization, if they were computed; no more fit on a page.
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
# Metrics that check whether the highest value of a map is in the reference.
POINTING = {"pointing_game", "pointing_game_any", "pointing_game_tolerance", "hit_rate"}
CONFOUNDED_MARK = " (confounded)"
EMPTY_PREDICTIONS = "empty pred."


def localization_tables(results: Results) -> list[Table]:
    """Lay out the test split's means: explainers by class and classifier.

    Returns:
        Per binarization and protocol, in the order of the file: a table of the main metrics and, if
        there are others, a second one. The threshold-free metrics of the maps have one table.
    """
    tables = []
    settings, quality = results.settings, results.quality
    statistics, confounded = settings["statistics"], settings["confounded"]
    keys = ["dataset", "split", "binarization", "protocol"]
    found = keep_test_split(results.localization)
    for (dataset, split, binarization, protocol), block in found.groupby(keys, sort=False):
        classifiers = list(block["classifier"].unique())
        known = PROTOCOLS.get(protocol)
        shown = {
            "dataset": titles.dataset_title(dataset),
            "split": split,
            "binarization": titles.binarization_title(binarization),
            "protocol": titles.protocol_title(protocol),
            "meaning": explained([protocol])[0],
            "is_default": protocol == DEFAULT_PROTOCOL,
            "order_statistics": known is not None and known.interval == "order_statistics",
            "counts_empty": known is not None and known.counts_empty_references,
            "diagnostic": binarization in settings["diagnostic"],
            "confounded": binarization in confounded,
            "confounds": _confounds(block, confounded),
            "interval": confidence(statistics),
            "statistics": statistics,
            "unit": unit_note(results.unit),
            "size": settings["scoring_size"],
            "empty": empty_masks(settings["empty"]),
            "pointing": sum(name in POINTING for name in block["metric"].unique()),
            "quality": quality_note(quality, dataset, classifiers),
        }
        computed = [name for name in METRICS if (block["metric"] == name).any()]
        computed += [name for name in block["metric"].unique() if name not in computed]
        main = [name for name in MAIN if name in computed]
        is_primary = protocol == DEFAULT_PROTOCOL
        is_primary &= binarization == statistics["primary_binarization"]
        spread = spreads(results, block)
        if binarization == NO_BINARIZATION:
            parts = [("maps", computed, {})]
        else:
            more = [name for name in computed if name not in main]
            parts = [("main", main, spread), ("more", more, {})]
        for part, metrics, beside in parts:
            if not metrics:
                continue
            header, rows, headings = _cells_of(block, metrics, results, beside)
            if part == "maps":
                header[header.index(EMPTY_PREDICTIONS)] = "zero maps"
            names = {
                "section": "maps" if part == "maps" else "metrics" if is_primary else "settings",
                "file": "maps" if part == "maps" else f"{part}-metrics-{binarization}-{protocol}",
                "classifiers": classifiers,
                "pixels": pixels_compared(" ".join(map(title_of, metrics))),
                "diagnostics": any(map(sees_reference, metrics)),
            }
            laid_out = header, rows, len(header) - 2, headings
            tables.append(lay_out("localization", *laid_out, **names, part=part, **shown))
    return tables


def _cells_of(
    block: pd.DataFrame,
    metrics: list[str],
    results: Results,
    spread: Mapping[tuple[str, str, str], str],
) -> tuple[list[str], list[list[str]], dict[int, str]]:
    """Fill header, rows and headings: explainers by class and classifier."""
    rows: list[list[str]] = []
    headings: dict[int, str] = {}
    settings = results.settings
    for name in block["class"].unique():
        of_class = block[block["class"] == name]
        for classifier in of_class["classifier"].unique():
            headings[len(rows)] = class_and_classifier(name, classifier)
            part = of_class[of_class["classifier"] == classifier]
            for (title, kind), own in by_explainer(part, settings["families"]):
                cells, explainer = _cells(own, metrics), own["explainer"].iloc[0]
                if spread:
                    cells.append(spread.get((classifier, explainer, name), ABSENT))
                mark = CONFOUNDED_MARK if explainer in settings["confounded"] else ""
                rows.append([title + mark, kind, *cells])
    header = ["Method", "Family", "n", EMPTY_PREDICTIONS, "empty ref."]
    header += [metric_title(metric) for metric in metrics]
    primary = metric_title(settings["statistics"]["primary"])
    header += [f"{primary[:-2]}: SD over seeds"] if spread else []
    return header, rows, headings


def _confounds(block: pd.DataFrame, confounded: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name what in a table was treated differently from the rest, and how."""
    names = {*block["explainer"], *block["binarization"]}
    return [
        (titles.title_of_either(name), how) for name, how in confounded.items() if name in names
    ]


def _cells(rows: pd.DataFrame, metrics: list[str]) -> list[str]:
    by_metric = rows.set_index("metric")
    # False-positive area is averaged over other cases.
    usual = by_metric[~by_metric.index.isin(ON_EMPTY_REFERENCES)]
    first = (usual if len(usual) else by_metric).iloc[0]
    cells = [str(int(first[name])) for name in ("n", "n_empty_prediction", "n_empty_reference")]
    for metric in metrics:
        if metric not in by_metric.index:
            cells.append(ABSENT)
            continue
        row = by_metric.loc[metric]
        text = interval_cell(row, metric)
        fewer = metric in ON_EMPTY_REFERENCES or row["n_undefined"] > 0
        if fewer and text != ABSENT:
            text += f" (n = {int(row['n'] - row['n_undefined'])})"
        cells.append(text)
    return cells


def spreads(results: Results, block: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Return (classifier, explainer, class) → spread of the primary metric between seeds.

    A training that allows no conclusion is not part of it and has none.
    """
    seeds, bases = results.seeds, results.settings["bases"]
    primary = results.settings["statistics"]["primary"]
    first = block.iloc[0]
    chosen = seeds[(seeds["metric"] == primary) & (seeds["n_seeds"] > 1)]
    for name in ("dataset", "split", "binarization", "protocol"):
        chosen = chosen[chosen[name] == first[name]]
    keys = ["classifier", "explainer", "class"]
    found = {tuple(row[key] for key in keys): row for row in chosen.to_dict("records")}
    result = {}
    for classifier, explainer, name in block[keys].drop_duplicates().itertuples(index=False):
        row = found.get((bases.get(classifier, ""), explainer, name))
        if row is not None and classifier not in results.useless:
            spread = value_of(primary, row["std_between_seeds"], row["mean"])
            result[classifier, explainer, name] = f"{spread} ({int(row['n_seeds'])} seeds)"
    return result
