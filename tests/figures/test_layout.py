"""No label overlaps another one: with 3 cases, with 20 explainers, with long titles."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.columns.checks import KNOWN_TRUTH, SANITY
from fidelity.analysis.columns.localization import LAYERS
from fidelity.analysis.columns.organs import ORGANS, REGIONS
from fidelity.analysis.localization import summarize
from fidelity.analysis.threshold_curves import mean_curves
from fidelity.figures import (
    critical_difference,
    distributions,
    gallery,
    layer_depth,
    lesion_size,
    mask_agreement,
    organs,
    overview,
    rank_by_protocol,
    threshold_curves,
)
from fidelity.figures.checks import faithfulness, known_truth, sanity
from fidelity.figures.classifier import confusion, training
from fidelity.figures.shared import style
from fidelity.figures.shared.drawn import Drawn
from fidelity.presentation.titles import Display, showing
from tests.figures import test_new_figures
from tests.figures.checks import test_faithfulness
from tests.helpers import synthetic_results as made_up

FEW = {"lime": "perturbation", "gradcam": "cam", "lung_mask": "baseline"}
MANY = {
    **{f"explainer_{number}": "gradient" for number in range(13)},
    **{f"null_{number}": "baseline" for number in range(5)},
    **dict.fromkeys(("unet", "second_reader"), "ceiling"),
}
# (explainers with their families, number of cases)
SIZES = {"3 cases": (FEW, 3), "20 explainers": (MANY, 24)}


def filled(rows, table):
    """Return rows with all columns of a table; missing values are 0."""
    return pd.DataFrame(rows).reindex(columns=list(table.names)).fillna(0)


def drawn(name, families, cases):
    levels = {key: 0.2 + 0.03 * place for place, key in enumerate(families)}
    scores = {key: made_up.scores(level, cases, 1) for key, level in levels.items()}
    means = {(p, b): levels for p in ("default", "monai") for b in ("tuned", "otsu")}
    if name == "distributions":
        return distributions.plot(scores, rule="tuned")
    if name == "lesion_size":
        return lesion_size.plot(scores, replicates=100, alpha=0.05)
    if name == "organs":
        shares = [
            {"explainer": key, "region": region, "mean": 0.25, "reference_mean": 0.25}
            | {"split": "test", "class": "all", "n": cases, "area_mean": 0.25}
            for key in families
            for region in REGIONS
        ]
        return organs.plot(filled(shares, ORGANS))
    if name == "curves":
        tables = {key: made_up.curves(level, cases) for key, level in levels.items()}
        tuned = {key: test_new_figures.thresholds() for key in levels}
        return threshold_curves.plot(
            mean_curves(tables, made_up.STATISTICS), list(levels), tuned=tuned
        )
    if name == "ranks":
        ranks = {key: 1.0 + place for place, key in enumerate(levels)}
        return critical_difference.plot(test_new_figures.ranked(ranks, 2.5), 0.05)
    if name == "sensitivity":
        shown = [test_new_figures.localization(means, of) for of in ("iou", "hausdorff_full")]
        return rank_by_protocol.plot(pd.concat(shown), primary_binarization="tuned")
    if name == "agreement":
        return mask_agreement.plot(test_new_figures.agreed(levels), list(levels))
    if name == "overview":
        table = summarize(made_up.combined(levels, cases), made_up.STATISTICS)
        return overview.plot(pd.concat([table, table.assign(dataset="other")]))
    if name == "faithfulness":
        measured, found = test_faithfulness.tables()
        found = found[found["classifier"].isin(["net", "none"])]
        return faithfulness.plot(measured[measured["classifier"] == "net"], found, "tuned")
    if name == "gallery":
        mask = np.zeros((90, 70), bool)
        mask[20:40, 20:50] = True
        panel = gallery.Panel(np.zeros(mask.shape), mask, 0.5)
        panels = dict.fromkeys(list(families)[:7], panel)
        image = np.zeros(mask.shape, np.uint8)
        row = gallery.Row(
            "median", "a_case_of_a_long_name", "Non-COVID", image, Drawn(mask), panels
        )
        return gallery.plot([row] * cases, list(panels), next(iter(panels)), "tuned")
    if name == "training":
        return training.plot(made_up.training())
    if name == "confusion":
        return confusion.plot(made_up.confusion(), made_up.calibration())
    row = {"dataset": "demo", "split": "test", "classifier": "net", "class": "all", "n": cases}
    row |= {"mean": 0.5, "ci_low": 0.4, "ci_high": 0.6}
    if name == "sanity":
        row |= {"test": "parameters"}
        layers = ["classifier", "denseblock4", "denseblock3", "denseblock2", "conv0"]
        steps = [
            {**row, "explainer": key, "similarity": kind, "depth": depth, "layer": layer}
            for key in families
            for kind in sanity.TITLES
            for depth, layer in enumerate(layers, 1)
        ]
        return sanity.plot(filled(steps, SANITY))
    if name == "layers":
        row |= {"protocol": "default", "binarization": "tuned", "height": 7, "width": 7}
        steps = [
            {**row, "sweep": key, "explainer": f"{key}-depth{depth}", "depth": depth}
            | {"metric": metric, "layer": f"features.denseblock{depth}.denselayer1{depth}.conv2"}
            for key in list(families)[:4]
            for metric in ("iou", "roc_auc", "pointing_game")
            for depth in range(1, 5)
        ]
        return layer_depth.plot(filled(steps, LAYERS), ["iou", "roc_auc"], "tuned")
    row |= {f"auc_{truth}{end}": 0.6 for truth in ("mark", "lesion") for end in ("", "_low")}
    row |= {f"auc_{truth}_high": 0.7 for truth in ("mark", "lesion")}
    rows = [{**row, "explainer": key, "family": family} for key, family in families.items()]
    return known_truth.plot(filled(rows, KNOWN_TRUTH))


def boxes(texts):
    """Return the words and extents of visible texts. Neighbours may overlap by half a pixel."""
    seen = [text for text in texts if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent().padded(-0.5)) for text in seen]


def overlapping(texts):
    return [(a, b) for (a, one), (b, two) in combinations(boxes(texts), 2) if one.overlaps(two)]


NAMES = [
    *("agreement", "confusion", "curves", "distributions", "faithfulness", "gallery"),
    *(
        "known_truth",
        "layers",
        "lesion_size",
        "organs",
        "overview",
        "ranks",
        "sanity",
        "sensitivity",
        "training",
    ),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_labels_do_not_touch(name, size):
    families, cases = SIZES[size]
    titles = {key: f"Method {place} of a long name (null)" for place, key in enumerate(families)}
    with showing(Display(explainers=titles, families=families, order=list(families))):
        fig = drawn(name, families, cases)
    fig.draw_without_rendering()
    axes = [axis for axis in fig.axes if axis.axison]
    ticks = [
        label
        for axis in axes
        for labels in (axis.get_xticklabels(), axis.get_yticklabels())
        for label in labels
        # A tick outside the axis is not drawn.
        if all(low - 1 <= value <= high + 1 for low, value, high in _places(axis, label))
    ]
    legends = [text for legend in fig.legends for text in legend.get_texts()]
    words = [axis.xaxis.label for axis in axes] + [axis.yaxis.label for axis in axes]
    words += [axis.title for axis in axes] + [axis._left_title for axis in axes]
    own = [text for axis in fig.axes if not axis.axison for text in axis.texts]
    every = [*ticks, *legends, *words, *own, *fig.texts]
    assert not overlapping(every)
    # Nothing is cut off at the edge of the figure.
    for text, box in boxes(every):
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= fig.bbox.width + 1, text
        assert box.y1 <= fig.bbox.height + 1, text
    style.plt.close(fig)


def _places(axis, label):
    """Return (low, value, high) of a tick in pixels along its axis."""
    x, y = label.get_transform().transform(label.get_position())
    box = axis.get_window_extent()
    if label in axis.get_xticklabels():
        return [(box.x0, x, box.x1)]
    return [(box.y0, y, box.y1)]
