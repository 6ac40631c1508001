"""Every adapter from end to end: phantoms in the data set's layout, to references and scores.

The truth is what was drawn. Formats are those of the real files (tests/datasets/annotations).
"""

from dataclasses import dataclass, field

import numpy as np
import pytest

from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.sources.phantom.published_layouts import COVID, LAYOUTS, OTHER, write_as
from fidelity.masks.boxes import box_of, fill_boxes
from fidelity.masks.run_lengths import decode
from fidelity.metrics.map_registry import RANKING
from fidelity.scoring.map_scores import score_maps
from fidelity.scoring.score_rows import Targets
from fidelity.settings.datasets import Dataset
from tests.helpers.explained_cohort import record_of

CASES = {"train": 6, "val": 6, "test": 9}


@dataclass
class Layout:
    """Properties of a layout.

    Attributes:
        covid: class of the COVID-19 phantoms.
        other: class of the Non-COVID phantoms; None if it has no references.
        kind: kind of the references.
        negatives: whether an image without the class is an empty reference.
        keys: further keys of the data set.
        lowest: lowest accepted IoU of the filled reference with the drawn lesion.
    """

    covid: str
    other: str | None = None
    kind: str = "box"
    negatives: bool = True
    keys: dict = field(default_factory=dict)
    lowest: float = 0.999


LAYOUT = {
    # One box per image, for the largest opacity. Labels without a box are not annotated.
    "nih": Layout("Pneumonia", "Infiltration", negatives=False),
    "rsna": Layout("Pneumonia"),
    "siim": Layout("Pneumothorax", kind="mask"),
    "vindr": Layout("Nodule/Mass", "Lung Opacity", keys={"readers": "R8"}),
    "chestx_det": Layout("Consolidation", "Effusion", kind="mask", lowest=0.97),
    "tbx11k": Layout("ActiveTuberculosis", "ObsoletePulmonaryTuberculosis"),
    "ms_cxr": Layout("Pneumonia", "Pleural Effusion", negatives=False),
    "padchest_gr": Layout("pneumonia", "pleural effusion"),
    "qata": Layout("COVID-19", kind="mask", negatives=False),
    # A disc instead of the shape that was drawn.
    "jsrt": Layout("Nodule", kind="mask", lowest=0.995),
    "coco": Layout("Mass", "Nodule", keys={"tables": {s: f"{s}.json" for s in CASES}}),
    "yolo": Layout("Mass", "Nodule", keys={"patient": "^(p[0-9]+)_"}),
    "voc": Layout("Mass", "Nodule", keys={"patient": "^(p[0-9]+)_"}),
}


def entry(source, root, classes, **keys):
    return Dataset.chosen(
        {
            "source": source,
            "root": str(root),
            "annotated_classes": classes,
            "image_size": 64,
            "near_duplicates": "off",
            **keys,
        }
    )


def test_every_layout_is_tested():
    assert set(LAYOUT) == set(LAYOUTS)


@pytest.mark.parametrize("source", LAYOUT)
def test_from_annotation_to_scores(tmp_path, source):
    layout = LAYOUT[source]
    counts = CASES if source != "jsrt" else {"train": 3, "val": 3, "test": 3}
    chests = write_as(source, tmp_path, counts)
    classes = [name for name in (layout.covid, layout.other) if name]
    settings = entry(source, tmp_path, classes, **layout.keys)
    cases, quarantine, names, *_ = index_cases(tmp_path, settings)
    assert quarantine == []
    assert set(classes) <= set(names["labels"])
    # No patient is in two splits, whether the data set or the project made the splits.
    splits = {}
    for case in cases:
        splits.setdefault(case.patient, set()).add(case.split)
    assert all(len(found) == 1 for found in splits.values())
    # Readers are sorted, so that the digest of a case is equal in every process.
    assert all([*case.reader_boxes] == sorted(case.reader_boxes) for case in cases)
    prepared = list(prepare_cases(cases, tmp_path, settings))
    # Images equal the drawn ones, in the order of their numbers where names contain the number.
    drawn = {COVID: layout.covid, OTHER: layout.other}
    expected = [c for c in chests if source not in ("qata", "ms_cxr") or c.label in drawn]
    expected = [c for c in expected if source != "qata" or c.label == COVID]
    assert len(prepared) == len(expected)
    found = match(prepared, expected)
    explained = []
    for case, chest in found:
        cls = drawn.get(chest.label)
        wanted = [cls] if cls else []
        if source == "nih" and chest.split == "train":
            wanted = []
        if layout.negatives:
            wanted = classes
        assert set(case.references) == set(wanted)
        for name, reference in case.references.items():
            assert case.reference_kind(name) == layout.kind
            mask = decode(reference)
            assert mask.any() == (name == cls)
            if name == cls:
                truth = chest.mask
                if source == "jsrt":
                    assert (mask & truth).sum() / (mask | truth).sum() >= 0.3
                    truth = disc_of(chest)
                if layout.kind == "box":
                    boxes = chest.boxes[:1] if source == "nih" else chest.boxes
                    assert len(case.reference_boxes[name]) == len(boxes)
                    truth = fill_boxes(boxes, mask.shape)
                assert (mask & truth).sum() / (mask | truth).sum() >= layout.lowest
            map_ = record_of(case.case, mask.astype(float), cls=name, target=name, kind="binary")
            explained.append((case, map_))
    table = score_maps(
        explained,
        Targets(None, {}),
        [RANKING["pointing_game"], RANKING["roc_auc"]],
        scoring_size="original",
        sign="positive",
        tolerance=15,
    )
    assert len(table)
    assert set(table["reference"]) == {layout.kind}
    drawn_rows = table[~table["empty_reference"]]
    assert (drawn_rows["pointing_game"] == 1).all()
    assert table["empty_reference"].any() == layout.negatives


def disc_of(chest):
    """Draw a nodule of CLNDAT_EN.txt: its centre in whole pixels, its size in whole millimetres."""
    y0, x0, y1, x1 = chest.boxes[0]
    diameter = round((y1 - y0 + x1 - x0) / 2 * 0.175) / 0.175
    side = len(chest.image)
    y, x = np.mgrid[:side, :side] + 0.5
    return np.hypot(y - (y0 + y1) // 2, x - (x0 + x1) // 2) < diameter / 2


def match(prepared, chests):
    """Pair each prepared image with the drawn image whose pixels are closest."""
    small = np.stack([thumbnail(chest.image) for chest in chests])
    pairs = []
    for case in prepared:
        distance = np.abs(small - thumbnail(case.image)).mean(axis=(1, 2))
        best = int(distance.argmin())
        assert distance[best] < 3
        pairs.append((case, chests[best]))
    assert len({chest.number for _, chest in pairs}) == len(pairs)
    return pairs


def thumbnail(image):
    import cv2

    return cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).astype(float)


def test_boxes_bound_what_was_drawn(tmp_path):
    (chest, *_) = write_as("yolo", tmp_path, {"test": 3})
    y0, x0, y1, x1 = box_of(chest.mask)
    sides = np.array(chest.boxes)
    assert [*sides.min(axis=0)[:2], *sides.max(axis=0)[2:]] == [y0, x0, y1, x1]


def test_the_command_writes_a_layout(tmp_path, monkeypatch, capsys):
    import phantom_as

    sizes = ["--train", "3", "--val", "0", "--test", "3"]
    monkeypatch.setattr("sys.argv", ["phantom_as.py", "yolo", str(tmp_path), *sizes])
    phantom_as.main()
    assert capsys.readouterr().out.startswith("6 phantoms in ")
    assert len(list(tmp_path.glob("labels/*/*.txt"))) == 6
