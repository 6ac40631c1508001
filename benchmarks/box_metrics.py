"""Compare box metrics of many maps with other packages that compute the same values, in one run.

Run: `python benchmarks/box_metrics.py [--maps 10000] [--wsol CHECKOUT]`. Maps have 224 x 224
pixels. wsolevaluation is in no registry: CHECKOUT is the folder of a clone of
github.com/clovaai/wsolevaluation. Without it, its values are not compared. RoDeO is compared with
the package rodeometric on at most 3,000 maps, because it needs more than 20 GiB for 10,000. Every
value is compared before its time is printed.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from unittest.mock import MagicMock

import cv2
import numpy as np
from comparison import Row, show, timed
from sklearn.metrics import matthews_corrcoef

from fidelity.metrics.boxes import wsol
from fidelity.metrics.boxes.from_maps import BoxRule, boxes_of_map
from fidelity.metrics.boxes.rodeo import Labelled, Rodeo

SIDE, CLASSES = 224, 4
MOST_FOR_RODEO = 3000


def example(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a smooth map, float32 in [0, 1], and one to three boxes with integer corners."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((14, 14)).astype(np.float32) ** 3
    map01 = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    map01 -= map01.min()
    map01 /= map01.max()
    start = rng.integers(0, 140, (rng.integers(1, 4), 2))
    return map01, np.concatenate([start, start + rng.integers(20, 80, start.shape)], 1).astype(
        float
    )


def wsol_peer(checkout: str):
    """Import wsolevaluation's evaluation.py, and restore NumPy's old names for it."""
    np.float = float
    sys.modules["munch"] = MagicMock()
    sys.path.insert(0, checkout)
    import evaluation

    return evaluation


def wsol_theirs(peer, maps, references, thresholds, largest: bool) -> np.ndarray:
    """Compute wsolevaluation's best IoU of each map at each threshold."""
    found = []
    for map01, boxes in zip(maps, references, strict=True):
        at, number = peer.compute_bboxes_from_scoremaps(
            map01.astype(float), thresholds, not largest
        )
        iou = peer.calculate_multiple_iou(
            np.concatenate(at), boxes[:, [1, 0, 3, 2]].astype(int)
        ).max(axis=1)
        found.append(np.maximum.reduceat(iou, np.cumsum([0, *number[:-1]])))
    return np.stack(found)


def rodeo_theirs(predicted, reference) -> float:
    """Compute the package's total; scikit-learn must return NumPy's numbers, as it once did."""
    import rodeo

    rodeo.rodeo.matthews_corrcoef = lambda a, b: np.float64(matthews_corrcoef(a, b))
    metric = rodeo.RoDeO([str(cls) for cls in range(CLASSES)])

    def rows(image: Labelled) -> np.ndarray:
        sides = image.boxes[:, 2:] - image.boxes[:, :2]
        return np.column_stack([image.boxes[:, [1, 0]], sides[:, [1, 0]], image.classes])

    metric.add([rows(image) for image in predicted], [rows(image) for image in reference])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metric.compute()["RoDeO/total"]


def rows(count: int = 200, checkout: str | None = None) -> Iterator[Row]:
    """Compare every value, then yield the times of both sides."""
    maps, references = zip(*map(example, range(count)), strict=True)
    if checkout:
        peer, thresholds = wsol_peer(checkout), wsol.thresholds_of()
        ious, ours = timed(
            lambda: [
                wsol.ious_at_thresholds(map01, boxes, thresholds)
                for map01, boxes in zip(maps, references, strict=True)
            ]
        )
        theirs = 0.0
        for found, largest in zip(zip(*ious, strict=True), (True, False), strict=True):
            expected, more = timed(
                lambda largest=largest: wsol_theirs(peer, maps, references, thresholds, largest)
            )
            np.testing.assert_allclose(found, expected, rtol=1e-12)
            theirs += more
        task = f"MaxBoxAcc and MaxBoxAccV2 of {count} maps, {len(thresholds)} thresholds"
        yield Row(task, "wsolevaluation", theirs, ours)
    maps, references = maps[:MOST_FOR_RODEO], references[:MOST_FOR_RODEO]
    rng = np.random.default_rng(0)
    predicted, reference = (
        [Labelled(part, rng.integers(0, CLASSES, len(part))) for part in parts]
        for parts in ([boxes_of_map(map01, BoxRule())[0] for map01 in maps], references)
    )
    rodeo, ours = timed(lambda: Rodeo(predicted, reference, CLASSES))
    total, theirs = timed(lambda: rodeo_theirs(predicted, reference))
    np.testing.assert_allclose(rodeo.part("total")(np.ones((1, len(maps)))), total, rtol=1e-9)
    yield Row(f"RoDeO of {len(maps)} images", "rodeometric", theirs, ours)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=int, default=10_000)
    parser.add_argument("--wsol", help="folder of a clone of clovaai/wsolevaluation")
    options = parser.parse_args()
    show(rows(options.maps, options.wsol))
