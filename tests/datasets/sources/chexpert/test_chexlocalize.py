"""CheXpert's labels and CheXlocalize's masks, on generated files and on one real image."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.mask_files.mask_entries import read_mask_at, read_reference
from fidelity.datasets.prepare import prepare_case
from fidelity.datasets.sources.chexpert import chexlocalize
from fidelity.datasets.sources.chexpert.chexlocalize import read_rows
from fidelity.datasets.sources.chexpert.observation_names import PATHOLOGIES
from fidelity.masks.run_lengths import decode, read_masks
from tests.helpers import SHARED_DATA
from tests.helpers.chexpert_data import HEIGHT, WIDTH, disc, write_chexpert
from tests.helpers.entries import dataset

SAMPLE = SHARED_DATA / "chexlocalize_sample"
COUNTS = {"train": 16, "valid": 8, "test": 8}
ANNOTATED = ["Cardiomegaly", "Airspace Opacity", "Edema"]


def settings(**changed) -> dict:
    return {
        "source": "chexlocalize",
        "input": "full",
        "image_size": 16,
        "annotated_classes": ANNOTATED,
        "labels": {},
        "lung_masks": "none",
        "views": "frontal",
        "uncertain": "ignore",
        "references": "segmentations",
        "duplicates": "error",
        **changed,
    }


@pytest.fixture
def root(tmp_path):
    return write_chexpert(tmp_path / "data", COUNTS)


def index(root, **changed):
    entry = dataset("chexlocalize", settings(**changed))
    return index_cases(root, entry, ["val", "test"], True)


def find(root, **changed):
    return list(chexlocalize.find_cases(root, dataset("chexlocalize", settings(**changed))))


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_cases_have_the_ids_labels_and_masks_of_their_files(root):
    cases = {case.case: case for case in find(root)}
    assert len(cases) == 32
    shown = cases["patient00024_study1_view1_frontal"]  # the 8th image of valid: all three findings
    assert (shown.split, shown.patient) == ("val", "patient00024")
    assert shown.image == "CheXpert-v1.0/valid/patient00024/study1/view1_frontal.jpg"
    assert shown.labels == ("Cardiomegaly", "Airspace Opacity", "Edema")
    assert set(shown.masks) == set(ANNOTATED)
    mask = read_mask_at(root, shown.masks["Airspace Opacity"])
    np.testing.assert_array_equal(mask, disc("Lung Opacity"))
    assert not any(case.masks for case in cases.values() if case.split == "train")
    assert cases["patient00017_study1_view1_frontal"].masks == {}  # no finding is shown


@pytest.mark.parametrize(
    ("policy", "labels", "uncertain"),
    [
        ("ignore", ("Cardiomegaly", "Airspace Opacity"), ("Edema",)),
        ("multi-class", ("Cardiomegaly", "Airspace Opacity"), ("Edema",)),
        ("zeros", ("Cardiomegaly", "Airspace Opacity"), ()),
        ("ones", ("Cardiomegaly", "Airspace Opacity", "Edema"), ()),
    ],
)
def test_policies_for_uncertain_labels(root, policy, labels, uncertain):
    case = next(c for c in find(root, uncertain=policy) if c.patient == "patient00004")
    assert (case.labels, case.uncertain) == (labels, uncertain)


def test_views(tmp_path):
    root = write_chexpert(tmp_path / "data", COUNTS, lateral=True)
    views = {view: find(root, views=view) for view in ("frontal", "lateral", "all")}
    assert [len(found) for found in views.values()] == [32, 32, 64]
    assert all(case.case.endswith("view2_lateral") for case in views["lateral"])
    # Without this column, the view is read from the file's name.
    for table in (root / "CheXpert-v1.0").glob("*.csv"):
        replace_in(table, "Frontal/Lateral", "Something")
    assert find(root, views="lateral") == views["lateral"]


def test_index_says_multi_label_and_keeps_uncertain_labels(root):
    cases, left_out, classes, *_ = index(root)
    assert left_out == []
    assert classes["task"] == "multilabel"
    assert classes["classes"] == ANNOTATED
    assert sum(bool(case.uncertain) for case in cases) == 4
    assert "uncertain" not in classes
    assert index(root, uncertain="multi-class")[2]["uncertain"] == "multi-class"


def test_a_label_left_out_takes_no_image_with_it(root):
    chosen = settings(annotated_classes=["Cardiomegaly"], labels={"Edema": None})
    cases, _, classes, *_ = index_cases(
        root, dataset("chexlocalize", chosen), ["val", "test"], True
    )
    assert len(cases) == 32
    assert classes["classes"] == ["Cardiomegaly", "Airspace Opacity"]
    assert not any({"Edema"} & {*case.labels, *case.uncertain} for case in cases)


def test_a_label_that_is_positive_but_not_drawn_is_an_empty_reference(root):
    masks = root / "gt_segmentations_val.json"
    content = json.loads(masks.read_text())
    content["patient00024_study1_view1_frontal"]["Edema"] = content[
        "patient00017_study1_view1_frontal"
    ]["Edema"]
    masks.write_text(json.dumps(content))
    case = next(c for c in find(root) if c.patient == "patient00024")
    assert not read_mask_at(root, case.masks["Edema"]).any()


def test_a_mask_without_a_positive_label_is_a_reference(root):
    replace_in(root / "CheXpert-v1.0" / "valid.csv", "Frontal,,,,1.0,", "Frontal,,,,0.0,")
    cases, *_ = index(root)
    odd = [c for c in cases if set(c.masks) - set(c.labels)]
    assert len(odd) == 1
    assert odd[0].split == "val"
    prepared = prepare_case(odd[0], root, dataset("table", settings()))
    assert set(prepared.references) == set(odd[0].masks)


def test_images_that_nobody_read_are_not_explained(root, caplog):
    masks = root / "gt_segmentations_val.json"
    content = json.loads(masks.read_text())
    del content["patient00024_study1_view1_frontal"]
    masks.write_text(json.dumps(content))
    case = next(c for c in find(root) if c.patient == "patient00024")
    assert case.masks == {}
    assert case.labels
    assert "val: 1 positive images of Edema have no mask" in caplog.text


def test_small_images_are_scored_at_the_size_of_the_masks(tmp_path):
    root = write_chexpert(tmp_path / "data", COUNTS, small=True)
    cases, *_ = index(root)
    case = next(c for c in cases if c.masks)
    assert (case.height, case.width) == (HEIGHT, WIDTH)
    prepared = prepare_case(case, root, dataset("table", settings()))
    assert prepared.native_size == (HEIGHT, WIDTH)
    assert prepared.box == (0, 0, HEIGHT, WIDTH)
    name = next(iter(prepared.references))
    source = name.replace("Airspace", "Lung")
    np.testing.assert_array_equal(decode(prepared.references[name]), disc(source))
    assert prepared.image.shape == (16, 16)


def test_a_changed_mask_changes_its_own_case_alone(root):
    before = {c.case: c.digest for c in index(root)[0]}
    masks = root / "gt_segmentations_test.json"
    content = json.loads(masks.read_text())
    changed = "patient00032_study1_view1_frontal"
    content[changed]["Edema"] = content[changed]["Cardiomegaly"]
    masks.write_text(json.dumps(content))
    after = {c.case: c.digest for c in index(root)[0]}
    assert [case for case in after if after[case] != before[case]] == [changed]


def test_other_layouts(root, tmp_path):
    """The label files of CheXlocalize have other names, and paths from the split's folder."""
    expected = {case.case for case in find(root)}
    folder = root / "CheXpert-v1.0"
    for old, new in (("valid.csv", "val_labels.csv"), ("test.csv", "test_labels.csv")):
        text = (folder / old).read_text().replace("CheXpert-v1.0/", "")
        (folder / old).unlink()
        (folder / new).write_text(text)
    cases = find(root)
    assert {case.case for case in cases} == expected
    assert all((root / case.image).is_file() for case in cases)
    # The data were unpacked without the folder that their paths start with.
    moved = tmp_path / "other"
    folder.rename(moved)
    for name in ("val", "test"):
        file = f"gt_segmentations_{name}.json"
        (root / file).rename(moved / file)
    cases = find(moved)
    assert {case.case for case in cases} == expected
    assert all((moved / case.image).is_file() for case in cases)


def test_a_label_file_as_excel_saves_it(root):
    expected = find(root)
    for name in ("train", "valid"):
        table = root / "CheXpert-v1.0" / f"{name}.csv"
        header, *lines = table.read_text().splitlines()
        header = header.replace("Frontal/Lateral", "frontal/lateral ")
        lines = [re.sub(r"(\d)\.0\b", r"\1#0", line).replace("/", "\\") for line in lines]
        text = "\r\n".join([header, *lines]).replace(",", ";").replace("#", ",")
        table.write_text(text, encoding="utf-8-sig")
    assert find(root) == expected


def test_two_label_files_of_a_split_must_be_told_apart(root):
    (root / "copy").mkdir()
    table = root / "CheXpert-v1.0" / "valid.csv"
    (root / "copy" / "val_labels.csv").write_text(table.read_text())
    with pytest.raises(InputError, match="several files match"):
        find(root)
    assert len(find(root, tables={"val": "CheXpert-v1.0/valid.csv"})) == 32
    assert len(find(root, tables={"val": "copy/val_labels.csv"})) == 32


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Path,", "Pfad,", "the column Path is missing"),
        (",1.0,", ",2.0,", "'2.0' is not a label"),
        ("patient00017/", "", "is not a path like"),
        ("Frontal,,", "Oblique,,", "'oblique' is neither"),
    ],
)
def test_bad_cells_are_named(root, old, new, problem):
    table = root / "CheXpert-v1.0" / "valid.csv"
    replace_in(table, old, new)
    with pytest.raises(InputError, match=problem) as error:
        find(root)
    assert error.value.file == table


def test_missing_files_are_named(root):
    for name in ("val", "test"):
        (root / f"gt_segmentations_{name}.json").unlink()
    with pytest.raises(InputError, match=r"no file gt_segmentations_val\.json"):
        find(root)
    (root / "gt_annotations_val.json").write_text("{}")
    with pytest.raises(InputError, match="Set references: annotations"):
        find(root)
    with pytest.raises(InputError, match="no label file of CheXpert"):
        find(root / "CheXpert-v1.0" / "train")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"size": [HEIGHT, WIDTH], "counts": "abc"}, "do not add up to the size"),
        ({"size": [-1, WIDTH], "counts": "abc"}, "not a COCO run-length encoding"),
    ],
)
def test_damaged_masks_are_named(root, entry, problem):
    masks = root / "gt_segmentations_val.json"
    content = {"patient1": {"Edema": entry}}
    masks.write_text(json.dumps(content))
    with pytest.raises(InputError, match=problem) as error:
        read_mask_at(root, "gt_segmentations_val.json#patient1/Edema")
    assert error.value.field == "patient1/Edema"


@pytest.mark.parametrize("number", [5, 0, 1.5, True])
def test_a_number_in_place_of_a_mask_is_refused_with_its_place(root, number):
    path = root / "gt_segmentations_val.json"
    content = json.loads(path.read_text())
    case = next(iter(content))
    content[case]["Edema"] = number
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"the entry is {number}, not run lengths or") as error:
        find(root)
    assert error.value.file == path
    assert error.value.field == f"{case}/Edema"


def test_polygons_are_checked(root):
    path = root / "gt_annotations_val.json"
    content = {"p": {"img_size": [8, 9], "Edema": [[[1, 1], [5, 1], [5, 5]]], "Odd": [[[1, 1]]]}}
    content["p"]["Number"], content["p"]["Text"] = 7, "points"
    path.write_text(json.dumps(content))
    mask = read_mask_at(root, f"{path.name}#p/Edema")
    assert mask.shape == (8, 9)
    assert mask[1, 1:6].all()
    assert mask[2, 2:6].all()
    assert mask.sum() == 15  # the triangle, including its outline
    assert not read_mask_at(root, f"{path.name}#p/Cardiomegaly").any()
    with pytest.raises(InputError, match="polygon 1 is not a list"):
        read_mask_at(root, f"{path.name}#p/Odd")
    for name, shown in (("Number", "7"), ("Text", "'points'")):
        with pytest.raises(InputError, match=f"the entry is {shown}, not a list of pol") as error:
            read_mask_at(root, f"{path.name}#p/{name}")
        assert (error.value.file, error.value.field) == (path, f"p/{name}")
    with pytest.raises(InputError, match="the file has no entry for this image"):
        read_reference(root, f"{path.name}#q/Edema")


needs_sample = pytest.mark.skipif(not SAMPLE.is_dir(), reason="no real image at ../shared/data")
REAL = "patient64541_study1_view1_frontal"


@needs_sample
def test_real_polygons_fill_to_the_published_masks():
    published = read_masks(SAMPLE / "gt_segmentations_val.json")[REAL]
    assert set(published) == set(PATHOLOGIES)
    drawn = 0
    for name, rle in published.items():
        filled = read_mask_at(SAMPLE, f"gt_annotations_val.json#{REAL}/{name}")
        np.testing.assert_array_equal(filled, decode(rle))
        drawn += filled.any()
    assert drawn == 3


@needs_sample
@pytest.mark.parametrize("references", ["segmentations", "annotations"])
def test_the_real_image_is_indexed_and_prepared(references):
    chosen = settings(
        annotated_classes=["Enlarged Cardiomediastinum", "Cardiomegaly", "Airspace Opacity"],
        references=references,
    )
    cases, left_out, classes, *_ = index_cases(SAMPLE, dataset("chexlocalize", chosen), ["val"])
    assert left_out == []
    assert classes["task"] == "multilabel"
    (case,) = cases
    assert (case.case, case.patient, case.split) == (REAL, "patient64541", "val")
    assert (case.height, case.width) == (2320, 2828)
    prepared = prepare_case(case, SAMPLE, dataset("table", chosen))
    published = read_masks(SAMPLE / "gt_segmentations_val.json")[REAL]
    assert prepared.references == {name: published[name] for name in case.masks}
    (row,) = read_rows(SAMPLE / "valid.csv")
    assert row.view == "frontal"


def test_facts_and_organs_on_request(root):
    plain, *_ = index(root)
    assert not any(case.facts or case.organs for case in plain)
    images = [case.image for case in plain]
    head = "Path,Dice RCA (Mean),Left Lung,Right Lung,Heart,Height,Width"
    # CheXmask names images by their path below the folder of CheXpert.
    short = [image.partition("CheXpert-v1.0")[2].partition("/")[2] or image for image in images]
    rows = [f"{name},0.9,1 3,9 3,20 3,{HEIGHT},{WIDTH}" for name in short]
    (root / "masks.csv").write_text("\n".join([head, *rows]) + "\n")
    wanted = ["view", "sex", "age_group", "label_source"]
    given = {"strata": wanted, "lung_masks": "chexmask", "lungs": "masks.csv"}
    cases, *_ = index(root, **given)
    told = {"view": "frontal", "sex": "male", "age_group": "40 to 59"}
    for case in cases:
        by = "report" if case.split == "train" else "radiologists"
        assert case.facts == {**told, "label_source": by}
        assert set(case.organs) == {"left_lung", "right_lung", "heart"}
