"""Near-duplicates across splits are found, reported and left out; unrelated images are not."""

import csv
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case
from fidelity.datasets.images import image_similarity
from fidelity.datasets.images.image_similarity import close_pairs, correlations, look_at
from fidelity.datasets.indexing.index import Index, index_cases
from fidelity.datasets.indexing.near_duplicates import (
    NearDuplicate,
    excluded,
    find_near_duplicates,
)
from fidelity.datasets.sources.phantom.phantom import generate
from fidelity.settings.datasets import Dataset
from tests.helpers.entries import dataset
from tests.helpers.small_data import write_image

CHANGES = {
    "jpeg": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [1, 60])[1], 0),
    "brighter": lambda image: np.clip(image * 1.1 + 8, 0, 255).astype(np.uint8),
    "darker": lambda image: (image * 0.8).astype(np.uint8),
    "halved": lambda image: cv2.resize(cv2.resize(image, None, fx=0.5, fy=0.5), image.shape[::-1]),
}


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    """Generate radiographs in the layout of COVID-QU-Ex: 12 for training, 6 and 6."""
    root = tmp_path_factory.mktemp("phantom") / "data"
    settings = {
        "cases": {"train": 12, "val": 6, "test": 6},
        "size": 128,
        "contrast": 1.0,
        "second_reader": False,
    }
    generate(root, dataset("phantom", settings), 1)
    return root


@pytest.fixture
def planted(radiographs, tmp_path):
    """Replace each COVID-19 training image by a changed COVID-19 test image."""
    root = tmp_path / "data"
    shutil.copytree(radiographs, root)
    (root / "patients.csv").unlink(missing_ok=True)
    top = root / "Infection Segmentation Data"
    sources = sorted((top / "Test" / "COVID-19" / "images").glob("*.png"))
    targets = sorted((top / "Train" / "COVID-19" / "images").glob("*.png"))
    pairs = {}
    for number, name in enumerate(CHANGES):
        source, target = sources[number % len(sources)], targets[number]
        write_image(target, CHANGES[name](cv2.imread(str(source), 0)))
        pairs[target.stem] = source.stem
    return root, pairs


def settings_with(**changes):
    keys = {"annotated_classes": ["COVID-19"], "near_duplicates": "report", **changes}
    return Dataset.chosen({"source": "phantom", **keys})


def near_rows(index: Index, folder: Path) -> list[dict[str, str]]:
    index.write_reports(folder / "quarantine.csv", folder / "near.csv")
    with open(folder / "near.csv", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_planted_near_duplicates_are_reported_and_no_others(planted, tmp_path, caplog):
    root, pairs = planted
    index = index_cases(root, settings_with())
    rows = near_rows(index, tmp_path)
    # Two changed versions of one test image are each paired with it; pairs are listed, not groups.
    assert {row["case"]: row["twin"] for row in rows} == pairs
    assert {(row["split"], row["twin_split"]) for row in rows} == {("train", "test")}
    assert all(int(row["distance"]) <= 10 and float(row["correlation"]) >= 0.97 for row in rows)
    assert {row["excluded"] for row in rows} == {"no"}
    assert len(index.cases) == 24
    assert index.left_out == []
    assert f"{len(pairs)} near-duplicates across splits" in caplog.text


def test_exclude_drops_them_outside_the_test_split(planted, tmp_path):
    root, pairs = planted
    settings = settings_with(near_duplicates="exclude")
    index = index_cases(root, settings)
    assert {entry.case for entry in index.left_out} == set(pairs)
    assert all("near-duplicate of" in entry.reason for entry in index.left_out)
    assert {case.case for case in index.cases}.isdisjoint(pairs)
    assert set(pairs.values()) <= {case.case for case in index.cases}
    assert {row["excluded"] for row in near_rows(index, tmp_path)} == {"yes"}


@pytest.mark.parametrize("off", ["off", False])
def test_off_compares_nothing(planted, tmp_path, off, monkeypatch):
    monkeypatch.setattr(image_similarity, "imagehash", None)
    root, _ = planted
    assert near_rows(index_cases(root, settings_with(near_duplicates=off)), tmp_path) == []


def test_thresholds_are_settings(planted, tmp_path):
    root, _ = planted
    strict = settings_with(near_duplicate_correlation=1.0)
    assert near_rows(index_cases(root, strict), tmp_path) == []
    with pytest.raises(InputError, match="'near_duplicates': 'reprot' is not allowed.*'report'"):
        settings_with(near_duplicates="reprot")


def test_real_radiographs_and_their_changes(sample):
    paths = sorted(sample.glob("*/Test/*/images/*.png"))
    images = [cv2.imread(str(path), 0) for path in paths]
    looks = [look_at(image) for image in images]
    for name, change in CHANGES.items():
        for image, look in zip(images[::3], looks[::3], strict=True):
            other = look_at(change(image))
            assert (look.phash ^ other.phash).bit_count() <= 10, name
            alike = correlations(look.thumbnail[None], other.thumbnail[None])
            assert alike[0] >= 0.97, name
    cases = [Case(p.stem, p.stem, ("test", "train")[n % 2], (), "") for n, p in enumerate(paths)]
    digests = [str(n) for n in range(len(cases))]
    assert find_near_duplicates(cases, looks, digests, distance=10, correlation=0.97) == []
    # The hash alone would match unrelated images. The correlation prevents that.
    assert find_near_duplicates(cases, looks, digests, distance=10, correlation=0.0)


def test_exact_copies_are_left_to_the_setting_duplicates():
    image = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    cases = [Case(name, name, split, (), "") for name, split in (("a", "train"), ("b", "test"))]
    looks = [look_at(image)] * 2
    find = {"distance": 0, "correlation": 0.9}
    assert find_near_duplicates(cases, looks, ["x", "x"], **find) == []
    (pair,) = find_near_duplicates(cases, looks, ["x", "y"], **find)
    assert (pair.case.case, pair.twin.case, pair.distance) == ("a", "b", 0)


def test_pairs_within_a_split_are_no_leak():
    image = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    cases = [Case(name, name, "train", (), "") for name in "ab"]
    looks = [look_at(image)] * 2
    assert find_near_duplicates(cases, looks, ["x", "y"], distance=5, correlation=0.5) == []


def test_a_training_image_stays_if_its_only_twin_goes():
    test, val, train, other = (
        Case(name, name, split, (), "")
        for name, split in (("t", "test"), ("v", "val"), ("r", "train"), ("o", "train"))
    )
    pairs = [NearDuplicate(*two, 2, 0.99) for two in ((val, test), (train, val), (other, test))]
    assert [pair.excluded for pair in excluded(pairs)] == [True, False, True]


@pytest.mark.parametrize("block", [1, 64, 10_000])
def test_close_pairs_agree_with_a_plain_count(block, monkeypatch):
    monkeypatch.setattr(image_similarity, "BLOCK", block)
    rng = np.random.default_rng(1)
    left = rng.integers(0, 2**64, 57, np.uint64)
    near = left[:20] ^ np.uint64(1 << 63 | 5)
    right = np.concatenate([near, rng.integers(0, 2**64, 31, np.uint64)])
    for distance in (0, 3, 26):
        plain = {
            (i, j, (int(a) ^ int(b)).bit_count())
            for i, a in enumerate(left)
            for j, b in enumerate(right)
            if (int(a) ^ int(b)).bit_count() <= distance
        }
        found = [
            triple
            for part in close_pairs(left, right, distance)
            for triple in zip(*(values.tolist() for values in part), strict=True)
        ]
        assert len(found) == len(set(found))
        assert set(found) == plain
        assert distance == 0 or plain
    assert list(close_pairs(left, right[:0], 64)) == []


def test_correlations_agree_with_numpy_across_blocks(monkeypatch):
    monkeypatch.setattr(image_similarity, "PAIRS", 3)
    rng = np.random.default_rng(2)
    left, right = (rng.integers(0, 256, (8, 32, 32), np.uint8) for _ in range(2))
    right[4] = left[4] // 2 + 20
    left[7] = 9
    expected = [np.corrcoef(left[n].ravel(), right[n].ravel())[0, 1] for n in range(7)]
    np.testing.assert_allclose(correlations(left, right), [*expected, 0], atol=1e-5)
    assert len(correlations(left[:0], right[:0])) == 0


def test_the_whole_lung_part_is_compared_in_seconds():
    """33,920 hashes, split as in the lung part: 300 million pairs. Measured: 1.2 s on one core."""
    rng = np.random.default_rng(3)
    hashes = np.split(rng.integers(0, 2**64, 33_920, np.uint64), [21_715, 27_132])
    hashes[0][:50] = hashes[2][:50] ^ np.uint64(0b111)
    start = time.process_time()
    found = [len(i) for i, _, _ in close_pairs(hashes[0], hashes[2], 8)]
    found += [len(i) for i, _, _ in close_pairs(hashes[0], hashes[1], 8)]
    found += [len(i) for i, _, _ in close_pairs(hashes[1], hashes[2], 8)]
    assert time.process_time() - start < 30
    assert sum(found) >= 50
