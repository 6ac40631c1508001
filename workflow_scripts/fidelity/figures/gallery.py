"""Overlay gallery: what each explainer points at, next to the radiologist's outline."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Stroke

from fidelity.base.files import read_parquet
from fidelity.datasets.prepared import PreparedCase, cases_in
from fidelity.datasets.prepared_list import listed
from fidelity.datasets.readers.names import FIRST
from fidelity.figures.shared import style
from fidelity.figures.shared.drawn import (
    AREA,
    REFERENCE,
    Drawn,
    frame,
    heat_bar,
    is_speckled,
    place,
    scaled_box,
    show_heat,
    show_mask,
    show_reference,
)
from fidelity.figures.shared.readings import Line, lines_of, readings
from fidelity.figures.shared.scores import with_lesion
from fidelity.maps.saliency_map import SaliencyMap, read_maps, render
from fidelity.masks.boxes import scale_boxes
from fidelity.masks.run_lengths import decode, read_masks
from fidelity.presentation.titles import explainer_title, ordered, reader_title
from fidelity.presentation.wording import value_of

SPECKLED = "predicted mask of many parts, as an area"
# Letters per line of a name beside an image, and the largest number used if that many do not
# distinguish the ids.
LETTERS, MOST_LETTERS = 16, 26


@dataclass(frozen=True)
class Panel:
    """One explainer's result for one case.

    Attributes:
        heat: (H, W) normalised map in [0, 1]; None if the explainer failed.
        mask: (H, W) bool, predicted mask; None if there is none.
        iou: its score; nan = undefined.
    """

    heat: np.ndarray | None
    mask: np.ndarray | None
    iou: float


@dataclass(frozen=True)
class Row:
    """One case of the gallery.

    Attributes:
        group: `best`, `median` or `worst`.
        cls: class whose reference is shown.
        image: (H, W) uint8.
        panels: {explainer: Panel}.
        readers: what each of several readers drew, by reader.
    """

    group: str
    case: str
    cls: str
    image: np.ndarray
    drawn: Drawn
    panels: Mapping[str, Panel]
    readers: Mapping[str, Drawn] = field(default_factory=dict)


def choose(scores: pd.DataFrame, number: int) -> list[tuple[str, str, str]]:
    """Choose the best, median and worst cases by IoU.

    Args:
        scores: scores of the explainer that orders the gallery. Only the test split is used (all
            splits if there is none), and only cases with a non-empty reference and a defined IoU.
        number: cases per group; fewer if there are not enough for three groups.

    Returns:
        (group, case, class) from best to worst, each case at most once; ties are ordered by case
        id.
    """
    chosen = with_lesion(scores)
    chosen = chosen[chosen["iou"].notna()]
    chosen = chosen.sort_values(["iou", "case", "class"], ascending=[False, True, True])
    pairs = list(zip(chosen["case"], chosen["class"], strict=True))
    total = len(pairs)
    number = min(number, max(1, total // 3))
    middle = (total - number) // 2
    places = [
        *(("best", index) for index in range(min(number, total))),
        *(("median", index) for index in range(max(middle, 0), middle + number)),
        *(("worst", index) for index in range(max(total - number, 0), total)),
    ]
    seen: set[int] = set()
    rows = []
    for group, index in places:
        if index < total and index not in seen:
            seen.add(index)
            rows.append((group, *pairs[index]))
    return rows


def draw(
    prepared: str,
    maps: Sequence[str],
    masks: Sequence[str],
    shown_scores: Sequence[str],
    gallery: Mapping[str, Any],
    rule: str = "",
) -> Figure:
    """Choose best, median and worst cases and draw them.

    Args:
        prepared: list of the prepared shards that hold the cases.
        maps: map files of each explainer, one per shard.
        masks: masks.json of each explainer.
        shown_scores: scores.parquet of each explainer.
        gallery: explainers (of the files), `cases` per group, `by` (the explainer that orders
            them), sign, scoring_size (`original` or `working`), `ceilings`. Of
            the ceilings, only the one with the best mean IoU is shown.
        rule: see `plot`.
    """
    names, shards, by = gallery["explainers"], len(maps) // len(masks), gallery["by"]

    tables = {name: read_parquet(path) for name, path in zip(names, shown_scores, strict=True)}
    shown = _with_one_ceiling(tables, gallery["ceilings"], by)
    chosen = choose(tables[by], gallery["cases"])
    wanted = {(case, cls) for _, case, cls in chosen}
    ids = {case for case, _ in wanted}
    cases = {case.case: case for case in cases_in(listed(prepared)) if case.case in ids}
    panels: dict[tuple[str, str], dict[str, Panel]] = {pair: {} for pair in wanted}
    for number, name in enumerate(names):
        if name not in shown:
            continue
        own = _maps(maps[number * shards : (number + 1) * shards], wanted)
        found = read_masks(masks[number])
        iou = tables[name].set_index(["case", "class"])["iou"]
        for pair in sorted(wanted):
            case = cases[pair[0]]
            rle = found.get(pair[0], {}).get(pair[1])
            mask = None if rle is None else _fit(decode(rle), case, gallery)
            panels[pair][name] = Panel(
                _heat(own.get(pair), case, gallery), mask, float(iou.get(pair, np.nan))
            )
    rows = []
    for group, case_id, cls in chosen:
        case = cases[case_id]
        size, box = _frame(case)
        rows.append(
            Row(
                group,
                case_id,
                cls,
                place(case.image, box, size),
                _drawn(case, cls, size),
                panels[case_id, cls],
                {name: _drawn(one, cls, size) for name, one in readings(case, cls).items()},
            )
        )
    return plot(rows, ordered(shown), by, rule)


def _with_one_ceiling(
    scores: Mapping[str, pd.DataFrame], ceilings: Sequence[str], by: str
) -> list[str]:
    """Name the explainers with a single ceiling: `by`, or the one with the best mean IoU."""
    means = {name: with_lesion(scores[name])["iou"].mean() for name in ceilings}
    best = max(means, key=lambda name: (name == by, np.nan_to_num(means[name])), default=by)
    return [name for name in scores if name not in means or name == best]


def plot(rows: Sequence[Row], explainers: Sequence[str], order: str, rule: str = "") -> Figure:
    """Draw one row per case: image and reference, then the readers (if several), then explainers.

    Args:
        order: explainer whose IoU ordered the cases.
        rule: binarization named in the figure; empty: none.
    """
    if not rows:
        return style.message("No case with a non-empty reference was scored.")
    named = lines_of(name for row in rows for name in row.readers)
    before = ["Image", *(["Readers"] if named else [])]
    columns = len(explainers) + len(before)
    width = max(style.WIDTH, 1.05 * columns + 0.5)
    side = (width - 0.6) / columns
    aspect = max(row.image.shape[0] / row.image.shape[1] for row in rows)
    headings = [style.wrapped(explainer_title(name), 14, 3) for name in explainers]
    lines = 1 + max(heading.count("\n") for heading in headings)
    height = len(rows) * (side * aspect + 0.06) + 1.35 + 0.13 * lines + style.HEADING * bool(rule)
    fig, axes = style.figure(len(rows), columns, height=height, width=width)
    fig.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    style.name_rule(fig, rule)
    limit = _letters({row.case for row in rows})
    for line, row in zip(axes, rows, strict=True):
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.imshow(row.image, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        words = [
            row.group.capitalize(),
            style.short(row.cls, LETTERS),
            style.wrapped(row.case, limit),
        ]
        line[0].set_ylabel("\n".join(words), fontsize=7)
        show_reference(line[0], row.drawn)
        for name, drawn in row.readers.items():
            show_reference(line[1], drawn, named[name].colour, named[name].dashes)
        for axis, name in zip(line[len(before) :], explainers, strict=True):
            _panel(axis, row.panels.get(name), row)
    for axis, heading in zip(axes[0], [*before, *headings], strict=True):
        axis.set_title(heading, fontsize=8)
    heat_bar(fig, axes, shrink=0.35, pad=0.01)
    predicted = Line2D([], [], color="black", linewidth=3, label="predicted mask")
    # The contour is white; in the legend, it has a dark edge to be visible on white paper.
    predicted.set_path_effects(
        [Stroke(linewidth=3.2, foreground="black"), Stroke(linewidth=1.6, foreground="white")]
    )
    handles = [*_reference_handles(rows), *_reader_handles(named), predicted]
    masks = [panel.mask for row in rows for panel in row.panels.values() if panel.mask is not None]
    if any(map(is_speckled, masks)):
        handles.append(Patch(facecolor=AREA, edgecolor="black", linewidth=0.5, label=SPECKLED))
    title = f"Cases ordered by the IoU of {explainer_title(order)}; IoU of each mask in the corner"
    style.legend_below(fig, handles, 3, title=title, title_fontsize=8)
    return fig


def _letters(cases: Collection[str]) -> int:
    """Return the letters per line that distinguish the ids, if that many fit beside an image."""
    return next(
        (
            limit
            for limit in range(LETTERS, MOST_LETTERS)
            if len({style.wrapped(case, limit) for case in cases}) == len(cases)
        ),
        LETTERS,
    )


def _reference_handles(rows: Sequence[Row]) -> list[Line2D]:
    """Make legend entries for the references: masks, boxes, and boxes beside masks."""
    kinds = {row.drawn.kind for row in rows}
    beside = any(row.drawn.kind == "mask" and row.drawn.boxes for row in rows)
    told = [
        (f"reference mask{_whose(rows)}", "-", "mask" in kinds),
        ("reference box", "-", "box" in kinds),
        ("box beside the mask", "--", beside),
    ]
    return [
        Line2D([], [], color=REFERENCE, linewidth=2, linestyle=line, label=label)
        for label, line, there in told
        if there
    ]


def _whose(rows: Sequence[Row]) -> str:
    """State that the references are the first reader's, if all of them are."""
    own = [row.readers[FIRST].reference if FIRST in row.readers else None for row in rows]
    same = (np.array_equal(mask, row.drawn.reference) for mask, row in zip(own, rows, strict=True))
    return " (the first reader's)" if all(same) else ""


def _reader_handles(named: Mapping[str, Line]) -> list[Line2D]:
    """Make legend entries for the readers' lines."""
    return [
        Line2D(
            [],
            [],
            color=of.colour,
            lw=2,
            linestyle=(0, of.dashes),
            label=title[0].lower() + title[1:],
        )
        for title, of in ((reader_title(name), of) for name, of in named.items())
    ]


def _panel(axis, panel: Panel | None, row: Row) -> None:
    if panel is None or panel.heat is None:
        axis.text(0.5, 0.5, "no map", color="white", ha="center", va="center", fontsize=8,
                  transform=axis.transAxes)  # fmt: skip
        return
    show_heat(axis, panel.heat)
    if panel.mask is not None:
        show_mask(axis, panel.mask)
        if not panel.mask.any():
            axis.text(0.5, 0.97, "empty mask", color="white", ha="center", va="top", fontsize=7,
                      transform=axis.transAxes)  # fmt: skip
    show_reference(axis, row.drawn)
    text = value_of("iou", panel.iou)
    axis.text(
        0.97,
        0.03,
        text,
        color="white",
        ha="right",
        va="bottom",
        fontsize=8,
        transform=axis.transAxes,
        bbox={"facecolor": "black", "alpha": 0.65, "linewidth": 0, "pad": 1.2},
    )


def _maps(
    paths: Sequence[str], wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], SaliencyMap | None]:
    return {
        (record.case, record.cls): record.map
        for path in paths
        for record in read_maps(path)
        if (record.case, record.cls) in wanted
    }


def _frame(case: PreparedCase) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Compute the size of the panel and the box of the working image in it."""
    size = frame(case.native_size)
    return size, scaled_box(case.box, case.native_size, size)


def _drawn(case: PreparedCase, cls: str, size: tuple[int, int]) -> Drawn:
    """Scale the reference of a class to the panel."""
    return Drawn(
        place(decode(case.references[cls]), (0, 0, *size), size),
        case.reference_kind(cls),
        scale_boxes(case.reference_boxes.get(cls, ()), case.native_size, size),
    )


def _heat(
    saliency: SaliencyMap | None, case: PreparedCase, shown: Mapping[str, Any]
) -> np.ndarray | None:
    if saliency is None:
        return None
    size, box = _frame(case)
    return render(saliency, box, size, shown["sign"])


def _fit(mask: np.ndarray, case: PreparedCase, shown: Mapping[str, Any]) -> np.ndarray:
    """Scale a predicted mask from scoring size to the panel."""
    size, box = _frame(case)
    working = shown["scoring_size"] == "working"
    return place(mask, box if working else (0, 0, *size), size)
