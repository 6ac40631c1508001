from pathlib import Path

import cv2
import numpy as np
import pytest

import index_cases as index_script
from fidelity.base.errors import InputError
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_case
from fidelity.datasets.sources.table.table import find_cases
from fidelity.masks.run_lengths import decode
from tests.helpers.entries import dataset
from tests.helpers.small_data import write_image

GREY = np.random.default_rng(2).integers(0, 256, (24, 36), np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write three image formats, one 16-bit image, and one mask at half the image's resolution."""
    write_image(tmp_path / "a.png", GREY)
    write_image(tmp_path / "b.jpg", GREY)
    write_image(tmp_path / "sub/c.tif", GREY.astype(np.uint16) * 16)
    mask = np.zeros((12, 18), np.uint8)
    mask[3:6, 4:10] = 1
    write_image(tmp_path / "m.png", mask)
    (tmp_path / "t.csv").write_text(
        "case,split,label,image,mask:Nodule,patient\n"
        "a,train,Nodule,a.png,m.png,p1\nb,validation,,b.jpg,,p2\n"
        "c,test,Nodule|Effusion,sub/c.tif,m.png,p3\n"
    )
    return tmp_path


SETTINGS = {
    "table": "t.csv",
    "annotated_classes": ["Nodule"],
    "lung_masks": "none",
    "image_size": 12,
    "task": "multilabel",
    "duplicates": "keep",
    "intensity": "percentile",
    "intensity_percentiles": [0, 100],
    "labels": {},
}


def test_a_table_of_several_formats_and_labels(root):
    cases, quarantine, classes, *_ = index_cases(root, dataset("table", SETTINGS))
    assert [(case.case, case.patient, case.split) for case in cases] == [
        ("a", "p1", "train"),
        ("b", "p2", "val"),
        ("c", "p3", "test"),
    ]
    assert not quarantine
    assert classes["classes"] == ["Nodule", "Effusion"]
    assert classes["task"] == "multilabel"
    assert [(case.width, case.height) for case in cases] == [(36, 24)] * 3


def test_a_mask_of_half_the_resolution_is_brought_to_the_native_size(root):
    for case in index_cases(root, dataset("table", SETTINGS))[0][::2]:
        prepared = prepare_case(case, root, dataset("table", SETTINGS))
        reference = decode(prepared.references["Nodule"])
        expected = np.zeros((24, 36), bool)
        expected[6:12, 8:20] = True
        np.testing.assert_array_equal(reference, expected)
        assert prepared.native_size == (24, 36)


def test_16_bit_prepares_like_8_bit_of_the_same_range(root):
    deep = {case.case: case for case in index_cases(root, dataset("table", SETTINGS))[0]}["c"]
    low, high = int(GREY.min()), int(GREY.max())
    stretched = ((GREY - low) * (255.0 / (high - low))).astype(np.float32)
    expected = cv2.resize(stretched, (12, 12), interpolation=cv2.INTER_AREA)
    image = prepare_case(deep, root, dataset("table", SETTINGS)).image
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.rint(expected))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("case,split,label,image,pateint", "'pateint'.*Did you mean 'patient'"),
        ("case,split,label,image,mask:", "unknown column"),
        ("case,split,label,image,image", "'image'.*appears twice"),
        ("case,split,label,image,Image ", "'image'.*appears twice"),
        ("case,split,image", "'label'.*is missing"),
        ("case;split;x,label,image", "commas or semicolons.*Save the table"),
        ("case,split,label,image,mask:Nodule,Patient-ID", "'Patient-ID': unknown.*'patient'"),
        ("case,split,label,image,mask:Nodule,masks Effusion", "unknown column"),
    ],
)
def test_bad_columns_are_named(root, header, said):
    (root / "t.csv").write_text(header + "\n")
    with pytest.raises(InputError, match=said) as error:
        list(find_cases(root, dataset("table", SETTINGS)))
    assert "t.csv" in str(error.value)


def test_missing_table_and_root_are_named(root):
    with pytest.raises(InputError, match=r"u.csv, 'table': the table does not exist.*Set 'table'"):
        list(find_cases(root, dataset("table", {"table": "u.csv"})))
    with pytest.raises(InputError, match="'root'.*Set 'root'"):
        list(find_cases(root / "none", dataset("table", SETTINGS)))


def test_mask_of_another_aspect_ratio_is_fatal(root):
    write_image(root / "m.png", np.zeros((12, 19), np.uint8))
    with pytest.raises(InputError, match=r"m.png: the mask is 19 x 12.*ratios differ.*Check"):
        index_cases(root, dataset("table", SETTINGS))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("case,split,class,image", "'label' is missing.*; rename 'class' if that is it"),
        (
            "case,split,label,image,mask:Nodul",
            "t.csv, 'annotated_classes'.*no column 'mask:Nodule'. Did you mean 'mask:Nodul'",
        ),
        ("case,split,label,image,mask:Nodule,lungmsk", r"'lungmsk': unknown column\. (?!.*digest)"),
    ],
)
def test_a_column_of_another_name_is_explained(root, header, said):
    (root / "t.csv").write_text(header + "\n")
    with pytest.raises(InputError, match=said):
        index_cases(root, dataset("table", SETTINGS))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"annotated_classes": ["Nodul"]},
            r"t\.csv, 'datasets\.mine\.annotated_classes'.*'mask:Nodule'",
        ),
        # Names of columns are not keys of the config.
        ({"header": "case,split,class,image"}, r"t\.csv, 'label': .*is missing"),
    ],
)
def test_a_misspelt_class_is_told_with_the_key_of_the_config(root, change, said):
    if header := change.pop("header", None):
        (root / "t.csv").write_text(header + "\n")
    (root / "data").symlink_to(root)
    outputs = [root / name for name in ("cases.csv", "quarantine.csv", "classes.json")]
    with pytest.raises(InputError, match=said):
        index_script.main(root, "mine", dataset("table", SETTINGS | change), {}, *outputs)


def test_a_mask_file_that_is_absent_is_not_said_to_be_no_mask(root):
    (root / "m.png").unlink()
    with pytest.raises(InputError, match=r"m\.png, 'mask:Nodule': the reference mask .*not exist"):
        index_cases(root, dataset("table", SETTINGS))


def test_masks_of_another_size_are_told_and_refused_under_strict(root, caplog):
    index_cases(root, dataset("table", SETTINGS))
    (said,) = [r.getMessage() for r in caplog.records if "image's size" in r.getMessage()]
    assert said.startswith("2 masks")
    assert said.endswith("m.png")
    with pytest.raises(
        InputError, match=r"m\.png, 'strict': 2 masks have their image's aspect ratio, but not"
    ):
        index_cases(root, dataset("table", {**SETTINGS, "strict": True}))
    write_image(root / "m.png", np.eye(24, 36, dtype=np.uint8))
    caplog.clear()
    index_cases(root, dataset("table", {**SETTINGS, "strict": True}))
    assert "image's size" not in caplog.text


def test_the_only_case_of_a_split_left_out_is_named_with_its_file(root):
    (root / "sub/c.tif").write_bytes(b"no picture")
    said = r"split 'test'; 'c' was left out \(.*c\.tif: the file is not a readable image"
    with pytest.raises(InputError, match=said):
        index_cases(root, dataset("table", SETTINGS), explained=["test"])


def excel(text: str, change: dict) -> bytes:
    """Rewrite the fixture's table as a spreadsheet program would."""
    rows = [line.split(",") for line in text.splitlines()]
    header = [change.get("names", {}).get(name, name) for name in rows[0]]
    rows = [header, *rows[1:]]
    if extra := change.get("first"):
        rows = [[extra if i == 0 else str(i), *row] for i, row in enumerate(rows)]
    if extra := change.get("last"):
        rows = [[*row, extra if i == 0 else "54,3"] for i, row in enumerate(rows)]
    lines = [
        change.get("separator", ",").join(f'"{c}"' if "," in c else c for c in r) for r in rows
    ]
    text = change.get("head", "") + change.get("end", "\n").join([*lines, ""])
    text = text.replace("sub/", change.get("folder", "sub/"))
    return (text + change.get("tail", "")).encode(change.get("encoding", "utf-8"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"separator": ";"}, "separated by semicolons"),
        ({"separator": "\t", "encoding": "utf-16"}, "separated by tabs"),
        ({"separator": ";", "head": "sep=;\r\n", "end": "\r\n"}, "separated by semicolons"),
        ({"encoding": "utf-8-sig", "end": "\r\n"}, ""),
        ({"end": "\r"}, ""),
        ({"names": {"case": " Case", "image": "IMAGE", "patient": "Patient"}}, "'Patient'"),
        ({"names": {"mask:Nodule": "Mask: nodule "}}, "'mask:nodule' is read as 'mask:Nodule'"),
        ({"first": "Unnamed: 0"}, "they have no name: 1"),
        ({"first": ""}, ""),
        ({"last": "patient_age"}, "not used: patient_age"),
        ({"last": "Höhe", "encoding": "cp1252"}, "Windows-1252"),
        ({"last": "height"}, ""),
        ({"folder": ".\\sub\\"}, "paths with backslashes: 1"),
        ({"tail": ",,,,,\n , ,,,,\n"}, ""),
        ({"tail": "x,test,Nodule,sub/._c.tif,,p9\n"}, "operating system, ._*): 1"),
    ],
)
def test_tables_as_excel_saves_them_give_the_same_cases(root, change, said, caplog):
    table = root / "t.csv"
    expected = list(find_cases(root, dataset("table", SETTINGS)))
    table.write_bytes(excel(table.read_text(), change))
    caplog.set_level("INFO")
    assert list(find_cases(root, dataset("table", SETTINGS))) == expected
    assert said in caplog.text


def test_decimal_commas_are_read_where_they_can_be_nothing_else(root):
    table = root / "t.csv"
    lines = table.read_text().splitlines()
    rows = [";".join(line.split(",")) for line in lines]
    ends = [";Spacing row;Spacing column", ";0,143;0.2", ";;", ";,5;1"]
    table.write_text("\n".join(a + b for a, b in zip(rows, ends, strict=True)))
    assert [case.spacing for case in find_cases(root, dataset("table", SETTINGS))] == [
        (0.143, 0.2),
        None,
        (0.5, 1),
    ]


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_is_no_csv(root, start):
    (root / "t.csv").write_bytes(start + bytes(50))
    with pytest.raises(InputError, match=r"t\.csv.*Excel workbook.*CSV UTF-8"):
        list(find_cases(root, dataset("table", SETTINGS)))


def test_a_blank_label_is_an_error_unless_images_may_show_nothing(root):
    with pytest.raises(InputError, match=r"the label is blank in line 3\..*task: multilabel"):
        list(find_cases(root, dataset("table", {**SETTINGS, "task": None})))
    cases, _, classes, *_ = index_cases(root, dataset("table", SETTINGS))
    assert [case.labels for case in cases] == [("Nodule",), (), ("Nodule", "Effusion")]
    table = root / "t.csv"
    table.write_text(table.read_text().replace("|Effusion", "").replace("validation,,", "val,A,"))
    assert index_cases(root, dataset("table", SETTINGS))[2]["task"] == "multilabel"
    single = {**SETTINGS, "task": None}
    assert index_cases(root, dataset("table", single))[2]["task"] == "multiclass"


def test_labels_that_differ_in_case_or_spaces_are_merged_with_their_masks_or_refused(root):
    table = root / "t.csv"
    table.write_text(table.read_text().replace("a,train,Nodule", "a,train,nod ule"))
    with pytest.raises(
        InputError, match=r"'Nodule' \(1 image\) and 'nod ule' \(1 image\)"
    ) as error:
        index_cases(root, dataset("table", SETTINGS))
    assert '{"nod ule": "Nodule"}' in error.value.remedy
    merged = {**SETTINGS, "labels": {"nod ule": "Nodule"}}
    cases, _, classes, *_ = index_cases(root, dataset("table", merged))
    assert classes["classes"] == ["Nodule", "Effusion"]
    assert [sorted(case.masks) for case in cases] == [["Nodule"], [], ["Nodule"]]
    # It is also wrong if `labels` gives two classes names that differ only in case.
    with pytest.raises(InputError, match="differ only in upper and lower case"):
        index_cases(root, dataset("table", {**merged, "labels": {"nod ule": "X", "Effusion": "x"}}))
    # A label that is left out does not count as a second class.
    assert index_cases(root, dataset("table", {**SETTINGS, "labels": {"nod ule": None}}))


def test_a_reserved_name_of_a_class_is_refused(root):
    table = root / "t.csv"
    table.write_text(table.read_text().replace("Effusion", "All"))
    with pytest.raises(InputError, match="'All' is reserved"):
        index_cases(root, dataset("table", SETTINGS))
    renamed = index_cases(root, dataset("table", {**SETTINGS, "labels": {"All": "Effusion"}}))
    assert renamed[2]["classes"] == ["Nodule", "Effusion"]
