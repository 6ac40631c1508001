"""Masks as people write them: read exactly, or refused with a setting that can read them."""

import io
import logging
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from fidelity import settings as config_settings
from fidelity.analysis.checks.human_benchmark import hit_rates
from fidelity.base.errors import InputError
from fidelity.datasets.images.images import Intensity, decode_mask
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.mask_files.mask_values import mask_values_of
from fidelity.datasets.prepare import prepare_case
from fidelity.masks.run_lengths import decode
from fidelity.segmentation import lung_quality, lungs
from fidelity.settings.config import LungModel
from fidelity.tools.one_image.explain import _prepare
from tests.helpers.entries import dataset
from tests.helpers.small_data import write_image

Y, X = np.mgrid[:40, :50]
LESION = (Y > 5) & (Y < 15) & (X > 8) & (X < 30)
LUNG = (Y > 4) & (Y < 36) & (X > 4) & (X < 46)
GREY = np.random.default_rng(1).integers(0, 256, LESION.shape, np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8))


def palette(mask: np.ndarray, *colours: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(mask.astype(np.uint8), "P")
    image.putpalette(sum(map(list, colours), []))
    return image


def painted(*layers: tuple[np.ndarray, tuple[int, ...]]) -> Image.Image:
    pixels = np.zeros((*LESION.shape, len(layers[0][1])), np.uint8)
    for where, colour in layers:
        pixels[where] = colour
    return Image.fromarray(pixels)


def tiff(values: np.ndarray, photometric: str = "minisblack") -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric=photometric)
    return buffer.getvalue()


ALL = np.ones_like(LESION)
WHITE, RED, GREEN, BLACK = (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 0)
CLEAR = {
    "0 and 255": saved(grey(LESION * 255)),
    "0 and 1": saved(grey(LESION)),
    "one bit": saved(grey(LESION * 255).convert("1")),
    "one bit, TIFF": saved(grey(LESION * 255).convert("1"), "TIFF"),
    "16 bit": tiff(LESION.astype(np.uint16) * 65535),
    "16 bit, 0 and 1": tiff(LESION.astype(np.uint16)),
    "16 bit, white is zero": tiff(65535 - LESION * np.uint16(65535), "miniswhite"),
    "float": tiff(LESION.astype(np.float32)),
    "double": tiff(LESION.astype(np.float64)),
    "VOC palette": saved(palette(LESION, BLACK, (128, 0, 0))),
    "palette, TIFF": saved(palette(LESION, BLACK, RED), "TIFF"),
    "palette, BMP": saved(palette(LESION, BLACK, RED), "BMP"),
    "palette, black last": saved(palette(~LESION, RED, BLACK)),
    "BMP": saved(grey(LESION * 255), "BMP"),
    "GIF": saved(grey(LESION * 255), "GIF"),
    "GIF, transparent": saved(palette(LESION, WHITE, RED), "GIF", transparency=0),
    "WebP": saved(grey(LESION * 255), "WEBP", lossless=True),
    "red on black": saved(painted((ALL, BLACK), (LESION, RED))),
    "white and alpha": saved(painted((ALL, (*WHITE, 0)), (LESION, (*WHITE, 255)))),
    "black and alpha": saved(painted((ALL, (*BLACK, 0)), (LESION, (*BLACK, 255)))),
    "half alpha": saved(painted((ALL, (*RED, 0)), (LESION, (*RED, 128)))),
    "grey and alpha": saved(painted((ALL, (255, 0)), (LESION, (255, 255)))),
    "alpha, TIFF": saved(painted((ALL, (*BLACK, 0)), (LESION, (*BLACK, 255))), "TIFF"),
    "grey and alpha, TIFF": saved(painted((ALL, (255, 0)), (LESION, (255, 255))), "TIFF"),
    "alpha beyond the seen": saved(painted((X > 20, (9, 9, 9, 0)), (LESION, (*RED, 255)))),
    "JPEG": saved(grey(LESION * 255), "JPEG", quality=75),
    "JPEG in colour": saved(grey(LESION * 255).convert("RGB"), "JPEG", quality=50),
}
UNCLEAR = {
    "black on white": saved(grey(~LESION * 255)),
    "black on white, JPEG": saved(grey(~LESION * 255), "JPEG"),
    "white palette": saved(palette(LESION, WHITE, RED)),
    "red on white": saved(painted((ALL, WHITE), (LESION, RED))),
    "lesion and lung": saved(painted((ALL, BLACK), (LUNG, GREEN), (LESION, RED))),
    "classes": saved(grey(LUNG * 2 - LESION * 1)),
    "palette of classes": saved(palette(LUNG * 2 - LESION * 1, BLACK, RED, GREEN)),
    "no zero": saved(grey(LESION * 1 + 1)),
    "black palette": saved(palette(LESION, BLACK, BLACK)),
    "partly black palette": saved(palette(LUNG * 1 + LESION * 1, BLACK, BLACK, RED)),
}


@pytest.mark.parametrize("data", CLEAR.values(), ids=CLEAR)
def test_what_can_mean_one_thing_is_read_exactly(data):
    assert np.array_equal(decode_mask(data, "m", "A"), LESION)


@pytest.mark.parametrize("data", UNCLEAR.values(), ids=UNCLEAR)
def test_what_is_unclear_is_refused_and_the_setting_in_the_error_reads_it(data):
    with pytest.raises(InputError) as error:
        decode_mask(data, "dir/m.png", "COVID-19")
    assert error.value.file == "dir/m.png"
    proposed = yaml.safe_load(re.search(r"mask_values: (\{.*?\})", str(error.value))[1])
    checked = config_settings.load(_study(proposed)).model_dump()["datasets"]["demo"]
    assert np.array_equal(
        decode_mask(data, "m", "COVID-19", mask_values_of(dataset("table", checked))), LESION
    )


def _study(values: dict) -> dict:
    entry = {"source": "phantom", "annotated_classes": ["COVID-19"]}
    return {
        "datasets": {"demo": entry | {"mask_values": values}},
        "classifiers": {},
        "explainers": {"centre": {"method": "centre_prior"}},
    }


@pytest.mark.parametrize(
    "data",
    [
        saved(painted((ALL, (*BLACK, 0)), (LESION, (*BLACK, 255)), (LUNG, (*RED, 255)))),
        saved(Image.fromarray(np.stack([GREY * 0, GREY], -1))),
        saved(painted((ALL, (*WHITE, 128)))),
        saved(grey(GREY), "JPEG"),
        saved(grey(LESION * 255 + (Y > 28) * 127), "JPEG"),
        saved(grey(LESION * 3), "JPEG", quality=60),
        saved(grey(LESION), "JPEG", quality=60),  # still two values, but at the wrong pixels
        tiff(np.where(LESION, np.nan, 0).astype(np.float32)),
        saved(grey(LESION), "GIF", save_all=True, append_images=[grey(LUNG)]),
        saved(grey(LESION), "TIFF", save_all=True, append_images=[grey(LUNG)]),
    ],
    ids=[
        "colours and alpha",
        "alpha ramp",
        "half seen",
        "photo",
        "3 grey",
        "labels",
        "1 in JPEG",
        "nan",
        "2",
        "2t",
    ],
)
def test_what_no_setting_can_read_is_refused(data):
    with pytest.raises(InputError) as error:
        decode_mask(data, "m.png", "A")
    assert error.value.remedy


@pytest.mark.parametrize(
    "image",
    [grey(LESION * 0), painted((ALL, (*WHITE, 0))), palette(LESION * 0, BLACK, RED)],
    ids=["zeros", "all transparent", "palette"],
)
def test_empty_masks_are_read(image):
    assert not decode_mask(saved(image), "m.png", "A").any()


@settings(max_examples=40, deadline=None)
@given(
    arrays(bool, (6, 7)),
    st.tuples(*[st.integers(0, 255)] * 3),
    st.sampled_from(["RGB", "RGBA", "P"]),
)
def test_any_colour_on_black_is_the_foreground(mask, colour, mode):
    image = Image.fromarray(np.where(mask[..., None], colour, 0).astype(np.uint8))
    image = palette(mask, BLACK, colour) if mode == "P" else image.convert(mode)
    seen = mask if any(colour) else mask & False
    if mode == "P" and not any(colour) and mask.any() and not mask.all():
        with pytest.raises(InputError, match="shows several of them in black"):
            decode_mask(saved(image), "m.png", "A")
        return
    if seen.mean() > 0.5 or seen[[0, 0, -1, -1], [0, -1, 0, -1]].all():
        with pytest.raises(InputError, match="seems inverted"):
            decode_mask(saved(image), "m.png", "A")
    else:
        assert np.array_equal(decode_mask(saved(image), "m.png", "A"), seen)
    assert np.array_equal(decode_mask(saved(image), "m.png"), seen)  # not a reference: any size


def test_lung_masks_may_be_large_but_not_turned_round():
    assert LUNG.mean() > 0.5
    data = saved(grey(LUNG * 255))
    assert np.array_equal(decode_mask(data, "m.png", "lung"), LUNG)
    with pytest.raises(InputError, match="covers 64%"):
        decode_mask(data, "m.png", "A")
    confirmed = mask_values_of(dataset("table", {"mask_values": {"A": 255}}))
    assert np.array_equal(decode_mask(data, "m.png", "A", confirmed), LUNG)
    large = saved(grey(~LUNG * 255))  # inverted, it covers less than half of the image
    for name in ("lung", "A"):
        with pytest.raises(InputError, match="covers 36% of the image and all of its corners"):
            decode_mask(large, "m.png", name)
    small = LUNG & (Y > 15)
    turned = saved(grey(~small * 255))
    with pytest.raises(InputError, match="inverted"):
        decode_mask(turned, "m.png", "lung")
    values = mask_values_of(dataset("table", {"mask_values": {"lung": 0, "background": 255}}))
    assert np.array_equal(decode_mask(turned, "m.png", "lung", values), small)
    # Masks of classes have no entry. The entry for the lungs does not invert them.
    assert np.array_equal(decode_mask(CLEAR["0 and 255"], "m.png", "A", values), LESION)


def test_a_mask_of_the_whole_image_is_read_by_the_setting_that_its_error_names():
    data = saved(grey(ALL * 255))
    for name in ("A", "lung"):
        with pytest.raises(InputError, match="covers 100%") as error:
            decode_mask(data, "m.png", name)
        setting = yaml.safe_load(re.search(r"mask_values: \{.*?\}", error.value.remedy)[0])
        assert decode_mask(data, "m.png", name, mask_values_of(dataset("table", setting))).all()


def test_no_setting_is_named_that_would_turn_transparent_pixels_into_the_lesion():
    turned = painted((~LESION, (*BLACK, 255)))  # the lesion is the transparent part
    with pytest.raises(InputError, match="covers") as error:
        decode_mask(saved(turned), "m.png", "A")
    assert "If it is inverted, export it again" in error.value.remedy


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"A": 1, "lung": [1, 2]}, "A", LESION),
        ({"A": 1, "lung": [1, 2]}, "lung", LUNG),
        ({"A": "#FF0000", "lung": ["#00ff00", [255, 0, 0]]}, "lung", LUNG),
        ({"foreground": [1, [0, 255, 0]]}, "A", LUNG),
        ({"foreground": 1, "background": [0, 2]}, "A", LESION),
        ({"foreground": 1}, "A", "does not list"),
        ({"foreground": 1, "background": 2}, "A", "does not list"),
        ({"foreground": [0, 1, 2]}, "A", "all of it is foreground"),
    ],
)
def test_mask_values_say_which_value_is_what(values, name, expected):
    values = mask_values_of(dataset("table", {"mask_values": values}))
    data = UNCLEAR["palette of classes"]
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            decode_mask(data, "m.png", name, values)
    else:
        assert np.array_equal(decode_mask(data, "m.png", name, values), expected)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"COVID19": 1}, "mask_values.COVID19"),
        ({"background": 255}, "mask_values"),
        ({"lung": "red"}, "mask_values.lung"),
        ({"lung": [255, 0, 0]}, "mask_values.lung"),  # a colour needs two pairs of brackets
    ],
)
def test_mask_values_that_mean_nothing_are_refused_in_the_config(values, field):
    with pytest.raises(InputError) as error:
        config_settings.load(_study(values))
    assert error.value.field == f"datasets.demo.{field}"


SETTINGS = {
    "table": "t.csv",
    "annotated_classes": ["A"],
    "image_size": 20,
    "input": "lung_crop",
    "near_duplicates": "off",
    "mask_values": {"A": [list(RED)], "lung": ["#ff0000", "#00ff00"]},
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write two cases; one file is their lesion mask, lung mask and second reading."""
    write_image(tmp_path / "i.png", GREY)
    write_image(tmp_path / "j.png", GREY[::-1])
    (tmp_path / "m.png").write_bytes(UNCLEAR["lesion and lung"])
    (tmp_path / "t.csv").write_text(
        "case,split,label,image,lung_mask,mask:A,second_mask:A\n"
        "a,test,A,i.png,m.png,m.png,m.png\nb,test,A,j.png,m.png,m.png,\n"
    )
    return tmp_path


def test_mask_values_reach_every_reader_of_masks(table):
    cases, *_ = index_cases(table, dataset("table", SETTINGS))
    prepared = prepare_case(cases[0], table, dataset("table", SETTINGS))
    for references in (prepared.references, prepared.readers["second"]):
        assert np.array_equal(decode(references["A"]), LESION)
    assert np.array_equal(decode(prepared.lung_native), LUNG)
    values = mask_values_of(dataset("table", SETTINGS))
    scores = lung_quality.measure(cases, table, Intensity(), lambda image: LUNG, values)
    assert [score.iou for score in scores] == [1, 1]
    training = [replace(case, split="train") for case in cases]
    model = LungModel.model_construct(size=16, cases=9)
    examples = lungs._examples(training, table, model, Intensity(), values)
    assert 0.5 < examples.masks.mean() < 0.7
    points = {"a": {"A": [[10, 8]]}, "b": {"A": [[10, 30]]}}  # (x, y); b's is only in the lung
    statistics = {"cluster": "patient", "replicates": 20, "alpha": 0.05, "seed": 1}
    rates = hit_rates(cases, table, points, "d", statistics, values)
    assert rates.set_index("class").loc["A", "mean"] == 0.5
    # A single image from elsewhere, with its lung mask.
    trained = SimpleNamespace(entry=dataset("table", SETTINGS), lung_model=lambda: None)
    one = _prepare(trained, table / "i.png", table / "m.png", SETTINGS["image_size"])
    assert np.array_equal(decode(one.lung_native), LUNG)


def test_unclear_masks_stop_the_index_and_assumptions_are_logged_once(table, caplog):
    unset = SETTINGS | {"mask_values": {}}
    with pytest.raises(InputError, match="m.png"):
        index_cases(table, dataset("table", unset))
    (table / "m.png").write_bytes(CLEAR["white and alpha"])
    with caplog.at_level(logging.WARNING):
        index_cases(table, dataset("table", unset))
    (said,) = [r.getMessage() for r in caplog.records if "alpha" in r.getMessage()]
    assert said.startswith("5 files")


def test_an_unlisted_value_that_a_palette_shows_in_black_is_not_background():
    """Programs that store class numbers may leave the palette black."""
    data = saved(palette(LESION, BLACK, BLACK))
    wrong, right = (mask_values_of(dataset("table", {"mask_values": {"A": n}})) for n in (255, 1))
    with pytest.raises(InputError, match=r"does not list: 2 values \(0 = #000000, 1 = #000000\)"):
        decode_mask(data, "m.png", "A", wrong)
    assert np.array_equal(decode_mask(data, "m.png", "A", right), LESION)
