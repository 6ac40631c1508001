"""Write the tables of docs/measuring.md from the code: metrics, protocols, baselines, faithfulness.

Run by `make docs`; a test fails if the file on disk is out of date.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import wrap
from typing import get_args

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.analysis.box_metrics import select_sets  # noqa: E402
from fidelity.explainers.registry import METHODS  # noqa: E402
from fidelity.faithfulness.registry import METRICS as FAITHFULNESS  # noqa: E402
from fidelity.metrics.boxes.protocols import title_of  # noqa: E402
from fidelity.metrics.conventions import PROTOCOLS, Protocol, base_name  # noqa: E402
from fidelity.metrics.map_registry import RANKING, RankingMetric  # noqa: E402
from fidelity.metrics.metric import Metric  # noqa: E402
from fidelity.metrics.registry import METRICS  # noqa: E402
from fidelity.presentation.protocols import MEANINGS  # noqa: E402
from fidelity.settings.statistics import Boxes, BoxProtocol  # noqa: E402

MEASURING = ROOT / "docs" / "measuring.md"
MASK_METRICS = [metric for metric in METRICS.values() if metric.name not in RANKING]
SURFACES = {"pixels": "boundary pixels", "contour": "contour, weighted by length"}
# Metrics of surfaces; the Hausdorff distance over full sets uses none.
OF_SURFACES = {"nsd", "hausdorff_boundary", "hd95_boundary", "assd"}
UNITS = {"1": "share", "diagonal": "image diagonals"}


def render(text: str) -> str:
    """Replace the tables of the page."""
    tables = {
        "metrics": metric_rows(MASK_METRICS),
        "ranking": metric_rows(RANKING.values()),
        "protocols": protocol_rows(PROTOCOLS.values()),
        "meanings": meaning_lines(),
        "boxes": box_rows(),
        "baselines": baseline_rows(),
        "faithfulness": faithfulness_rows(),
    }
    return fill_in(text, tables)


def fill_in(text: str, tables: Mapping[str, Iterable[str]]) -> str:
    """Replace the text between `<!-- name -->` and `<!-- end -->` by the lines of that name."""
    for name, lines in tables.items():
        table = "\n".join([f"<!-- {name} -->", *lines, "<!-- end -->"])
        before, _, rest = text.partition(f"<!-- {name} -->")
        text = before + table + rest.partition("<!-- end -->")[2]
    return text


def metric_rows(metrics: Iterable[Metric | RankingMetric]) -> list[str]:
    """Return one row per metric, with the facts of its registry entry."""
    rows = ["| metric | name | better | unit | range | source |", "|---|---|---|---|---|---|"]
    for metric in metrics:
        low, high = (f"{value:g}".replace("inf", "∞") for value in metric.range)
        source = metric.source + (" (**sees the reference**)" if metric.uses_reference else "")
        cells = [f"`{metric.name}`", metric.title, metric.direction]
        cells += [UNITS.get(metric.unit, metric.unit), f"{low} … {high}", source]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def protocol_rows(protocols: Iterable[Protocol]) -> list[str]:
    """Return one row per protocol."""
    names = [metric.name for metric in MASK_METRICS if metric.name == base_name(metric.name)]
    header = ["protocol", "conventions of", "metrics", "surface", "95th percentile"]
    header += ["empty references in means"]
    rows = [f"| {' | '.join(header)} |", "|---|---|---|---|---|---|"]
    for protocol in protocols:
        known = protocol.metrics
        metrics = "all" if known is None else ", ".join(sorted(known, key=names.index))
        counted = "yes" if protocol.counts_empty_references else "no"
        own = set(names) if known is None else known
        surface = SURFACES[protocol.surface] if OF_SURFACES & set(own) else "–"
        percentile = protocol.percentile if "hd95_boundary" in own else "–"
        cells = [f"`{protocol.name}`", protocol.source, metrics, surface, percentile, counted]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def meaning_lines() -> list[str]:
    """Return one bullet per protocol, wrapped."""
    bullets = [f"- `{name}`: {meaning}" for name, meaning in MEANINGS.items()]
    how = {"width": 100, "subsequent_indent": "  ", "break_on_hyphens": False}
    return [line for text in bullets for line in wrap(text, **how)]


def box_rows() -> list[str]:
    """Return one row per metric of a set of boxes."""
    rows = ["| metric | name | protocol | source |", "|---|---|---|---|"]
    for metric in select_sets(["default", *get_args(BoxProtocol)], Boxes().false_positives):
        seen = " (**sees the reference**)" if metric.uses_reference else ""
        cells = [f"`{metric.name}`", title_of(metric.name), f"`{metric.protocol}`"]
        rows.append(f"| {' | '.join([*cells, metric.source + seen])} |")
    return rows


def baseline_rows() -> list[str]:
    """Return one row per null baseline and ceiling."""
    rows = ["| method | name | kind | what it is |", "|---|---|---|---|"]
    for key, method in METHODS.items():
        if method.family in ("baseline", "ceiling"):
            what = re.sub(r"^(null baseline|ceiling): ", "", method.source)
            rows.append(f"| `{key}` | {method.title} | {method.family} | {what} |")
    return rows


def faithfulness_rows() -> list[str]:
    """Return one row per faithfulness metric."""
    rows = ["| metric | name | better | source |", "|---|---|---|---|"]
    for key, metric in FAITHFULNESS.items():
        rows.append(f"| `{key}` | {metric.title} | {metric.direction} | {metric.source} |")
    return rows


if __name__ == "__main__":
    MEASURING.write_text(render(MEASURING.read_text(encoding="utf-8")), encoding="utf-8")
