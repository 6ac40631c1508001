"""Possible mistakes in a user's files are refused, or a warning names them."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import index_cases as index_script
from fidelity.analysis.columns.cases import DATA_WARNINGS
from fidelity.base.errors import InputError
from fidelity.datasets.indexing.index import index_cases
from tests.helpers.entries import dataset
from tests.helpers.small_data import write_image
from tests.helpers.small_dicom import dicom_bytes

SHAPE = (24, 32)
SETTINGS = {
    "table": "t.csv",
    "annotated_classes": ["Nodule"],
    "lung_masks": "none",
    "image_size": 16,
    "near_duplicates": "off",
}
# Case → split and label. Images and masks are named after the case.
CASES = {
    "a": ("train", "Nodule"),
    "b": ("val", "Nodule"),
    "c": ("test", "Nodule"),
    "d": ("test", "Nodule"),
    "e": ("test", "Normal"),
}
Rows = dict[str, dict[str, str]]


def picture(number: int) -> np.ndarray:
    """Draw a radiograph with bright grey values."""
    return np.random.default_rng(number).integers(40, 220, SHAPE).astype(np.uint8)


def blob(number: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[4 : 9 + number, 5:12] = 255
    return mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, (case, (_, label)) in enumerate(CASES.items()):
        write_image(tmp_path / f"{case}.png", picture(number))
        if label == "Nodule":
            write_image(tmp_path / f"{case}-mask.png", blob(number))
    return tmp_path


def rows() -> Rows:
    return {
        case: {
            "case": case,
            "split": split,
            "label": label,
            "image": f"{case}.png",
            "patient": f"P-{case}",
            "mask:Nodule": f"{case}-mask.png" if label == "Nodule" else "",
        }
        for case, (split, label) in CASES.items()
    }


def write_table(root: Path, table: Rows) -> None:
    columns = list(dict.fromkeys(name for row in table.values() for name in row))
    lines = [",".join(row.get(name, "") for name in columns) for row in table.values()]
    (root / "t.csv").write_text("\n".join([",".join(columns), *lines]) + "\n", "utf-8")


def index(root: Path, table: Rows, **changes) -> list[str]:
    write_table(root, table)
    cases, *_ = index_cases(root, dataset("table", {**SETTINGS, **changes}), ["test"])
    return [case.case for case in cases]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    # These tables have few images, so some classes are missing. That is not tested here.
    return [text for text in said if "no image has the class" not in text]


def test_a_sound_table_gives_no_warning(root, caplog):
    assert index(root, rows()) == list("abcde")
    assert warnings(caplog) == []


def _mask_of_another(table: Rows, root: Path) -> None:
    table["d"]["mask:Nodule"] = "c-mask.png"


def _copy_of_a_mask(table: Rows, root: Path) -> None:
    write_image(root / "d-mask.png", blob(2))


def _image_twice(table: Rows, root: Path) -> None:
    table["d"]["image"] = "c.png"


def _mask_of_a_healthy_image(table: Rows, root: Path) -> None:
    table["e"]["mask:Nodule"] = "c-mask.png"


def _boxes_of_a_healthy_image(table: Rows, root: Path) -> None:
    table["e"]["boxes:Nodule"] = "2 2 9 9"


def _lesion_of_the_lungs(table: Rows, root: Path) -> None:
    for case, row in table.items():
        write_image(root / f"{case}-lung.png", blob(9)[:, ::-1] if case == "e" else blob(10))
        row["lung_mask"] = "c-mask.png" if case == "c" else f"{case}-lung.png"


def _one_image_of_two_labels(table: Rows, root: Path) -> None:
    table["d"]["label"] = "Nodule|Normal"


def _no_patients(table: Rows, root: Path) -> None:
    for row in table.values():
        del row["patient"]


def _a_blank_patient(table: Rows, root: Path) -> None:
    table["d"]["patient"] = "NA"


def _colours(table: Rows, root: Path) -> None:
    write_image(root / "d.png", cv2.applyColorMap(picture(3), cv2.COLORMAP_JET))


def _transparency(table: Rows, root: Path) -> None:
    pixels = cv2.cvtColor(picture(3), cv2.COLOR_GRAY2BGRA)
    pixels[:9, :, 3] = 0
    write_image(root / "d.png", pixels)


def _some_of_14_bits(table: Rows, root: Path) -> None:
    for number, case in enumerate(CASES):
        factor = 60 if case in "cd" else 257
        write_image(root / f"{case}.png", picture(number).astype(np.uint16) * factor)


def _dicom_of_14_bits(table: Rows, root: Path, **elements) -> None:
    for number, (case, row) in enumerate(table.items()):
        row["image"] = f"{case}.dcm"
        data = dicom_bytes(picture(number).astype(np.uint16) * 64, 16, **elements)
        (root / row["image"]).write_bytes(data)


def _bits_beyond_those_stored(table: Rows, root: Path) -> None:
    table["d"]["image"] = "d.dcm"
    (root / "d.dcm").write_bytes(dicom_bytes(picture(3).astype(np.uint16) * 16, 10))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            _mask_of_another,
            "2 masks are identical to the mask of a different image .*c-mask.png of the case 'c'",
        ),
        (_copy_of_a_mask, "2 masks .*c-mask.png of the case 'c' and .*d-mask.png of 'd'"),
        (_image_twice, "test: 1 images are copies .*'d' of 'c'"),
        (_mask_of_a_healthy_image, "1 masks or boxes are not used.*case 'e', class 'Nodule'"),
        (_boxes_of_a_healthy_image, "1 masks or boxes are not used.*case 'e', class 'Nodule'"),
        (_one_image_of_two_labels, "1 of 5 images have several .*'d': Nodule|Normal.*multilabel"),
        (_no_patients, "t.csv does not list patients"),
        (_a_blank_patient, "t.csv: 1 rows have no patient .first: line 5"),
        (_colours, "1 files are in colour"),
        (_transparency, "1 files have transparent pixels"),
        (_some_of_14_bits, "2 of 5 16-bit images have no value above 13.* others reach 5"),
        (_dicom_of_14_bits, "none of the 5 DICOM images without a window has a value above 1[34]"),
        (_bits_beyond_those_stored, "1 files are DICOM with values that need more bits"),
    ],
)
def test_a_warning_names_what_looks_like_a_mistake(
    root, caplog, change: Callable[[Rows, Path], None], said
):
    table = rows()
    change(table, root)
    assert index(root, table) == list("abcde")
    (found,) = warnings(caplog)
    assert re.search(said, found), found


def test_columns_of_lungs_and_lesion_that_are_mixed_up(root, caplog):
    table = rows()
    _lesion_of_the_lungs(table, root)
    index(root, table, lung_masks="provided")
    (said,) = [text for text in warnings(caplog) if "lungs and for a class" in text]
    assert said.startswith("1 cases")
    assert "'c'" in said


def with_lungs(root: Path, table: Rows, lungs: np.ndarray) -> dict[str, str]:
    """Give each case its own lung mask."""
    for number, (case, row) in enumerate(table.items()):
        own = lungs.copy()
        own[0, number] = lungs.max()
        write_image(root / f"{case}-lung.png", own)
        row["lung_mask"] = f"{case}-lung.png"
    return {"lung_masks": "provided"}


def test_lung_masks_that_are_empty_or_lie_elsewhere(root, caplog):
    table = rows()
    around = np.zeros(SHAPE, np.uint8)
    around[2:20, 3:16] = 255
    settings = with_lungs(root, table, around)
    index(root, table, **settings)
    # A lesion that fills the lungs is plausible: a severe infection.
    write_image(root / "a-lung.png", blob(0))
    index(root, table, **settings)
    assert warnings(caplog) == []
    write_image(root / "e-lung.png", np.zeros(SHAPE, np.uint8))
    write_image(root / "d-lung.png", around[:, ::-1])
    index(root, table, **settings)
    empty, outside = warnings(caplog)
    assert re.search(r"1 of 5 lung masks are empty .*e-lung\.png", empty)
    assert re.search("class Nodule is completely outside the lungs in 1 of 4 cases.*'d'", outside)
    for case in CASES:
        write_image(root / f"{case}-lung.png", np.zeros(SHAPE, np.uint8))
    with pytest.raises(InputError, match="'lung_masks': all 5 lung masks are empty"):
        index(root, table, **settings)


def test_negatives_among_images(root, caplog):
    table = rows()
    body = cv2.resize(np.array([[0, 9, 0], [4, 1, 5], [0, 9, 2]], np.uint8) * 25, SHAPE[::-1])
    for number, case in enumerate(CASES):
        image = np.clip(body.astype(int) + picture(number) // 8, 0, 255).astype(np.uint8)
        write_image(root / f"{case}.png", 255 - image if case == "d" else image)
    index(root, table, near_duplicates="report")
    (said,) = [text for text in warnings(caplog) if "near-duplicates" not in text]
    assert said.startswith("1 of 5 images look like negatives of the others (first: 'd')")


def test_a_confirmed_large_mask_is_counted(root, caplog):
    for case in "abcd":
        write_image(root / f"{case}-mask.png", 255 - blob("abcd".index(case)))
    index(root, rows(), mask_values={"Nodule": 255})
    assert warnings(caplog) == [
        "4 files are masks over more than half of their image, as mask_values states"
    ]


@pytest.fixture
def files(root) -> list[str]:
    (root / "raw").mkdir()
    (root / "raw" / "data").symlink_to(root)
    return [str(root / name) for name in ("cases.csv", "quarantine.csv", "classes.json")]


def test_warnings_are_kept_for_the_verdict(root, files):
    """Each warning is kept once, with paths below the data set's folder.

    Warnings that have their own table are left out.
    """
    table = rows()
    for case in ("c", "d"):
        table[case]["mask:Nodule"] = "c-mask.png"
    (root / "b.png").write_bytes(b"")
    write_table(root, table)
    settings = dataset("table", SETTINGS | {"strict": False, "max_unusable": 1})
    kept = root / "data_warnings.csv"
    index_script.main(root / "raw", "mine", settings, {}, *files, warnings=kept)
    told = DATA_WARNINGS.read(kept)["warning"].tolist()
    assert [text for text in told if "no image has the class" not in text] == [
        "2 masks are identical to the mask of a different image (first: c-mask.png of the case"
        " 'c' and c-mask.png of 'd'). Check whether each image has its own mask"
    ]


def test_one_class_trains_no_classifier(root, files):
    table = {case: row for case, row in rows().items() if row["label"] == "Nodule"}
    write_table(root, table)
    settings = dataset("table", SETTINGS)
    with pytest.raises(InputError, match="mine.labels': all images have the class 'Nodule'.*two"):
        index_script.main(root / "raw", "mine", settings, {}, *files, trained=True)
    index_script.main(root / "raw", "mine", settings, {}, *files)


def test_columns_of_other_classes_are_listed(root, caplog):
    table = rows()
    table["a"]["mask:Effusion"] = "a-mask.png"
    with caplog.at_level(logging.INFO):
        index(root, table)
    assert "not in annotated_classes: mask:Effusion" in caplog.text


def test_a_confirmed_multilabel_task_gives_no_warning(root, caplog):
    table = rows()
    _one_image_of_two_labels(table, root)
    index(root, table, task="multilabel")
    assert warnings(caplog) == []


def test_a_window_or_percentiles_make_dicom_bright(root, caplog):
    table = rows()
    _dicom_of_14_bits(table, root, WindowCenter=8192, WindowWidth=16384)
    index(root, table)
    assert warnings(caplog) == []


def test_black_masks_of_healthy_images_are_counted(root, caplog):
    table = rows()
    write_image(root / "e-mask.png", np.zeros(SHAPE, np.uint8))
    table["e"]["mask:Nodule"] = "e-mask.png"
    with caplog.at_level(logging.INFO):
        index(root, table)
    assert warnings(caplog) == []
    assert "1 masks without foreground are not used" in caplog.text


def _blank_image(table: Rows, root: Path) -> None:
    write_image(root / "d.png", np.full(SHAPE, 7, np.uint8))


def _mask_for_an_image(table: Rows, root: Path) -> None:
    table["d"]["image"] = "d-mask.png"


def _all_dark(table: Rows, root: Path) -> None:
    for number, case in enumerate(CASES):
        write_image(root / f"{case}.png", picture(number) // 9)


def _all_masks_black(table: Rows, root: Path) -> None:
    for case in "cd":
        write_image(root / f"{case}-mask.png", np.zeros(SHAPE, np.uint8))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_blank_image, r"d\.png: the image has only one grey value\. Export"),
        (_mask_for_an_image, r"d-mask\.png: the image has only two grey values, as a mask"),
        (_all_dark, r"'intensity': none of the 5 8-bit images spans more than 20 of 255"),
        (_all_masks_black, r"'annotated_classes': .*'Nodule' is empty in all 2 cases.*'c'"),
    ],
)
def test_what_cannot_be_a_study_is_refused(root, change: Callable[[Rows, Path], None], said):
    table = rows()
    change(table, root)
    with pytest.raises(InputError, match=said):
        index(root, table, strict=True)


def _joined_by_a_semicolon(table: Rows) -> None:
    table["c"]["label"] = "Nodule;Normal"


def _same_number(table: Rows) -> None:
    table["a"]["patient"], table["c"]["patient"] = "7.0", "007"


def _other_case(table: Rows) -> None:
    table["a"]["patient"], table["c"]["patient"] = "P1", "p1"


def _id_of_another_patient(table: Rows) -> None:
    table["a"]["patient"], table["c"]["patient"] = "c", ""


def _unknown_patients(table: Rows) -> None:
    table["c"]["patient"] = table["d"]["patient"] = "Unknown"


def _python_none(table: Rows) -> None:
    table["e"]["mask:Nodule"] = "None"


def _micrometres(table: Rows) -> None:
    for row in table.values():
        row["spacing_row"] = row["spacing_column"] = "143"


def _no_rows(table: Rows) -> None:
    header = dict(table["a"])
    table.clear()
    table["header"] = dict.fromkeys(header, "")


def _shares(table: Rows) -> None:
    for row in table.values():
        row["boxes:Nodule"] = ".1 .2 .5 .6" if row.pop("mask:Nodule") else ""


def _image_in_capitals(table: Rows) -> None:
    table["c"]["image"] = "C.PNG"


def _image_of_another_ending(table: Rows) -> None:
    table["c"]["image"] = "c.jpg"


def _mask_in_capitals(table: Rows) -> None:
    table["c"]["mask:Nodule"] = "C-Mask.png"


def _shortened_patient(table: Rows) -> None:
    table["c"]["patient"] = "1.23457E+11"


def _shortened_case(table: Rows) -> None:
    table["c"]["case"] = "1.2e+11"


def _no_lungs(table: Rows) -> None:
    table["c"]["lung_mask"] = "none"


def _two_masks(table: Rows) -> None:
    table["c"]["mask:Nodule"] = "c-mask.png;b-mask.png"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_no_lungs, r"'lung_mask': line 4: the lungs of an image are not empty"),
        (_two_masks, r"does not exist\. Unite several masks in one file"),
        (_joined_by_a_semicolon, r"'label': line 4: 'Nodule;Normal' seems to be 2 .*Nodule\|Norm"),
        (
            _same_number,
            r"'patient': line 4: the patient '007' seems to be the same as '7.0' of line 2",
        ),
        (
            _other_case,
            r"'patient': line 4: the patient 'p1' seems to be the same as 'P1' of line 2",
        ),
        (_id_of_another_patient, r"'patient': line 4: .* blank.*'c' is used.*of line 2"),
        (_unknown_patients, r"'patient': line 4: 'Unknown' would count as the name"),
        (_shortened_patient, r"'patient': line 4: '1.23457E\+11' is a long number.*as text"),
        (_shortened_case, r"'case': line 4: '1.2e\+11' is a long number"),
        (_python_none, r"'mask:Nodule': line 6: the meaning of 'None' is unclear\. Write none"),
        (
            _micrometres,
            r"'spacing_row': line 2: 143 x 143 mm is not a possible pixel size\. Give mm",
        ),
        (_no_rows, r"t\.csv: the table lists no image"),
        (_shares, r"a\.png.*is smaller than one pixel.*multiply x by 32 and y by 24"),
        (_image_in_capitals, r"'C\.PNG' does not exist\. Did you mean 'c\.png'\?"),
        (_image_of_another_ending, r"'c\.jpg' does not exist\. Did you mean 'c\.png'\?"),
        (_mask_in_capitals, r"'mask:Nodule'.*does not exist\. Did you mean 'c-mask\.png'\?"),
    ],
)
def test_rows_that_can_be_misread_are_refused(root, change: Callable[[Rows], None], said):
    table = rows()
    change(table)
    with pytest.raises(InputError, match=said):
        index(root, table, strict=True)


@pytest.mark.parametrize("word", ["NA", "nan", "<NA>", "N/A", "NULL"])
def test_what_programs_write_for_no_value_is_blank(root, caplog, word):
    table = rows()
    table["e"] |= {"mask:Nodule": word, "lung_mask": word, "spacing_row": word, "patient": word}
    assert index(root, table) == list("abcde")
    table["d"]["label"] = word
    if word == "NA":  # NA may be the name of a class
        assert index(root, table) == list("abcde")
        assert "the label NA of 1 rows is read as the name of a class" in caplog.text
        return
    with pytest.raises(InputError, match=r"'label': the label is blank in line 5"):
        index(root, table)


def test_accents_may_be_coded_in_two_ways(root):
    table = rows()
    (root / "c.png").rename(root / "Mu\u0308ller.png")
    table["c"]["image"] = "M\u00fcller.png"
    with pytest.raises(InputError, match="The file 'Mu\u0308ller.png' only looks the same"):
        index(root, table, strict=True)
    table["c"]["image"] = "folder"
    (root / "folder").mkdir()
    with pytest.raises(InputError, match="does not exist. It is a folder"):
        index(root, table, strict=True)
