import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from fidelity.base.errors import InputError
from fidelity.masks.run_lengths import at_size, decode, encode, read_masks, write_masks
from tests.helpers.mask_grid import MASKS


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_decoding_undoes_encoding(mask):
    decoded = decode(encode(mask))
    assert decoded.dtype == bool
    assert np.array_equal(decoded, mask)


@pytest.mark.parametrize("name", MASKS)
def test_encoding_is_that_of_pycocotools(name):
    rle = encode(MASKS[name])
    assert coco.area(rle) == MASKS[name].sum()
    assert rle["size"] == list(MASKS[name].shape)


@pytest.mark.parametrize("array", [np.zeros((3, 3)), np.zeros((3, 3, 1), bool)])
def test_only_boolean_images_are_encoded(array):
    with pytest.raises(ValueError, match="boolean"):
        encode(array)


@given(st.text(max_size=12))
def test_broken_counts_are_refused_or_fill_the_mask(counts):
    try:
        mask = decode({"size": [5, 7], "counts": counts})
    except InputError:
        return
    assert mask.shape == (5, 7)
    assert coco.area({"size": [5, 7], "counts": counts}) == mask.sum()


def test_counts_that_cover_less_than_the_mask_are_refused():
    rle = encode(MASKS["disc"])
    with pytest.raises(InputError, match="do not add up to the size"):
        decode({"size": [400, 560], "counts": rle["counts"]})


def test_files_are_read_back_and_byte_identical(tmp_path):
    stored = {"b": {"COVID-19": encode(MASKS["ring"])}, "a": {"é": encode(MASKS["empty"])}}
    write_masks(tmp_path / "one.json", stored)
    write_masks(tmp_path / "two.json", dict(reversed(stored.items())))
    assert read_masks(tmp_path / "one.json") == stored
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"a": 1}',
        '{"a": {"c": []}}',
        '{"a": {"c": {"size": [1], "counts": "1"}}}',
        '{"a": {"c": {"size": [0, 2], "counts": "1"}}}',
        '{"a": {"c": {"size": [1, 2], "counts": [3]}}}',
    ],
)
def test_files_that_are_no_masks_are_named(tmp_path, text):
    path = tmp_path / "masks.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"masks\.json"):
        read_masks(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_masks(tmp_path / "absent.json")


def test_resizing_repeats_and_drops_whole_pixels():
    mask = np.array([[True, False], [False, True]])
    large = at_size(mask, (4, 6))
    assert np.array_equal(large, np.kron(mask, np.ones((2, 3), bool)))
    assert np.array_equal(at_size(large, (2, 2)), mask)
