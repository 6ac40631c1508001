"""Readers of formats without a file at hand: hand-written rows that follow the documentation."""

import json
import re

import cv2
import numpy as np
import pycocotools.mask
import pytest
from PIL import Image, ImageDraw

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import read_json
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.sources.chestx_det import chestx_det
from fidelity.datasets.sources.containers import coco, voc, yolo
from fidelity.datasets.sources.jsrt import jsrt
from fidelity.datasets.sources.ms_cxr import ms_cxr
from fidelity.datasets.sources.nih import nih
from fidelity.datasets.sources.padchest_gr import padchest_gr
from fidelity.datasets.sources.qata import qata
from fidelity.datasets.sources.rsna import rsna
from fidelity.datasets.sources.siim import siim
from fidelity.datasets.sources.vindr import vindr
from fidelity.settings.datasets import Dataset

MS_CXR = """\
category_name,label_text,path,x,y,w,h,image_width,image_height,dicom_id,split
Pneumonia,"left, new",files/p10/p10000032/s50414267/02aa.jpg,100,200,300,400,2544,3056,02aa,val
Pneumonia,"left, new",files/p10/p10000032/s50414267/02aa.jpg,1500,210,10,20,2544,3056,02aa,val
Pleural Effusion,small,files/p10/p10000032/s50414267/02aa.jpg,1,2,3,4,2544,3056,02aa,val
Edema,oedema,files/p19/p19999987/s55368167/58766.jpg,5,6,7,8,2544,3056,58766,test
"""


def test_ms_cxr(tmp_path):
    path = tmp_path / "MS_CXR_Local_Alignment_v1.1.0.csv"
    path.write_text(MS_CXR)
    found = ms_cxr.read_phrases(path)
    assert list(found) == ["02aa", "58766"]
    first = found["02aa"]
    assert (first.patient, first.split, first.boxes.size) == ("10000032", "val", (3056, 2544))
    assert [one.box for one in first.boxes.boxes["Pneumonia"]] == [
        (200, 100, 600, 400),
        (210, 1500, 230, 1510),
    ]
    # Version 1.0 has no splits.
    path.write_text("\n".join(row.rpartition(",")[0] for row in MS_CXR.splitlines()))
    assert ms_cxr.read_phrases(path)["58766"].split == ""


PADCHEST = [
    {
        "StudyID": "2053",
        "ImageID": "2053_k6ga29.png",
        "findings": [
            {"sentence_en": "Normal heart.", "sentence_es": "Corazon normal.", "abnormal": False},
            {
                "sentence_en": "Effusion.",
                "abnormal": True,
                "boxes": [[0.1, 0.5, 0.3, 0.9]],
                "extra_boxes": [[0.11, 0.5, 0.31, 0.9]],
                "labels": ["pleural effusion"],
                "locations": [["right"]],
                "progression": None,
            },
            {"sentence_en": "Nodes.", "abnormal": True, "boxes": [], "labels": ["nodule"]},
        ],
    },
    {"StudyID": "2054", "ImageID": "2054_a.png", "findings": [{"abnormal": False}]},
]


def test_padchest_gr(tmp_path):
    path = tmp_path / "grounded_reports_20240819.json"
    path.write_text(json.dumps(PADCHEST))
    found = padchest_gr.read_reports(path)
    report = found["2053_k6ga29.png"]
    assert report.labels == ("pleural effusion", "nodule")
    assert [(one.box, one.reader) for one in report.boxes.boxes["pleural effusion"]] == [
        ((0.5, 0.1, 0.9, 0.3), ""),
        ((0.5, 0.11, 0.9, 0.31), "extra"),
    ]
    assert found["2054_a.png"].labels == ()
    table = tmp_path / "master_table.csv"
    table.write_text(
        "StudyID,PatientID,label,label_group,split\n2053,7,a,b,validation\n2053,7,c,d,validation\n"
    )
    assert padchest_gr.read_studies(table) == {"2053": ("7", "validation")}


def test_padchest_gr_in_pixels_is_refused(tmp_path):
    path = tmp_path / "grounded_reports_20240819.json"
    finding = {"abnormal": True, "labels": ["mass"], "boxes": [[10, 20, 30, 40]]}
    path.write_text(json.dumps([{"StudyID": "1", "ImageID": "a.png", "findings": [finding]}]))
    with pytest.raises(InputError, match=r"a\.png, finding 1: .* are not fractions of the image"):
        padchest_gr.read_reports(path)


def test_jsrt_rows_that_run_together(tmp_path):
    path = tmp_path / "CLNDAT_EN.txt"
    rows = [
        "JPCLN001.IMG\t5\t15\t53\tMale\t1634\t692\tmalignant\tl.upper lobe\tlung cancer",
        "JPCLN002.IMG\t5\t?\t59\tFemale\t1555\t1016\tbenign\tl.lower lobe\thematoma",
        "JPCLN003.IMG\t1\t21\t?\tMale\t700.5\t800\tmalignant\tr.upper lobe\tlung cancer\r\n",
    ]
    path.write_text("".join(rows))
    nodules = jsrt.read_nodules(path)
    assert [one.image for one in nodules] == ["JPCLN001", "JPCLN002", "JPCLN003"]
    assert nodules[0] == ("JPCLN001", 5, 15.0, (1634, 692), True, "53", "Male")
    assert nodules[1].diameter is None
    assert nodules[2].centre == (700.5, 800)
    mask = read_mask_at(tmp_path, "CLNDAT_EN.txt#JPCLN001/Nodule")
    assert mask.shape == (2048, 2048)
    # 15 mm at 0.175 mm per pixel; the area of the disc.
    assert mask.sum() == pytest.approx(np.pi * (15 / 0.175 / 2) ** 2, rel=0.005)
    rows, columns = np.nonzero(mask)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((692, 1634), abs=0.05)


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        # Kaggle's layout: names occur in both splits, and a tenth of training becomes validation.
        (("QaTa-COV19-v2/{}/Images", "QaTa-COV19-v2/{}/Ground-truths"), ("Train Set", "Test Set")),
        # LViT's division into splits.
        (("{}/img", "{}/labelcol"), ("Train_Folder", "Val_Folder", "Test_Folder")),
    ],
)
def test_qata(tmp_path, folders, splits):
    images, masks = folders
    for place, split in enumerate(splits):
        for number in range(3):
            # The third mask is black: the image was read, and nothing was found.
            mask = Image.new("L", (32, 32))
            if number < 2:
                mask.paste(255, (4 + number, 6, 10, 20))
            for folder, name, picture in (
                (images, f"covid_{number}.png", Image.new("L", (32, 32), 60 + place)),
                (masks, f"mask_covid_{number}.png", mask),
            ):
                path = tmp_path / "QaTa-COV19" / folder.format(split) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                picture.save(path)
    settings = Dataset.chosen(
        {"source": "qata", "root": str(tmp_path), "annotated_classes": ["COVID-19"]}
    )
    cases = {case.case: case for case in qata.find_cases(tmp_path, settings)}
    assert len(cases) == 3 * len(splits)
    assert cases["test_covid_0"].split == "test"
    assert {case.split for case in cases.values()} <= {"train", "val", "test"}
    if len(splits) == 3:
        assert cases["val_covid_1"].split == "val"
    for name, case in cases.items():
        number = int(name[-1])
        assert case.labels == ("COVID-19",)
        assert (case.image.rpartition("/")[2], case.patient) == (f"covid_{number}.png", name)
        mask = np.array(Image.open(tmp_path / case.masks["COVID-19"]))
        assert (mask > 0).sum() == (0 if number == 2 else 14 * (6 - number))


COCO = {
    "images": [{"id": 7, "file_name": "a/x.png", "height": 40, "width": 50}],
    "categories": [{"id": 1, "name": "Nodule/Mass"}, {"id": 2, "name": "Effusion"}],
    "annotations": [
        {"image_id": 7, "category_id": 1, "bbox": [5, 5, 20, 10],
         "segmentation": [[5, 5, 25, 5, 25, 15]]},
        {
            "image_id": 7,
            "category_id": 1,
            "bbox": [0, 0, 1, 40],
            "segmentation": {"size": [40, 50], "counts": [0, 40, 1960]},
        },
        {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "segmentation": []},
    ],
}  # fmt: skip


def test_coco(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(COCO))
    found = coco.read_boxes(path)
    assert found.categories == ["Nodule/Mass", "Effusion"]
    assert found.shaped == {"a/x.png": {"Nodule/Mass"}}
    image = found.images["a/x.png"]
    assert image.size == (40, 50)
    assert image.boxes["Effusion"][0].box == (2, 1, 6, 4)
    # The union of a polygon and run lengths, in a class with "/" in its name.
    mask = read_mask_at(tmp_path, "boxes.json#a/x.png/Nodule/Mass")
    assert mask[:, 0].all()
    assert mask[5:15, 5:25].mean() == pytest.approx(0.5, abs=0.05)
    assert mask.sum() == 40 + mask[5:15, 5:25].sum()


@pytest.mark.parametrize("bbox", [{}, {"bbox": None}, {"bbox": []}])
@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ([[5, 5.5, 25, 5.5, 25, 15]], (5.5, 5, 15, 25)),
        ([[5, 5, 25, 5, 25, 15], [1, 2, 3, 2, 3, 30.25]], (2, 1, 30.25, 25)),
        # The pixels of rows 1 and 2 in column 2, of an image of 40 rows.
        ({"size": [40, 50], "counts": [81, 2, 1917]}, (1, 2, 3, 3)),
    ],
)
def test_coco_without_bbox_takes_the_box_from_the_shape(tmp_path, bbox, shape, box):
    annotation = {"image_id": 7, "category_id": 1, "segmentation": shape, **bbox}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**COCO, "annotations": [annotation]}))
    found = coco.read_boxes(path)
    assert [one.box for one in found.images["a/x.png"].boxes["Nodule/Mass"]] == [box]
    assert found.shaped["a/x.png"] == {"Nodule/Mass"}
    if isinstance(shape, dict):  # pycocotools computes the same
        packed = pycocotools.mask.frPyObjects(shape, 40, 50)
        x, y, width, height = pycocotools.mask.toBbox(packed)
        assert (y, x, y + height, x + width) == box


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, r"'bbox': annotation 1: the annotation has no box, .*Write bbox: \[x, y, width"),
        ({"segmentation": []}, r"'bbox': annotation 1: the annotation has no box"),
        ({"segmentation": [{"size": [40, 50], "counts": [2000]}]}, r"'bbox': annotation 1: "),
        ({"segmentation": "x"}, r"'bbox': annotation 1: "),
        ({"segmentation": {"size": [40, 50], "counts": [2000]}}, r"'bbox': annotation 1: "),
        ({"segmentation": {"size": [40, 50], "counts": [7]}}, r"'segmentation': annotation 1: "),
        ({"segmentation": {"size": [40, 50], "counts": "7"}}, r"'segmentation': annotation 1: "),
        ({"segmentation": [[1, 2, 3]]}, r"'annotation 1': polygon 1 is not a list"),
        ({"segmentation": [[1, 2, 3, 2, 9, 2]]}, r"annotation 1: the box is 8 wide and 0 high"),
    ],
)
def test_coco_without_bbox_and_shape_names_the_key(tmp_path, keys, problem):
    annotation = {"image_id": 7, "category_id": 1, **keys}
    (tmp_path / "a.json").write_text(json.dumps({**COCO, "annotations": [annotation]}))
    with pytest.raises(InputError, match=rf"a\.json[:,] {problem}"):
        coco.read_boxes(tmp_path / "a.json")


def test_coco_run_lengths_with_height_and_width_swapped(tmp_path):
    swapped = {"size": [50, 40], "counts": [0, 50, 1950]}
    annotation = {**COCO["annotations"][1], "segmentation": swapped}
    (tmp_path / "a.json").write_text(json.dumps({**COCO, "annotations": [annotation]}))
    with pytest.raises(InputError, match="height 50 and width 40, .* seem to be swapped"):
        read_mask_at(tmp_path, "a.json#a/x.png/Nodule/Mass")


@pytest.mark.parametrize(
    ("boxes", "noticed"),
    [
        ([[5, 5, 20, 30], [20, 10, 45, 30]], True),
        ([[5, 5, 20, 30], [20, 10, 30.6, 30]], True),  # leaves by more than rounding, as in box_fit
        ([[5, 5, 20, 30], [20, 10, 30.5, 30]], False),
        ([[5, 5, 20, 30], [20, 10, 45, 9]], False),  # as corners, the second is not a box
        ([[5, 5, 20, 30], [5, 10, 40, 20]], False),  # all fit as they are
    ],
)
def test_corners_in_place_of_width_and_height_are_noticed(tmp_path, caplog, boxes, noticed):
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((40, 50), np.uint8))
    image = {**COCO["images"][0], "file_name": "x.png"}
    drawn = [{"image_id": 7, "category_id": 2, "bbox": box} for box in boxes]
    content = {**COCO, "images": [image], "annotations": drawn}
    (tmp_path / "a.json").write_text(json.dumps(content))
    keys = {"source": "coco", "root": str(tmp_path), "annotations": "a.json"}
    keys["annotated_classes"] = ["Effusion"]
    settings = Dataset.chosen({**keys, "boxes_outside": "clip"})
    (case,) = coco.find_cases(tmp_path, settings)
    assert len(case.boxes["Effusion"]) == 2
    problem = "bbox seems to hold corners (x0, y0, x1, y1): 1 of 2 boxes leave their image"
    assert (problem in caplog.text) == noticed
    if noticed:
        with pytest.raises(InputError, match=re.escape(problem)) as error:
            list(coco.find_cases(tmp_path, Dataset.chosen(keys)))
        assert error.value.field == "bbox"


PASCAL = """<annotation><folder>f</folder><filename>x.jpg</filename>
<size><width>50</width><height>40</height><depth>1</depth></size>
<object><name>Mass</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax></bndbox>
</object></annotation>"""
CVAT = """<annotations><image id="0" name="x.jpg" width="50" height="40">
<polygon label="Mass" points="5.0,5.0;25.0,5.0;25.0,15.0"/>
<ellipse label="Nodule" cx="25" cy="20" rx="10" ry="5"/></image></annotations>"""
CVAT_BOX = '<box label="Mass" xtl="30" ytl="20" xbr="40" ybr="36"/>'


def cvat(shapes):
    return f'<annotations><image name="x.jpg" width="50" height="40">{shapes}</image></annotations>'


def test_pascal_voc_and_shapes_of_cvat(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text(PASCAL)
    drawn = voc.read_images(path)["x.jpg"].boxes.boxes["Mass"]
    assert [one.box for one in drawn] == [(2, 1, 22, 11)]
    path.write_text(CVAT)
    assert set(voc.read_images(path)["x.jpg"].shapes) == {"Mass", "Nodule"}
    ellipse = read_mask_at(tmp_path, "x.xml#x.jpg/Nodule")
    # Pillow's ellipse differs only along the outline.
    canvas = Image.new("1", (50, 40))
    ImageDraw.Draw(canvas).ellipse((15, 15, 34, 24), fill=1)
    assert (ellipse ^ np.array(canvas)).sum() <= 12
    assert ellipse.sum() == pytest.approx(np.pi * 50, rel=0.03)


def test_a_class_of_cvat_with_polygons_and_boxes_is_their_union(tmp_path):
    polygon = '<tag label="seen"/><polygon label="Mass" points="5,5;15,5;15,15;5,15"/>'
    cv2.imwrite(str(tmp_path / "x.jpg"), np.zeros((40, 50), np.uint8))
    (tmp_path / "a.xml").write_text(cvat(polygon + CVAT_BOX))
    keys = {"source": "voc", "root": str(tmp_path), "annotated_classes": ["Mass"]}
    (case,) = voc.find_cases(tmp_path, Dataset.chosen(keys))
    mask = read_mask_at(tmp_path, case.masks["Mass"])
    assert mask[20:36, 30:40].all()
    assert mask[5:15, 5:15].all()
    assert mask.sum() == 160 + 100
    assert not case.boxes  # which would be one of two lesions


def test_the_subsets_of_cvat_are_splits(tmp_path):
    subsets = {"a.png": "Train", "b.png": "Validation", "c.png": "test"}
    images = ""
    for name, subset in subsets.items():
        cv2.imwrite(str(tmp_path / name), np.zeros((40, 50), np.uint8))
        images += (
            f'<image name="{name}" subset="{subset}" width="50" height="40">{CVAT_BOX}</image>'
        )
    (tmp_path / "a.xml").write_text(f"<annotations>{images}</annotations>")
    keys = {"source": "voc", "root": str(tmp_path), "annotated_classes": ["Mass"]}
    found = voc.find_cases(tmp_path, Dataset.chosen(keys))
    assert {case.case: case.split for case in found} == {"a": "train", "b": "val", "c": "test"}


def test_a_file_of_cvat_is_parsed_once(tmp_path, monkeypatch):
    """It may hold all images of a data set."""
    cv2.imwrite(str(tmp_path / "x.jpg"), np.zeros((40, 50), np.uint8))
    (tmp_path / "a.xml").write_text(CVAT)
    parsed = []
    monkeypatch.setattr(
        voc, "_parsed", lambda path, parse=voc._parsed: parsed.append(path) or parse(path)
    )
    keys = {"source": "voc", "root": str(tmp_path), "annotated_classes": ["Mass"]}
    (case,) = voc.find_cases(tmp_path, Dataset.chosen(keys))
    assert set(case.masks) == {"Mass", "Nodule"}
    assert len(parsed) == 1


@pytest.mark.parametrize("source", ["yolo", "voc", "coco"])
def test_folders_of_splits_and_notes_as_roboflow_exports_them(tmp_path, source):
    """Random splits would put training images of the user's own classifier into the test split."""
    (tmp_path / "README.dataset.txt").write_text("# chest > v1\n")
    folders = {"train": "train", "valid": "val", "test": "test"}
    images = []
    for folder in folders:
        (tmp_path / folder).mkdir()
        for number in range(4):
            stem = f"{folder}/{folder}{number}"
            cv2.imwrite(str(tmp_path / f"{stem}.png"), np.zeros((40, 50), np.uint8))
            images.append({**COCO["images"][0], "id": len(images), "file_name": f"{stem}.png"})
            if source == "yolo":
                (tmp_path / f"{stem}.txt").write_text("0 .5 .5 .2 .2\n")
            if source == "voc":
                xml = PASCAL.replace("x.jpg", f"{folder}{number}.png")
                (tmp_path / f"{stem}.xml").write_text(xml)
    (tmp_path / "a.json").write_text(json.dumps({**COCO, "images": images, "annotations": []}))
    keys = {
        "yolo": {"names": ["Mass"]},
        "voc": {},
        "coco": {"annotations": "a.json"},
    }[source]
    settings = Dataset.chosen(
        {"source": source, "root": str(tmp_path), "annotated_classes": ["Mass"], **keys}
    )
    reader = {"yolo": yolo, "voc": voc, "coco": coco}[source]
    found = {case.case: case.split for case in reader.find_cases(tmp_path, settings)}
    assert found == {f"{f}{n}": split for f, split in folders.items() for n in range(4)}


def test_the_case_of_the_ending_does_not_matter_in_yolo(tmp_path):
    for folder, file in (("images", "a.png"), ("labels", "a.TXT")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text("0 .5 .5 .2 .2\n")
    keys = {"source": "yolo", "root": str(tmp_path), "annotated_classes": ["Mass"]}
    settings = Dataset.chosen({**keys, "names": ["Mass"]})
    (case,) = yolo.find_cases(tmp_path, settings)
    assert (case.case, case.image) == ("a", "images/a.png")


def yolo_cases(root, file, text):
    (root / file).write_text(text)
    (root / "a.txt").write_text("1 .5 .5 .2 .2\n")
    cv2.imwrite(str(root / "a.png"), np.zeros((40, 50), np.uint8))
    keys = {"source": "yolo", "root": str(root), "annotated_classes": ["Mass"]}
    return list(yolo.find_cases(root, Dataset.chosen(keys)))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "names: [Edema, Mass]\n"),
        ("data.yaml", "names: {1: Mass, 0: Edema}\n"),
        ("dataset.yaml", "names: [7, Mass]\n"),
        ("classes.txt", "Edema\nMass\n\n"),
    ],
)
def test_names_of_yolo_classes(tmp_path, file, text):
    (case,) = yolo_cases(tmp_path, file, text)
    assert case.labels == ("Mass",)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("data.yaml", "names: null\n", "None is not a list of class names"),
        ("data.yaml", "names: []\n", r"\[\] is not a list of class names"),
        ("data.yaml", "names: Mass\n", "'Mass' is not a list of class names"),
        ("data.yaml", "names: [Edema, null, Mass]\n", "class 1 is None and not a name"),
        ("data.yaml", "names: [Edema, No]\n", "class 1 is False and not a name"),
        ("data.yaml", "names: {0: Edema, 2: Mass}\n", "classes are 0, 2, not 0 to 1"),
        ("data.yaml", "names: {1: Edema, 2: Mass}\n", "classes are 1, 2, not 0 to 1"),
        ("data.yaml", "names: {'0': Edema, '1': Mass}\n", "classes are '0', '1', not 0 to 1"),
        ("data.yaml", "names: {0: Edema, 1: {a: 1}}\n", "class 1 is {'a': 1} and not a name"),
        ("data.yaml", "names: [Mass, Edema, Mass]\n", "classes 0 and 2 are both called 'Mass'"),
        ("classes.txt", "Edema\n\nMass\n", "class 1 is '' and not a name"),
        ("obj.names", "Mass\nMass\n", "classes 0 and 1 are both called 'Mass'"),
        ("classes.txt", "", r"\[\] is not a list of class names"),
    ],
)
def test_wrong_names_of_yolo_classes_are_refused(tmp_path, file, text, problem):
    with pytest.raises(InputError, match=f"'names': .*{problem}.*order of their numbers") as error:
        yolo_cases(tmp_path, file, text)
    assert error.value.file == tmp_path / file


def test_an_entity_bomb_is_refused(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>')
    with pytest.raises(InputError, match="cannot be read as XML"):
        voc.read_images(path)


def chestx_det_boxes(path):
    return chestx_det.boxes_of(read_json(path), path)


HEAD = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
RSNA = "patientId,x,y,width,height,Target\n"
VINDR = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
SIIM = "ImageId, EncodedPixels\n"


@pytest.mark.parametrize(
    ("reader", "text", "problem"),
    [
        (nih.read_boxes, HEAD + "a.png,Mass,1,2,0,4,,,\n", "line 2: the box is 0 wide and 4 high"),
        (nih.read_boxes, HEAD + "a.png,Mass,1,2,3,-4,,,\n", "line 2: the box is 3 wide and -4"),
        (nih.read_boxes, HEAD + "a.png,Masss,1,2,3,4,,,\n", "line 2: unknown class 'Masss'"),
        (nih.read_boxes, HEAD + "a.png,Mass,1,2,x,4,,,\n", "line 2: .* is not a box: four"),
        (nih.read_boxes, HEAD + "a.png,Mass,1\n", "line 2 has 3 cells"),
        (rsna.read_boxes, RSNA + "a,1,2,3,4,0\n", "line 2: Target is '0', and the box is given"),
        (rsna.read_boxes, RSNA + "a,,,,,1\n", "line 2: Target is '1', and the box is empty"),
        (rsna.read_boxes, RSNA + "a,1,2,nan,4,1\n", "line 2: .* is not a box: four numbers"),
        (rsna.read_boxes, "patientId,Target\na,1\n", "'x': the column is missing"),
        (vindr.read_boxes, VINDR + "a,Cold,0,R1,1,2,3,4\n", "line 2: unknown class 'Cold'"),
        (vindr.read_boxes, VINDR + "a,ILD,0,R1,1,2,1,4\n", "line 2: the box is 0 wide"),
        (siim.read_runs, SIIM + "a, -1\na, 1 2\n", "line 3: the image 'a' has both -1"),
        (lambda p: yolo.read_boxes(p, ["Mass"]), "1 .5 .5 .1 .1\n", "line 1: the class '1' has"),
        (lambda p: yolo.read_boxes(p, ["Mass"]), "0 .5 .5 .1\n", "line 1: is not 'class x y"),
        (lambda p: yolo.read_boxes(p, ["Mass"]), "0 .1 .1 .5 .1 .5 .5\n", "6 numbers after"),
        (voc.read_images, cvat('<mask label="Mass" rle="0, 4" left="1" top="1" width="2"/>'),
         "x.jpg, mask 1: a shape 'mask' is not read"),
        (voc.read_images, cvat(f'{CVAT_BOX[:-2]} rotation="30"/>'), "x.jpg, box 1: a rotated box"),
        (chestx_det_boxes, '[{"file_name": "a", "syms": ["Mass"], "boxes": []}]', "boxes and"),
        (coco.read_boxes, "{}", "is not a COCO file"),
        (voc.read_images, cvat("").replace("</ann", '<image name="x.jpg"/></ann'), "listed twice"),
        (voc.read_images, "<html/>", "is neither Pascal VOC nor CVAT"),
        (jsrt.read_nodules, "nothing", "lists no image with a name such as JPCLN"),
        (ms_cxr.read_phrases, MS_CXR.replace("p10/p10000032", "x"), "does not contain a patient"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(tmp_path, reader, text, problem):
    path = tmp_path / "annotations"
    path.write_text(text)
    with pytest.raises(InputError, match=problem) as error:
        reader(path)
    assert error.value.file == path
    assert error.value.remedy


def test_rsna_with_semicolons_and_the_mapping_to_patients(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text((RSNA + "a,1,2,3,4,1\nb,,,,,0\n").replace(",", ";"))
    images = rsna.read_boxes(path)
    assert images["a"].boxes["Pneumonia"][0].box == (2, 1, 6, 4)
    assert images["b"].boxes == {}
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps([{"subset_img_id": "a", "img_id": "00000031_005.png"}]))
    assert rsna.read_patients(mapping) == {"a": "31"}
