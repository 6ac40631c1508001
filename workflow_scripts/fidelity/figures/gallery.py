"""Overlay gallery: what each explainer points at, beside what the radiologist outlined."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import Normal, Stroke

from fidelity.analysis.localization import keep_test_split
from fidelity.base.files import read_parquet
from fidelity.datasets.prepared import PreparedCase, cases_in
from fidelity.datasets.prepared_list import listed
from fidelity.figures.shared import style
from fidelity.figures.shared.readings import Line, lines_of, readings
from fidelity.maps.saliency_map import SaliencyMap, read_maps, render
from fidelity.masks.boxes import Box, FloatBox, scale_boxes
from fidelity.masks.run_lengths import decode, read_masks
from fidelity.presentation.titles import explainer_title, ordered
from fidelity.presentation.wording import value_of

HEAT = "inferno"
REFERENCE, PREDICTED = "#56B4E9", "#FFFFFF"
AREA, OPACITY = "#7FFFD4", 0.55
SPECKLED = "predicted mask of many parts, as an area"
# A mask of more parts than these is shown as an area: its contours would hide the picture.
MOST_PARTS = 8
# Longer side of a panel in pixels: what a panel of one or two inches shows in print.
PANEL = 320
# Letters of a name beside an image; of ids that so many do not tell apart, at most.
LETTERS, MOST_LETTERS = 16, 26


@dataclass(frozen=True)
class Panel:
    """One explainer's answer for one case.

    Attributes:
        heat: (H, W) normalised map in [0, 1]; None if the explainer failed.
        mask: (H, W) bool, predicted mask; None if there is none.
        iou: its score; nan = undefined.
    """

    heat: np.ndarray | None
    mask: np.ndarray | None
    iou: float


@dataclass(frozen=True)
class Drawn:
    """What somebody drew of a case, in pixels of the panel.

    Attributes:
        reference: (H, W) bool.
        boxes: one per lesion, (y0, x0, y1, x1); a mask may have some beside it.
    """

    reference: np.ndarray
    kind: Literal["mask", "box"] = "mask"
    boxes: Sequence[FloatBox] = ()


@dataclass(frozen=True)
class Row:
    """One case of the gallery.

    Attributes:
        group: `best`, `median` or `worst`.
        case: case id.
        cls: class whose reference is shown.
        image: (H, W) uint8.
        reference: (H, W) bool.
        panels: {explainer: Panel}.
        kind: what the reference was drawn as.
        boxes: of the reference, one per lesion, (y0, x0, y1, x1) in pixels of the image; a mask may
            have some beside it.
        readers: what each of several readers drew, by reader.
    """

    group: str
    case: str
    cls: str
    image: np.ndarray
    reference: np.ndarray
    panels: Mapping[str, Panel]
    kind: Literal["mask", "box"] = "mask"
    boxes: Sequence[FloatBox] = ()
    readers: Mapping[str, Drawn] = field(default_factory=dict)


def choose(scores: pd.DataFrame, number: int) -> list[tuple[str, str, str]]:
    """Choose the best, median and worst cases by IoU.

    Args:
        scores: scores of the explainer that orders the gallery; the test split is used (all splits
            if there is none), cases with a non-empty reference and a defined IoU.
        number: cases per group; fewer if there are not enough for three groups.

    Returns:
        (group, case, class) from best to worst, no case twice; ties are ordered by case id.
    """
    chosen = _with_reference(scores)
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


def frame(native_size: tuple[int, int]) -> tuple[int, int]:
    """Give the size of a panel: the native image scaled to `PANEL` pixels on its longer side."""
    scale = PANEL / max(native_size)
    return max(1, round(native_size[0] * scale)), max(1, round(native_size[1] * scale))


def scaled_box(box: Box, native_size: tuple[int, int], size: tuple[int, int]) -> Box:
    """Give the box of the working image in pixels of the panel."""
    fy, fx = size[0] / native_size[0], size[1] / native_size[1]
    y0, x0 = round(box[0] * fy), round(box[1] * fx)
    return y0, x0, max(y0 + 1, round(box[2] * fy)), max(x0 + 1, round(box[3] * fx))


def place(array: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Resize a working image or mask into its box of the panel; 0 outside.

    Args:
        array: (h, w) uint8 or bool; masks by nearest neighbour.
    """
    y0, x0, y1, x1 = box
    method = cv2.INTER_NEAREST_EXACT if array.dtype == np.bool_ else cv2.INTER_LINEAR
    inside = cv2.resize(array.astype(np.uint8), (x1 - x0, y1 - y0), interpolation=method)
    canvas = np.zeros(size, np.uint8)
    canvas[y0:y1, x0:x1] = inside
    return canvas.astype(array.dtype)


def draw(
    prepared: str,
    maps: Sequence[str],
    masks: Sequence[str],
    shown_scores: Sequence[str],
    gallery: Mapping[str, Any],
) -> Figure:
    """Choose best, median and worst cases and draw them.

    Args:
        prepared: list of the prepared shards that hold the cases.
        maps: map files of each explainer, one per shard.
        masks: masks.json of each explainer.
        shown_scores: scores.parquet of each explainer.
        gallery: explainers (of the files), `cases` per group, `by` (the explainer that
            orders them, None: the first), sign, scoring_size (`original` or `working`). Of those
            that `ceilings` names, only the one with the best mean IoU is shown.
    """
    names, shards = gallery["explainers"], len(maps) // len(masks)
    # An explainer that only exists for another classifier cannot order this gallery.
    by = gallery["by"] if gallery["by"] in names else names[0]
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
        own = _drawn(case, cls, size)
        rows.append(
            Row(
                group,
                case_id,
                cls,
                place(case.image, box, size),
                own.reference,
                panels[case_id, cls],
                own.kind,
                own.boxes,
                {name: _drawn(one, cls, size) for name, one in readings(case, cls).items()},
            )
        )
    return plot(rows, ordered(shown), by)


def _with_one_ceiling(
    scores: Mapping[str, pd.DataFrame], ceilings: Sequence[str], by: str
) -> list[str]:
    """Name the explainers with one of the ceilings: `by`, or that with the best mean IoU."""
    means = {name: _with_reference(scores[name])["iou"].mean() for name in ceilings}
    best = max(means, key=lambda name: (name == by, np.nan_to_num(means[name])), default=by)
    return [name for name in scores if name not in means or name == best]


def _with_reference(scores: pd.DataFrame) -> pd.DataFrame:
    """Give the scores of the split that is shown, of cases with a non-empty reference."""
    shown = keep_test_split(scores)
    return shown[~shown["empty_reference"].astype(bool)]


def plot(rows: Sequence[Row], explainers: Sequence[str], order: str) -> Figure:
    """Draw one row per case: the image with the reference, several readers, then each explainer.

    Args:
        order: explainer whose IoU ordered the cases.
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
    height = len(rows) * (side * aspect + 0.06) + 1.35 + 0.13 * lines
    fig, axes = style.figure(len(rows), columns, height=height, width=width)
    fig.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    limit = _letters({row.case for row in rows})
    for line, row in zip(axes, rows, strict=True):
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.imshow(row.image, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        words = [
            row.group.capitalize(),
            style.short(row.cls, LETTERS),
            style.short(row.case, limit),
        ]
        line[0].set_ylabel("\n".join(words), fontsize=8)
        show_reference(line[0], row)
        for name, drawn in row.readers.items():
            show_reference(line[1], drawn, named[name].colour, named[name].dashes)
        for axis, name in zip(line[len(before) :], explainers, strict=True):
            _panel(axis, row.panels.get(name), row)
    for axis, heading in zip(axes[0], [*before, *headings], strict=True):
        axis.set_title(heading, fontsize=8)
    mappable = ScalarMappable(cmap=HEAT)
    mappable.set_clim(0, 1)
    bar = fig.colorbar(mappable, ax=axes, location="bottom", shrink=0.35, aspect=40, pad=0.01)
    bar.set_label("Normalised saliency")
    predicted = Line2D([], [], color="black", linewidth=3, label="predicted mask")
    # White on white paper: the predicted contour is shown as it looks, on a dark line.
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
    """Give the letters by which the shortened ids differ, if so many have room beside an image."""
    return next(
        (
            limit
            for limit in range(LETTERS, MOST_LETTERS)
            if len({style.short(case, limit) for case in cases}) == len(cases)
        ),
        LETTERS,
    )


def _reference_handles(rows: Sequence[Row]) -> list[Line2D]:
    """Explain the lines of the references: masks, boxes, and boxes beside masks."""
    kinds = {row.kind for row in rows}
    beside = any(row.kind == "mask" and row.boxes for row in rows)
    told = [
        ("reference mask", "-", "mask" in kinds),
        ("reference box", "-", "box" in kinds),
        ("box beside the mask", "--", beside),
    ]
    return [
        Line2D([], [], color=REFERENCE, linewidth=2, linestyle=line, label=label)
        for label, line, there in told
        if there
    ]


def _reader_handles(named: Mapping[str, Line]) -> list[Line2D]:
    """Explain whose line is which."""
    return [
        Line2D([], [], color=of.colour, lw=2, linestyle=(0, of.dashes), label=f"reader {name}")
        for name, of in named.items()
    ]


def _panel(axis, panel: Panel | None, row: Row) -> None:
    if panel is None or panel.heat is None:
        axis.text(0.5, 0.5, "no map", color="white", ha="center", va="center", fontsize=8,
                  transform=axis.transAxes)  # fmt: skip
        return
    # What is not salient stays visible as radiograph.
    axis.imshow(
        panel.heat,
        cmap=HEAT,
        vmin=0,
        vmax=1,
        alpha=np.clip(panel.heat * 0.75, 0, 0.6),
        interpolation="nearest",
    )
    if panel.mask is not None:
        show_mask(axis, panel.mask)
        if not panel.mask.any():
            axis.text(0.5, 0.97, "empty mask", color="white", ha="center", va="top", fontsize=7,
                      transform=axis.transAxes)  # fmt: skip
    show_reference(axis, row)
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


def is_speckled(mask: np.ndarray) -> bool:
    """Tell whether a mask, such as that of a gradient map, has too many parts to be outlined."""
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1 > MOST_PARTS


def show_mask(axis, mask: np.ndarray) -> None:
    """Draw a predicted mask: its contour, or one of many parts as a translucent area."""
    if not is_speckled(mask):
        outline(axis, mask, PREDICTED)
        return
    axis.imshow(
        np.ma.masked_equal(mask, 0),
        cmap=ListedColormap([AREA]),
        alpha=OPACITY,
        interpolation="nearest",
    )


def show_reference(
    axis, drawn: Row | Drawn, colour: str = REFERENCE, dashes: Sequence[float] = ()
) -> None:
    """Draw the contour of a mask, or each box; without dashes, boxes beside a mask are dashed."""
    line = (0, tuple(dashes)) if dashes else "-"
    if drawn.kind == "mask":
        outline(axis, drawn.reference, colour, line)
    show_boxes(axis, drawn.boxes, colour, "--" if drawn.kind == "mask" else line)


def show_boxes(axis, boxes: Iterable[FloatBox], colour: str, line: style.Dash = "-") -> None:
    """Draw boxes in pixels of the image that the axis shows, dark-edged as contours are."""
    for y0, x0, y1, x1 in boxes:
        # The centre of the first pixel is at 0.
        corner, sides = (x0 - 0.5, y0 - 0.5), (x1 - x0, y1 - y0)
        box = Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=1.1, linestyle=line)
        box.set_path_effects([Stroke(linewidth=2.2, foreground="black"), Normal()])
        axis.add_patch(box)


def outline(axis, mask: np.ndarray, colour: str, line: style.Dash = "-") -> None:
    """Draw the contour of a mask, dark-edged so that it shows on any image."""
    if not mask.any():
        return
    # A margin of nothing closes the contour of a mask that touches the image border.
    padded = np.pad(mask.astype(float), 1)
    height, width = mask.shape
    x, y = np.arange(-1, width + 1), np.arange(-1, height + 1)
    contour = axis.contour(x, y, padded, levels=[0.5], colors=colour, linewidths=1.1)
    contour.set(linestyle=line)
    contour.set_path_effects([Stroke(linewidth=2.2, foreground="black"), Normal()])
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


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
    """Give the size of the panel and the box of the working image in it."""
    size = frame(case.native_size)
    return size, scaled_box(case.box, case.native_size, size)


def _drawn(case: PreparedCase, cls: str, size: tuple[int, int]) -> Drawn:
    """Bring the reference of a class to the panel."""
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
    """Bring a predicted mask from scoring size to the panel."""
    size, box = _frame(case)
    working = shown["scoring_size"] == "working"
    return place(mask, box if working else (0, 0, *size), size)
