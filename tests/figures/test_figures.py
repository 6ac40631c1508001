"""Figures are drawn, labelled and saved in both formats, with the same bytes each time."""

import importlib
import inspect
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet

import figure
from fidelity.analysis.localization import summarize
from fidelity.analysis.threshold_curves import mean_curves
from fidelity.base.errors import InputError
from fidelity.datasets.prepared_list import write_list
from fidelity.figures import (
    distributions,
    gallery,
    overview,
    threshold_curves,
)
from fidelity.figures.classifier import confusion, training
from fidelity.figures.registry import FIGURES
from fidelity.figures.shared import style
from fidelity.figures.shared.drawn import Drawn
from fidelity.figures.shared.readings import lines_of
from tests.helpers import synthetic_results as made_up

FEW = {"lime": 0.36, "gradcam": 0.28, "lung_mask": 0.5}


@pytest.fixture(autouse=True)
def _close():
    yield
    style.plt.close("all")


def drawn(name):
    if name == "curves":
        tables = {key: made_up.curves(v, 6) for key, v in FEW.items()}
        return threshold_curves.plot(mean_curves(tables, made_up.STATISTICS), list(FEW))
    if name == "distributions":
        return distributions.plot({key: made_up.scores(v, 20) for key, v in FEW.items()})
    if name == "training":
        return training.plot(made_up.training())
    if name == "overview":
        return overview.plot(summarize(made_up.combined(FEW, 20), made_up.STATISTICS))
    return confusion.plot(made_up.confusion(), made_up.calibration())


@pytest.mark.parametrize("name", ["curves", "distributions", "training", "confusion", "overview"])
def test_figures_have_labels_and_equal_bytes(name, tmp_path):
    saved = []
    for repeat in range(2):
        fig = drawn(name)
        data_axes = [axis for axis in fig.axes if axis.get_visible() and axis.axison]
        assert all(axis.get_xlabel() or axis.get_ylabel() for axis in data_axes)
        paths = [str(tmp_path / f"{repeat}.{suffix}") for suffix in ("png", "pdf")]
        style.save(fig, paths, dpi=60)
        saved.append([(tmp_path / f"{repeat}.{suffix}").read_bytes() for suffix in ("png", "pdf")])
    assert saved[0] == saved[1]


def test_text_is_readable_in_print():
    fig = drawn("curves")
    texts = fig.findobj(mpl.text.Text)
    assert min(text.get_fontsize() for text in texts if text.get_text()) >= 8
    assert fig.get_figwidth() == pytest.approx(style.WIDTH)


def test_several_labels_get_a_row_each(tmp_path):
    """One matrix of fourteen findings would be mostly zeros and hard to read."""
    rows = []
    for index in range(14):
        name = f"finding {index}"
        for true, predicted, n in (
            (name, name, 9 - index % 3),
            (name, f"not {name}", index % 3 + 1),
            (f"not {name}", name, 2),
            (f"not {name}", f"not {name}", 28),
        ):
            rows.append({"split": "test", "true": true, "predicted": predicted, "n": n})
    fig = confusion.plot(pd.DataFrame(rows), made_up.calibration())
    style.save(fig, [str(tmp_path / "x.png"), str(tmp_path / "x.pdf")], dpi=60)
    axis = fig.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()][:2] == ["finding 0", "finding 1"]
    shares = axis.images[0].get_array()
    assert shares.shape == (14, 4)
    assert shares[1].tolist() == pytest.approx([0.8, 0.2, 2 / 30, 28 / 30])
    assert [text.get_text() for text in axis.texts][4:8] == ["8", "2", "2", "28"]
    assert min(text.get_fontsize() for text in axis.texts) >= 8


def test_points_of_the_calibration_at_0_and_1_are_not_cut():
    calibration = made_up.calibration().assign(confidence=1.0, accuracy=[0.0, 1.0] * 5)
    *_, points = confusion.plot(made_up.confusion(), calibration).axes[1].get_lines()
    assert points.get_marker() == "o"
    assert not points.get_clip_on()


def test_the_axes_hold_what_is_drawn():
    fig = drawn("curves")
    for axis in fig.axes:
        highest = max(line.get_ydata().max() for line in axis.get_lines())
        assert axis.get_ylim()[1] >= highest


def test_looks_are_stable_and_distinct():
    names = [f"method{number}" for number in range(20)]
    looks = style.looks([*names, "lime"])
    assert list(looks) == [*names, "lime"]
    assert len(set(looks.values())) == 21
    assert looks["lime"] == style.looks(["gradcam", "lime"])["lime"]


def test_gallery_chooses_best_median_and_worst_without_repeats():
    table = made_up.scores(0.4, 40)
    rows = gallery.choose(table, 3)
    assert [group for group, *_ in rows] == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3
    iou = table.set_index("case")["iou"]
    values = [iou[case] for _, case, _ in rows]
    assert values == sorted(values, reverse=True)
    assert values[0] == iou.max()
    assert values[-1] == iou.min()
    assert [group for group, *_ in gallery.choose(table.head(2), 3)] == ["best", "worst"]
    assert gallery.choose(table.head(0), 3) == []


def test_gallery_shortens_ids_to_different_texts():
    image = np.zeros((8, 8), np.uint8)
    ids = [f"0000001{number}-phantom-0010" for number in range(3)]
    rows = [gallery.Row("best", case, "A", image, Drawn(image > 0), {}) for case in [*ids, ids[0]]]
    axes = gallery.plot(rows, ["lime"], "lime").axes
    labels = [axis.get_ylabel().split("\n", 2)[-1] for axis in axes if axis.get_ylabel()][:4]
    assert len(set(labels)) == 3
    whole = gallery.Row("best", "non_covid_test_00012", "A", image, Drawn(image > 0), {})
    assert (
        gallery.plot([whole], ["lime"], "lime")
        .axes[0]
        .get_ylabel()
        .endswith("A\nnon_covid_\ntest_00012")
    )
    # If no short form is unique, the labels stay short.
    assert gallery._letters({"a" * 50 + b + "a" * 50 for b in "xyz"}) == gallery.LETTERS


def test_a_number_is_not_broken_at_its_point():
    assert style.wrapped("fixed, values above 0.15", 20) == "fixed, values above\n0.15"
    assert style.wrapped("denseblock4.denselayer16", 16) == "denseblock4.\ndenselayer16"


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("shape", [(90, 60), (60, 90)])
def test_gallery_titles_are_inside_the_page(rows, shape):
    names = ["an_explainer_of_a_long_name", "integrated_gradients", "lime", "shap", "rise"]
    mask = np.zeros(shape, bool)
    mask[10:30, 20:40] = True
    panel = gallery.Panel(np.zeros(shape), mask, 0.5)
    image = np.zeros(shape, np.uint8)
    row = gallery.Row("best", "c1", "A", image, Drawn(mask), dict.fromkeys(names, panel))
    fig = gallery.plot([row] * rows, names, "lime")
    fig.canvas.draw()
    tops = [axis.title.get_window_extent().y1 for axis in fig.axes[: len(names) + 1]]
    assert max(tops) <= fig.bbox.y1 + 1  # one pixel of tolerance


@pytest.mark.parametrize(
    ("kind", "boxes", "labels", "lines"),
    [
        ("mask", [], ["reference mask"], 0),
        ("box", [(10, 20, 30, 40), (5, 5, 9, 9)], ["reference box"], 2),
        ("mask", [(10, 20, 30, 40)], ["reference mask", "box beside the mask"], 1),
    ],
)
def test_gallery_draws_what_readers_drew(kind, boxes, labels, lines):
    mask = np.zeros((60, 90), bool)
    mask[10:30, 20:40] = True
    panel = gallery.Panel(np.zeros(mask.shape), None, 0.5)
    image = np.zeros(mask.shape, np.uint8)
    row = gallery.Row("best", "c1", "A", image, Drawn(mask, kind, boxes), {"lime": panel})
    fig = gallery.plot([row], ["lime"], "lime")
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == [*labels, "predicted mask"]
    for axis in fig.axes[:2]:
        assert len(axis.patches) == lines
        # There is a contour of the mask, unless boxes are drawn instead.
        assert any(isinstance(c, QuadContourSet) for c in axis.collections) == (kind == "mask")
    if lines:
        (style,) = {patch.get_linestyle() for patch in fig.axes[0].patches}
        assert style == ("--" if kind == "mask" else "-")
        # The centre of the first pixel is at 0.
        assert fig.axes[0].patches[0].get_bbox().bounds == (19.5, 9.5, 20, 20)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_takes_what_its_line_names(name):
    line = FIGURES[name]
    module = importlib.import_module(f"fidelity.figures.{line.module}")
    taken = {*inspect.signature(module.draw).parameters}
    assert taken - {"classifier"} == {*line.reads, *line.settings}


def test_gallery_tells_readers_apart():
    masks = {name: np.zeros((60, 90), bool) for name in ("anna", "ben", "cleo")}
    for place, mask in enumerate(masks.values()):
        mask[10:30, 20 + 5 * place : 40] = True
    panel = gallery.Panel(np.zeros((60, 90)), None, 0.5)
    image = np.zeros((60, 90), np.uint8)
    drawn = {name: Drawn(mask) for name, mask in masks.items()}
    drawn["cleo"] = Drawn(masks["cleo"], "box", [(10, 30, 30, 40)])
    row = gallery.Row("best", "c1", "A", image, Drawn(masks["ben"]), {"lime": panel}, drawn)
    fig = gallery.plot([row], ["lime"], "lime")
    axis = fig.axes[1]
    assert axis.get_title() == "Readers"
    handles = {text.get_text(): handle for text, handle in _legend(fig)}
    assert [*handles] == [
        "reference mask", "reader anna", "reader ben", "reader cleo", "predicted mask",
    ]  # fmt: skip
    lines = [*(c for c in axis.collections if isinstance(c, QuadContourSet)), *axis.patches]
    colours = {to_hex(np.ravel(line.get_edgecolor())) for line in lines}
    assert colours == {to_hex(handles[f"reader {name}"].get_color()) for name in masks}
    assert len(colours) == 3
    assert to_hex(handles["reference mask"].get_color()) not in colours
    assert gallery._reader_handles(lines_of(["first"]))[0].get_label() == "first reader"
    first = replace(row, readers={**drawn, "first": row.drawn})
    assert "reference mask (the first reader's)" in [
        text.get_text() for text, _ in _legend(gallery.plot([first], ["lime"], "lime"))
    ]
    # There is one more column than without readers.
    assert len(gallery.plot([replace(row, readers={})], ["lime"], "lime").axes) == len(fig.axes) - 1


@pytest.mark.parametrize(("by", "shown"), [("lime", "better"), ("worse", "worse")])
def test_gallery_shows_one_ceiling(tmp_path, by, shown):
    """It shows the ceiling with the better mean IoU, unless the other one orders the cases."""
    names = {"lime": 0.3, "worse": 0.0, "better": 0.5}
    made = made_up.gallery_files(tmp_path, names, cases=6)
    (tmp_path / "classes.json").write_text("{}")
    write_list(made["prepared"], tmp_path / "classes.json", tmp_path / "explained.json")
    parts = made["explainers"]
    fig = gallery.draw(
        str(tmp_path / "explained.json"),
        [path for part in parts for path in part["maps"]],
        [part["masks"] for part in parts],
        [part["scores"] for part in parts],
        {"explainers": list(names), "ceilings": ["worse", "better"], "cases": 1, "by": by}
        | {"sign": "positive", "scoring_size": "original"},
    )
    titles = [axis.get_title() for axis in fig.axes]
    assert titles[:3] == ["Image", "lime", shown]
    assert len([title for title in titles if title]) == 3


def _legend(fig):
    (legend,) = fig.legends
    return zip(legend.get_texts(), legend.legend_handles, strict=True)


def test_scripts_write_both_formats(tmp_path):
    def output(name):
        return [str(tmp_path / f"{name}.png"), str(tmp_path / f"{name}.pdf")]

    def draw(name, module, files, **settings):
        settings = {"dpi": 60, "explainers": list(FEW)} | settings
        figure.main(module, files, settings, output(name))

    made = made_up.gallery_files(tmp_path, FEW, cases=4)
    (tmp_path / "classes.json").write_text("{}")
    listing = str(tmp_path / "explained.json")
    write_list(made["prepared"], tmp_path / "classes.json", listing)
    files = {"prepared": listing, "maps": [], "masks": [], "shown_scores": []}
    for entry in made["explainers"]:
        files["maps"] += entry["maps"]
        files["masks"].append(entry["masks"])
        files["shown_scores"].append(entry["scores"])
    shown = {"explainers": list(FEW), "ceilings": [], "cases": 1, "by": "gradcam"}
    shown |= {"sign": "positive", "scoring_size": "original"}
    draw("gallery", "gallery", files, gallery=shown, rule="otsu")
    scores = {"scores": files["shown_scores"]}
    draw("distributions", "distributions", scores, metric="iou", rule="otsu")
    with pytest.raises(InputError, match=r"lime.parquet.*'recall'"):
        draw("distributions", "distributions", scores, metric="recall", rule="otsu")
    mean_curves({"lime": made_up.curves(0.3, 4)}, made_up.STATISTICS).to_parquet(
        tmp_path / "curves.parquet"
    )
    curves = {"curves": [str(tmp_path / "curves.parquet")], "thresholds": []}
    draw("curves", "threshold_curves", curves, explainers=["lime"], tuned=[])
    tables = {
        "training": made_up.training(),
        "untrained": made_up.training().head(0),
        "confusion": made_up.confusion(),
        "calibration": made_up.calibration(),
    }
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    csvs = {name: str(tmp_path / f"{name}.csv") for name in tables}
    draw("training", "classifier.training", {"training": csvs["training"]})
    draw("untrained", "classifier.training", {"training": csvs["untrained"]})
    rated = {name: csvs[name] for name in ("confusion", "calibration")}
    draw("confusion", "classifier.confusion", rated, classifier="resnet18")
    written = {path.name for path in tmp_path.glob("*.p[nd][gf]")}
    figures = ("gallery", "distributions", "curves", "training", "untrained", "confusion")
    assert {f"{name}.{kind}" for name in figures for kind in ("png", "pdf")} <= written


def test_no_scored_case_says_so():
    nothing = made_up.scores(0.3, 4).head(0)
    fig = distributions.plot({"lime": pd.DataFrame(nothing)})
    assert "No case" in fig.axes[0].texts[0].get_text()
    assert "No case" in gallery.plot([], ["lime"], "lime").axes[0].texts[0].get_text()
