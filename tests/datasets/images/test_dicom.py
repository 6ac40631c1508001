"""DICOM: grey values equal pydicom's functions, bad files are refused, patients stay private."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from fidelity.base.errors import InputError
from fidelity.datasets.images.dicom import NO_PREAMBLE, NO_SYNTAX, decode_dicom, dicom_spacing
from fidelity.datasets.images.images import FULL, Findings, Intensity, decode_image, read_image
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_case
from tests.helpers import ROOT
from tests.helpers.entries import dataset
from tests.helpers.small_data import write_image
from tests.helpers.small_dicom import PATIENT, dicom_bytes, dicom_dataset, lut

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (20, 14), np.uint8)
DEEP = RNG.integers(0, 4096, (20, 14), np.uint16)
SIGNED = RNG.integers(-2048, 2048, (20, 14)).astype(np.int16)
CURVE = [round(4095 * (i / 4095) ** 0.5) for i in range(4096)]
# Create the files once: each time, identifiers in them get new random values.
SMALL_FILE = dicom_bytes(GREY[:6, :6], WindowCenter=100, WindowWidth=50)
SCRIPTS = ROOT / "workflow_scripts"


def decoded(data: bytes) -> np.ndarray:
    return decode_dicom(data, "x.dcm", 10**6).values


GOLDEN = {
    "plain": (DEEP, {}),
    "8 bit": (GREY, {}),
    "signed": (SIGNED, {}),
    "rescale": (DEEP, {"RescaleSlope": "0.5", "RescaleIntercept": "-1024"}),
    "window": (DEEP, {"WindowCenter": "2000", "WindowWidth": "1500"}),
    "first of two windows": (DEEP, {"WindowCenter": [900, 50], "WindowWidth": [700, 20]}),
    "exact window": (
        DEEP,
        {"WindowCenter": 2000, "WindowWidth": 1500, "VOILUTFunction": "LINEAR_EXACT"},
    ),
    "sigmoid": (DEEP, {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"}),
    "rescaled window": (
        SIGNED,
        {"RescaleSlope": 2, "RescaleIntercept": 100, "WindowCenter": 300, "WindowWidth": 3000},
    ),
    # 16 bit, because pydicom 3.0 reads modality LUTs of only 8 and 16 bits.
    "modality LUT": (DEEP, {"ModalityLUTSequence": lut(CURVE, 0, 16)}),
    "VOI LUT": (DEEP, {"VOILUTSequence": lut(CURVE[:3000], 500, 12)}),
    "VOI LUT before window": (
        DEEP,
        {"VOILUTSequence": lut(CURVE, 0, 12), "WindowCenter": 9, "WindowWidth": 9},
    ),
}


@pytest.mark.parametrize(("pixels", "elements"), GOLDEN.values(), ids=list(GOLDEN))
def test_values_are_those_of_pydicom(pixels, elements):
    bits = 8 if pixels.dtype == np.uint8 else 12
    data = dicom_bytes(pixels, bits, **elements)
    header = pydicom.dcmread(io.BytesIO(data))
    expected = apply_voi_lut(apply_modality_lut(header.pixel_array, header), header)
    np.testing.assert_allclose(decoded(data), expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_bigendian.dcm",
    ],
)
def test_files_of_others_are_those_of_pydicom(name):
    path = get_testdata_file(name, download=False)
    header = pydicom.dcmread(path)
    expected = apply_voi_lut(apply_modality_lut(header.pixel_array, header), header)
    assert header.PhotometricInterpretation == "MONOCHROME2"
    data = Path(path).read_bytes()
    found = decode_dicom(data, path, 10**7)
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    assert found.black <= found.values.min() <= found.values.max() <= found.white


def test_a_lut_with_fewer_bits_than_its_input_does_not_overflow():
    """pydicom 3.0 overflows here, so the test looks values up in the standard's table."""
    table = [i // 16 for i in range(4096)]
    found = decode_dicom(dicom_bytes(DEEP, 12, VOILUTSequence=lut(table, 0, 8)), "x", 10**6)
    np.testing.assert_array_equal(found.values, DEEP // 16)
    assert (found.black, found.white) == (0, 255)


def test_monochrome1_is_turned_round():
    turned = decode_image(dicom_bytes(255 - GREY, PhotometricInterpretation="MONOCHROME1"), "x.dcm")
    np.testing.assert_array_equal(turned, GREY)


def test_a_negative_slope_and_a_window_keep_greater_values_brighter():
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    elements = {"RescaleSlope": -1, "RescaleIntercept": 4095}
    plain = decoded(dicom_bytes(ramp, 12, **elements))
    windowed = decoded(dicom_bytes(ramp, 12, **elements, WindowCenter=2048, WindowWidth=4096))
    assert (np.diff(plain.ravel()) < 0).all()
    assert (np.diff(windowed.ravel()) < 0).all()
    assert windowed.min() == 0
    assert windowed.max() == 4095


def test_one_image_in_any_file_prepares_to_the_same_pixels(tmp_path):
    pixels = RNG.integers(0, 256, (41, 37), np.uint8)
    deep = pixels.astype(np.uint16) * 257
    write_image(tmp_path / "a.png", pixels)
    write_image(tmp_path / "b.png", deep)
    write_image(tmp_path / "c.tif", deep)
    (tmp_path / "d.dcm").write_bytes(dicom_bytes(pixels))
    (tmp_path / "e.dcm").write_bytes(dicom_bytes(deep))
    (tmp_path / "f.dcm").write_bytes(
        dicom_bytes(65535 - deep, PhotometricInterpretation="MONOCHROME1")
    )
    # A window over the whole range changes nothing.
    (tmp_path / "g.dcm").write_bytes(dicom_bytes(pixels, WindowCenter=128, WindowWidth=256))
    (tmp_path / "h.dcm").write_bytes(dicom_bytes(deep, RescaleSlope=1, RescaleIntercept=-1000))
    files = sorted(path.name for path in tmp_path.iterdir())
    rows = [f"{name[0]},train,A,{name},m.png" for name in files]
    write_image(tmp_path / "m.png", np.eye(41, 37, dtype=np.uint8))
    (tmp_path / "t.csv").write_text("\n".join(["case,split,label,image,mask:A", *rows]) + "\n")
    for mode in ("full", "percentile"):
        keys = {
            "table": "t.csv", "annotated_classes": ["A"], "lung_masks": "none", "image_size": 20,
            "intensity": mode,
        }  # fmt: skip
        cases, quarantine, *_ = index_cases(tmp_path, dataset("table", keys))
        assert not quarantine
        assert len(cases) == 8
        images = [prepare_case(case, tmp_path, dataset("table", keys)).image for case in cases]
        for image in images[1:]:
            np.testing.assert_array_equal(image, images[0])


@settings(max_examples=60, deadline=None)
@given(
    bits=st.integers(8, 16),
    seed=st.integers(0, 10**6),
    slope=st.floats(0.01, 50),
    intercept=st.floats(-5000, 5000),
    window=st.none() | st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 2)),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    mode=st.sampled_from(["full", "percentile"]),
    inverted=st.booleans(),
)
def test_order_of_grey_values_is_kept(
    bits, seed, slope, intercept, window, function, mode, inverted
):
    """With every monotone transform of the header, brighter pixels stay at least as bright."""
    top = 2**bits - 1
    dtype = np.uint8 if bits == 8 else np.uint16
    stored = np.random.default_rng(seed).integers(0, top + 1, (8, 9)).astype(dtype)
    stored[0, 0], stored[-1, -1] = 0, top
    elements = {"RescaleSlope": f"{slope:.6g}", "RescaleIntercept": f"{intercept:.6g}"}
    if window is not None:
        elements["WindowCenter"] = f"{intercept + slope * top * window[0]:.8g}"
        elements["WindowWidth"] = f"{max(2.0, slope * top * window[1]):.8g}"
        elements["VOILUTFunction"] = function
    if inverted:
        elements["PhotometricInterpretation"] = "MONOCHROME1"
    intensity = Intensity(mode)
    image = decode_image(dicom_bytes(stored, bits, **elements), "x.dcm", intensity)
    order = np.argsort(stored.ravel(), kind="stable")
    steps = np.diff(image.ravel()[order].astype(float))
    assert (steps <= 0).all() if inverted else (steps >= 0).all()
    assert 0 <= image.min() < image.max() <= 255


def test_bits_beyond_those_stored_are_not_grey_values():
    """Old files keep an overlay in these bits."""
    np.testing.assert_array_equal(decoded(dicom_bytes(DEEP + np.uint16(4096), 12)), DEEP)


def test_values_in_the_upper_bits_are_refused():
    """Without them, the lower bits would be shown as if they were the image."""
    with pytest.raises(InputError, match="stored in the upper bits"):
        decoded(dicom_bytes(DEEP << 4, 12, HighBit=15))
    # Writers that state a wrong HighBit, with the values where they should be.
    np.testing.assert_array_equal(decoded(dicom_bytes(DEEP, 12, HighBit=15)), DEEP)


def test_padding_is_black_and_does_not_count():
    padded = DEEP.copy()
    padded[:5] = 4095
    data = dicom_bytes(padded, 12, PixelPaddingValue=4095)
    image = decode_image(data, "x.dcm", Intensity("percentile", 0, 100))
    assert (image[:5] == 0).all()
    rest = padded[5:][padded[5:] != 4095]
    brightest = np.unravel_index(np.argmax(np.where(padded == 4095, 0, padded)), padded.shape)
    assert image[brightest] == 255
    assert rest.max() < 4095


def test_spacing_and_where_it_is_from():
    both = {"PixelSpacing": [0.2, 0.3], "ImagerPixelSpacing": [0.1, 0.1]}
    assert dicom_spacing(dicom_bytes(GREY, **both), "x") == ((0.2, 0.3), "PixelSpacing")
    imager = dicom_bytes(GREY, ImagerPixelSpacing=[0.139, 0.139])
    assert dicom_spacing(imager, "x") == ((0.139, 0.139), "ImagerPixelSpacing")
    assert dicom_spacing(dicom_bytes(GREY), "x") is None
    assert dicom_spacing(dicom_bytes(GREY, PixelSpacing=[0, 0.1]), "x") is None


REFUSED = {
    "frames": (np.stack([GREY, GREY]), {"NumberOfFrames": 2}, "2 frames.*only single radiographs"),
    "bomb": (GREY, {"Rows": 60000, "Columns": 60000}, "too large.*60000 x 60000"),
    "short": (GREY, {"Rows": 200}, "damaged or cut off"),
    "colour": (GREY, {"PhotometricInterpretation": "PALETTE COLOR"}, "not grey .PALETTE COLOR"),
    "4 bit": (GREY, {"BitsStored": 4, "HighBit": 3}, "4 of 8 bits"),
    "no pixels": (GREY, {"PixelData": None}, "holds no image"),
    "window of no width": (DEEP, {"WindowCenter": 5, "WindowWidth": 0}, "grey scale.*ValueError"),
    "half a window": (DEEP, {"WindowCenter": 5}, "grey scale"),
    "slope 0": (DEEP, {"RescaleSlope": 0, "RescaleIntercept": 0}, "grey scale"),
    "short LUT": (DEEP, {"VOILUTSequence": lut([0] * 9, 0, 20)}, "grey scale"),
}


@pytest.mark.parametrize(("pixels", "elements", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_read_is_refused(pixels, elements, said):
    with pytest.raises(InputError, match=said) as error:
        decode_image(dicom_bytes(pixels, **elements), "folder/x.dcm")
    assert "folder/x.dcm" in str(error.value)
    assert error.value.remedy
    assert error.value.__cause__ is None  # the message of a cause could quote the header


def test_a_missing_plugin_is_named():
    path = get_testdata_file("MR_small_jpeg_ls_lossless.dcm", download=False)
    from pydicom.pixels import get_decoder

    if get_decoder(JPEGLSLossless).is_available:
        pytest.skip("a JPEG-LS plugin is installed")
    with pytest.raises(InputError, match="JPEG-LS.*pyjpegls.*uncompressed"):
        read_image(path)


def test_run_length_compressed_pixels_are_read():
    header = dicom_dataset(DEEP, 12)
    header.compress(RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    np.testing.assert_array_equal(decoded(buffer.getvalue()), DEEP)


def test_a_deflated_file_is_refused_uninflated(monkeypatch):
    import zlib

    header = dicom_dataset(GREY)
    header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)

    def inflated(*_, **__):
        raise AssertionError("the file was inflated")

    monkeypatch.setattr(zlib, "decompress", inflated)
    with pytest.raises(InputError, match="whole DICOM file is compressed"):
        decode_image(buffer.getvalue(), "x.dcm")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_damaged_files_are_refused(share):
    data = dicom_bytes(DEEP, 12)
    with pytest.raises(InputError, match="damaged|no image|not DICOM|do not fit"):
        decode_image(data[: int(len(data) * share)], "x.dcm")


def test_a_name_without_the_mark_is_refused():
    with pytest.raises(InputError, match="mark DICM is missing"):
        decode_image(b"hello" * 100, "x.dcm")


def _without(data: bytes, *, preamble: bool = False, syntax: bool = False, meta: bool = False):
    """Leave out the preamble, the Transfer Syntax UID or the whole File Meta Information."""
    head, body = data[:132], data[132:]
    if syntax:
        at = body.index(b"\x02\0\x10\0UI")
        length = int.from_bytes(body[at + 6 : at + 8], "little")
        body = body[:at] + body[at + 8 + length :]
        group = int.from_bytes(body[8:12], "little") - 8 - length
        body = body[:8] + group.to_bytes(4, "little") + body[12:]
    if meta:
        body = body[12 + int.from_bytes(body[8:12], "little") :]
    return body if preamble or meta else head + body


def _implicit(pixels: np.ndarray, **elements) -> bytes:
    header = dicom_dataset(pixels, **elements)
    header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("make", [dicom_bytes, _implicit])
@pytest.mark.parametrize(
    "left_out",
    [{"syntax": True}, {"preamble": True}, {"preamble": True, "syntax": True}, {"meta": True}],
    ids=["syntax", "preamble", "both", "meta"],
)
def test_files_without_preamble_or_transfer_syntax_are_read(make, left_out):
    data = _without(make(GREY, PixelSpacing=[0.2, 0.3]), **left_out)
    found = Findings()
    np.testing.assert_array_equal(decode_image(data, "x", FULL, found), GREY)
    np.testing.assert_array_equal(decode_image(data, "x.dcm"), GREY)
    assert found.notes == [NO_PREAMBLE if left_out == {"preamble": True} else NO_SYNTAX]
    assert dicom_spacing(data, "x") == ((0.2, 0.3), "PixelSpacing")


def test_compressed_pixels_without_transfer_syntax_are_refused():
    header = dicom_dataset(GREY)
    header.compress(RLELossless)
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    with pytest.raises(InputError, match="compression is not known"):
        decode_image(_without(buffer.getvalue(), syntax=True), "x.dcm")


def test_what_a_file_leaves_to_be_assumed_is_reported_once(tmp_path, caplog):
    write_image(tmp_path / "m.png", np.eye(*GREY.shape, dtype=np.uint8))
    rows = ["case,split,label,image,mask:A"]
    for number in range(4):
        data = dicom_bytes(GREY + np.uint8(number))
        data = _without(data, syntax=True) if number else data
        (tmp_path / f"{number}.dcm").write_bytes(data)
        rows.append(f"{number},test,A,{number}.dcm,m.png")
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    keys = {"table": "t.csv", "annotated_classes": ["A"], "lung_masks": "none"}
    cases, left_out, *_ = index_cases(tmp_path, dataset("table", keys | {"near_duplicates": "off"}))
    assert len(cases) == 4
    assert not left_out
    said = [r.getMessage() for r in caplog.records if "Transfer Syntax" in r.getMessage()]
    assert said == [f"3 files {NO_SYNTAX}"]


def test_a_transfer_syntax_that_is_no_uid():
    file = bytearray(SMALL_FILE)
    file[272] = 92  # the tag of the transfer syntax's element, found by the fuzz test below
    with pytest.raises(InputError, match="transfer syntax"):
        decode_image(bytes(file), "x.dcm")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_is_an_input_error_that_tells_no_patient(data):
    bare = data.draw(st.booleans())
    file = bytearray(_without(SMALL_FILE, preamble=True, syntax=True) if bare else SMALL_FILE)
    first = 0 if bare else 128
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(first, len(file) - 1))] = data.draw(st.integers(0, 255))
    said = ""
    try:
        image = decode_image(bytes(file), "x.dcm")
        assert image.ndim == 2
    except InputError as error:
        said = f"{error} {error.__cause__!r}"
    assert not _tells(said)


def _tells(text: str) -> bool:
    words = {word for value in PATIENT.values() for word in value.replace("^", " ").split()}
    return any(word in text for word in words if len(word) > 3)


def test_no_patient_leaves_the_header(tmp_path):
    """Index, shard and prepare good and bad files, then search every byte of the output."""
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    pixels = RNG.integers(0, 4096, (40, 40), np.uint16)
    rows = []
    for number, split in enumerate(["train", "train", "val", "test"]):
        name = f"{number}.dcm"
        data = dicom_bytes(pixels + number, 16, WindowCenter=2000, WindowWidth=4000)
        (root / name).write_bytes(data)
        rows.append(f"c{number},{split},A,{name},m.png")
    bad = {
        "cut": dicom_bytes(pixels)[:900],
        "width": dicom_bytes(pixels, WindowCenter=1, WindowWidth=0),
        "frames": dicom_bytes(np.stack([pixels, pixels]), NumberOfFrames=2),
        "colour": dicom_bytes(pixels, PhotometricInterpretation="ZZYZX QUENTIN"),
    }
    for name, data in bad.items():
        (root / f"{name}.dcm").write_bytes(data)
        rows.append(f"{name},train,A,{name}.dcm,m.png")
    write_image(root / "m.png", np.eye(40, dtype=np.uint8))
    (root / "t.csv").write_text("\n".join(["case,split,label,image,mask:A", *rows]) + "\n")
    keys = {"source": "table", "table": "t.csv", "annotated_classes": ["A"], "lung_masks": "none"}
    keys |= {"image_size": 20, "root": "."}
    # Run in a new process, because pytest captures warnings and logging.
    program = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from pathlib import Path
import index_cases, shard_cases, prepare
from fidelity.base.job_log import job_log
from fidelity.settings.datasets import Dataset
out, keys = Path({str(out)!r}), Dataset.chosen({keys!r})
(out / "raw").mkdir(parents=True)
(out / "raw" / "data").symlink_to({str(root)!r})
with job_log(out / "job.log"):
    index_cases.main(out / "raw", "own", keys, {{"explain.target": "reference"}},
                     out / "cases.csv", out / "quarantine.csv", out / "classes.json")
    shard_cases.main(out / "cases.csv", out / "classes.json", {{}}, out / "shards")
    for shard in sorted((out / "shards").glob("*.csv")):
        prepare.main(shard, out / "raw", out / "classes.json", keys, out / (shard.stem + ".h5"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    (out / "stdout").write_bytes(done.stdout + done.stderr)
    (out / "raw" / "data").unlink()
    assert (out / "quarantine.csv").read_text().count("\n") == 1 + len(bad)
    written = [path for path in out.rglob("*") if path.is_file()]
    assert {path.suffix for path in written} >= {".csv", ".h5", ".log", ".json"}
    secrets = [word for value in PATIENT.values() for word in {value, *value.split("^")}]
    for path in written:
        content = path.read_bytes().lower()
        for secret in secrets:
            assert secret.lower().encode() not in content, (path.name, secret)
    assert json.loads((out / "classes.json").read_text())["classes"] == ["A"]


def test_the_case_table_says_where_the_spacing_is_from(tmp_path, caplog):
    (tmp_path / "a.dcm").write_bytes(dicom_bytes(GREY, PixelSpacing=[0.2, 0.3]))
    (tmp_path / "b.dcm").write_bytes(dicom_bytes(GREY.T.copy(), ImagerPixelSpacing=[0.1, 0.1]))
    (tmp_path / "c.dcm").write_bytes(dicom_bytes(GREY[::-1].copy(), PixelSpacing=[0.2, 0.3]))
    write_image(tmp_path / "d.png", GREY)
    write_image(tmp_path / "m.png", np.eye(*GREY.shape, dtype=np.uint8))
    write_image(tmp_path / "n.png", np.eye(*GREY.T.shape, dtype=np.uint8))
    (tmp_path / "t.csv").write_text(
        "case,split,label,image,mask:A,spacing_row,spacing_column\n"
        "a,train,A,a.dcm,m.png,,\nb,train,A,b.dcm,n.png,,\nc,train,A,c.dcm,m.png,0.7,0.8\n"
        "d,train,A,d.png,m.png,,\n"
    )
    keys = {"table": "t.csv", "annotated_classes": ["A"], "lung_masks": "none", "image_size": 16}
    keys["duplicates"] = "keep"
    with caplog.at_level(logging.INFO):
        cases = {case.case: case for case in index_cases(tmp_path, dataset("table", keys))[0]}
    assert {name: (case.spacing, case.spacing_from) for name, case in cases.items()} == {
        "a": ((0.2, 0.3), "PixelSpacing"),
        "b": ((0.1, 0.1), "ImagerPixelSpacing"),
        "c": ((0.7, 0.8), "table"),
        "d": (None, ""),
    }
    assert "1 cases: pixel spacing at the detector" in caplog.text
    assert prepare_case(cases["a"], tmp_path, dataset("table", keys)).spacing == (0.2, 0.3)
