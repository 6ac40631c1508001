"""Compute the golden values of wsolevaluation.json with a checkout of clovaai/wsolevaluation.

Run: `python tests/metrics/golden/make_wsolevaluation.py CHECKOUT` (commit 96f4b886) from the
project's folder. Its evaluators run on the grid of tests/helpers/box_grid.py: one set per map (with
all references) and one set of all pairs. Only its files are replaced: boxes and masks are passed in
memory, at the size of the grid. Old NumPy names are defined for its code.
"""

import json
import sys
from pathlib import Path
from unittest.mock import MagicMock, patch

import numpy as np

sys.path[:0] = [sys.argv[1], "."]
np.float, np.int = float, int
# This module reads the command line, which is not used here.
sys.modules["munch"] = MagicMock()

import evaluation  # noqa: E402

from tests.helpers.box_grid import MAPS, REFERENCES, SHAPE  # noqa: E402

STEPS = 100
PAIRS = [(m, r) for m in MAPS for r in REFERENCES if r != "none"]
SETS = {**{m: [p for p in PAIRS if p[0] == m] for m in MAPS}, "all": PAIRS}


def box_values(pairs, multi_contour):
    """Run wsolevaluation's BoxEvaluator, and return percentages at IoU 30, 50 and 70."""
    names = [f"{m}/{r}" for m, r in pairs]
    boxes = {f"{m}/{r}": [(b[1], b[0], b[3], b[2]) for b in REFERENCES[r]] for m, r in pairs}
    sizes = dict.fromkeys(names, SHAPE[::-1])

    def resized(self, original):
        return {
            n: [evaluation.resize_bbox(b, sizes[n], sizes[n]) for b in original[n]] for n in names
        }

    with (
        patch.object(evaluation, "get_image_ids", lambda metadata: names),
        patch.object(evaluation, "get_bounding_boxes", lambda metadata: boxes),
        patch.object(evaluation, "get_image_sizes", lambda metadata: sizes),
        patch.object(evaluation.BoxEvaluator, "_load_resized_boxes", resized),
    ):
        found = evaluation.BoxEvaluator(
            metadata=None,
            dataset_name="CUB",
            split="test",
            cam_threshold_list=list(np.arange(0, 1, 1 / STEPS)),
            iou_threshold_list=[30, 50, 70],
            mask_root="",
            multi_contour_eval=multi_contour,
        )
    for (m, _), name in zip(pairs, names, strict=True):
        found.accumulate(MAPS[m].astype(float), name)
    return {
        "max_box_acc": found.compute(),
        "correct": {str(k): v.astype(int).tolist() for k, v in found.num_correct.items()},
    }


def pixel_value(pairs):
    """Run wsolevaluation's MaskEvaluator. Of several reference boxes, the first is ignored."""
    found = evaluation.MaskEvaluator.__new__(evaluation.MaskEvaluator)
    steps = list(np.arange(0, 1, 1 / STEPS))
    with patch.object(evaluation, "get_mask_paths", lambda metadata: ({}, {})):
        evaluation.MaskEvaluator.__init__(
            found,
            metadata=None,
            dataset_name="OpenImages",
            split="test",
            cam_threshold_list=steps,
            iou_threshold_list=[],
            mask_root="",
            multi_contour_eval=False,
        )
    found.mask_paths, found.ignore_paths = ({f"{m}/{r}": r for m, r in pairs} for _ in range(2))
    for m, r in pairs:
        with patch.object(
            evaluation, "get_mask", lambda root, reference, ignored: mask_of(reference)
        ):
            found.accumulate(MAPS[m].astype(float), f"{m}/{r}")
    return found.compute()


def mask_of(reference):
    """Fill boxes with 1 and areas to ignore with 255, as wsolevaluation's `get_mask` does."""
    mask = np.zeros(SHAPE, np.uint8)
    first, *others = ([round(v) for v in box] for box in REFERENCES[reference])
    for y0, x0, y1, x1 in others or [first]:
        mask[y0:y1, x0:x1] = 1
    if others:
        y0, x0, y1, x1 = first
        part = mask[y0:y1, x0:x1]
        part[part == 0] = 255
    return mask


def main():
    golden = {
        name: {
            "largest": box_values(pairs, False),
            "all": box_values(pairs, True),
            "pxap": pixel_value(pairs),
        }
        for name, pairs in SETS.items()
    }
    text = json.dumps({"made_by": __doc__, "steps": STEPS, "sets": golden})
    Path(__file__).with_name("wsolevaluation.json").write_text(text + "\n")


main()
