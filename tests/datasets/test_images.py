import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_data import write_image

from fidelity.datasets import images
from fidelity.datasets.images import (
    Intensity,
    IntensityError,
    decode_image,
    read_image,
    read_mask,
)
from fidelity.errors import InputError

GREY = np.random.default_rng(1).integers(0, 256, (12, 9), np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_8_bit_grey_values_are_kept(tmp_path, suffix):
    image = read_image(write_image(tmp_path / f"i.{suffix}", GREY))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, GREY)


def test_jpeg_is_read(tmp_path):
    assert read_image(write_image(tmp_path / "i.jpg", GREY)).shape == GREY.shape


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_white_of_16_bit_is_the_end_of_the_range(tmp_path, suffix):
    deep = np.array([[0, 257 * 3], [32768, 65535]], np.uint16)
    image = read_image(write_image(tmp_path / f"i.{suffix}", deep))
    np.testing.assert_allclose(image, [[0, 3], [32768 / 257, 255]], rtol=1e-6)
    flat = read_image(write_image(tmp_path / f"f.{suffix}", np.full((2, 2), 257 * 7, np.uint16)))
    assert flat.dtype == np.uint8
    assert (flat == 7).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_percentiles_become_black_and_white(tmp_path, suffix):
    deep = np.array([[1000, 2000], [3000, 5000]], np.uint16)
    path = write_image(tmp_path / f"i.{suffix}", deep)
    whole = read_image(path, Intensity("percentile", 0, 100))
    np.testing.assert_allclose(whole, [[0, 63.75], [127.5, 255]])
    # Linear between order statistics: 25 % lies at 1750, 75 % at 3500; beyond them it is clipped.
    cut = read_image(path, Intensity("percentile", 25, 75))
    np.testing.assert_allclose(cut, [[0, 250 / 1750 * 255], [1250 / 1750 * 255, 255]], rtol=1e-6)
    flat = write_image(tmp_path / f"f.{suffix}", np.full((2, 2), 7, np.uint16))
    assert (read_image(flat, Intensity("percentile")) == 0).all()


def test_12_bit_values_in_16_bits_are_refused_rather_than_nearly_black(tmp_path):
    deep = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    path = write_image(tmp_path / "i.png", deep)
    with pytest.raises(IntensityError, match=r"0 to 4095.*0 to 65535.*intensity: percentile"):
        read_image(path)
    image = read_image(path, Intensity("percentile", 0, 100))
    assert len(np.unique(image)) == 4096  # nothing is cut to 8 bit on reading


def test_floats_declare_no_white(tmp_path):
    path = write_image(tmp_path / "i.tif", np.array([[0, 0.5], [0.75, 1]], np.float32))
    with pytest.raises(IntensityError, match="float32.*intensity: percentile"):
        read_image(path)
    image = read_image(path, Intensity("percentile", 0, 100))
    np.testing.assert_allclose(image, [[0, 127.5], [191.25, 255]])


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint16, (5, 6), elements=st.integers(0, 65535)),
    st.sampled_from([Intensity(), Intensity("percentile"), Intensity("percentile", 10, 80)]),
)
def test_order_of_16_bit_values_is_kept(pixels, intensity):
    data = cv2.imencode(".png", pixels)[1].tobytes()
    try:
        image = decode_image(data, "i.png", intensity)
    except IntensityError:
        assert np.ptp(pixels) < 65535 / 8
        return
    order = np.argsort(pixels.ravel(), kind="stable")
    assert (np.diff(image.ravel()[order].astype(float)) >= 0).all()
    assert image.min() >= 0
    assert image.max() <= 255


def test_files_of_more_than_the_limit_are_not_read(tmp_path, monkeypatch):
    path = write_image(tmp_path / "i.png", GREY)
    monkeypatch.setattr(images, "MAX_BYTES", 10)
    monkeypatch.setattr(Path, "read_bytes", None)
    with pytest.raises(InputError, match=r"i.png: the file has 0.0 GB, more than"):
        read_image(path)


def test_colour_and_alpha_become_grey(tmp_path):
    colour = cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGRA)
    np.testing.assert_array_equal(read_image(write_image(tmp_path / "i.png", colour)), GREY)


@pytest.mark.parametrize("values", [(0, 255), (0, 1), (0,), (255,)])
def test_masks_of_two_values(tmp_path, values):
    pixels = np.resize(np.array(values, np.uint8), (4, 6))
    np.testing.assert_array_equal(
        read_mask(write_image(tmp_path / "m.png", pixels)), pixels.astype(bool)
    )


@pytest.mark.parametrize("values", [(0, 1, 2), (1, 2), (0, 254, 255)])
def test_masks_of_other_values_are_refused(tmp_path, values):
    path = write_image(tmp_path / "m.png", np.resize(np.array(values, np.uint8), (4, 6)))
    with pytest.raises(InputError, match="Threshold it") as error:
        read_mask(path)
    assert str(path) in str(error.value)
    assert f"{len(values)} values" in str(error.value)
    assert "JPEG" not in str(error.value)


def test_a_mask_blurred_by_jpeg_is_told_apart(tmp_path):
    path = write_image(tmp_path / "m.jpg", np.eye(16, dtype=np.uint8) * 255)
    with pytest.raises(InputError, match="Threshold it.*JPEG compression blurs masks"):
        read_mask(path)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_001, 60_000])
def test_a_file_that_claims_to_be_huge_is_refused_undecoded(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png_claiming(side, side))
    with pytest.raises(InputError, match="too large") as error:
        read_image(tmp_path / "bomb.png")
    assert "bomb.png" in str(error.value)
    assert error.value.remedy


def damaged(path: Path, share: float) -> Path:
    data = write_image(path, GREY.repeat(9, 0).repeat(9, 1)).read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_damaged_files_are_refused(tmp_path, suffix, share):
    with pytest.raises(InputError, match="damaged|not a readable image"):
        read_image(damaged(tmp_path / f"i.{suffix}", share))


def test_text_empty_and_missing_files_are_refused(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "zero.png").touch()
    for name, said in (("text", "not a readable"), ("zero", "zero bytes"), ("none", "cannot be")):
        with pytest.raises(InputError, match=said) as error:
            read_image(tmp_path / f"{name}.png")
        assert f"{name}.png" in str(error.value)
        assert error.value.remedy
