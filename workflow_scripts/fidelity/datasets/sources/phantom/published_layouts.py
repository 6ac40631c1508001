"""The phantom in the layouts of published data sets: their folders, names, formats and odd headers.

It lets the whole way be run, from annotation file to result tables, where a data set is not at
hand. No pixel is of a real image. `write_as` writes one; `LAYOUTS` names them.
"""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from fidelity.base.seeding import seed_for
from fidelity.datasets.sources.phantom.phantom import make_image, plan
from fidelity.masks.boxes import Box
from fidelity.settings.datasets import Phantom

# Side at which phantoms are drawn before they are enlarged to the layout's.
DRAWN = 256
COVID, OTHER = "COVID-19", "Non-COVID"
TBX11K = ("ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis")
GENERIC = ("Mass", "Nodule")


@dataclass(frozen=True)
class Chest:
    """One phantom.

    Attributes:
        number: counts from 0 over the data set.
        patient: counts from 1 over the data set.
        visit: counts within the patient.
        split: train, val or test.
        label: COVID-19, Non-COVID or Normal.
        image: uint8 (side, side).
        mask: bool (side, side), the opacities.
        boxes: of each opacity, the largest first.
    """

    number: int
    patient: int
    visit: int
    split: str
    label: str
    image: np.ndarray
    mask: np.ndarray
    boxes: list[Box]


def write_as(layout: str, root: str | Path, cases: Mapping[str, int], seed: int = 1) -> list[Chest]:
    """Write a phantom in the layout of a published data set.

    Args:
        layout: one of LAYOUTS.
        root: folder, made if absent.
        cases: images of each split.
        seed: equal seeds give equal files.

    Returns:
        What was drawn, in order.

    Raises:
        KeyError: there is no such layout.
    """
    side, write = LAYOUTS[layout]
    chests = list(_chests(cases, seed, side))
    write(Path(root), chests)
    return chests


def _chests(cases: Mapping[str, int], seed: int, side: int) -> Iterable[Chest]:
    settings = Phantom.model_construct(size=DRAWN)
    patients: dict[str, int] = {}
    for number, item in enumerate(plan(cases, seed)):
        made = make_image(item, settings, seed)
        shape = (side, side)
        mask = cv2.resize(made.infection.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST)
        yield Chest(
            number,
            patients.setdefault(item.patient, len(patients) + 1),
            item.visit,
            item.split,
            item.label,
            cv2.resize(made.image, shape, interpolation=cv2.INTER_CUBIC),
            mask.astype(bool),
            _boxes(mask),
        )


def _boxes(mask: np.ndarray) -> list[Box]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = [
        (int(area), (int(y), int(x), int(y + h), int(x + w))) for x, y, w, h, area in stats[1:]
    ]
    return [box for _, box in sorted(found, reverse=True)]


# ---- NIH ----


def _nih(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Pneumonia", OTHER: "Infiltration", "Normal": "No Finding"}
    entries, boxes = [], []
    lists: dict[str, list[str]] = {"train_val_list.txt": [], "test_list.txt": []}
    for chest in chests:
        name = f"{chest.patient:08d}_{chest.visit:03d}.png"
        folder = f"images_{1 + chest.number % 12:03d}/images"
        _write_png(root / folder / name, chest.image)
        side = len(chest.image)
        entry = [name, called[chest.label], chest.visit, chest.patient, 57, "M", "PA"]
        entries.append([*entry, 2 * side, 3 * side, 0.143, 0.143])
        lists["train_val_list.txt" if chest.split == "train" else "test_list.txt"].append(name)
        if chest.split != "train" and chest.boxes:
            # One box for each image and label, on test images alone.
            y0, x0, y1, x1 = chest.boxes[0]
            label = called[chest.label].replace("Infiltration", "Infiltrate")
            boxes.append([name, label, float(x0), float(y0), float(x1 - x0), float(y1 - y0)])
    _write_rows(
        root / "Data_Entry_2017_v2020.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
        ",OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]",
        entries,
    )
    _write_rows(root / "BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,", boxes)
    for name, images in lists.items():
        (root / name).write_text("\n".join(images) + "\n", encoding="utf-8")


# ---- RSNA and SIIM ----


def _rsna(root: Path, chests: Sequence[Chest]) -> None:
    labels, info, mapping = [], [], []
    for chest in chests:
        name = f"{chest.number:08x}-phantom-{chest.patient:04x}"
        _write_dicom(root / "stage_2_train_images" / f"{name}.dcm", chest.image, PatientID=name)
        mapping.append(
            {"subset_img_id": name, "img_id": f"{chest.patient:08d}_{chest.visit:03d}.png"}
        )
        if chest.label != COVID:
            labels.append([name, "", "", "", "", 0])
            negative = "Normal" if chest.label == "Normal" else "No Lung Opacity / Not Normal"
            info.append([name, negative])
            continue
        for y0, x0, y1, x1 in chest.boxes:
            labels.append([name, *map(float, (x0, y0, x1 - x0, y1 - y0)), 1])
            info.append([name, "Lung Opacity"])
    _write_rows(root / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target", labels)
    _write_rows(root / "stage_2_detailed_class_info.csv", "patientId,class", info)
    _write_json(root / "pneumonia-challenge-dataset-mappings_2018.json", mapping)


def _siim(root: Path, chests: Sequence[Chest]) -> None:
    rows = []
    for chest in chests:
        uid = f"1.2.276.0.7230010.3.1.4.8323329.{chest.number + 1}"
        folder = root / "dicom-images-train" / f"{uid}.1" / f"{uid}.2"
        _write_dicom(folder / f"{uid}.dcm", chest.image)
        if chest.label != COVID:
            rows.append([uid, " -1"])
            continue
        _, parts = cv2.connectedComponents(chest.mask.astype(np.uint8), connectivity=8)
        # A row for each opacity: readers must unite them.
        rows += [
            [uid, " " + _relative_runs(parts == part)] for part in range(1, int(parts.max()) + 1)
        ]
    _write_rows(root / "train-rle.csv", "ImageId, EncodedPixels", rows)


def _relative_runs(mask: np.ndarray) -> str:
    """Write run lengths as SIIM-ACR does: gaps and lengths, down the columns."""
    edges = np.flatnonzero(np.diff(np.r_[0, mask.T.ravel().astype(np.int8), 0]))
    starts, ends = edges[::2], edges[1::2]
    gaps = starts - np.r_[0, ends[:-1]]
    pairs = zip(gaps, ends - starts, strict=True)
    return " ".join(f"{gap} {length}" for gap, length in pairs)


# ---- VinDr-CXR ----


def _vindr(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Nodule/Mass", OTHER: "Lung Opacity"}
    tables: dict[str, list[list[Any]]] = {"train": [], "test": []}
    for chest in chests:
        name = f"{chest.number:032x}"
        split = "test" if chest.split == "test" else "train"
        # Sizes differ, and so do the meaning of zero and the number of bits.
        inverted, bits = chest.number % 2 == 1, 12 if chest.number % 3 else 14
        values = chest.image.astype(np.uint16) << (bits - 8)
        _write_dicom(
            root / split / f"{name}.dicom",
            2**bits - 1 - values if inverted else values,
            bits=bits,
            PhotometricInterpretation="MONOCHROME1" if inverted else "MONOCHROME2",
        )
        readers = [""] if split == "test" else ["R8", "R9", "R10"]
        for number, reader in enumerate(readers):
            head = [name, called.get(chest.label, "No finding")]
            boxes = chest.boxes if chest.label in called else [None]
            for box in boxes:
                corners = ["", "", "", ""]
                if box is not None:
                    y0, x0, y1, x1 = box
                    corners = [x0 + number, y0 + number, x1, y1]
                tables[split].append([*head, *([reader] if reader else []), *corners])
    sides = "x_min,y_min,x_max,y_max"
    _write_rows(
        root / "annotations" / "annotations_train.csv",
        f"image_id,class_name,rad_id,{sides}",
        tables["train"],
    )
    _write_rows(
        root / "annotations" / "annotations_test.csv",
        f"image_id,class_name,{sides}",
        tables["test"],
    )


# ---- ChestX-Det, TBX11K and COCO ----


def _chestx_det(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Consolidation", OTHER: "Effusion"}
    found: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for chest in chests:
        split, name = "test" if chest.split == "test" else "train", f"{36000 + chest.number}.png"
        _write_png(root / f"{split}_data" / name, chest.image)
        shapes = _outlines(chest.mask) if chest.label in called else []
        corners = [shape.min(axis=0).tolist() + shape.max(axis=0).tolist() for shape in shapes]
        found[split].append(
            {
                "file_name": name,
                "syms": [called.get(chest.label, "")] * len(shapes),
                "boxes": corners,
                "polygons": [shape.tolist() for shape in shapes],
            }
        )
    for split, entries in found.items():
        _write_json(root / f"ChestX_Det_{split}.json", entries)


def _outlines(mask: np.ndarray) -> list[np.ndarray]:
    kind, how = cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    outlines, _ = cv2.findContours(mask.astype(np.uint8), kind, how)
    shapes = [outline[:, 0, :] for outline in outlines]
    return [shape for shape in shapes if len(shape) > 2 and np.ptp(shape, axis=0).min() > 0]


def _tbx11k(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: 1, OTHER: 2}
    for split, kept in (("train", ("train", "val")), ("val", ("test",))):
        own = [chest for chest in chests if chest.split in kept]
        names = {}
        for chest in own:
            folder = "health" if chest.label == "Normal" else "tb"
            names[chest.number] = f"{folder}/{folder[0]}b{chest.number:04d}.png"
            _write_png(root / "imgs" / names[chest.number], chest.image)
        content = _coco(own, names, called, TBX11K)
        _write_json(root / "annotations" / "json" / f"TBX11K_{split}.json", content)


def _coco(
    chests: Sequence[Chest],
    names: Mapping[int, str],
    called: Mapping[str, int],
    classes: Sequence[str],
) -> dict[str, Any]:
    images = [
        {
            "id": chest.number,
            "file_name": names[chest.number],
            "width": chest.image.shape[1],
            "height": chest.image.shape[0],
        }
        for chest in chests
    ]
    annotations = [
        {
            "image_id": chest.number,
            "category_id": called[chest.label],
            "iscrowd": 0,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "segmentation": [],
        }
        for chest in chests
        if chest.label in called
        for y0, x0, y1, x1 in chest.boxes
    ]
    return {
        "images": images,
        "categories": [{"id": n, "name": name} for n, name in enumerate(classes, 1)],
        "annotations": [{"id": n, **one} for n, one in enumerate(annotations, 1)],
    }


def _generic_images(root: Path, chests: Sequence[Chest], folder: str = "images") -> dict[int, str]:
    names = {c.number: f"p{c.patient:03d}_{c.visit}.png" for c in chests}
    for chest in chests:
        _write_png(root / folder.format(split=chest.split) / names[chest.number], chest.image)
    return names


def _coco_of_splits(root: Path, chests: Sequence[Chest]) -> None:
    names, called = _generic_images(root, chests), {COVID: 1, OTHER: 2}
    for split in ("train", "val", "test"):
        own = [chest for chest in chests if chest.split == split]
        _write_json(root / f"{split}.json", _coco(own, names, called, GENERIC))


def _yolo(root: Path, chests: Sequence[Chest]) -> None:
    names, numbers = _generic_images(root, chests, "images/{split}"), {COVID: 0, OTHER: 1}
    for chest in chests:
        side, rows = len(chest.image), []
        for y0, x0, y1, x1 in chest.boxes if chest.label in numbers else []:
            middle = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]
            shares = " ".join(f"{value / side:.6f}" for value in middle)
            rows.append(f"{numbers[chest.label]} {shares}\n")
        path = root / "labels" / chest.split / names[chest.number].replace(".png", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(rows), encoding="utf-8")
    listed = "".join(f"  {number}: {name}\n" for number, name in enumerate(GENERIC))
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nnames:\n{listed}")


def _voc(root: Path, chests: Sequence[Chest]) -> None:
    names, called = _generic_images(root, chests, "JPEGImages"), {COVID: "Mass", OTHER: "Nodule"}
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for chest in chests:
        name = names[chest.number]
        top = ElementTree.Element("annotation")
        ElementTree.SubElement(top, "filename").text = name
        size = ElementTree.SubElement(top, "size")
        for key, value in zip(("width", "height"), chest.image.shape[::-1], strict=True):
            ElementTree.SubElement(size, key).text = str(value)
        for y0, x0, y1, x1 in chest.boxes if chest.label in called else []:
            shape = ElementTree.SubElement(top, "object")
            ElementTree.SubElement(shape, "name").text = called[chest.label]
            box = ElementTree.SubElement(shape, "bndbox")
            for key, value in zip(("xmin", "ymin", "xmax", "ymax"), (x0, y0, x1, y1), strict=True):
                ElementTree.SubElement(box, key).text = str(value)
        stem = name.removesuffix(".png")
        lists[chest.split].append(stem)
        path = root / "Annotations" / f"{stem}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(top).write(path)
    for split, stems in lists.items():
        path = root / "ImageSets" / "Main" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(stems) + "\n", encoding="utf-8")


# ---- MS-CXR, PadChest-GR, QaTa and JSRT ----


def _ms_cxr(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Pneumonia", OTHER: "Pleural Effusion"}
    rows = []
    for chest in chests:
        patient, dicom = f"1{chest.patient:07d}", f"{chest.number:08x}-phantom"
        path = f"files/p{patient[:2]}/p{patient}/s5{chest.number:07d}/{dicom}.jpg"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), chest.image)
        # The file has pixels of the original, and the image is half as large.
        height, width = (2 * side for side in chest.image.shape)
        for y0, x0, y1, x1 in chest.boxes if chest.label in called else []:
            sides = [2 * side for side in (x0, y0, x1 - x0, y1 - y0)]
            split = "test" if chest.split == "test" else "val"
            phrase = "opacity, phantom"
            rows.append([called[chest.label], phrase, path, *sides, width, height, dicom, split])
    _write_rows(
        root / "MS_CXR_Local_Alignment_v1.1.0.csv",
        "category_name,label_text,path,x,y,w,h,image_width,image_height,dicom_id,split",
        rows,
    )


def _padchest_gr(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "pneumonia", OTHER: "pleural effusion"}
    reports, studies = [], []
    for chest in chests:
        study, side = f"{20536 + chest.number}", len(chest.image)
        image = f"{study}_phantom.png"
        _write_png(root / "PadChest_GR" / image, chest.image.astype(np.uint16) * 257)
        findings: list[dict[str, Any]] = [
            {"sentence_en": "Phantom.", "sentence_es": "Fantasma.", "abnormal": False}
        ]
        if chest.label in called:
            shares = [
                [x0 / side, y0 / side, x1 / side, y1 / side] for y0, x0, y1, x1 in chest.boxes
            ]
            findings.append(
                {
                    "sentence_en": "Opacity.",
                    "sentence_es": "Opacidad.",
                    "abnormal": True,
                    "boxes": shares,
                    "extra_boxes": shares[:1],
                    "labels": [called[chest.label]],
                    "locations": [[]],
                    "progression": None,
                }
            )
        reports.append({"StudyID": study, "ImageID": image, "findings": findings})
        split = {"val": "validation"}.get(chest.split, chest.split)
        # A row for each label.
        studies += [[study, f"patient{chest.patient}", split, group] for group in ("a", "b")]
    _write_json(root / "grounded_reports_20240819.json", reports)
    _write_rows(root / "master_table.csv", "StudyID,PatientID,split,label_group", studies)


def _qata(root: Path, chests: Sequence[Chest]) -> None:
    for chest in chests:
        if chest.label != COVID:
            continue
        folder = root / "QaTa-COV19-v2" / ("Test Set" if chest.split == "test" else "Train Set")
        _write_png(folder / "Images" / f"covid_{chest.number}.png", chest.image)
        mask = chest.mask.astype(np.uint8) * 255
        _write_png(folder / "Ground-truths" / f"mask_covid_{chest.number}.png", mask)


def _jsrt(root: Path, chests: Sequence[Chest]) -> None:
    rows, counts = [], {"JPCLN": 0, "JPCNN": 0}
    for chest in chests:
        kind = "JPCLN" if chest.label == COVID else "JPCNN"
        counts[kind] += 1
        name = f"{kind}{counts[kind]:03d}.IMG"
        # White is zero, big-endian, no header.
        values = 4095 - chest.image.astype(np.uint16) * 16
        root.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(values.astype(">u2").tobytes())
        if kind == "JPCLN":
            y0, x0, y1, x1 = chest.boxes[0]
            diameter = round((y1 - y0 + x1 - x0) / 2 * 0.175)
            middle = f"{(x0 + x1) // 2}\t{(y0 + y1) // 2}"
            rows.append(
                f"{name}\t5\t{diameter}\t53\tMale\t{middle}\tmalignant\tr.lobe\tlung cancer"
            )
    (root / "CLNDAT_EN.txt").write_text("\r\n".join(rows) + "\r\n", encoding="ascii")


# ---- files ----


def _write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), pixels):
        raise OSError(f"{path}: the image could not be written")


def _write_dicom(path: Path, pixels: np.ndarray, bits: int = 8, **elements: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    uid = f"1.2.826.0.1.3680043.8.498.{seed_for(0, path.name) % 10**30}"
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = uid
    header.SOPClassUID = ComputedRadiographyImageStorage
    header.Modality, header.BodyPartExamined, header.ViewPosition = "CR", "CHEST", "PA"
    header.SamplesPerPixel, header.PixelRepresentation = 1, 0
    header.PhotometricInterpretation = "MONOCHROME2"
    header.Rows, header.Columns = pixels.shape
    header.BitsAllocated = 8 * pixels.dtype.itemsize
    header.BitsStored, header.HighBit = bits, bits - 1
    header.PixelSpacing = [0.143, 0.143]
    header.PixelData = pixels.tobytes()
    header["PixelData"].VR = "OW" if header.BitsAllocated > 8 else "OB"
    for name, value in elements.items():
        setattr(header, name, value)
    header.save_as(path, enforce_file_format=True)


def _write_rows(path: Path, header: str, rows: Iterable[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        handle.write(header + "\n")
        csv.writer(handle, lineterminator="\n").writerows(rows)


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


# Layout → side in pixels, and what writes it.
LAYOUTS: dict[str, tuple[int, Callable[[Path, Sequence[Chest]], None]]] = {
    "nih": (1024, _nih),
    "rsna": (1024, _rsna),
    "siim": (1024, _siim),
    "vindr": (768, _vindr),
    "chestx_det": (1024, _chestx_det),
    "tbx11k": (512, _tbx11k),
    "ms_cxr": (512, _ms_cxr),
    "padchest_gr": (640, _padchest_gr),
    "qata": (224, _qata),
    "jsrt": (2048, _jsrt),
    "coco": (512, _coco_of_splits),
    "yolo": (512, _yolo),
    "voc": (512, _voc),
}
