"""A number that is missing, malformed or not finite is refused, with file, place and remedy."""

import json

import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.annotations import box_table, chexmask
from fidelity.datasets.annotations.drawn import read_json
from fidelity.datasets.cases import read_cases
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.sources.chestx_det import chestx_det
from fidelity.datasets.sources.containers import coco, voc, yolo
from fidelity.datasets.sources.jsrt import jsrt
from fidelity.datasets.sources.ms_cxr import ms_cxr
from fidelity.datasets.sources.nih import nih
from fidelity.datasets.sources.padchest_gr import padchest_gr
from fidelity.datasets.sources.rsna import rsna
from fidelity.datasets.sources.vindr import vindr
from fidelity.masks.coco import masks_of

BAD = ["x", "", "1,5", "nan", "inf", "-inf", "1e999"]
CXR = "category_name,label_text,path,x,y,w,h,image_width,image_height,dicom_id,split\n"


def cvat(shape):
    return f'<annotations><image name="x.jpg" width="50" height="40">{shape}</image></annotations>'


def pascal(number):
    corners = f"<xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>{number}</ymax>"
    box = f"<object><name>Mass</name><bndbox>{corners}</bndbox></object>"
    return f"<annotation><filename>x.jpg</filename>{box}</annotation>"


def coco_file(annotation):
    image = {"id": 7, "file_name": "x.jpg", "height": 40, "width": 50}
    drawn = {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], **annotation}
    categories = [{"id": 1, "name": "Mass"}]
    return json.dumps({"images": [image], "categories": categories, "annotations": [drawn]})


def chestx(**changes):
    image = {"file_name": "x.jpg", "syms": ["Mass"], "boxes": [[1, 2, 3, 4]]}
    return json.dumps([{**image, "polygons": [[[1, 2], [9, 2], [9, 8]]], **changes}])


def padchest(box):
    finding = {"abnormal": True, "labels": ["mass"], "boxes": [box]}
    return json.dumps([{"StudyID": "1", "ImageID": "x.jpg", "findings": [finding]}])


def mask_in(reference):
    return lambda path: read_mask_at(path.parent, f"{path.name}#{reference}")


# The name of the file, what reads it, its text for a number as text, and what names the place.
READERS = {
    "voc": ("x.xml", voc.read_images, pascal, "object 1"),
    "cvat box": (
        "x.xml",
        voc.read_images,
        lambda n: cvat(f'<box label="M" xtl="3" ytl="2" xbr="4" ybr="{n}"/>'),
        "x.jpg, box 1",
    ),
    "cvat rotation": (
        "x.xml",
        voc.read_images,
        lambda n: cvat(f'<box label="M" xtl="3" ytl="2" xbr="4" ybr="5" rotation="{n}"/>'),
        "x.jpg, box 1",
    ),
    "cvat polygon": (
        "x.xml",
        voc.read_images,
        lambda n: cvat(f'<polygon label="M" points="5,5;25,5;25,{n}"/>'),
        "x.jpg, polygon 1",
    ),
    "cvat ellipse": (
        "x.xml",
        voc.read_images,
        lambda n: cvat(f'<ellipse label="M" cx="5" cy="6" rx="{n}" ry="4"/>'),
        "x.jpg, ellipse 1",
    ),
    "coco": ("a.json", coco.read_boxes, lambda n: coco_file({"bbox": [1, 2, 3, n]}), "annotation"),
    "coco polygon": (
        "a.json",
        mask_in("x.jpg/Mass"),
        lambda n: coco_file({"segmentation": [[1, 2, 9, 2, 9, n]]}),
        "x.jpg/Mass",
    ),
    "masks in coco": (
        "a.json",
        lambda path: masks_of(read_json(path), path, 0),
        lambda n: coco_file({"segmentation": [[1, 2, 9, 2, 9, n]]}),
        "annotations 0",
    ),
    "chestx-det": (
        "a.json",
        lambda path: chestx_det.boxes_of(read_json(path), path),
        lambda n: chestx(boxes=[[1, 2, 3, n]]),
        "x.jpg, instance 1",
    ),
    "chestx-det polygon": (
        "a.json",
        mask_in("x.jpg/Mass"),
        lambda n: chestx(polygons=[[[1, 2], [9, 2], [9, n]]]),
        "x.jpg/Mass",
    ),
    "chexlocalize polygon": (
        "a.json",
        mask_in("x/Mass"),
        lambda n: json.dumps({"x": {"img_size": [40, 50], "Mass": [[[1, 2], [9, 2], [9, n]]]}}),
        "x/Mass",
    ),
    "padchest-gr": (
        "a.json",
        padchest_gr.read_reports,
        lambda n: padchest([0.1, 0.2, 0.3, n]),
        "x.jpg, finding 1",
    ),
    "yolo": (
        "x.txt",
        lambda path: yolo.read_boxes(path, ["Mass"]),
        lambda n: f"0 .5 .5 .2 {n}\n",
        "line 1",
    ),
    "table of boxes": (
        "boxes.csv",
        box_table.read_boxes,
        lambda n: f'case,class,x0,y0,x1,y1\na,Mass,1,2,3,"{n}"\n',
        "line 2",
    ),
    "size in a table of boxes": (
        "boxes.csv",
        box_table.read_boxes,
        lambda n: f'case,class,x0,y0,x1,y1,height,width\na,Mass,1,2,3,4,9,"{n or "x"}"\n',
        "line 2",
    ),
    "case table": (
        "cases.csv",
        read_cases,
        lambda n: f"case,split,label,image,boxes:Mass\na,test,Mass,a.png,1 2 3 {n}\n",
        "line 2",
    ),
    "rsna": (
        "a.csv",
        rsna.read_boxes,
        lambda n: f'patientId,x,y,width,height,Target\na,1,2,3,"{n}",1\n',
        "line 2",
    ),
    "vindr": (
        "a.csv",
        vindr.read_boxes,
        lambda n: f'image_id,class_name,x_min,y_min,x_max,y_max\na,ILD,1,2,3,"{n}"\n',
        "line 2",
    ),
    "nih": (
        "a.csv",
        nih.read_boxes,
        lambda n: f'Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,1,2,3,"{n}",,,\n',
        "line 2",
    ),
    "ms-cxr": (
        "a.csv",
        ms_cxr.read_phrases,
        lambda n: f'{CXR}Pneumonia,a,files/p10/p10000032/s5/a.jpg,1,2,3,"{n}",50,40,a,val\n',
        "line 2",
    ),
    "size in ms-cxr": (
        "a.csv",
        ms_cxr.read_phrases,
        lambda n: f'{CXR}Pneumonia,a,files/p10/p10000032/s5/a.jpg,1,2,3,4,50,"{n}",a,val\n',
        "line 2",
    ),
    "jsrt": (
        "CLNDAT_EN.txt",
        jsrt.read_nodules,
        lambda n: f"JPCLN001.IMG\t5\t15\t53\tMale\t1634\t{n or 'x'}\tmalignant\tleft\tcancer",
        "JPCLN001",
    ),
    "size in chexmask": (
        "masks.csv",
        lambda path: chexmask.Entries(path)["a.png"],
        lambda n: f'ImageID,Left Lung,Right Lung,Height,Width\na.png,1 2,5 2,40,"{n or "x"}"\n',
        "a.png",
    ),
}
JSON = {name for name, (file, *_) in READERS.items() if file.endswith(".json")}


@pytest.mark.parametrize("number", BAD)
@pytest.mark.parametrize("name", READERS)
def test_a_bad_number_is_refused(tmp_path, name, number):
    file, read, text_of, place = READERS[name]
    path = tmp_path / file
    path.write_text(text_of(number))
    if name in JSON and number in ("nan", "inf", "-inf"):
        # As a number: Python's JSON has them.
        path.write_text(text_of(float(number)))
    with pytest.raises(InputError) as error:
        read(path)
    assert error.value.file == path
    assert error.value.remedy
    assert place in f"{error.value.field} {error.value.problem}"


@pytest.mark.parametrize(
    "polygon",
    [
        [1, 2, 9, 2, 9],  # odd
        [1, 2, 9, 2, 9, 8, 1],
        [1, 2, 9, 2],  # pycocotools reads it as a box
        [],
        [1, 2, 9, 2, 9, None],
        [1, 2, 9, 2, 9, 1e9],  # would need gigabytes
        [[1, 2], [9, 2], [9, 8]],
        5,
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_polygons_that_would_end_the_process_or_be_misread_are_refused(tmp_path, polygon, place):
    whole = [1, 2, 9, 2, 9, 8]
    path = tmp_path / "a.json"
    path.write_text(coco_file({"segmentation": [whole, polygon] if place else [polygon]}))
    with pytest.raises(InputError, match=f"polygon {place + 1} is not a list x1, y1") as error:
        read_mask_at(tmp_path, "a.json#x.jpg/Mass")
    assert error.value.file == path
    with pytest.raises(InputError, match=f"polygon {place + 1} is not a list x1, y1"):
        masks_of(read_json(path), path, 0)


@pytest.mark.parametrize("points", ["", "5,5", "5,5;25,5", "5,5;25,5;25", "5,5;25,5;25,5,1", "5"])
def test_polygons_of_cvat_need_three_points_of_two_numbers(tmp_path, points):
    path = tmp_path / "x.xml"
    path.write_text(cvat(f'<polygon label="M" points="{points}"/>'))
    with pytest.raises(InputError, match="x.jpg, polygon 1: points is not a list x,y;x,y;…"):
        voc.read_images(path)


@pytest.mark.parametrize("radii", ['rx="0" ry="4"', 'rx="-1" ry="4"', 'ry="4"'])
def test_ellipses_of_cvat_need_a_size(tmp_path, radii):
    (tmp_path / "x.xml").write_text(cvat(f'<ellipse label="M" cx="5" cy="6" {radii}/>'))
    with pytest.raises(InputError, match="x.jpg, ellipse 1: .* with rx and ry above 0"):
        voc.read_images(tmp_path / "x.xml")


@pytest.mark.parametrize("polygon", [5, [5], [[1, 2, 3]], [[1, 2], "x"]])
def test_polygons_of_chestx_det_are_lists_of_points(tmp_path, polygon):
    (tmp_path / "a.json").write_text(chestx(polygons=[polygon]))
    with pytest.raises(InputError, match=r"x.jpg, instance 1: .* not a list of points \[x, y\]"):
        read_mask_at(tmp_path, "a.json#x.jpg/Mass")


@pytest.mark.parametrize("polygons", [None, [], 5, [[[1, 2], [9, 2], [9, 8]]] * 2])
def test_each_instance_of_chestx_det_has_a_polygon_if_another_image_has_some(tmp_path, polygons):
    images = json.loads(chestx()) + json.loads(chestx(file_name="y.jpg", polygons=polygons))
    (tmp_path / "a.json").write_text(json.dumps(images))
    with pytest.raises(InputError) as error:
        read_mask_at(tmp_path, "a.json#x.jpg/Mass")
    assert error.value.file == tmp_path / "a.json"


def test_a_text_is_no_box(tmp_path):
    (tmp_path / "a.json").write_text(coco_file({"bbox": "1234"}))
    with pytest.raises(InputError, match="'1234' is not a box: four numbers are required"):
        coco.read_boxes(tmp_path / "a.json")
