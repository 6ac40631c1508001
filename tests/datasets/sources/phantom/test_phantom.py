"""The phantom: deterministic, laid out as COVID-QU-Ex; only lesions distinguish its classes."""

import csv
import re
from collections import Counter, defaultdict

import cv2
import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.indexing.organs import with_organs
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.sources.covid_qu_ex import covid_qu_ex
from fidelity.datasets.sources.phantom import phantom
from fidelity.datasets.sources.phantom.lesions import CLASSES, make_lesions
from fidelity.settings.datasets import Dataset
from tests.helpers.entries import dataset

SETTINGS = {
    "cases": {"train": 13, "val": 3, "test": 6},
    "size": 128,
    "contrast": 1.0,
    "shortcut": {"class": None, "probability": 0.0, "distractor": 0.0},
}
SHORTCUT = {"class": "Non-COVID", "probability": 0.8, "distractor": 0.2}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    phantom.generate(folder, dataset("phantom", SETTINGS), seed=1)
    return folder


@pytest.fixture(scope="module")
def many():
    """Return thirty images of each class, with their plans."""
    items = list(phantom.plan({"train": 90}, seed=3))
    return [
        (item, phantom.make_image(item, dataset("phantom", SETTINGS), seed=3)) for item in items
    ]


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*g")} | {
        p.name: p.read_bytes() for p in folder.glob("*.csv")
    }


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_equal_seeds_give_equal_bytes(root, tmp_path):
    phantom.generate(tmp_path, dataset("phantom", SETTINGS), seed=1)
    assert contents(tmp_path) == contents(root)


def test_another_seed_gives_other_images(root, tmp_path):
    phantom.generate(tmp_path, dataset("phantom", SETTINGS | {"cases": {"test": 3}}), seed=2)
    here, there = contents(root), contents(tmp_path)
    assert all(there[name] != here[name] for name in there if "/images/" in name)


def test_an_image_does_not_depend_on_how_many_others_are_made(root, tmp_path):
    phantom.generate(
        tmp_path, dataset("phantom", SETTINGS | {"cases": {"train": 6, "test": 9}}), seed=1
    )
    here, there = contents(root), contents(tmp_path)
    common = [name for name in here if name in there and name.endswith(".png")]
    assert len(common) == 3 * (6 + 6)  # three files per case: the image and two masks
    assert all(here[name] == there[name] for name in common)


def test_layout_counts_and_files(root):
    base = root / "Infection Segmentation Data"
    found = Counter()
    stems = []
    for path in base.rglob("*.png"):
        split, label, kind, _ = path.relative_to(base).parts
        found[split, label, kind] += 1
        picture = read(path)
        assert picture.shape == (128, 128)
        assert picture.dtype == np.uint8
        if kind == "images":
            stems.append(path.stem)
        else:
            assert set(np.unique(picture)) <= {0, 255}
    # 13 images: each class gets a third, and the first class gets the one left over.
    wanted = {"Train": (5, 4, 4), "Val": (1, 1, 1), "Test": (2, 2, 2)}
    kinds = ("images", "infection masks", "lung masks")
    assert found == {
        (split, label, kind): n
        for split, counts in wanted.items()
        for label, n in zip(CLASSES, counts, strict=True)
        for kind in kinds
    }
    assert len(stems) == len(set(stems))
    with open(root / "patients.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert sorted(row["case"] for row in rows) == sorted(stems)


def test_clinical_files_change_no_image(root, tmp_path):
    phantom.generate(tmp_path, dataset("phantom", SETTINGS | {"clinical": True}), seed=1)
    here, there = contents(root), contents(tmp_path)
    assert there.keys() - here.keys() == {"CheXmask.csv", "records.csv"}
    assert all(there[name] == text for name, text in here.items())
    with open(tmp_path / "records.csv", newline="") as handle:
        records = list(csv.DictReader(handle))
    assert len(records) == 22
    assert {row["sex"] for row in records} == {"F", "M"}
    assert all(1 <= int(row["age"]) <= 95 for row in records)
    settings = dataset(
        "phantom",
        SETTINGS
        | {"annotated_classes": ["COVID-19"], "lung_masks": "chexmask", "lungs": "CheXmask.csv"},
    )
    plain, given = (
        covid_qu_ex.find_cases(root, settings),
        with_organs(list(covid_qu_ex.find_cases(tmp_path, settings)), tmp_path, settings),
    )
    assert any(case.organs for case in given)
    for one, case in zip(plain, given, strict=True):
        if case.organs:
            organs = {name: read_mask_at(tmp_path, at) for name, at in case.organs.items()}
            lungs = organs["left_lung"] | organs["right_lung"]
            assert (lungs == (read(root / one.lung_mask) > 0)).mean() > 0.99
            assert not (organs["heart"] & lungs).any()
            assert 0.02 < organs["heart"].mean() < 0.2
            left, right = (np.nonzero(organs[f"{s}_lung"])[1].mean() for s in ("left", "right"))
            assert left > right


def test_the_adapter_of_the_real_data_reads_it(root):
    cases = list(covid_qu_ex.find_cases(root, dataset("phantom", SETTINGS)))
    assert covid_qu_ex.same_size
    assert Counter(case.split for case in cases) == {"train": 13, "val": 3, "test": 6}
    assert all(case.patient != case.case for case in cases)
    assert all(case.lung_mask and case.masks for case in cases)


def test_masks(many):
    for item, made in many:
        assert 0.12 < made.lung.mean() < 0.40, item
        assert not (made.infection & ~made.lung).any(), item
        share = made.infection.sum() / made.lung.sum()
        if item.label == "Normal":
            assert share == 0
        else:
            assert 0.02 < share < 0.7, item
        assert not made.shortcut.any()


def test_covid_is_bilateral_and_pneumonia_in_one_lung(many):
    for item, made in many:
        # The two lungs are the two largest parts of the lung mask.
        _, parts, stats, _ = cv2.connectedComponentsWithStats(made.lung.astype(np.uint8))
        two = np.argsort(stats[1:, cv2.CC_STAT_AREA])[-2:] + 1
        hit = sum(bool((made.infection & (parts == part)).any()) for part in two)
        assert hit == {"COVID-19": 2, "Non-COVID": 1, "Normal": 0}[item.label], item


def test_patients_have_one_to_three_images_and_one_split():
    items = list(phantom.plan({"train": 300, "val": 60, "test": 90}, seed=1))
    splits, visits = defaultdict(set), Counter()
    for item in items:
        splits[item.patient].add(item.split)
        visits[item.patient] += 1
    assert all(len(found) == 1 for found in splits.values())
    assert set(visits.values()) == {1, 2, 3}


def test_images_of_a_patient_differ_in_pose_only_slightly(many):
    pairs = [(a, b) for (a, b) in zip(many, many[1:], strict=False) if b[0].visit > 0]
    assert pairs
    for (one, a), (two, b) in pairs:
        assert one.patient == two.patient
        assert not np.array_equal(a.image, b.image)
        assert (a.lung & b.lung).sum() / (a.lung | b.lung).sum() > 0.5


def test_contrast_zero_shows_no_lesion_and_changes_nothing_else():
    for item in list(phantom.plan({"val": 6}, seed=5))[:4]:
        shown = phantom.make_image(item, dataset("phantom", SETTINGS), seed=5)
        hidden = phantom.make_image(item, dataset("phantom", SETTINGS | {"contrast": 0.0}), seed=5)
        assert np.array_equal(shown.infection, hidden.infection)
        assert not np.array_equal(shown.image, hidden.image)
        healthy = phantom.make_image(
            item, dataset("phantom", SETTINGS | {"contrast": 1e-9}), seed=5
        )
        assert np.array_equal(healthy.image, hidden.image)


def test_contrast_zero_equals_the_patient_without_lesions(monkeypatch, request):
    items = [item for item in phantom.plan({"val": 3}, seed=5) if item.label != "Normal"]
    hidden = [
        phantom.make_image(item, dataset("phantom", SETTINGS | {"contrast": 0.0}), seed=5)
        for item in items
    ]
    phantom._patient.cache_clear()
    request.addfinalizer(phantom._patient.cache_clear)
    monkeypatch.setattr(
        phantom, "make_lesions", lambda label, anatomy, rng: make_lesions("Normal", anatomy, rng)
    )
    for item, made in zip(items, hidden, strict=True):
        bare = phantom.make_image(item, dataset("phantom", SETTINGS), seed=5)
        assert not bare.infection.any()
        assert np.array_equal(bare.image, made.image)


def test_lesions_are_brighter_than_the_lung_without_them(many):
    for item, made in many[:60:6]:
        hidden = phantom.make_image(item, dataset("phantom", SETTINGS | {"contrast": 0.0}), seed=3)
        gain = made.image.astype(int) - hidden.image
        assert gain[made.infection].mean() > 5, item
        assert np.abs(gain[~made.lung]).mean() < 3, item


def test_nothing_but_the_lesions_tells_the_class(monkeypatch):
    """Apart from lesions, exposure, pose, lung size and the letter do not depend on the class."""
    bare = SETTINGS | {"contrast": 0.0, "size": 64}
    letters = []
    draw = phantom.draw_letter
    monkeypatch.setattr(
        phantom, "draw_letter", lambda *args: letters.append(draw(*args)) or letters[-1]
    )
    groups = defaultdict(list)
    for item in phantom.plan({"train": 360}, seed=11):
        if item.visit > 0:  # one image per patient, so draws are independent
            continue
        made = phantom.make_image(item, dataset("phantom", bare), seed=11)
        rows, columns = np.nonzero(made.lung)
        letter_row, letter_column = np.argwhere(letters[-1]).mean(axis=0)
        assert not (letters[-1] & made.lung).any()
        groups[item.label].append(
            [
                made.image.mean(),
                made.image.std(),
                made.image[made.lung].mean(),
                made.lung.mean(),
                rows.mean(),
                columns.mean(),
                letter_row,
                letter_column > 32,
                made.image[letters[-1]].max(),
            ]
        )
    values = [np.array(groups[label], dtype=float) for label in CLASSES]
    means = np.array([v.mean(axis=0) for v in values])
    errors = np.array([v.std(axis=0) / np.sqrt(len(v)) for v in values])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        z = np.abs(means[a] - means[b]) / np.hypot(errors[a], errors[b])
        assert (z < 3.3).all(), (CLASSES[a], CLASSES[b], z)


def test_shortcut_goes_with_its_class(tmp_path):
    """The mark occurs as often as the settings state, and images differ only inside its mask."""
    marked = SETTINGS | {"shortcut": SHORTCUT, "size": 64}
    plain = SETTINGS | {"size": 64}
    shares = defaultdict(list)
    for number, item in enumerate(phantom.plan({"train": 450}, seed=7)):
        made = phantom.make_image(item, dataset("phantom", marked), seed=7)
        shares[item.label].append(made.shortcut.any())
        assert not (made.shortcut & made.lung).any()
        if number % 10 == 0:
            without = phantom.make_image(item, dataset("phantom", plain), seed=7).image
            assert np.array_equal(made.image[~made.shortcut], without[~made.shortcut])
            if made.shortcut.any():
                assert made.image[made.shortcut].mean() > 150
    for label, found in shares.items():
        wanted = 0.8 if label == "Non-COVID" else 0.2
        assert abs(np.mean(found) - wanted) < 4 * np.sqrt(0.16 / len(found))


def test_shortcut_masks_are_written_only_when_it_is_on(root, tmp_path):
    assert not list(root.rglob("shortcut masks"))
    shortcut = {"class": "COVID-19", "probability": 1.0, "distractor": 0.0}
    phantom.generate(
        tmp_path, dataset("phantom", SETTINGS | {"cases": {"val": 6}, "shortcut": shortcut}), seed=1
    )
    masks = list(tmp_path.rglob("shortcut masks/*.png"))
    assert len(masks) == 6
    for path in masks:
        assert read(path).any() == ("COVID-19" in path.parts)


def test_the_mark_finds_a_place_in_every_pose():
    """At several sizes, including odd ones, the mark is drawn and lies outside the lungs."""
    always = SETTINGS | {"shortcut": {"class": "Normal", "probability": 1.0, "distractor": 1.0}}
    for size in (64, 100, 320):
        for item in phantom.plan({"test": 30}, seed=13):
            made = phantom.make_image(item, dataset("phantom", always | {"size": size}), seed=13)
            assert made.shortcut.any()
            assert not (made.shortcut & made.lung).any()


def test_a_phantom_is_replaced_but_other_data_are_not(tmp_path):
    few = SETTINGS | {"cases": {"val": 3}}
    phantom.generate(tmp_path, dataset("phantom", SETTINGS | {"cases": {"val": 6}}), seed=1)
    phantom.generate(tmp_path, dataset("phantom", few), seed=1)
    assert len(list(tmp_path.rglob("images/*.png"))) == 3
    (tmp_path / "phantom.json").unlink()
    with pytest.raises(InputError, match="a separate folder"):
        phantom.generate(tmp_path, dataset("phantom", few), seed=1)
    assert len(list(tmp_path.rglob("images/*.png"))) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cases": {"train": -1}}, "cases"),
        ({"cases": {"trian": 3}}, "cases"),
        ({"size": 16}, "size"),
        ({"contrast": -1.0}, "contrast"),
        ({"shortcut": {"class": "Flu", "probability": 1.0}}, "shortcut.class"),
        ({"shortcut": {"class": "Normal", "probability": 2.0}}, "shortcut.probability"),
    ],
)
def test_settings_out_of_range_are_named(change, field):
    with pytest.raises(InputError, match=re.escape(field)):
        Dataset.chosen({"source": "phantom", "annotated_classes": ["COVID-19"], **change})
