import json
from dataclasses import replace

import cv2
import h5py
import numpy as np
import pytest

import prepare
import shard_cases
from fidelity.base.errors import InputError
from fidelity.datasets.cases import write_cases
from fidelity.datasets.images.squares import resize_image
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import lung_box, prepare_case, prepare_cases
from fidelity.datasets.prepared import PreparedShard, write_prepared
from fidelity.masks.run_lengths import decode
from tests.helpers.entries import dataset
from tests.helpers.small_data import SIZE, write_image

ATTRS = {"image_size": 16, "classes": ["A", "B"], "dataset": "x"}


@pytest.fixture
def cases(covid, settings):
    return index_cases(covid, dataset("covid_qu_ex", settings))[0]


def same(one, other) -> bool:
    plain = [replace(case, image=None, lung=None) for case in (one, other)]
    lungs = one.lung is other.lung or np.array_equal(one.lung, other.lung)
    return plain[0] == plain[1] and np.array_equal(one.image, other.image) and lungs


def test_round_trip(cases, covid, settings, tmp_path):
    prepared = list(prepare_cases(cases, covid, dataset("table", settings)))
    prepared[3] = replace(prepared[3], lung=None, lung_native=None)
    write_prepared(tmp_path / "s.h5", prepared, ATTRS)
    write_prepared(tmp_path / "t.h5", iter(prepared), ATTRS)
    assert (tmp_path / "s.h5").read_bytes() == (tmp_path / "t.h5").read_bytes()
    with PreparedShard(tmp_path / "s.h5") as shard:
        assert len(shard) == 18
        assert shard.classes == ["A", "B"]
        assert shard.attrs["dataset"] == "x"
        assert all(same(a, b) for a, b in zip(shard, prepared, strict=True))
        np.testing.assert_array_equal(shard.images, [case.image for case in prepared])


def test_more_cases_than_a_block(cases, covid, settings, tmp_path):
    prepared = list(prepare_cases(cases * 8, covid, dataset("table", settings)))
    write_prepared(tmp_path / "s.h5", prepared, ATTRS)
    with PreparedShard(tmp_path / "s.h5") as shard:
        assert [case.case for case in shard] == [case.case for case in cases * 8]


def test_empty_shards_are_valid(tmp_path):
    write_prepared(tmp_path / "s.h5", [], ATTRS)
    with PreparedShard(tmp_path / "s.h5") as shard:
        assert len(shard) == 0
        assert list(shard) == []
        assert shard.images.shape == (0, 16, 16)


def test_damaged_and_foreign_files_are_named(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no")
    h5py.File(tmp_path / "b.h5", "w").close()
    for name, said in (("a", "HDF5"), ("b", "schema None"), ("c", "HDF5")):
        with (
            pytest.raises(InputError, match=f"{name}.h5.*{said}.*Delete"),
            PreparedShard(tmp_path / f"{name}.h5"),
        ):
            pass


def test_full_keeps_the_references_at_native_size(cases, covid, settings):
    case = next(c for c in cases if c.labels == ("COVID-19",))
    prepared = prepare_case(case, covid, dataset("table", settings))
    native = cv2.imread(str(covid / case.image), -1)
    np.testing.assert_array_equal(
        prepared.image, cv2.resize(native, (16, 16), interpolation=cv2.INTER_AREA)
    )
    expected = np.zeros((SIZE, SIZE), bool)
    expected[10:14, 6:10] = True
    np.testing.assert_array_equal(decode(prepared.references["COVID-19"]), expected)
    assert prepared.box == (0, 0, SIZE, SIZE)
    assert prepared.native_size == (SIZE, SIZE)
    assert prepared.lung.shape == (16, 16)
    lung = cv2.imread(str(covid / case.lung_mask), -1) > 0
    np.testing.assert_array_equal(decode(prepared.lung_native), lung)


def test_classes_that_are_not_annotated_have_no_reference(cases, covid, settings):
    by_class = {
        case.labels[0]: prepare_case(case, covid, dataset("table", settings)).references
        for case in cases
    }
    assert by_class["Normal"] == by_class["Non-COVID"] == {}


def test_lung_masked_is_zero_outside_the_lung(cases, covid, settings):
    changed = {**settings, "input": "lung_masked", "image_size": SIZE}
    prepared = prepare_case(cases[0], covid, dataset("table", changed))
    native = cv2.imread(str(covid / cases[0].image), -1)
    np.testing.assert_array_equal(prepared.image, np.where(prepared.lung, native, 0))


def test_lung_crop_shows_the_recorded_box(cases, covid, settings):
    prepared = prepare_case(
        cases[0], covid, dataset("table", {**settings, "input": "lung_crop", "image_size": 26})
    )
    # The lungs span rows 8 … 24 and columns 4 … 28. The margin of 5 % of 16 and of 24 pixels rounds
    # to one pixel. The mediastinum, which the mask leaves out, lies inside.
    assert prepared.box == (7, 3, 25, 29)
    native = cv2.imread(str(covid / cases[0].image), -1)
    crop = np.ascontiguousarray(native[7:25, 3:29])
    np.testing.assert_array_equal(
        prepared.image, cv2.resize(crop, (26, 26), interpolation=cv2.INTER_LINEAR)
    )
    assert prepared.native_size == (SIZE, SIZE)
    assert decode(prepared.lung_native).shape == (SIZE, SIZE)


def test_the_crop_stops_at_the_border_of_the_image():
    lung = np.zeros((100, 60), bool)
    lung[2:100, 0:40] = True
    assert lung_box(lung) == (0, 0, 100, 42)


def test_the_crop_needs_a_lung(cases, covid, settings):
    write_image(covid / cases[0].lung_mask, np.zeros((SIZE, SIZE), np.uint8))
    with pytest.raises(InputError, match="'input'.*has no lung mask.*Set input: full"):
        prepare_case(cases[0], covid, dataset("table", {**settings, "input": "lung_crop"}))


def test_resizing_averages_along_the_axis_that_shrinks():
    stripes = np.tile(np.array([0, 200], np.uint8), (4, 32))
    assert (resize_image(stripes, 8) == 100).all()
    assert resize_image(np.full((3, 5), 7, np.uint8), 9).shape == (9, 9)


def test_the_scripts_from_cases_to_shards(cases, covid, settings, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "data").symlink_to(covid)
    write_cases(tmp_path / "cases.csv", cases)
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["COVID-19"], "task": "x"}))
    counts = {"train": 1, "val": 1, "test": 2}
    shard_cases.main(tmp_path / "cases.csv", tmp_path / "classes.json", counts, tmp_path / "s")
    found, entry = [], dataset("table", settings)
    for shard in sorted((tmp_path / "s").glob("*.csv")):
        output = tmp_path / f"{shard.stem}.h5"
        prepare.main(shard, tmp_path / "raw", tmp_path / "classes.json", entry, output)
        with PreparedShard(output) as prepared:
            assert prepared.attrs["input"] == "full"
            found += [case.case for case in prepared]
    assert sorted(found) == sorted(case.case for case in cases)
