"""MaxBoxAcc, MaxBoxAccV2 and PxAP against wsolevaluation itself (golden/make_wsolevaluation.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from fidelity.masks.boxes import fill_boxes
from fidelity.metrics.boxes import wsol
from tests.helpers.box_grid import MAPS, REFERENCES, SHAPE

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "wsolevaluation.json").read_text())
THRESHOLDS = wsol.thresholds_of(GOLDEN["steps"])
ANNOTATED = [name for name in REFERENCES if name != "none"]
SETS = {**{name: [name] for name in MAPS}, "all": list(MAPS)}


def _ious(maps, largest):
    found = [
        wsol.ious_at_thresholds(MAPS[m].astype(float), np.array(REFERENCES[r], float), THRESHOLDS)
        for m in maps
        for r in ANNOTATED
    ]
    return np.stack([of_largest if largest else of_all for of_largest, of_all in found])


@pytest.mark.parametrize("contours", ["largest", "all"])
@pytest.mark.parametrize("name", SETS)
def test_box_accuracy(name, contours):
    theirs = GOLDEN["sets"][name][contours]
    ious = _ious(SETS[name], contours == "largest")
    once = np.ones((1, len(ious)))
    for level, correct, accuracy in zip(
        wsol.IOUS, theirs["correct"].values(), theirs["max_box_acc"], strict=True
    ):
        assert (ious >= level).sum(axis=0).tolist() == correct
        assert 100 * wsol.max_box_accuracy(ious, (level,))(once) == pytest.approx(accuracy)
    v2 = 100 * wsol.max_box_accuracy(ious, wsol.IOUS)(once)
    assert v2 == pytest.approx(np.mean(theirs["max_box_acc"]))


@pytest.mark.parametrize("name", SETS)
def test_pixel_average_precision(name):
    inside, outside = [], []
    for map_name in SETS[name]:
        for reference in ANNOTATED:
            first, *others = REFERENCES[reference]
            found = wsol.pixel_histograms(
                MAPS[map_name],
                fill_boxes(others or [first], SHAPE),
                THRESHOLDS,
                fill_boxes([first] if others else [], SHAPE),
            )
            inside.append(found[0])
            outside.append(found[1])
    value = wsol.pixel_average_precision(np.stack(inside), np.stack(outside))
    theirs = GOLDEN["sets"][name]["pxap"]
    assert 100 * value(np.ones((1, len(inside)))) == pytest.approx(theirs)


def test_thresholds_of_other_images_cannot_do_better():
    ious = _ious(list(MAPS), largest=False)
    chosen, scored = ious[::2], ious[1::2]
    once = np.ones((1, len(scored)))
    best = wsol.max_box_accuracy(scored, wsol.IOUS)(once)
    assert (
        wsol.box_accuracy(scored, wsol.best_positions(chosen, wsol.IOUS), wsol.IOUS)(once) <= best
    )
    own = wsol.best_positions(scored, wsol.IOUS)
    assert wsol.box_accuracy(scored, own, wsol.IOUS)(once) == best


def test_weights_repeat_images():
    ious = _ious(list(MAPS), largest=True)
    weights = np.random.default_rng(0).integers(0, 3, (4, len(ious)))
    repeated = [
        wsol.max_box_accuracy(np.repeat(ious, row, axis=0))(np.ones((1, row.sum())))[0]
        for row in weights
    ]
    assert wsol.max_box_accuracy(ious)(weights) == pytest.approx(repeated)
