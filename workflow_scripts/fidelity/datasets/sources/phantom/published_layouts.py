"""The phantom in the layouts of published data sets: their folders, names, formats and headers.

It allows tests of everything from annotation file to result tables without the published data set.
No pixel is from a real image. `write_as` writes one; `LAYOUTS` lists them.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from fidelity.base.files import write_text
from fidelity.base.seeding import seed_for
from fidelity.datasets.sources.phantom.clinical import runs_of
from fidelity.datasets.sources.phantom.phantom import make_image, plan, write_png
from fidelity.datasets.splits import SPLITS
from fidelity.masks.boxes import Box
from fidelity.settings.datasets import Phantom

# Side at which phantoms are generated before they are enlarged to the side of the layout.
DRAWN = 256
COVID, OTHER = "COVID-19", "Non-COVID"
TBX11K = ("ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis")
GENERIC = ("Mass", "Nodule")
NO_OPACITY = "No Lung Opacity / Not Normal"
Name = TypeVar("Name")


@dataclass(frozen=True)
class Chest:
    """One phantom.

    Attributes:
        number: counts from 0 over the data set.
        patient: counts from 1 over the data set.
        visit: counts from 0 within the patient.
        image: uint8 (side, side).
        mask: bool (side, side), the opacities.
        boxes: box of each opacity, the largest first.
    """

    number: int
    patient: int
    visit: int
    split: str
    label: str
    image: np.ndarray
    mask: np.ndarray
    boxes: list[Box]

    @property
    def official(self) -> str:
        """Its split in data sets without a validation split."""
        return "test" if self.split == "test" else "train"

    def drawn(self, called: Mapping[str, Name]) -> list[tuple[Name, int, int, int, int]]:
        """Return (class, x0, y0, x1, y1) of each opacity, if `called` has a name for its label."""
        name = called.get(self.label)
        return [] if name is None else [(name, x0, y0, x1, y1) for y0, x0, y1, x1 in self.boxes]


def write_as(layout: str, root: str | Path, cases: Mapping[str, int], seed: int = 1) -> list[Chest]:
    """Write a phantom in the layout of a published data set (one of LAYOUTS, else KeyError).

    Equal seeds give equal files; `cases` is the number of images of each split.
    """
    side, write = LAYOUTS[layout]
    chests = list(_chests(cases, seed, side))
    write(Path(root), chests)
    return chests


def _chests(cases: Mapping[str, int], seed: int, side: int) -> Iterable[Chest]:
    settings = Phantom.model_construct(size=DRAWN)
    patients: dict[str, int] = {}
    shape = (side, side)
    for number, item in enumerate(plan(cases, seed)):
        made = make_image(item, settings, seed)
        mask = cv2.resize(made.infection.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        by_area = sorted(((a, (y, x, y + h, x + w)) for x, y, w, h, a in stats[1:].tolist()))
        yield Chest(
            number,
            patients.setdefault(item.patient, len(patients) + 1),
            item.visit,
            item.split,
            item.label,
            cv2.resize(made.image, shape, interpolation=cv2.INTER_CUBIC),
            mask.astype(bool),
            [box for _, box in reversed(by_area)],
        )


# ---- NIH ----


def _nih(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Pneumonia", OTHER: "Infiltration", "Normal": "No Finding"}
    entries, boxes = [], []
    lists: dict[str, list[str]] = {"train_val_list": [], "test_list": []}
    for chest in chests:
        name, side = f"{chest.patient:08d}_{chest.visit:03d}.png", len(chest.image)
        write_png(root / f"images_{1 + chest.number % 12:03d}" / "images" / name, chest.image)
        entry = [name, called[chest.label], chest.visit, chest.patient, 57, "M", "PA"]
        entries.append([*entry, 2 * side, 3 * side, 0.143, 0.143])
        lists["train_val_list" if chest.split == "train" else "test_list"].append(name)
        # One box for each image and label, but not on training images.
        for label, x0, y0, x1, y1 in chest.drawn(called)[:1] if chest.split != "train" else []:
            label = label.replace("Infiltration", "Infiltrate")
            boxes.append([name, label, *map(float, (x0, y0, x1 - x0, y1 - y0))])
    _write_rows(
        root / "Data_Entry_2017_v2020.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
        ",OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]",
        entries,
    )
    _write_rows(root / "BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,", boxes)
    for name, images in lists.items():
        write_text(root / f"{name}.txt", "\n".join(images) + "\n")


# ---- RSNA and SIIM ----


def _rsna(root: Path, chests: Sequence[Chest]) -> None:
    labels, info, mapping = [], [], []
    for chest in chests:
        name = f"{chest.number:08x}-phantom-{chest.patient:04x}"
        _write_dicom(root / "stage_2_train_images" / f"{name}.dcm", chest.image, patient=name)
        mapping.append(
            {"subset_img_id": name, "img_id": f"{chest.patient:08d}_{chest.visit:03d}.png"}
        )
        if chest.label != COVID:
            labels.append([name, "", "", "", "", 0])
            info.append([name, "Normal" if chest.label == "Normal" else NO_OPACITY])
        for _, x0, y0, x1, y1 in chest.drawn({COVID: True}):
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
        # A row for each opacity, to test that the rows are merged when they are read.
        for part in range(1, int(parts.max()) + 1):
            starts, ends = runs_of((parts == part).T).T
            # Gaps and lengths, column by column.
            pairs = zip(starts - np.r_[0, ends[:-1]], ends - starts, strict=True)
            rows.append([uid, " " + " ".join(f"{gap} {length}" for gap, length in pairs)])
    _write_rows(root / "train-rle.csv", "ImageId, EncodedPixels", rows)


# ---- VinDr-CXR ----


def _vindr(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Nodule/Mass", OTHER: "Lung Opacity"}
    tables: dict[str, list[list[Any]]] = {"train": [], "test": []}
    for chest in chests:
        name, split = f"{chest.number:032x}", chest.official
        # Images differ in size, in the meaning of zero and in the number of bits.
        inverted, bits = chest.number % 2 == 1, 12 if chest.number % 3 else 14
        values = chest.image.astype(np.uint16) << (bits - 8)
        _write_dicom(
            root / split / f"{name}.dicom",
            2**bits - 1 - values if inverted else values,
            bits,
            "MONOCHROME1" if inverted else "MONOCHROME2",
        )
        for number, reader in enumerate([[]] if split == "test" else [["R8"], ["R9"], ["R10"]]):
            if chest.label == "Normal":
                tables[split].append([name, "No finding", *reader, "", "", "", ""])
            for cls, x0, y0, x1, y1 in chest.drawn(called):
                tables[split].append([name, cls, *reader, x0 + number, y0 + number, x1, y1])
    for split, reader in (("train", "rad_id,"), ("test", "")):
        header = f"image_id,class_name,{reader}x_min,y_min,x_max,y_max"
        _write_rows(root / "annotations" / f"annotations_{split}.csv", header, tables[split])


# ---- ChestX-Det, TBX11K and COCO ----


def _chestx_det(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Consolidation", OTHER: "Effusion"}
    found: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for chest in chests:
        name = f"{36000 + chest.number}.png"
        write_png(root / f"{chest.official}_data" / name, chest.image)
        shapes = _outlines(chest.mask) if chest.label in called else []
        corners = [shape.min(axis=0).tolist() + shape.max(axis=0).tolist() for shape in shapes]
        found[chest.official].append(
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
    for split, official in (("train", "train"), ("val", "test")):
        own, names = [chest for chest in chests if chest.official == official], {}
        for chest in own:
            folder = "health" if chest.label == "Normal" else "tb"
            names[chest.number] = f"{folder}/{folder[0]}b{chest.number:04d}.png"
            write_png(root / "imgs" / names[chest.number], chest.image)
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
            "category_id": cls,
            "iscrowd": 0,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "segmentation": [],
        }
        for chest in chests
        for cls, x0, y0, x1, y1 in chest.drawn(called)
    ]
    return {
        "images": images,
        "categories": [{"id": n, "name": name} for n, name in enumerate(classes, 1)],
        "annotations": [{"id": n, **one} for n, one in enumerate(annotations, 1)],
    }


def _generic_images(root: Path, chests: Sequence[Chest], folder: str = "images") -> dict[int, str]:
    names = {c.number: f"p{c.patient:03d}_{c.visit}.png" for c in chests}
    for chest in chests:
        write_png(root / folder.format(split=chest.split) / names[chest.number], chest.image)
    return names


def _coco_of_splits(root: Path, chests: Sequence[Chest]) -> None:
    names, called = _generic_images(root, chests), {COVID: 1, OTHER: 2}
    for split in SPLITS:
        own = [chest for chest in chests if chest.split == split]
        _write_json(root / f"{split}.json", _coco(own, names, called, GENERIC))


def _yolo(root: Path, chests: Sequence[Chest]) -> None:
    names = _generic_images(root, chests, "images/{split}")
    for chest in chests:
        side, rows = len(chest.image), ""
        for cls, x0, y0, x1, y1 in chest.drawn({COVID: 0, OTHER: 1}):
            middle = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]
            rows += f"{cls} {' '.join(f'{value / side:.6f}' for value in middle)}\n"
        name = names[chest.number].replace(".png", ".txt")
        write_text(root / "labels" / chest.split / name, rows)
    listed = "".join(f"  {number}: {name}\n" for number, name in enumerate(GENERIC))
    write_text(root / "data.yaml", f"path: .\ntrain: images/train\nnames:\n{listed}")


def _voc(root: Path, chests: Sequence[Chest]) -> None:
    names, called = _generic_images(root, chests, "JPEGImages"), {COVID: "Mass", OTHER: "Nodule"}
    for chest in chests:
        name, (height, width) = names[chest.number], chest.image.shape
        objects = "".join(
            f"<object><name>{cls}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
            f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            for cls, x0, y0, x1, y1 in chest.drawn(called)
        )
        write_text(
            root / "Annotations" / name.replace(".png", ".xml"),
            f"<annotation><filename>{name}</filename><size><width>{width}</width>"
            f"<height>{height}</height></size>{objects}</annotation>",
        )
    for split in SPLITS:
        stems = [names[c.number].removesuffix(".png") for c in chests if c.split == split]
        write_text(root / "ImageSets" / "Main" / f"{split}.txt", "\n".join(stems) + "\n")


# ---- MS-CXR, PadChest-GR, QaTa and JSRT ----


def _ms_cxr(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "Pneumonia", OTHER: "Pleural Effusion"}
    rows = []
    for chest in chests:
        patient, dicom = f"1{chest.patient:07d}", f"{chest.number:08x}-phantom"
        path = f"files/p{patient[:2]}/p{patient}/s5{chest.number:07d}/{dicom}.jpg"
        write_png(root / path, chest.image)
        # The file has pixels of the original; the image is half as large.
        height, width = (2 * side for side in chest.image.shape)
        split = "test" if chest.split == "test" else "val"
        for cls, x0, y0, x1, y1 in chest.drawn(called):
            sides = [2 * side for side in (x0, y0, x1 - x0, y1 - y0)]
            rows.append([cls, "opacity, phantom", path, *sides, width, height, dicom, split])
    _write_rows(
        root / "MS_CXR_Local_Alignment_v1.1.0.csv",
        "category_name,label_text,path,x,y,w,h,image_width,image_height,dicom_id,split",
        rows,
    )


def _padchest_gr(root: Path, chests: Sequence[Chest]) -> None:
    called = {COVID: "pneumonia", OTHER: "pleural effusion"}
    reports, studies = [], []
    for chest in chests:
        study = f"{20536 + chest.number}"
        image = f"{study}_phantom.png"
        write_png(root / "PadChest_GR" / image, chest.image.astype(np.uint16) * 257)
        findings: list[dict[str, Any]] = [
            {"sentence_en": "Phantom.", "sentence_es": "Fantasma.", "abnormal": False}
        ]
        if chest.label in called:
            shares = [[side / len(chest.image) for side in box] for _, *box in chest.drawn(called)]
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
        split = chest.split.replace("val", "validation")
        # A row for each label.
        studies += [[study, f"patient{chest.patient}", split, group] for group in ("a", "b")]
    _write_json(root / "grounded_reports_20240819.json", reports)
    _write_rows(root / "master_table.csv", "StudyID,PatientID,split,label_group", studies)


def _qata(root: Path, chests: Sequence[Chest]) -> None:
    for chest in chests:
        if chest.label != COVID:
            continue
        folder = root / "QaTa-COV19-v2" / f"{chest.official.capitalize()} Set"
        write_png(folder / "Images" / f"covid_{chest.number}.png", chest.image)
        write_png(folder / "Ground-truths" / f"mask_covid_{chest.number}.png", chest.mask)


def _jsrt(root: Path, chests: Sequence[Chest]) -> None:
    rows, counts = [], {"JPCLN": 0, "JPCNN": 0}
    for chest in chests:
        kind = "JPCLN" if chest.label == COVID else "JPCNN"
        counts[kind] += 1
        name = f"{kind}{counts[kind]:03d}.IMG"
        # Zero is white; big-endian, without header.
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


def _write_dicom(
    path: Path, pixels: np.ndarray, bits: int = 8, shown: str = "MONOCHROME2", patient: str = ""
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    uid = f"1.2.826.0.1.3680043.8.498.{seed_for(0, path.name) % 10**30}"
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = uid
    header.SOPClassUID = ComputedRadiographyImageStorage
    header.Modality, header.BodyPartExamined, header.ViewPosition = "CR", "CHEST", "PA"
    header.PixelSpacing = [0.143, 0.143]
    header.set_pixel_data(pixels, shown, bits, generate_instance_uid=False)
    if patient:
        header.PatientID = patient
    header.save_as(path, enforce_file_format=True)


def _write_rows(path: Path, header: str, rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    text.write(header + "\n")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def _write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content))


# Layout → side in pixels, and the function that writes it.
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
