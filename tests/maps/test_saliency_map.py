"""Saliency maps: storage in native form, rendering and normalisation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fidelity.base.errors import InputError
from fidelity.maps.saliency_map import (
    MapRecord,
    SaliencyMap,
    normalise,
    raw_map,
    read_maps,
    render,
    render_relevance,
    write_maps,
)
from fidelity.metrics.map_metrics import MapPair, pointing_game

FLOATS = st.floats(-1e3, 1e3, width=32)


@given(arrays(np.float32, st.tuples(st.integers(2, 9), st.integers(2, 9)), elements=FLOATS))
def test_grid_is_upsampled_as_torch_does(values):
    size = (37, 53)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None], size=size, mode="bilinear", align_corners=False
    )[0, 0].numpy()
    scale = max(1.0, float(np.abs(values).max()))
    np.testing.assert_allclose(
        raw_map(SaliencyMap("grid", values), size), expected, atol=1e-5 * scale
    )


def test_superpixels_keep_their_borders():
    segments = np.array([[0, 0, 1], [2, 2, 1]])
    rendered = raw_map(SaliencyMap("superpixels", np.array([1.0, -2.0, 3.0]), segments), (4, 6))
    np.testing.assert_array_equal(
        rendered, np.kron(np.array([[1, 1, -2], [3, 3, -2]]), np.ones((2, 2)))
    )


@given(
    arrays(np.float32, (5, 7), elements=FLOATS),
    st.sampled_from(["positive", "absolute", "signed"]),
)
def test_normalised_maps_span_zero_to_one_or_vanish(values, sign):
    result = normalise(values, sign)
    assert result.dtype == np.float32
    assert result.min() == 0
    assert result.max() in (0, 1)


def test_sign_is_taken_before_the_scale():
    raw = np.array([[-4.0, 0.0], [1.0, 2.0]], np.float32)
    np.testing.assert_allclose(normalise(raw, "positive"), [[0, 0], [0.5, 1]])
    np.testing.assert_allclose(normalise(raw, "absolute"), [[1, 0], [0.25, 0.5]])
    np.testing.assert_allclose(normalise(raw, "signed"), [[0, 2 / 3], [5 / 6, 1]], rtol=1e-6)


def test_all_negative_and_constant_maps_become_zero():
    assert not normalise(np.full((3, 3), -1.0), "positive").any()
    assert not normalise(np.full((3, 3), 7.0), "signed").any()


def test_outside_the_box_there_is_nothing():
    rendered = render(
        SaliencyMap("dense", np.array([[1.0, 2.0], [3.0, 4.0]])), (2, 1, 4, 3), (5, 6)
    )
    assert rendered.shape == (5, 6)
    inside = np.zeros((5, 6), bool)
    inside[2:4, 1:3] = True
    assert not rendered[~inside].any()
    assert rendered.max() == 1


@pytest.mark.parametrize("sign", ["positive", "absolute", "signed"])
def test_relevance_keeps_its_unit_and_place(sign):
    values = np.array([[2.0, -4.0], [6.0, 8.0]])
    found = render_relevance(SaliencyMap("dense", values), (2, 1, 4, 3), (5, 6), sign)
    expected = np.zeros((5, 6), np.float32)
    expected[2:4, 1:3] = [[2, 4 if sign == "absolute" else 0], [6, 8]]
    np.testing.assert_array_equal(found, expected)


def test_binary_maps_are_not_normalised():
    ones = SaliencyMap("binary", np.ones((4, 4), np.uint8))
    assert render(ones, (0, 0, 4, 4), (4, 4)).min() == 1


def test_storage_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    records = [
        MapRecord("a/b 'c'", "COVID-19", "sick", "ok", "", 0.5, {"r2": 0.9},
                  SaliencyMap("superpixels", rng.normal(size=3), rng.integers(0, 3, (20, 20)))),
        MapRecord("ü", "COVID-19", "sick", "failed", "NaN", 0.1),
        MapRecord("g", "X", "X", "ok", "", 0.1, {}, SaliencyMap("grid", rng.normal(size=(7, 7)))),
        MapRecord("d", "X", "", "ok", "", 0.1, {}, SaliencyMap("dense", 1e-9 * rng.random((9, 9)))),
    ]  # fmt: skip
    write_maps(tmp_path / "x.h5", records, {"method": "lime"})
    back = list(read_maps(tmp_path / "x.h5"))
    assert [(r.case, r.status, r.reason, r.extras) for r in back] == [
        (r.case, r.status, r.reason, r.extras) for r in records
    ]
    assert back[1].map is None
    np.testing.assert_allclose(back[0].map.values, records[0].map.values, rtol=1e-6)
    np.testing.assert_array_equal(back[0].map.segments, records[0].map.segments)
    dense = records[3].map.values.astype(np.float32)
    np.testing.assert_array_equal(back[3].map.values, dense)


def _stored(saliency, folder):
    record = MapRecord("c", "X", "", "ok", "", 0.0, {}, saliency)
    write_maps(folder / "one.h5", [record], {})
    return next(read_maps(folder / "one.h5")).map


@pytest.mark.parametrize("kind", ["dense", "grid"])
def test_storing_a_map_makes_no_ties(tmp_path, kind):
    # Float16 has no number between the two peaks: the lower peak would tie with the higher one.
    values = np.full((8, 8), 0.25, np.float32)
    values[1, 1], values[6, 6] = 0.9999, 1.0
    reference = np.zeros((8, 8), bool)
    reference[6, 6] = True
    stored = _stored(SaliencyMap(kind, values), tmp_path)
    rendered = render(stored, (0, 0, 8, 8), (8, 8))
    assert pointing_game(MapPair(rendered, reference)) == 1


@given(
    arrays(np.float32, (6, 7), elements=st.floats(width=32, allow_nan=False, allow_infinity=False))
)
def test_dense_maps_come_back_to_the_bit(tmp_path_factory, values):
    stored = _stored(SaliencyMap("dense", values), tmp_path_factory.mktemp("maps"))
    np.testing.assert_array_equal(stored.values, values)


def test_empty_shard(tmp_path):
    write_maps(tmp_path / "x.h5", [], {})
    assert list(read_maps(tmp_path / "x.h5")) == []


def test_foreign_and_damaged_files_are_named(tmp_path):
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"damaged\.h5.*run again"):
        list(read_maps(damaged))
    import h5py

    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file.attrs["schema"] = "other"
    with pytest.raises(InputError, match=r"foreign\.h5.*'other'"):
        list(read_maps(tmp_path / "foreign.h5"))


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        SaliencyMap("grid", np.array([[np.nan, 1.0]]))
