import csv
import json
import re
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import acquire
import index_cases as rule
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case, read_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.indexing.left_out import cause_of
from fidelity.datasets.indexing.selection import limited
from fidelity.datasets.sources.covid_qu_ex import covid_qu_ex
from fidelity.settings.datasets import Dataset
from tests.helpers.entries import dataset
from tests.helpers.small_data import SIZE, lung_pixels, write_image

TOP = "Infection Segmentation Data"


def index(root, settings, **changes):
    return index_cases(root, dataset("covid_qu_ex", {**settings, **changes}))


def test_a_sound_data_set(covid, settings):
    cases, quarantine, classes, *_ = index(covid, settings)
    assert len(cases) == 18
    assert quarantine == []
    assert [case.split for case in cases] == ["train"] * 6 + ["val"] * 6 + ["test"] * 6
    assert all((case.width, case.height) == (SIZE, SIZE) for case in cases)
    assert len({case.digest for case in cases}) == 18
    assert classes == {
        "classes": ["COVID-19", "Non-COVID", "Normal"],
        "task": "multiclass",
        "annotated": ["COVID-19"],
        "labels": {name: name for name in ("COVID-19", "Non-COVID", "Normal")},
    }


def test_annotated_classes_decide_which_masks_count(covid, settings):
    # A class whose masks are all empty is refused, so one mask of Non-COVID is drawn.
    drawn = covid / TOP / "Test" / "Non-COVID" / "infection masks" / "test Non-COVID (0).png"
    write_image(drawn, lung_pixels() // 255 * np.eye(SIZE, dtype=np.uint8))
    cases, _, classes, *_ = index(covid, settings, annotated_classes=["Non-COVID", "COVID-19"])
    assert classes["classes"] == ["Non-COVID", "COVID-19", "Normal"]
    assert all(set(case.masks) == set(case.labels) - {"Normal"} for case in cases)


def test_labels_merge_and_drop_classes(covid, settings):
    cases, _, classes, *_ = index(covid, settings, labels={"Non-COVID": None, "Normal": "healthy"})
    assert classes["classes"] == ["COVID-19", "healthy"]
    assert len(cases) == 12


def test_the_digest_follows_the_masks_that_are_used(covid, settings):
    before = {case.case: case.digest for case in index(covid, settings)[0]}
    for cls in ("COVID-19", "Normal"):
        mask = covid / TOP / "Test" / cls / "infection masks" / f"test {cls} (0).png"
        write_image(mask, np.eye(SIZE, dtype=np.uint8) * 255)
    after = {case.case: case.digest for case in index(covid, settings)[0]}
    assert [name for name in after if after[name] != before[name]] == ["test COVID-19 (0)"]


@pytest.mark.usefixtures("small_is_whole")
@pytest.mark.parametrize("damage", ["zero", "text", "cut"])
def test_unreadable_images_are_left_out_or_fatal(covid, settings, damage):
    path = covid / TOP / "Test" / "Normal" / "images" / "test Normal (1).png"
    path.write_bytes({"zero": b"", "text": b"no", "cut": path.read_bytes()[:300]}[damage])
    cases, quarantine, *_ = index(covid, settings)
    assert len(cases) == 17
    (entry,) = quarantine
    assert (entry.case, entry.split) == ("test Normal (1)", "test")
    assert covid / entry.file == path
    assert entry.reason
    with pytest.raises(InputError, match="test Normal \\(1\\).png: ") as error:
        index(covid, settings, strict=True)
    assert error.value.remedy


def test_mask_of_another_size_is_fatal(covid, settings):
    path = covid / TOP / "Test" / "COVID-19" / "infection masks" / "test COVID-19 (0).png"
    write_image(path, np.zeros((SIZE * 2, SIZE * 2), np.uint8))
    with pytest.raises(InputError, match=r"test COVID-19 \(0\).png: the mask is 64 x 64 pixels"):
        index(covid, settings)


def test_grey_masks_are_fatal(covid, settings):
    path = covid / TOP / "Val" / "COVID-19" / "infection masks" / "val COVID-19 (1).png"
    write_image(path, cv2.GaussianBlur(cv2.imread(str(path), -1), (5, 5), 2))
    with pytest.raises(
        InputError, match=r"val COVID-19 \(1\).png: the mask has \d+ values.*Threshold"
    ):
        index(covid, settings)


def test_a_missing_reference_mask_is_fatal_for_annotated_classes_alone(covid, settings):
    shutil.rmtree(covid / TOP / "Val" / "Normal" / "infection masks")
    assert len(index(covid, settings)[0]) == 18
    shutil.rmtree(covid / TOP / "Val" / "COVID-19" / "infection masks")
    with pytest.raises(InputError, match="2 problems.*val COVID-19.*'annotated_classes'.*Add one"):
        index(covid, settings)


def test_lung_masks_missing_empty_and_none(covid, settings):
    lungs = covid / TOP / "Val" / "Normal" / "lung masks"
    write_image(lungs / "val Normal (1).png", np.zeros((SIZE, SIZE), np.uint8))
    assert index(covid, settings)[1] == []
    (entry,) = index(covid, settings, input="lung_crop")[1]
    assert "empty" in entry.reason
    (lungs / "val Normal (0).png").unlink()
    with pytest.raises(InputError, match=r"'val Normal \(0\)' has no lung mask.*lung_masks: none"):
        index(covid, settings)
    cases, quarantine, *_ = index(covid, settings, lung_masks="none")
    assert len(cases) == 18
    assert not quarantine
    assert {case.lung_mask for case in cases} == {None}
    for folder in covid.rglob("lung masks"):
        shutil.rmtree(folder)
    with pytest.raises(InputError, match="'lung_masks': no case has a lung mask.*Set lung_masks"):
        index(covid, settings)


def test_repeated_case_ids_are_fatal(covid, settings):
    for kind in ("images", "infection masks", "lung masks"):
        folder = covid / TOP / "Test"
        name = "test Normal (0).png"
        shutil.copy(folder / "Normal" / kind / name, folder / "COVID-19" / kind / name)
    with pytest.raises(InputError, match=r"test Normal \(0\).*is used for 2 images.*its own id"):
        index(covid, settings)


def test_one_image_in_two_splits(covid, settings):
    shutil.copy(
        covid / TOP / "Test" / "COVID-19" / "images" / "test COVID-19 (0).png",
        covid / TOP / "Train" / "COVID-19" / "images" / "train COVID-19 (1).png",
    )
    with pytest.raises(InputError, match=r"train COVID-19 \(1\).*same image as 'test.*exclude"):
        index(covid, settings)
    cases, quarantine, *_ = index(covid, settings, duplicates="exclude")
    assert len(cases) == 17
    assert [(entry.case, entry.split) for entry in quarantine] == [("train COVID-19 (1)", "train")]
    assert len(index(covid, settings, duplicates="keep")[0]) == 18


def test_one_patient_in_two_splits(covid, settings):
    ids = [case.case for case in index(covid, settings)[0]]
    patients = {name: "p" if name.endswith("Normal (0)") else name for name in ids}
    lines = [f"{name},{patient}" for name, patient in patients.items()]
    (covid / "patients.csv").write_text("\n".join(["case,patient", *lines]))
    with pytest.raises(
        InputError, match=r"same patient as 'test Normal \(0\)' in test.*duplicates of the data set"
    ):
        index(covid, settings)
    cases, quarantine, *_ = index(covid, settings, duplicates="exclude")
    assert [entry.case for entry in quarantine] == ["train Normal (0)", "val Normal (0)"]
    assert len(cases) == 16
    assert len(index(covid, settings, duplicates="keep")[0]) == 18


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotated_classes": ["Covid-19"]}, "'annotated_classes'.*Did you mean 'COVID-19'"),
        ({"labels": {"normal": "x"}}, "'labels': no image has the class 'normal'.*mean 'Normal'"),
    ],
)
def test_bad_settings_are_named(covid, settings, changes, said):
    with pytest.raises(InputError, match=said):
        index(covid, settings, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": {"COVID-19": None}}, "'annotated_classes.*'labels' leaves it out"),
        ({"input": "lung_mask"}, "'input': 'lung_mask' is not allowed.*mean 'lung_masked'"),
        ({"duplicates": "kepe"}, "'duplicates': 'kepe' is not allowed.*Did you mean 'keep'"),
    ],
)
def test_bad_settings_are_refused_before_any_file_is_read(settings, changes, said):
    with pytest.raises(InputError, match=said):
        Dataset.chosen({"source": "covid_qu_ex", "root": ".", **settings, **changes})


def test_an_annotated_class_whose_images_are_all_damaged(covid, settings):
    for path in covid.glob(f"{TOP}/*/COVID-19/images/*"):
        path.write_bytes(b"")
    with pytest.raises(
        InputError, match="no usable image is left of the class 'COVID-19'; 6 cases"
    ):
        index(covid, settings, max_unusable=1)


@pytest.mark.usefixtures("small_is_whole")
def test_many_problems_are_quoted_and_counted(covid, settings):
    for path in covid.glob(f"{TOP}/*/*/images/*"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="18 problems.*; and 13 more") as error:
        index(covid, settings, strict=True)
    assert "\n" not in str(error.value)


def test_the_limit_is_per_class_and_split_and_nested(covid, settings):
    one = {case.case for case in index(covid, settings, limit=1)[0]}
    assert len(one) == 9
    cases = [Case(f"c{i}", "", "test", ("A",) if i % 2 else ("A", "B"), "") for i in range(40)]
    small, large = limited(cases, 3), limited(cases, 7)
    assert set(map(id, small)) < set(map(id, large))
    assert sum("B" in case.labels for case in small) >= 3
    assert {c.case for c in limited(cases[::-1], 3)} == {c.case for c in small}


def test_the_scripts_write_the_same_bytes_twice(covid, settings, tmp_path):
    (covid / TOP / "Val" / "Normal" / "images" / "val Normal (0).png").write_bytes(b"")
    written = []
    for run in ("one", "two"):
        out = tmp_path / run
        acquire.main(dataset("covid_qu_ex", {**settings, "root": str(covid)}), 1, out / "raw")
        paths = [out / name for name in ("cases.csv", "quarantine.csv", "classes.json")]
        targets = {"explain.target": "reference"}
        rule.main(out / "raw", "covid", dataset("covid_qu_ex", settings), targets, *paths)
        written.append([p.read_bytes() for p in (*paths, out / "raw" / "manifest.json")])
    assert written[0] == written[1]
    assert len(read_cases(out / "cases.csv")) == 17
    with open(out / "quarantine.csv", newline="") as handle:
        assert [row["case"] for row in csv.DictReader(handle)] == ["val Normal (0)"]
    manifest = json.loads(written[0][3])
    assert manifest["cases"]["test/COVID-19"] == 2
    assert manifest["files"] == 54
    assert (out / "raw" / "data").is_symlink()
    assert (out / "raw" / "data").resolve() == covid.resolve()


def test_a_target_that_is_no_class(covid, settings, tmp_path):
    acquire.main(dataset("covid_qu_ex", {**settings, "root": str(covid)}), 1, tmp_path / "raw")
    paths = [tmp_path / name for name in ("cases.csv", "quarantine.csv", "classes.json")]
    targets = {"explain.target": "covid-19"}
    with pytest.raises(InputError, match=r"explain\.target.*'covid-19'.*Did you mean 'COVID-19'"):
        rule.main(tmp_path / "raw", "covid", dataset("covid_qu_ex", settings), targets, *paths)


@pytest.mark.parametrize("root", [None, "nowhere"])
def test_acquire_without_a_root(tmp_path, settings, root):
    with pytest.raises(InputError, match="'root': the data root does not exist.*Set 'root'"):
        acquire.main(dataset("covid_qu_ex", {**settings, "root": root}), 1, tmp_path / "raw")


def test_the_real_sample(sample, settings):
    cases, quarantine, classes, *_ = index(sample, settings)
    assert len(cases) == 900
    assert quarantine == []
    assert classes["task"] == "multiclass"
    assert {(case.width, case.height) for case in cases} == {(256, 256)}
    assert sum(bool(case.masks) for case in cases) == 450


def test_the_real_sample_is_said_to_be_a_part(sample, settings, caplog):
    index(sample, settings, limit=1)
    (said,) = [r.getMessage() for r in caplog.records if "of COVID-QU-Ex" in r.getMessage()]
    assert "has 5826 images, and 900 are here (train COVID-19 300 of 1864, val COVID-19 60" in said
    with pytest.raises(InputError, match=r"900 are here.*Complete or restore.*strict: false"):
        index(sample, settings, strict=True)


def test_a_class_without_images_in_a_split_that_is_needed(covid, settings):
    shutil.rmtree(covid / TOP / "Test" / "COVID-19")
    shutil.rmtree(covid / TOP / "Train" / "Normal")
    assert index(covid, settings)
    with pytest.raises(InputError, match="'COVID-19' has no image in the split 'test'"):
        index_cases(covid, dataset("covid_qu_ex", settings), ["val", "test"])
    with pytest.raises(InputError, match="'Normal' has no image in the split 'train'"):
        index_cases(covid, dataset("covid_qu_ex", settings), trained=True)


def test_a_split_that_loses_too_many_cases_for_one_cause_stops(covid, settings, tmp_path):
    """2 of 6 training images are too many, whatever their names. 1 of 6 test images is not."""
    images = (
        [*(covid / TOP / "Train").rglob("images/*")],
        [*(covid / TOP / "Test").rglob("images/*")],
    )
    images[0][0].write_bytes(b"no")
    images[1][0].write_bytes(b"")
    counts = tmp_path / "counts.csv"

    def index_counted(**changes):
        found = index(covid, settings, **changes)
        found.write_reports(tmp_path / "quarantine.csv", counts=counts)
        return [line.split(",") for line in counts.read_text().splitlines()[1:]]

    assert index_counted() == [
        ["test", "used", "", "5"],
        ["test", "unusable", "the file has zero bytes", "1"],
        ["val", "used", "", "6"],
        ["train", "used", "", "5"],
        ["train", "unusable", "the file is not a readable image", "1"],
    ]
    images[0][1].write_bytes(b"no image")
    with pytest.raises(InputError, match=r"2 of 6 cases of the split 'train'.*0\.34") as error:
        index(covid, settings)
    assert error.value.field == "max_unusable"
    assert ["train", "unusable", "the file is not a readable image", "2"] in index_counted(
        max_unusable=0.34
    )
    # Two causes count separately, with one file each.
    images[0][1].write_bytes(b"")
    assert len(index(covid, settings)[0]) == 15
    assert index_counted(limit=1, labels={"Normal": None})[1][1:] in (
        ["excluded", "labels", "2"],
        ["excluded", "limit", "2"],
    )


@given(st.text(st.sampled_from("ab'\"(7.é "), max_size=20), st.integers(0, 10**9))
def test_a_cause_has_no_name_and_no_number(name, number):
    def problem(name, number):
        return InputError(
            f"the reader's case {name!r} has {number} values (of {number:.1f}) too many"
        )

    assert cause_of(problem(name, number)) == cause_of(problem("x", 1))


def test_one_image_in_two_splits_is_found_by_its_pixels(covid, settings):
    """The copy has a time stamp, another compression and 16 bits: other bytes, the same image."""
    original = covid / TOP / "Test" / "COVID-19" / "images" / "test COVID-19 (0).png"
    copy = covid / TOP / "Train" / "COVID-19" / "images" / "train COVID-19 (1).png"
    pixels = cv2.imread(str(original), -1)
    info = PngInfo()
    info.add_text("Creation Time", "2021")
    Image.fromarray(pixels).save(copy, pnginfo=info, compress_level=1)
    for _ in range(2):
        assert copy.read_bytes() != original.read_bytes()
        (entry,) = index(covid, settings, duplicates="exclude", near_duplicates="off")[1]
        assert (entry.case, entry.cause, entry.on_purpose) == (copy.stem, "duplicates", True)
        write_image(copy, pixels.astype(np.uint16) * 257)
    pixels[0, 0] ^= 1
    write_image(copy, pixels)
    assert index(covid, settings, duplicates="exclude", near_duplicates="off")[1] == []


def test_copies_that_are_kept_are_listed_with_the_near_duplicates(covid, settings, tmp_path):
    shutil.copy(
        covid / TOP / "Test" / "Normal" / "images" / "test Normal (0).png",
        covid / TOP / "Train" / "Normal" / "images" / "train Normal (1).png",
    )
    report = tmp_path / "near.csv"
    found = index(covid, settings, duplicates="keep")
    found.write_reports(tmp_path / "quarantine.csv", report)
    (row,) = csv.DictReader(report.open())
    assert (row["case"], row["twin"], row["distance"]) == (
        "train Normal (1)",
        "test Normal (0)",
        "0",
    )


def test_a_source_of_one_class_per_image_has_no_image_without_one(covid, settings, monkeypatch):
    cases = list(covid_qu_ex.find_cases(covid, dataset("covid_qu_ex", settings)))
    cases[3] = replace(cases[3], labels=())
    monkeypatch.setattr(covid_qu_ex, "find_cases", lambda root, settings: iter(cases))
    said = f"1 of 18 cases have no label, first {cases[3].case!r}"
    with pytest.raises(InputError, match=re.escape(said)):
        index(covid, settings)
