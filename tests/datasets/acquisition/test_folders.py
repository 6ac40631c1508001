"""COVID-QU-Ex and CheXpert after a transfer by Mac, USB disk or Windows, or in parts."""

import json
import shutil
import zipfile
from pathlib import Path

import cv2
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.archive import unpack
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.sources.chexpert import chexlocalize
from fidelity.datasets.sources.chexpert.folder_layout import _files
from fidelity.datasets.sources.covid_qu_ex import covid_qu_ex
from tests.helpers.chexpert_data import write_chexpert
from tests.helpers.entries import dataset
from tests.helpers.small_data import make_covid_layout

FORK = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "


def by_split(root: Path) -> dict[str, tuple[str, str, bool, bool]]:
    """Return, for each case id, the split, the label, and whether there are masks.

    The first flag is for the infection mask, the second for the lung mask.
    """
    return {
        case.case: (case.split, case.labels[0], bool(case.masks), bool(case.lung_mask))
        for case in covid_qu_ex.find_cases(root, dataset("covid_qu_ex"))
        if (root / case.image).is_file()
    }


def litter(root: Path) -> None:
    for path in [p for p in root.rglob("*.png") if p.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(FORK)
    for folder in root.rglob("images"):
        (folder / ".DS_Store").write_bytes(b"Bud1")
        (folder / "Thumbs.db").write_bytes(b"\xd0\xcf")
    shutil.copytree(root / covid_qu_ex.TOP, root / "__MACOSX" / covid_qu_ex.TOP)


def rename(root: Path, change) -> None:
    for path in sorted(root.rglob("*"), key=lambda p: -len(p.parts)):
        if (new := path.with_name(change(path))) != path:
            path.rename(new)


@pytest.mark.parametrize("kind", ["litter", "PNG", "bmp", "lower", "valid"])
def test_what_systems_add_and_how_they_write_names_changes_nothing(covid, kind):
    expected = by_split(covid)
    assert len(expected) == 18
    if kind == "litter":
        litter(covid)
    elif kind == "PNG":
        rename(covid, lambda p: p.name.replace(".png", ".PNG"))
    elif kind == "bmp":  # masks keep their format
        for path in covid.rglob("images/*.png"):
            cv2.imwrite(str(path.with_suffix(".bmp")), cv2.imread(str(path), -1))
            path.unlink()
    elif kind == "lower":
        folders = {"Train", "Val", "Test", covid_qu_ex.TOP}
        rename(covid, lambda p: p.name.lower() if p.name in folders else p.name)
    else:
        rename(covid, lambda p: "Valid" if p.name == "Val" else p.name)
    assert by_split(covid) == expected


def test_two_folders_of_one_split_are_refused(covid):
    (covid / covid_qu_ex.TOP / "train").mkdir()
    with pytest.raises(InputError, match="'Train' and 'train' are both of the split 'train'"):
        by_split(covid)


def test_an_archive_of_a_mac_unpacks_to_the_data_alone(tmp_path):
    root = make_covid_layout(tmp_path / "data")
    files = sorted(p for p in root.rglob("*") if p.is_file())
    with zipfile.ZipFile(tmp_path / "mac.zip", "w") as archive:
        for path in files:
            name = path.relative_to(root).as_posix()
            archive.write(path, name)
            head, _, tail = name.rpartition("/")
            archive.writestr(f"__MACOSX/{head}/._{tail}", FORK)
        archive.writestr(".DS_Store", b"Bud1")
    found = unpack(tmp_path / "mac.zip", tmp_path / "store")
    assert sum(path.is_file() for path in found.rglob("*")) == len(files)
    assert by_split(found) == by_split(root)


@pytest.mark.parametrize("inner", ["", "train"])
def test_chexpert_in_the_batches_that_it_is_downloaded_in(tmp_path, inner):
    root = write_chexpert(tmp_path / "data", {"train": 6, "valid": 8})
    old = root / "CheXpert-v1.0"
    kinds = {"references": "segmentations"}
    expected = {
        c.case: (root / c.image).read_bytes()
        for c in chexlocalize.find_cases(root, dataset("chexlocalize", kinds))
    }
    first = root / "chexpertchestxrays-u20210408" / "CheXpert-v1.0 batch 1 (validate & csv)"
    first.mkdir(parents=True)
    for name in ("train.csv", "valid.csv", "valid"):
        (old / name).rename(first / name)
    for number, patient in enumerate(sorted((old / "train").iterdir())):
        batch = first.parent / f"CheXpert-v1.0 batch {2 + number // 3} (train {1 + number // 3})"
        (batch / inner).mkdir(parents=True, exist_ok=True)
        patient.rename(batch / inner / patient.name)
    shutil.rmtree(old)
    (first / "._train.csv").write_bytes(FORK)
    found = {
        c.case: (root / c.image).read_bytes()
        for c in chexlocalize.find_cases(root, dataset("chexlocalize", kinds))
    }
    assert len(found) == 14
    assert found == expected
    # The search for tables does not enter tens of thousands of patient folders.
    assert not [path for path in _files(root, 3) if "patient" in str(path)]


def test_a_class_that_no_image_of_a_part_has_is_left_out(tmp_path, caplog):
    root = write_chexpert(tmp_path / "data", {"valid": 8})
    chosen = {
        "annotated_classes": ["Cardiomegaly", "Lung Lesion", "Edema"],
        "labels": {"Fracture": None},
        "lung_masks": "none",
    }
    cases, _, classes, *_ = index_cases(root, dataset("chexlocalize", chosen), ["val"])
    assert len(cases) == 8
    assert classes["annotated"] == ["Cardiomegaly", "Edema"]
    (said,) = [r.message for r in caplog.records if "left out" in r.message]
    assert "Lung Lesion" in said
    with pytest.raises(InputError, match="no image has any of the annotated classes"):
        index_cases(root, dataset("chexlocalize", {**chosen, "annotated_classes": ["Lung Lesion"]}))


def test_positive_images_without_a_mask_are_counted_and_stop_the_study(tmp_path):
    root = write_chexpert(tmp_path / "data", {"valid": 8})
    file = root / "gt_segmentations_val.json"
    masks = json.loads(file.read_text())
    chosen = {"annotated_classes": ["Edema"], "lung_masks": "none"}

    def index(**changes):
        counts = tmp_path / "counts.csv"
        entry = dataset("chexlocalize", {**chosen, **changes})
        index_cases(root, entry, ["val"]).write_reports(tmp_path / "quarantine.csv", counts=counts)
        return counts.read_text().splitlines()[1:]

    edema = [name for name in masks if name in _positive(root)]
    assert len(edema) == 4
    assert index() == ["val,used,,8"]
    file.write_text(json.dumps({k: v for k, v in masks.items() if k != edema[0]}))
    assert index() == ["val,used,,8", "val,unscored,no reference mask,1"]
    file.write_text(json.dumps({k: v for k, v in masks.items() if k not in edema[:2]}))
    with pytest.raises(InputError, match=r"2 of 4 cases.*no reference mask.*max_unusable: 0\.5"):
        index()
    assert index(max_unusable=0.5)[1] == "val,unscored,no reference mask,2"


def _positive(root: Path) -> set[str]:
    found = chexlocalize.find_cases(root, dataset("chexlocalize", {"references": "segmentations"}))
    return {case.case for case in found if "Edema" in case.labels}
