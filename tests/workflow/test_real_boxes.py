"""A real chest X-ray with its four official NIH boxes and imported maps: from files to tables."""

import gzip
import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fidelity.masks.boxes import fill_boxes
from tests.helpers import SHARED_DATA
from tests.helpers.small_study import CONFIG, Study, copy_project

RAW = SHARED_DATA / "boxes" / "four_formats" / "raw_data"
NAME = "00010277_000"
CLASSES = ("Effusion", "Infiltration", "Mass", "Pneumonia")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RAW.is_dir(), reason="no real chest X-rays at ../shared/data"),
]


def annotations(name: str) -> list[str]:
    """List the header, and the rows of the image, in a real file of torchxrayvision."""
    package = Path(importlib.util.find_spec("torchxrayvision").origin).parent / "data"
    with gzip.open(package / f"{name}.gz", "rt") as file:
        head, *rows = file.read().splitlines(keepends=True)
    return [head, *(row for row in rows if row.startswith(NAME))]


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Study:
    """Run one image with two sets of maps: its boxes, and the boxes mirrored to the other side."""
    study = Study(tmp_path_factory.mktemp("boxes") / "project")
    copy_project(study.folder)
    root = study.folder / "nih"
    (root / "images").mkdir(parents=True)
    (image,) = RAW.glob(f"*/{NAME}_jpg*.jpg")
    pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(root / "images" / f"{NAME}.png"), pixels)
    listed = annotations("BBox_List_2017.csv")
    (root / "BBox_List_2017.csv").write_text("".join(listed))
    (root / "Data_Entry_2017_v2020.csv").write_text(
        "".join(annotations("Data_Entry_2017_v2020.csv"))
    )
    (root / "test_list.txt").write_text(f"{NAME}.png\n")
    for row in listed[1:]:
        _, cls, *sides = row.split(",")[:6]
        x, y, width, height = map(float, sides)
        mask = fill_boxes([(y, x, y + height, x + width)], pixels.shape).astype(np.float32)
        for name, values in (("right", mask), ("mirrored", mask[:, ::-1])):
            folder = study.folder / "maps" / name / cls.replace("Infiltrate", "Infiltration")
            folder.mkdir(parents=True)
            np.save(folder / f"{NAME}.npy", values)
    dataset = {
        "source": "nih", "root": "nih", "image_size": 64, "annotated_classes": [*CLASSES],
        "shards": {"train": 1, "val": 1, "test": 1}, "split_seed": 2,
    }  # fmt: skip
    maps = {"method": "imported", "pattern": "{class}/{case}.npy"}
    config = {
        **CONFIG,
        "datasets": {"nih": dataset},
        "classifiers": {},
        "explainers": {name: {**maps, "folder": f"maps/{name}"} for name in ("right", "mirrored")},
        "protocols": ["default", "wsol", "chestxray8", "rodeo"],
    }
    study.write(config)
    study.snakemake("tables")
    return study


def test_box_scores_of_the_real_boxes(real):
    scores = real.folder / "results/nih/none/right/box_scores.parquet"
    table = pd.read_parquet(scores).set_index("class")
    assert tuple(table.index) == CLASSES
    assert (table["reference"] == "box").all()
    assert (table[["n_reference", "n_predicted", "n_found"]] == 1).all(axis=None)
    # Official boxes have fractions; boxes of a map are whole pixels.
    assert table["box_iou"].between(0.98, 1).all()
    assert (table["box_pointing"] == 1).all()
    values = pd.read_csv(real.folder / "results/nih/tables/boxes.csv")
    pooled = values[values["class"] == "all"].set_index(["explainer", "metric"])["value"]
    expected = {"corloc": 1, "lesion_recall": 1, "froc": 1, "acc_iou_0.7": 1, "afp_iou_0.1": 0}
    for metric, value in expected.items():
        assert pooled["right", metric] == value
    assert pooled["right", "box_iou"] == pytest.approx(table["box_iou"].mean())
    assert pooled["mirrored", "box_iou"] < 0.5
    # A single image is in one split, so no other split can give a threshold.
    assert np.isnan(pooled["right", "box_acc"])
    assert pooled["right", "max_box_acc"] == 1
    assert pooled["right", "rodeo"] > 0.98 > pooled["mirrored", "rodeo"]
    compared = pd.read_csv(real.folder / "results/nih/tables/box_comparisons.csv")
    pair = compared[(compared["class"] == "all") & (compared["metric"] == "box_iou")]
    assert len(pair) == 1


def test_pages_name_the_boxes(real):
    verdict = json.loads(real.read("nih/tables/verdict.json"))
    told = json.dumps(verdict, ensure_ascii=False)
    assert "has 4 references drawn as boxes" in told
    tables = real.read("nih/tables/tables.html").decode()
    assert "Box IoU" in tables
    assert "box_iou" not in tables
