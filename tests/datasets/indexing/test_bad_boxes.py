"""Bad input with boxes: each message is one sentence with the file, the row and the fix."""

import logging
import re

import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.indexing.index import index_cases
from fidelity.settings.datasets import Dataset
from tests.datasets.indexing.test_boxes import entry, root, write  # noqa: F401

CORNERS = "case,class,x0,y0,x1,y1\n"
SIDES = "case,class,x,y,width,height\n"
CASES = [{}, {"case": "b"}]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        pytest.param(
            SIDES + "a,Mass,30,30,20,5\nb,Mass,1,1,5,5\n",
            "{root}/a.png, 'boxes_outside': boxes.csv, line 2: the box 30 30 50 35 (x0 y0 x1 y1) of"
            " 'Mass' extends beyond the image, which has 40 x 40 pixels. Correct the row, or use"
            " images of the size that the boxes were drawn on. To cut the box, set boxes_outside:"
            " clip (a box completely outside is always an error)",
            id="outside",
        ),
        pytest.param(
            SIDES + "b,Mass,1,1,5,5\na,Mass,3,3,-2,5\n",
            "{root}/boxes.csv: line 3: the box is -2 wide and 5 high. Correct the row so that width"
            " and height are above 0, or remove the row",
            id="negative",
        ),
        pytest.param(
            CORNERS.strip() + ",width,height\na,Mass,.1,.2,.5,.6,80,80\nb,Mass,1,1,5,5,80,80\n",
            "{root}/a.png, 'boxes of a': the box 0.1 0.2 0.5 0.6 (x0 y0 x1 y1) of 'Mass' is"
            " smaller than one pixel. Its numbers seem to be fractions of width and height. Write"
            " pixels: multiply x by 80 and y by 80",
            id="shares",
        ),
        pytest.param(
            CORNERS + "a,Mass,3,3,3,5\n",
            "{root}/boxes.csv: line 2: the box is 0 wide and 2 high. Correct the row so that width"
            " and height are above 0, or remove the row",
            id="zero",
        ),
        pytest.param(
            CORNERS + "a,Masss,1,1,5,5\n",
            "{root}/boxes.csv, 'class': line 2: unknown class 'Masss'. Did you mean 'Mass'?"
            " Annotated classes: Mass",
            id="unknown class",
        ),
        pytest.param(
            CORNERS + "a,Mass,1,1,5,5\n",
            "{root}/b.png, 'annotated_classes': cases.csv, line 3: the case 'b' of the annotated"
            " class 'Mass' has neither a reference mask nor boxes. Add one of them. If the"
            " image does not show the class, add a black mask, or write none in the cell of a"
            " table. Or remove the class from annotated_classes",
            id="image without a row",
        ),
        pytest.param(
            CORNERS + "a,Mass,1,1,5,5\nb,Mass,1,1,5,5\nz,Mass,1,1,5,5\n",
            "{root}/boxes.csv, 'case': line 4: there is no case 'z' in cases.csv. Add the case to"
            " the table, or remove its boxes",
            id="row without an image",
        ),
        pytest.param(
            CORNERS + "a,Mass,1,1,5,5\nb,Mass,1,1,5,5\na.png,Mass,7,7,9,9\n",
            "{root}/boxes.csv, 'case': line 4: 'a.png' is the case of line 2, 'a', written in"
            " another way. Write each case in one way",
            id="two names of a case",
        ),
        pytest.param(
            "case,class,x0,y0,x1,y1,width,height\na,Mass,1,2,5,6,80,60\nb,Mass,1,1,5,5,,\n",
            "{root}/a.png, 'boxes of a': the boxes are for an image of 80 x 60 pixels, but the file"
            " has 40 x 40: the aspect ratios differ. Use the images that the boxes were drawn on,"
            " or copies resized without cropping or padding",
            id="another shape",
        ),
    ],
)
def test_bad_boxes_of_a_table(root, boxes, message):  # noqa: F811
    write(root, CASES, boxes=boxes)
    with pytest.raises(InputError) as error:
        index_cases(root, entry(root, boxes="boxes.csv"))
    assert str(error.value) == message.format(root=root)


def test_a_name_of_two_images(root):  # noqa: F811
    """Two clinics name their files alike: boxes of one would be those of the other."""
    for clinic, name in (("east", "a"), ("west", "b")):
        (root / clinic).mkdir()
        (root / clinic / "1.png").write_bytes((root / f"{name}.png").read_bytes())
    rows = [{"case": "e", "image": "east/1.png"}, {"case": "w", "image": "west/1.png", "label": ""}]
    write(root, rows, boxes=CORNERS + "1.png,Mass,1,1,5,5\n")
    with pytest.raises(InputError) as error:
        index_cases(root, entry(root, boxes="boxes.csv"))
    assert str(error.value) == (
        f"{root}/boxes.csv, 'case': line 2: '1.png' is the name of 2 images (cases 'e' and 'w')."
        " Write the case id instead"
    )
    rows[1]["image"] = "west/2.png"
    (root / "west" / "1.png").rename(root / "west" / "2.png")
    write(root, rows)
    cases, *_ = index_cases(root, entry(root, boxes="boxes.csv"))
    assert [case.case for case in cases if case.boxes] == ["e"]


def test_boxes_in_both_tables(root):  # noqa: F811
    write(root, [{"boxes:Mass": "1 1 9 9"}], boxes=CORNERS + "a,Mass,1,1,5,5\n")
    with pytest.raises(InputError, match="line 2: cases.csv has boxes of the case 'a', too"):
        index_cases(root, entry(root, boxes="boxes.csv"))


def test_a_row_of_cases_without_its_image(root, caplog):  # noqa: F811
    (root / "b.png").unlink()
    write(root, CASES, boxes=CORNERS + "a,Mass,1,1,5,5\nb,Mass,1,1,5,5\n")
    _, (left_out,), *_ = index_cases(root, entry(root, boxes="boxes.csv"))
    assert left_out.reason == (
        "cases.csv, line 3: the image 'b.png' does not exist. Add the image, or remove the row"
    )
    # Except for numbers and names, all such rows have one cause.
    assert left_out.cause == "cases.csv, line …: the image does not exist"


def yolo(root, **keys):  # noqa: F811
    given = {"source": "yolo", "root": str(root), "names": ["Mass"], "annotated_classes": ["Mass"]}
    return Dataset.chosen({**given, "image_size": 16, "near_duplicates": "off", **keys})


def test_several_patients_of_one_name(root):  # noqa: F811
    """Two clinics use the same patient numbers, so one name would mean two images."""
    for clinic in ("east", "west"):
        (root / clinic).mkdir()
        (root / clinic / "p1.png").write_bytes((root / "a.png").read_bytes())
        (root / clinic / "p1.txt").write_text("0 .5 .5 .2 .2\n")
    with pytest.raises(InputError) as error:
        index_cases(root, yolo(root))
    assert str(error.value) == (
        "east/p1.png, 'case': the case id 'p1' is used for 2 images (also west/p1.png). Give every"
        " image its own id"
    )


def test_a_pattern_of_patients_that_fits_no_name_is_reported(root, caplog):  # noqa: F811
    for name in "ab":
        (root / f"{name}.txt").write_text("0 .5 .5 .2 .2\n")
    with caplog.at_level(logging.WARNING):
        cases, *_ = index_cases(root, yolo(root, patient="^(p[0-9]+)_"))
    assert {case.patient for case in cases} == {"a", "b"}
    assert re.search(
        r"'patient' .* does not match the names of 2 images, the first: a", caplog.text
    )
