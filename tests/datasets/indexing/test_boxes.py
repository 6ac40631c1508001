"""References as boxes and `none`, from a case table to prepared shards; also bad boxes."""

import logging

import cv2
import numpy as np
import pandas as pd
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import Drawn
from fidelity.datasets.cases import read_cases, write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import PreparedShard, write_prepared
from fidelity.datasets.readers.consensus import agreed_boxes
from fidelity.masks.boxes import box_of
from fidelity.masks.run_lengths import decode
from fidelity.settings.datasets import Dataset

SIDE = 40
THREE = ["R1", "R2", "R3"]


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "d"):
        image = rng.integers(0, 255, (SIDE, SIDE), np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[5:10, 5:10] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    return tmp_path


def entry(root, **keys):
    given = {
        "source": "table",
        "root": str(root),
        "table": "cases.csv",
        "lung_masks": "none",
        "task": "multilabel",
        "annotated_classes": ["Mass"],
        "image_size": 16,
        "near_duplicates": "off",
    }
    return Dataset.chosen(given | keys)


def write(root, rows, **more):
    head = {"split": "test", "label": "Mass"}
    names = [{"case": n, "image": f"{n}.png"} for n in "abcd"]
    table = [{**name, **head, **row} for name, row in zip(names, rows, strict=False)]
    pd.DataFrame(table).to_csv(root / "cases.csv", index=False)
    for name, text in more.items():
        (root / f"{name}.csv").write_text(text)


def test_kinds_of_references_from_table_to_shard(root, tmp_path):
    write(
        root,
        [
            {"boxes:Mass": "1 2 11 22; 20.5 20 30 30"},
            {"boxes:Mass": "none", "label": ""},
            {"mask:Mass": "mask.png", "boxes:Mass": "1 1 3 3"},
            {"mask:Mass": "none", "label": ""},
        ],
    )
    cases, *_ = index_cases(root, entry(root))
    assert cases[0].boxes == {"Mass": ((2, 1, 22, 11), (20, 20.5, 30, 30))}
    assert cases[1].boxes == {"Mass": ()}
    # The case table has the same boxes after it is written and read.
    write_cases(tmp_path / "again.csv", cases)
    assert read_cases(tmp_path / "again.csv") == cases
    prepared = list(prepare_cases(cases, root, entry(root)))
    write_prepared(tmp_path / "s.h5", prepared, {"image_size": 16, "classes": ["Mass"]})
    with PreparedShard(tmp_path / "s.h5") as shard:
        kept = list(shard)
    assert [case.reference_kind("Mass") for case in kept] == ["box", "box", "mask", "mask"]
    assert [case.reference_boxes.get("Mass") for case in kept] == [
        ((2, 1, 22, 11), (20, 20.5, 30, 30)), (), ((1, 1, 3, 3),), None,
    ]  # fmt: skip
    masks = [decode(case.references["Mass"]) for case in kept]
    assert box_of(masks[0]) == (2, 1, 30, 30)
    assert [mask.sum() for mask in masks[1:]] == [0, 25, 0]
    # Without empty references, only drawn references are scored.
    few, *_ = index_cases(root, entry(root, empty_references=False))
    assert [bool(case.annotated) for case in few] == [True, False, True, False]


def test_a_labelled_image_without_a_finding_counts_as_annotated(root):
    write(root, [{"mask:Mass": "mask.png"}, {"mask:Mass": "none"}])
    for empty in (True, False):
        cases, left_out, *_ = index_cases(root, entry(root, empty_references=empty))
        assert [bool(case.annotated) for case in cases] == [True, empty]
        assert not left_out


def test_a_shard_without_boxes_is_read_as_before(root, tmp_path, monkeypatch):
    write(root, [{"mask:Mass": "mask.png"}])
    cases = index_cases(root, entry(root))[0]
    (case,) = prepare_cases(cases, root, entry(root))
    write_prepared(tmp_path / "s.h5", [case], {"image_size": 16, "classes": ["Mass"]})
    from fidelity.datasets import prepared

    former = prepared._case

    def without(record, *pixels):
        for key in ("reference_boxes", "filled"):
            del record[key]
        return former(record, *pixels)

    monkeypatch.setattr(prepared, "_case", without)
    with PreparedShard(tmp_path / "s.h5") as shard:
        (read,) = shard
    assert (read.reference_boxes, read.reference_kind("Mass")) == ({}, "mask")


def test_a_box_that_is_listed_twice_is_reported(root, caplog):
    write(root, [{"boxes:Mass": "1 2 11 22; 3 4 9 9"}])
    index_cases(root, entry(root))
    assert "more than once" not in caplog.text
    write(root, [{"boxes:Mass": "1 2 11 22; 1 2 11 22"}])
    index_cases(root, entry(root))
    assert "1 files have a box more than once" in caplog.text


def test_the_digest_follows_the_boxes(root):
    write(root, [{"boxes:Mass": "1 2 11 22"}])
    before = index_cases(root, entry(root))[0][0].digest
    write(root, [{"boxes:Mass": "1 2 11 23"}])
    assert index_cases(root, entry(root))[0][0].digest != before


def test_a_box_outside_the_image_is_refused_or_clipped(root, caplog):
    write(root, [{}], boxes="case,class,x,y,width,height\na,Mass,30,30,20,5\n")
    with pytest.raises(
        InputError,
        match=r"a\.png, 'boxes_outside': boxes\.csv, line 2: the box 30 30 50 35 .* of 'Mass'"
        r" extends beyond the image, which has 40 x 40 pixels\. Correct the row, or use images",
    ):
        index_cases(root, entry(root, boxes="boxes.csv"))
    with caplog.at_level(logging.WARNING):
        (case,) = index_cases(root, entry(root, boxes="boxes.csv", boxes_outside="clip"))[0]
    assert case.boxes["Mass"] == ((30, 30, 35, 40),)
    assert "1 files have boxes that leave the image" in caplog.text
    # A box that leaves the image only by rounding does not stop the run.
    write(root, [{}], boxes="case,class,x,y,width,height\na,Mass,30,30,10.4,5\n")
    (case,) = index_cases(root, entry(root, boxes="boxes.csv"))[0]
    assert case.boxes["Mass"] == ((30, 30, 35, 40),)
    # Clipping would leave nothing of this box.
    write(root, [{}], boxes="case,class,x,y,width,height\na,Mass,50,50,10,5\n")
    with pytest.raises(InputError, match="line 2: the box 50 50 60 55"):
        index_cases(root, entry(root, boxes="boxes.csv", boxes_outside="clip"))


def test_boxes_of_a_resized_copy_are_scaled_and_reported(root, caplog):
    sized = "case,class,x0,y0,x1,y1,width,height\na,Mass,10,20,30,40,{},{}\n"
    write(root, [{}], boxes=sized.format(80, 80))
    with caplog.at_level(logging.WARNING):
        (case,) = index_cases(root, entry(root, boxes="boxes.csv"))[0]
    assert case.boxes["Mass"] == ((10, 5, 20, 15),)
    assert "1 files have boxes in pixels of another size" in caplog.text
    write(root, [{}], boxes=sized.format(80, 60))
    with pytest.raises(InputError, match="an image of 80 x 60 pixels, but the file has 40 x 40"):
        index_cases(root, entry(root, boxes="boxes.csv"))


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [
        ("case,class,x,y,width,height\na,Mass,1,1,0,5\n", "line 2: the box is 0 wide and 5 high"),
        ("case,class,x0,y0,x1,y1\na,Mass,9,1,3,5\n", "line 2: the box is -6 wide and 4 high"),
        ("case,class,x1,y1,x2,y2\nz,Mass,1,1,3,5\n", "line 2: there is no case 'z' in cases.csv"),
        ("case,class,x1,y1\na,Mass,1,1\n", "has no columns of boxes"),
        ("case,class,x0,y0,x1,y1\na,,1,1,3,5\n", "line 2: the box has no class"),
        ("case,class,x0,y0,x1,y1\na,Mass,1,1,,5\n", "line 2: .* is not a box: four numbers"),
    ],
)
def test_bad_rows_of_a_table_of_boxes(root, boxes, problem):
    write(root, [{}], boxes=boxes)
    with pytest.raises(InputError, match=problem) as error:
        index_cases(root, entry(root, boxes="boxes.csv"))
    assert error.value.file == root / "boxes.csv"
    assert error.value.remedy


@pytest.mark.parametrize("cell", ["1 2 3", "1 2 1 5", "a b c d", "1 2 inf 4"])
def test_bad_cells_of_boxes(root, cell):
    write(root, [{"boxes:Mass": cell}])
    with pytest.raises(
        InputError, match=r"boxes:Mass, line 2.*is not a box of four numbers with width"
    ):
        index_cases(root, entry(root))


def test_a_row_without_coordinates_was_read_for_the_class_or_for_all(root):
    rows = "case,class,x0,y0,x1,y1\na,Mass,1,1,3,5\nb,,,,,\nc,Mass,,,,\nc,Nodule,1,1,2,2\n"
    write(root, [{}, {"label": ""}, {"label": "Nodule"}, {}], boxes=rows)
    keys = {"annotated_classes": ["Mass", "Nodule"], "max_unusable": 1}
    with pytest.raises(InputError, match="the case 'd' of the annotated class 'Mass' has neither"):
        index_cases(root, entry(root, boxes="boxes.csv", **keys))
    rows += "d,Mass,2,2,5,5\n"
    write(root, [{}, {"label": ""}, {"label": "Nodule"}, {}], boxes=rows)
    cases, *_ = index_cases(root, entry(root, boxes="boxes.csv", **keys))
    assert [{k: len(v) for k, v in case.boxes.items()} for case in cases] == [
        {"Mass": 1}, {"Mass": 0, "Nodule": 0}, {"Mass": 0, "Nodule": 1}, {"Mass": 1},
    ]  # fmt: skip


def test_images_without_a_row_and_rows_without_an_image(root, caplog):
    for name in ("a", "b"):
        (root / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "c.png").unlink()
    (root / "gone.txt").write_text("")
    keys = {"source": "yolo", "root": str(root), "names": ["Mass"], "annotated_classes": ["Mass"]}
    settings = Dataset.chosen({**keys, "image_size": 16, "near_duplicates": "off"})
    with caplog.at_level(logging.WARNING):
        cases, (left_out,), *_ = index_cases(root, settings)
    assert {case.case for case in cases} == {"a", "b"}
    assert "2 images have no row in a text file of their name" in caplog.text
    assert left_out.reason.startswith("gone.txt, whole file: the image 'gone.png' does not exist")


def test_two_images_of_one_name_are_named(root):
    (root / "labels").mkdir()
    (root / "more").mkdir()
    (root / "labels" / "b.txt").write_text("")
    (root / "more" / "b.jpg").write_bytes((root / "b.png").read_bytes())
    (root / "b.png").rename(root / "b.jpg")
    keys = {"source": "yolo", "root": str(root), "names": ["Mass"], "annotated_classes": ["Mass"]}
    with pytest.raises(InputError, match=r"several files are called 'b\.png': b\.jpg and more/b"):
        index_cases(root, Dataset.chosen({**keys, "image_size": 16}))


def test_unknown_classes_are_refused_with_the_nearest_name():
    keys = {"source": "nih", "root": "x", "annotated_classes": ["Infiltraton"]}
    with pytest.raises(
        InputError, match="no reference masks or boxes of 'Infiltraton'.*'Infiltration'"
    ):
        Dataset.chosen(keys)
    assert Dataset.chosen(keys | {"annotated_classes": ["infiltrate"]}).annotated_classes == [
        "Infiltration"
    ]


def test_majority_of_readers():
    first, second = Drawn((0, 0, 10, 10), "p", "R1"), Drawn((2, 0, 12, 10), "p", "R2")
    alone, third = Drawn((30, 30, 35, 35), "p", "R3"), Drawn((4, 0, 14, 10), "p", "R3")
    assert agreed_boxes([first, alone], THREE, "majority") == []
    (found,) = agreed_boxes([first, alone, second, third], THREE, "majority")
    assert found.box == (2, 0, 12, 10)
    # Two boxes of the same reader are not a majority.
    assert agreed_boxes([first, replace_reader(second, "R1")], THREE, "majority") == []


def replace_reader(drawn, reader):
    return drawn._replace(reader=reader)


def test_the_spacing_of_a_table_is_of_the_image_not_of_what_boxes_were_drawn_on(root):
    write(
        root,
        [{"spacing_row": 0.2, "spacing_column": 0.3}],
        boxes="case,class,x0,y0,x1,y1,width,height\na,Mass,20,20,40,40,80,80\n",
    )
    (case,), *_ = index_cases(root, entry(root, boxes="boxes.csv"))
    assert case.boxes == {"Mass": ((10, 10, 20, 20),)}
    assert case.spacing == (0.2, 0.3)
    assert case.spacing_from == "table"
