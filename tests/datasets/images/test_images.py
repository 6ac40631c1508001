import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from fidelity.base.errors import InputError
from fidelity.datasets.images import images
from fidelity.datasets.images.images import (
    FULL,
    OTHER_FLOATS,
    TURNED,
    UNIT_FLOATS,
    Findings,
    Intensity,
    IntensityError,
    decode_image,
    decode_mask,
    intensity_of,
    read_image,
)
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from tests.helpers.entries import dataset
from tests.helpers.small_data import write_image

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
    # Percentiles interpolate linearly between order statistics: 25 % lies at 1750, 75 % at 3500.
    # Values beyond them are clipped.
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
    assert len(np.unique(image)) == 4096  # reading does not reduce values to 8 bits


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("factor", "white"), [(1, 1.0), (0.5, 1.0), (4000, 4000), (-1, 0)])
def test_floats_have_1_as_white_or_else_their_maximum(tmp_path, kind, factor, white):
    pixels = np.array([[0, 0.5], [0.75, 1]], kind) * kind(factor)
    findings = Findings()
    path = tmp_path / "i.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack")
    image = decode_image(path.read_bytes(), path, FULL, findings)
    black = min(0, pixels.min())
    np.testing.assert_allclose(image, (pixels - black) / (white - black) * 255, rtol=1e-6)
    assert findings.notes == [UNIT_FLOATS if white == 1 else OTHER_FLOATS]


def test_floats_of_two_ranges_stop_the_index(tmp_path):
    for name, factor in (("a", 1), ("b", 4000)):
        tifffile.imwrite(tmp_path / f"{name}.tif", GREY.astype(np.float32) / 255 * factor)
    with pytest.raises(InputError, match=r"b\.tif, 'intensity'"):
        index_cases(_table(tmp_path, "a.tif", "b.tif"), dataset("table", SETTINGS))
    index_cases(tmp_path, dataset("table", SETTINGS | {"intensity": "percentile"}))


def _table(root: Path, *names: str) -> Path:
    write_image(root / "m.png", np.eye(*GREY.shape, dtype=np.uint8))
    rows = "".join(f"{name},test,A,{name},m.png\n" for name in names)
    (root / "t.csv").write_text("case,split,label,image,mask:A\n" + rows)
    return root


SETTINGS = {
    "table": "t.csv",
    "annotated_classes": ["A"],
    "lung_masks": "none",
    "duplicates": "keep",
}
SETTINGS |= {"near_duplicates": "off"}


def with_third(values: np.ndarray) -> np.ndarray:
    """Add a third value to a picture of two values."""
    values = values.astype(np.uint16)
    values[0, 0] = 500
    return values


def test_14_bits_in_16_are_an_error_until_the_bits_are_known(tmp_path):
    deep = np.full(GREY.shape, 16383, np.uint16)
    deep[:, :4] = 8191  # bright enough not to count as a dark picture
    deep[0, 0] = 8000  # a third value: a picture of only two looks like a mask
    write_image(tmp_path / "a.png", deep)
    write_image(tmp_path / "b.png", with_third(np.where(deep > 9000, 12000, 100)))
    _table(tmp_path, "b.png", "a.png")
    with pytest.raises(InputError, match=r"a\.png, 'intensity_bits'.*intensity_bits: 14") as error:
        index_cases(tmp_path, dataset("table", SETTINGS))
    assert error.value.field == "intensity_bits"
    index_cases(tmp_path, dataset("table", SETTINGS | {"intensity_bits": 14}))
    index_cases(tmp_path, dataset("table", SETTINGS | {"intensity_bits": 16}))
    image = read_image(tmp_path / "b.png", intensity_of(dataset("table", {"intensity_bits": 14})))
    np.testing.assert_allclose(
        np.unique(image), np.array([100, 500, 12000]) / 16383 * 255, rtol=1e-6
    )
    with pytest.raises(IntensityError, match="16383.*intensity_bits: 14"):
        read_image(tmp_path / "a.png", intensity_of(dataset("table", {"intensity_bits": 12})))
    # One image that uses the upper half of the range shows that the others are just dark.
    write_image(tmp_path / "c.png", with_third(np.where(deep > 9000, 65535, 100)))
    index_cases(_table(tmp_path, "b.png", "c.png"), dataset("table", SETTINGS))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_tiff_files_in_which_white_is_zero_are_shown_as_meant(tmp_path, kind, photometric):
    full = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[kind]
    pixels = GREY if photometric == "minisblack" else 255 - GREY
    pixels = (pixels * np.float64(full)).astype(kind)
    pixels.flat[:2] = 0, 255 * full  # both ends of the range, needed to invert floats
    expected = np.concatenate([[0, 255], GREY.ravel()[2:]]).reshape(GREY.shape)
    if photometric == "miniswhite":
        expected.flat[:2] = 255, 0
    tifffile.imwrite(tmp_path / "i.tif", pixels, photometric=photometric)
    np.testing.assert_allclose(read_image(tmp_path / "i.tif"), expected, atol=1e-4)


def test_white_as_zero_in_12_of_16_bits(tmp_path):
    stored = 4095 - np.round(GREY * (4095 / 255)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "i.tif", stored, photometric="miniswhite")
    image = read_image(tmp_path / "i.tif", Intensity(bits=12))
    np.testing.assert_allclose(image, GREY, atol=0.05)
    with pytest.raises(IntensityError, match="intensity_bits"):
        read_image(tmp_path / "i.tif", Intensity(bits=10))


def _turned_back(number: int) -> np.ndarray:
    """Store GREY so that orientation `number` shows it upright (the inverse of each rotation)."""
    turns = {6: lambda a: np.rot90(a, 1), 8: lambda a: np.rot90(a, -1), 5: np.transpose}
    turns |= {1: np.asarray, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud}
    turns[7] = lambda a: np.rot90(a, 2).T
    return np.ascontiguousarray(turns[number](GREY))


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation_tags_are_applied_once(number, kind):
    exif = Image.Exif()
    exif[0x0112] = number
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}}.get(kind, {})

    def stored(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, exif=exif, **options)
        return buffer.getvalue()

    findings = Findings()
    image = decode_image(stored(Image.fromarray(_turned_back(number))), "i", FULL, findings)
    assert np.abs(image.astype(int) - GREY).max() <= (3 if kind == "JPEG" else 0)
    assert findings.notes == ([TURNED] if number > 1 else [])
    mask = (_turned_back(number) > 128).astype(np.uint8)
    paletted = Image.fromarray(mask, "P")
    paletted.putpalette([0, 0, 0, 255, 0, 0])
    plain = Image.fromarray(mask * 255)
    masks = {"JPEG": [], "WEBP": [plain]}.get(kind, [plain, paletted, plain.convert("RGBA")])
    for image in masks:
        np.testing.assert_array_equal(decode_mask(stored(image), "m"), GREY > 128)


@pytest.mark.parametrize("kind", ["BMP", "WEBP"])
def test_bmp_and_webp_are_read_and_gif_is_not_an_image(tmp_path, kind):
    path = tmp_path / "i.bin"
    Image.fromarray(GREY).save(path, kind, **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_array_equal(read_image(path), GREY)
    Image.fromarray(GREY).save(path, "GIF")
    with pytest.raises(InputError, match="not a readable image.*BMP"):
        read_image(path)


def test_a_picture_in_the_alpha_channel_is_refused(tmp_path):
    path = write_image(tmp_path / "i.png", np.stack([GREY * 0] * 3 + [GREY], -1))
    with pytest.raises(InputError, match="alpha channel"):
        read_image(path)


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
        read_mask_at(write_image(tmp_path / "m.png", pixels).parent, "m.png"), pixels.astype(bool)
    )


@pytest.mark.parametrize("values", [(0, 1, 2), (1, 2), (0, 254, 255)])
def test_masks_of_other_values_are_refused(tmp_path, values):
    path = write_image(tmp_path / "m.png", np.resize(np.array(values, np.uint8), (4, 6)))
    with pytest.raises(InputError, match="Threshold it") as error:
        read_mask_at(path.parent, path.name)
    assert str(path) in str(error.value)
    assert f"{len(values)} values" in str(error.value)
    assert "JPEG" not in str(error.value)


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
