import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_data import write_image

from fidelity.datasets.images import read_image, read_mask
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
def test_16_bit_is_stretched_per_image(tmp_path, suffix):
    deep = np.array([[1000, 2000], [3000, 5000]], np.uint16)
    image = read_image(write_image(tmp_path / f"i.{suffix}", deep))
    np.testing.assert_allclose(image, [[0, 63.75], [127.5, 255]])
    flat = read_image(write_image(tmp_path / f"f.{suffix}", np.full((2, 2), 7, np.uint16)))
    assert (flat == 0).all()


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
    with pytest.raises(InputError, match="Threshold it.*JPEG") as error:
        read_mask(path)
    assert str(path) in str(error.value)
    assert f"{len(values)} values" in str(error.value)


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
