"""Every reader of a published format reads the complete real file, with the known counts."""

import json
from collections import Counter

import numpy as np
import pytest
from pycocotools import mask as pycoco

from fidelity.datasets.annotations import chexmask
from fidelity.datasets.annotations.drawn import read_json
from fidelity.datasets.facts import facts_of
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.sources.chestx_det import chestx_det
from fidelity.datasets.sources.containers import coco, voc, yolo
from fidelity.datasets.sources.nih import nih
from fidelity.datasets.sources.rsna import rsna
from fidelity.datasets.sources.siim import siim
from fidelity.datasets.sources.vindr import vindr
from fidelity.masks.boxes import fill_boxes, scale_boxes


def counted(images):
    return Counter(cls for image in images.values() for cls, b in image.boxes.items() for _ in b)


def all_boxes(images):
    return np.array([d.box for i in images.values() for b in i.boxes.values() for d in b])


def test_nih_boxes(xrv):
    images = nih.read_boxes(xrv / "BBox_List_2017.csv")
    assert len(images) == 880
    assert len({nih.patient_of(image) for image in images}) == 726
    assert counted(images) == {
        "Atelectasis": 180,
        "Effusion": 153,
        "Cardiomegaly": 146,
        "Infiltration": 123,
        "Pneumonia": 120,
        "Pneumothorax": 98,
        "Mass": 85,
        "Nodule": 79,
    }
    boxes = all_boxes(images)
    assert len(boxes) == 984
    assert boxes.min() >= 0
    assert boxes.max() <= 1024
    assert all(len(b) == 1 for image in images.values() for b in image.boxes.values())
    assert sum(len(image.boxes) > 1 for image in images.values()) == 93
    # The first row, read by eye.
    ((drawn,),) = (images["00013118_008.png"].boxes["Atelectasis"],)
    assert drawn.box == pytest.approx((547.0192, 225.0847, 626.2057, 311.8644), abs=1e-4)
    assert drawn.place == "BBox_List_2017.csv, line 2"


def test_nih_entries(xrv):
    entries = nih.read_entries(xrv / "Data_Entry_2017_v2020.csv")
    assert len(entries) == 112_120
    by_name = {entry.image: entry for entry in entries}
    assert by_name["00000001_001.png"].labels == ("Cardiomegaly", "Emphysema")
    # 2894 x 2729 pixels of 0.143 mm.
    assert by_name["00000001_001.png"].spacing == pytest.approx((0.3811006, 0.4041426), abs=1e-6)
    images = nih.read_boxes(xrv / "BBox_List_2017.csv")
    views = Counter(by_name[image].view for image in images)
    assert views == {"PA": 478, "AP": 402}
    assert all(set(found.boxes) <= set(by_name[name].labels) for name, found in images.items())
    told = [facts_of(entry.view, entry.sex, entry.age) for entry in entries]
    assert Counter(one["sex"] for one in told) == {"male": 63_340, "female": 48_780}
    assert Counter(one["view"] for one in told) == {"PA": 67_310, "AP": 44_810}
    first = by_name["00000001_000.png"]
    assert (first.view, first.sex, first.age) == ("PA", "M", "57")


def test_rsna(xrv):
    images = rsna.read_boxes(xrv / "stage_2_train_labels.csv")
    assert len(images) == 26_684
    drawn = Counter(len(image.boxes.get("Pneumonia", ())) for image in images.values())
    assert drawn == {0: 20_672, 1: 2614, 2: 3266, 3: 119, 4: 13}
    boxes = all_boxes(images)
    assert len(boxes) == 9555
    assert boxes.min() >= 0
    assert boxes.max() <= 1024
    assert (boxes == boxes.round()).all()


def test_siim(xrv):
    path = xrv / "siim-pneumothorax-train-rle.csv"
    runs = siim.read_runs(path)
    assert len(runs) == 12_047
    assert sum(bool(texts) for texts in runs.values()) == 2669
    several = [image for image, texts in runs.items() if len(texts) > 1]
    assert len(several) == 624
    assert max(len(texts) for texts in runs.values()) == 10
    for image in several[:5]:
        ours = read_mask_at(path.parent, reference_to(path.name, image, "Pneumothorax"))
        united = np.logical_or.reduce([rle2mask(text, 1024, 1024).T for text in runs[image]])
        assert (ours == united).all()
        assert ours.sum() > max(rle2mask(text, 1024, 1024).sum() for text in runs[image])


def rle2mask(rle, width, height):
    """Decode as torchxrayvision's datasets.py and the challenge's mask_functions.py do."""
    mask = np.zeros(width * height, bool)
    array = np.asarray([int(x) for x in rle.split()])
    position = 0
    for start, length in zip(array[0::2], array[1::2], strict=True):
        position += start
        mask[position : position + length] = True
        position += length
    return mask.reshape(width, height)


def test_vindr(xrv):
    images, readers = vindr.read_boxes(xrv / "vinbigdata-train.csv")
    assert len(images) == 15_000
    assert Counter(map(len, readers.values())) == {3: 15_000}
    assert len(set().union(*readers.values())) == 17
    assert sum(bool(image.boxes) for image in images.values()) == 4394
    assert counted(images) == {
        "Aortic enlargement": 7162,
        "Cardiomegaly": 5427,
        "Pleural thickening": 4842,
        "Pulmonary fibrosis": 4655,
        "Nodule/Mass": 2580,
        "Lung Opacity": 2483,
        "Pleural effusion": 2476,
        "Other lesion": 2203,
        "Infiltration": 1247,
        "ILD": 1000,
        "Calcification": 960,
        "Consolidation": 556,
        "Atelectasis": 279,
        "Pneumothorax": 226,
    }
    boxes = all_boxes(images)
    assert len(boxes) == 36_096
    assert boxes.min() >= 0


def test_chestx_det(shared_boxes):
    path = shared_boxes / "chestx_det" / "ChestX_Det_test.json"
    images = chestx_det.boxes_of(read_json(path), path)
    assert len(images) == 553
    assert sum(not image.boxes for image in images.values()) == 64
    boxes = all_boxes(images)
    assert len(boxes) == 1734
    assert (boxes.min(), boxes.max()) >= (1, 1)
    assert boxes.max() <= 1022
    assert set(counted(images)) == set(chestx_det.CLASSES)


def test_polygons_are_those_of_pycocotools(shared_boxes):
    path = shared_boxes / "chestx_det" / "ChestX_Det_test.json"
    for image in json.loads(path.read_text())[:40]:
        for cls in set(image["syms"]):
            drawn = [
                [number for point in polygon for number in point]
                for name, polygon in zip(image["syms"], image["polygons"], strict=True)
                if name == cls
            ]
            golden = pycoco.decode(pycoco.merge(pycoco.frPyObjects(drawn, 1024, 1024)))
            reference = reference_to(path.name, image["file_name"], cls.replace("_", " "))
            assert (read_mask_at(path.parent, reference) == golden.astype(bool)).all()


@pytest.mark.parametrize(
    ("file", "count"),
    [("ChestX-Ray8.csv", 50), ("CheXpert.csv", 56), ("CheXpert_julia_annotations.csv", 56)],
)
def test_chexmask(shared_boxes, file, count):
    path = shared_boxes / "chexmask" / file
    entries = chexmask.Entries(path)
    assert len(entries) == count
    for image in list(entries)[:3]:
        for organ in chexmask.ORGANS:
            (text,) = entries[image][organ]["absolute_runs"]
            ours = read_mask_at(path.parent, reference_to(file, image, organ))
            assert (ours == get_mask_from_rle(text, 1024, 1024)).all()
            assert 0.01 < ours.mean() < 0.3
        both = read_mask_at(path.parent, reference_to(file, image, chexmask.LUNGS))
        parts = [read_mask_at(path.parent, f"{file}#{image}/{o}") for o in chexmask.ORGANS[:2]]
        assert (both == (parts[0] | parts[1])).all()


def get_mask_from_rle(rle, height, width):
    """Decode as CheXmask's DataPostprocessing/utils.py does."""
    runs = np.array([int(x) for x in rle.split()])
    starts, lengths = runs[::2] - 1, runs[1::2]
    mask = np.zeros(height * width, dtype=bool)
    for start, length in zip(starts, lengths, strict=True):
        mask[start : start + length] = True
    return mask.reshape((height, width))


def test_tbx11k(shared_boxes):
    path = shared_boxes / "tbx11k" / "annotations" / "json" / "TBX11K_train.json"
    found = coco.read_boxes(path)
    assert {name: len(image.boxes) for name, image in found.images.items()} == {
        "tb/tb0005.png": 1,
        "tb/tb0007.png": 1,
        "health/h0001.png": 0,
    }
    assert counted(found.images) == {"ActiveTuberculosis": 1, "ObsoletePulmonaryTuberculosis": 2}
    assert not any(found.shaped.values())


def test_four_formats_agree_to_the_pixel(four_formats):
    found = coco.read_boxes(four_formats["coco"])
    assert counted(found.images) == {"Mass": 194, "Nodule": 89}
    cvat = {name: one.boxes for name, one in voc.read_images(four_formats["voc"]).items()}
    assert found.images.keys() == cvat.keys()
    for name, image in found.images.items():
        text = four_formats["yolo"] / f"{name.removesuffix('.jpg')}.txt"
        as_yolo = yolo.read_boxes(text, found.categories)
        assert image.boxes.keys() == cvat[name].boxes.keys() == as_yolo.boxes.keys()
        for cls, drawn in image.boxes.items():
            mask = fill_boxes([one.box for one in drawn], (1024, 1024))
            # CVAT's own format keeps fractions; its other exports round them.
            fractions = [one.box for one in cvat[name].boxes[cls]]
            assert (mask == fill_boxes(fractions, (1024, 1024))).all()
            shares = scale_boxes((one.box for one in as_yolo.boxes[cls]), (1, 1), (1024, 1024))
            assert (mask == fill_boxes(shares, (1024, 1024))).all()
