"""Adapters on complete real annotation files, and on the few real images at hand."""

import logging
import shutil
from collections import Counter

import cv2
import numpy as np
import pandas as pd
import pytest

from fidelity.datasets import registry
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.sources.nih import nih
from fidelity.masks.run_lengths import decode
from fidelity.metrics.map_registry import RANKING
from fidelity.scoring.map_scores import score_maps
from fidelity.scoring.score_rows import Targets
from tests.datasets.sources.test_published_layouts import entry
from tests.helpers.explained_cohort import record_of


def listed(source, root, classes, **keys):
    return list(registry.reader(source).find_cases(root, entry(source, root, classes, **keys)))


def test_nih_whole(xrv, tmp_path):
    shutil.copyfile(xrv / "BBox_List_2017.csv", tmp_path / "BBox_List_2017.csv")
    shutil.copyfile(xrv / "Data_Entry_2017_v2020.csv", tmp_path / "Data_Entry_2017_v2020.csv")
    drawn = nih.read_boxes(tmp_path / "BBox_List_2017.csv")
    boxed = {nih.patient_of(image) for image in drawn}
    entries = nih.read_entries(tmp_path / "Data_Entry_2017_v2020.csv")
    # The official lists are not at hand. In this replacement, one patient with boxes is in
    # training.
    stray = min(boxed)
    tested = boxed - {stray} | {e.patient for e in entries if int(e.patient) % 5 == 0} - {stray}
    lists = {True: [], False: []}
    for one in entries:
        lists[one.patient in tested].append(one.image)
    (tmp_path / "test_list.txt").write_text("\n".join(lists[True]))
    (tmp_path / "train_val_list.txt").write_text("\n".join(lists[False]))
    cases = listed("nih", tmp_path, ["Mass"])
    assert len(cases) == 112_120
    assert sum(len(boxes) for case in cases for boxes in case.boxes.values()) == 984
    # An image with a label but without a box is not annotated. So no reference is empty.
    assert not any(boxes == () for case in cases for boxes in case.boxes.values())
    by_patient = {}
    for case in cases:
        by_patient.setdefault(case.patient, set()).add(case.split)
    assert all(len(splits) == 1 for splits in by_patient.values())
    assert by_patient[stray] == {"train"}
    divided = Counter(next(iter(by_patient[patient])) for patient in boxed - {stray})
    assert set(divided) == {"val", "test"}
    assert divided["val"] / divided["test"] == pytest.approx(0.5, abs=0.1)
    # Another seed gives another division. The same seed gives the same division.
    again = listed("nih", tmp_path, ["Mass"], split_seed=2)
    assert [case.split for case in again] != [case.split for case in cases]
    assert {case.split for case in again if case.patient not in boxed} == {"train", "test"}


def test_rsna_whole(xrv, tmp_path, caplog):
    shutil.copyfile(xrv / "stage_2_train_labels.csv", tmp_path / "stage_2_train_labels.csv")
    with caplog.at_level(logging.WARNING):
        cases = listed("rsna", tmp_path, ["Pneumonia"])
    assert "the patient of 26684 of 26684 images is unknown" in caplog.text
    assert len(cases) == 26_684
    # Target 0 means an empty reference.
    assert sum(case.boxes["Pneumonia"] == () for case in cases) == 20_672
    assert sum(len(case.boxes["Pneumonia"]) for case in cases) == 9555
    shares = Counter(case.split for case in cases)
    assert shares["test"] / len(cases) == pytest.approx(0.2, abs=0.01)


def test_siim_whole(xrv, tmp_path):
    shutil.copyfile(xrv / "siim-pneumothorax-train-rle.csv", tmp_path / "train-rle.csv")
    cases = listed("siim", tmp_path, ["Pneumothorax"])
    assert len(cases) == 12_047
    # -1 means an empty reference.
    assert sum(case.masks["Pneumothorax"] == "none" for case in cases) == 12_047 - 2669
    assert Counter(case.labels for case in cases)[("Pneumothorax",)] == 2669


def test_vindr_whole(xrv, tmp_path):
    shutil.copyfile(xrv / "vinbigdata-train.csv", tmp_path / "train.csv")
    cases = listed("vindr", tmp_path, ["ILD"])
    assert len(cases) == 15_000
    assert sum(len(boxes) for case in cases for boxes in case.boxes.values()) == 36_096
    # "No finding" means: every class was read, and nothing was found.
    assert sum(not any(case.boxes.values()) for case in cases) == 15_000 - 4394
    assert all(len(case.boxes) == 14 for case in cases)
    one = listed("vindr", tmp_path, ["ILD"], readers="R9")
    assert 0 < len(one) < 15_000
    most = listed("vindr", tmp_path, ["ILD"], readers="majority")
    agreed = sum(len(boxes) for case in most for boxes in case.boxes.values())
    # A finding of three readers becomes one box. A box of a single reader is dropped.
    assert 36_096 / 6 < agreed < 36_096 / 2


def test_chestx_det_whole(shared_boxes, tmp_path):
    source = shared_boxes / "chestx_det" / "ChestX_Det_test.json"
    shutil.copyfile(source, tmp_path / source.name)
    cases = listed("chestx_det", tmp_path, ["Mass"])
    assert len(cases) == 553
    assert {case.split for case in cases} == {"test"}
    assert sum(len(boxes) for case in cases for boxes in case.boxes.values()) == 1734
    # Every class was read: each case has 13 masks and 13 boxes, some of them empty.
    assert all(len(case.masks) == len(case.boxes) == 13 for case in cases)
    assert sum(not case.labels for case in cases) == 64


def scored(prepared):
    """Score maps that equal the references."""
    explained = [
        (case, record_of(case.case, decode(rle).astype(float), cls, cls, kind="binary"))
        for case in prepared
        for cls, rle in case.references.items()
    ]
    metrics = [RANKING["pointing_game"], RANKING["roc_auc"]]
    how = {"scoring_size": "original", "sign": "positive", "tolerance": 15}
    return score_maps(explained, Targets(None, {}), metrics, **how)


def test_tbx11k_real_images(shared_boxes, tmp_path):
    shutil.copytree(shared_boxes / "tbx11k", tmp_path, dirs_exist_ok=True)
    labels = tmp_path / "annotations" / "json"
    # The small copy has one file. Move its images to the test split.
    (labels / "TBX11K_train.json").rename(labels / "TBX11K_val.json")
    classes = ["ActiveTuberculosis", "ObsoletePulmonaryTuberculosis"]
    settings = entry("tbx11k", tmp_path, classes)
    cases, quarantine, *_ = index_cases(tmp_path, settings, explained=["test"])
    assert [(case.case, case.labels) for case in cases] == [
        ("h0001", ("Healthy",)),
        ("tb0005", ("ActiveTuberculosis",)),
        ("tb0007", ("ObsoletePulmonaryTuberculosis",)),
    ]
    assert quarantine == []
    prepared = list(prepare_cases(cases, tmp_path, settings))
    assert [len(case.reference_boxes[classes[1]]) for case in prepared] == [0, 0, 2]
    table = scored(prepared)
    assert len(table) == 6
    assert table["empty_reference"].sum() == 4
    assert set(table["reference"]) == {"box"}
    assert (table["pointing_game"][~table["empty_reference"]] == 1).all()


@pytest.fixture
def fifty(shared_boxes, four_formats, tmp_path):
    """Copy the fifty images for each of the four formats."""
    raw = shared_boxes / "four_formats" / "raw_data" / "50_chest_xrays_raw_data_in_jpg"
    roots = {}
    for kind, annotations in four_formats.items():
        roots[kind] = tmp_path / kind
        shutil.copytree(raw, roots[kind] / "images")
        if annotations.is_dir():
            shutil.copytree(annotations, roots[kind] / "labels")
        else:
            shutil.copyfile(annotations, roots[kind] / f"boxes{annotations.suffix}")
    return roots


def test_four_formats_give_equal_cases_and_masks(fifty):
    split = {"patient": "^([0-9]{8})_", "split_seed": 3, "boxes_outside": "clip"}
    classes = ["Mass", "Nodule"]
    entries = {
        "coco": entry("coco", fifty["coco"], classes, annotations="boxes.json", **split),
        "yolo": entry("yolo", fifty["yolo"], classes, names=classes, **split),
        "voc": entry("voc", fifty["voc"], classes, **split),
    }
    found = {name: index_cases(fifty[name], one)[0] for name, one in entries.items()}
    # A case table has split, patient and labels; rows of boxes do not.
    rows = [
        {
            "case": case.case,
            "patient": case.patient,
            "split": case.split,
            "label": "|".join(case.labels),
            "image": case.image,
        }
        for case in found["coco"]
    ]
    table = pd.DataFrame(rows)
    table.to_csv(fifty["table"] / "cases.csv", index=False)
    drawn = pd.read_csv(fifty["table"] / "boxes.csv")
    # Add rows without a box: every image was read for the other class too.
    blank = [
        {"image_file": image.rpartition("/")[2], "label": cls}
        for image in table["image"]
        for cls in classes
        if not ((drawn["image_file"] == image.rpartition("/")[2]) & (drawn["label"] == cls)).any()
    ]
    pd.concat([drawn, pd.DataFrame(blank)]).to_csv(fifty["table"] / "boxes.csv", index=False)
    entries["table"] = entry(
        "table", fifty["table"], classes, table="cases.csv", boxes="boxes.csv",
        lung_masks="none", task="multilabel", boxes_outside="clip",
    )  # fmt: skip
    found["table"] = index_cases(fifty["table"], entries["table"])[0]
    first = found["coco"]
    assert len(first) == 50
    assert sum(len(boxes) for case in first for boxes in case.boxes.values()) == 283
    prepared = {}
    for name, cases in found.items():
        facts = [(c.case, c.patient, c.split, set(c.labels), c.width, c.height) for c in cases]
        assert facts == [
            (c.case, c.patient, c.split, set(c.labels), c.width, c.height) for c in first
        ]
        prepared[name] = list(prepare_cases(cases, fifty[name], entries[name]))
    for name, cases in prepared.items():
        for case, other in zip(cases, prepared["coco"], strict=True):
            assert case.references == other.references, name
            assert case.filled == other.filled == ("Mass", "Nodule")
            counts = {cls: len(boxes) for cls, boxes in case.reference_boxes.items()}
            assert counts == {cls: len(boxes) for cls, boxes in other.reference_boxes.items()}


def test_one_real_image_with_four_official_boxes(xrv, shared_boxes, tmp_path):
    name, raw = "00010277_000", shared_boxes / "four_formats" / "raw_data"
    (image,) = raw.glob(f"*/{name}_jpg*.jpg")
    (tmp_path / "images").mkdir()
    pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), pixels)
    shutil.copyfile(xrv / "BBox_List_2017.csv", tmp_path / "BBox_List_2017.csv")
    whole = (xrv / "Data_Entry_2017_v2020.csv").read_text().splitlines(keepends=True)
    rows = [row for row in whole[1:] if row.startswith(name)]
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(whole[0] + "".join(rows))
    (tmp_path / "test_list.txt").write_text(f"{name}.png\n")
    classes = ["Effusion", "Infiltrate", "Mass", "Pneumonia"]
    settings = entry("nih", tmp_path, classes)
    cases, quarantine, *_ = index_cases(tmp_path, settings)
    assert quarantine == []
    (case,) = prepare_cases(cases, tmp_path, settings)
    assert list(case.references) == ["Effusion", "Infiltration", "Mass", "Pneumonia"]
    assert all(len(boxes) == 1 for boxes in case.reference_boxes.values())
    table = scored([case])
    assert table["class"].tolist() == sorted(case.references)
    assert set(table["reference"]) == {"box"}
    assert (table["roc_auc"] == 1).all()
    # Resized copies, as people often have them: boxes and spacing are scaled.
    small = cv2.resize(pixels, (256, 256), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), small)
    (copy,) = index_cases(tmp_path, settings)[0]
    assert np.allclose(np.multiply(copy.boxes["Mass"], 4), cases[0].boxes["Mass"])
    assert np.allclose(np.divide(copy.spacing, 4), cases[0].spacing)
