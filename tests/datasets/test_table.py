from pathlib import Path

import cv2
import numpy as np
import pytest
from small_data import write_image

import index_cases as index_script
from fidelity.datasets.index import index_cases
from fidelity.datasets.prepare import prepare_case
from fidelity.datasets.table import find_cases
from fidelity.errors import InputError
from fidelity.masks import decode

GREY = np.random.default_rng(2).integers(0, 256, (24, 36), np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three formats, one image of 16 bit, one mask at half the image's resolution."""
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
    "intensity": "percentile",
    "intensity_percentiles": [0, 100],
    "labels": {},
}


def test_a_table_of_several_formats_and_labels(root):
    cases, quarantine, classes = index_cases("table", root, SETTINGS)
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
    for case in index_cases("table", root, SETTINGS)[0][::2]:
        prepared = prepare_case(case, root, SETTINGS)
        reference = decode(prepared.references["Nodule"])
        expected = np.zeros((24, 36), bool)
        expected[6:12, 8:20] = True
        np.testing.assert_array_equal(reference, expected)
        assert prepared.native_size == (24, 36)


def test_16_bit_prepares_like_8_bit_of_the_same_range(root):
    deep = {case.case: case for case in index_cases("table", root, SETTINGS)[0]}["c"]
    low, high = int(GREY.min()), int(GREY.max())
    stretched = ((GREY - low) * (255.0 / (high - low))).astype(np.float32)
    expected = cv2.resize(stretched, (12, 12), interpolation=cv2.INTER_AREA)
    image = prepare_case(deep, root, SETTINGS).image
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.rint(expected))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("case,split,label,image,pateint", "'pateint'.*Did you mean 'patient'"),
        ("case,split,label,image,mask:", "unknown column"),
        ("case,split,label,image,image", "'image'.*stands twice"),
        ("case,split,image", "'label'.*is missing"),
        ("case;split;label;image", "semicolons.*commas"),
    ],
)
def test_bad_columns_are_named(root, header, said):
    (root / "t.csv").write_text(header + "\n")
    with pytest.raises(InputError, match=said) as error:
        list(find_cases(root, SETTINGS))
    assert "t.csv" in str(error.value)


def test_missing_table_and_root_are_named(root):
    with pytest.raises(InputError, match=r"u.csv, 'table': the table does not exist.*Set 'table'"):
        list(find_cases(root, {"table": "u.csv"}))
    with pytest.raises(InputError, match="'root'.*Set 'root'"):
        list(find_cases(root / "none", SETTINGS))


def test_mask_of_another_aspect_ratio_is_fatal(root):
    write_image(root / "m.png", np.zeros((12, 19), np.uint8))
    with pytest.raises(InputError, match=r"m.png: the mask is 19 x 12.*ratios differ.*Check"):
        index_cases("table", root, SETTINGS)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("case,split,class,image", "'label' is missing.*; rename 'class' if that is it"),
        (
            "case,split,label,image,mask:Nodul",
            "t.csv, 'annotated_classes'.*no column 'mask:Nodule'. Did you mean 'mask:Nodul'",
        ),
        ("case,split,label,image,mask:Nodule,foto", r"'foto': unknown column\. (?!.*digest)"),
    ],
)
def test_a_column_of_another_name_is_explained(root, header, said):
    (root / "t.csv").write_text(header + "\n")
    with pytest.raises(InputError, match=said):
        index_cases("table", root, SETTINGS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"annotated_classes": ["Nodul"]},
            r"t\.csv, 'datasets\.mine\.annotated_classes'.*'mask:Nodule'",
        ),
        # Columns are none of the config's keys.
        ({"header": "case,split,class,image"}, r"t\.csv, 'label': .*is missing"),
    ],
)
def test_a_misspelt_class_is_told_with_the_key_of_the_config(root, change, said):
    if header := change.pop("header", None):
        (root / "t.csv").write_text(header + "\n")
    (root / "data").symlink_to(root)
    outputs = [root / name for name in ("cases.csv", "quarantine.csv", "classes.json")]
    with pytest.raises(InputError, match=said):
        index_script.main(root, "mine", SETTINGS | change, "table", {}, *outputs)


def test_a_mask_file_that_is_absent_is_not_said_to_be_no_mask(root):
    (root / "m.png").unlink()
    with pytest.raises(InputError, match=r"m\.png, 'mask:Nodule': the reference mask .*not exist"):
        index_cases("table", root, SETTINGS)


def test_masks_of_another_size_are_told_and_refused_under_strict(root, caplog):
    index_cases("table", root, SETTINGS)
    (said,) = [r.getMessage() for r in caplog.records if "image's size" in r.getMessage()]
    assert said.startswith("2 masks")
    assert said.endswith("m.png")
    with pytest.raises(InputError, match=r"m\.png, 'strict': 2 masks are not of their image's"):
        index_cases("table", root, {**SETTINGS, "strict": True})
    write_image(root / "m.png", np.zeros((24, 36), np.uint8))
    caplog.clear()
    index_cases("table", root, {**SETTINGS, "strict": True})
    assert "image's size" not in caplog.text


def test_the_only_case_of_a_split_left_out_is_named_with_its_file(root):
    (root / "sub/c.tif").write_bytes(b"no picture")
    said = r"split 'test'; 'c' was left out \(.*c\.tif: the file is not a readable image"
    with pytest.raises(InputError, match=said):
        index_cases("table", root, {**SETTINGS, "explained": ["test"]})
