"""Maps from files: frames, sizes and missing maps, and files that are made to do harm."""

import io
import json
import os
import pickle
import re
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

import check_imported
from fidelity import settings as config_settings
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case, write_cases
from fidelity.explainers import imported
from fidelity.explainers.base import Context, Task
from fidelity.maps import imported_files, imported_paths
from fidelity.maps.pixel_frames import map_in_frame
from fidelity.maps.saliency_map import render
from fidelity.masks.run_lengths import encode, write_masks
from fidelity.settings.explainers import Imported

CONTEXT = Context(None, 4, 1, "imported")


def _entry(**changes):
    """Return an entry with its defaults."""
    return Imported.model_construct(**changes)


@pytest.fixture
def case(cases):
    """Return a case that is not square, so that a transposed map would be noticed."""
    reference = np.zeros((60, 90), bool)
    reference[10:30, 20:50] = True
    return replace(
        cases[0],
        native_size=(60, 90),
        box=(0, 0, 60, 90),
        references={"a": encode(reference)},
        lung_native=None,
    )


def _map(case, entry):
    (explanation,) = imported.make(CONTEXT, entry)([Task(case, "a", None)])
    return explanation.map


def _ramp(height=60, width=90):
    return np.arange(height * width, dtype=np.float32).reshape(height, width) - 100


def test_every_format_gives_the_same_map(case, tmp_path):
    values = np.random.default_rng(0).integers(0, 60000, (20, 30)).astype(np.uint16)
    name = case.case
    np.save(tmp_path / f"{name}.npy", values)
    np.save(tmp_path / "batch.npy", np.asfortranarray(values[None, None].astype(">f8")))
    np.savez_compressed(tmp_path / f"{name}.npz", a=values, b=values * 0)
    for suffix in ("png", "tif"):
        cv2.imwrite(str(tmp_path / f"{name}.{suffix}"), values)
    content = {"map": torch.tensor(values.astype(np.float32))[None, None], "prob": 0.5}
    content |= {"task": "a", "cxr_dims": (90, 60)}
    (tmp_path / f"{name}_a_map.pkl").write_bytes(pickle.dumps(content))
    patterns = [f"{{case}}.{end}" for end in ("npy", "npz", "png", "tif")]
    for pattern in [*patterns, "{case}_{class}_map.pkl"]:
        found = _map(case, _entry(folder=str(tmp_path), pattern=pattern))
        assert found.kind == "grid"
        assert np.array_equal(found.values, values), pattern
    assert np.array_equal(
        imported_files.read(tmp_path / "batch.npy", "npy", "a", "", "map")[0], values
    )


def test_masks_of_all_formats_are_binary(case, tmp_path):
    mask = np.zeros((60, 90), bool)
    mask[5:20, 30:80] = True
    np.save(tmp_path / f"{case.case}.npy", mask)
    cv2.imwrite(str(tmp_path / f"{case.case}.png"), mask.astype(np.uint8) * 255)
    cv2.imwrite(str(tmp_path / f"{case.case}.tif"), mask.astype(np.uint16) * 65535)
    write_masks(tmp_path / "masks.json", {case.case: {"A b": encode(mask)}})
    entries = [
        _entry(folder=str(tmp_path), pattern="{case}.npy"),
        _entry(folder=str(tmp_path), pattern="{case}.png", kind="mask"),
        _entry(folder=str(tmp_path), pattern="{case}.tif", kind="mask"),
        _entry(file=str(tmp_path / "masks.json"), classes={"a": "A b"}),
    ]
    for entry in entries:
        found = _map(case, entry)
        assert found.kind == "binary"
        assert np.array_equal(map_in_frame(found, case, "original", "positive") > 0, mask)


def test_a_map_lies_over_the_original_image_under_a_crop(case, tmp_path):
    box = (10, 20, 50, 80)
    cropped = replace(case, box=box)
    np.save(tmp_path / f"{case.case}.npy", _ramp(12, 18))
    entry = _entry(folder=str(tmp_path), pattern="{case}.npy", sign="signed")
    whole = render(_map(case, entry), case.box, case.native_size, "signed")
    inside = render(_map(cropped, entry), box, case.native_size, "signed")
    y0, x0, y1, x1 = box
    assert not inside[:y0].any()
    assert not inside[:, :x0].any()
    # The same places in the image, rescaled within the crop.
    part = whole[y0:y1, x0:x1]
    part = (part - part.min()) / (part.max() - part.min())
    assert np.abs(inside[y0:y1, x0:x1] - part).max() < 1e-6
    mask = np.zeros((60, 90), bool)
    mask[0:30, 0:45] = True
    write_masks(tmp_path / "m.json", {case.case: {"a": encode(mask)}})
    found = _map(cropped, _entry(file=str(tmp_path / "m.json")))
    shown = render(found, box, case.native_size) > 0
    assert np.array_equal(shown[y0:y1, x0:x1], mask[y0:y1, x0:x1])


@pytest.mark.parametrize(
    ("shape", "kind"), [((60, 90), "dense"), ((2, 3), "grid"), ((7, 7), "grid"), ((13, 20), "grid")]
)
def test_shapes_that_fit(case, tmp_path, shape, kind):
    np.save(tmp_path / f"{case.case}.npy", _ramp(*shape))
    assert _map(case, _entry(folder=str(tmp_path), format="npy")).kind == kind


@pytest.mark.parametrize(("shape", "words"), [((90, 60), "transposed"), ((60, 80), "60 x 90")])
def test_shapes_that_do_not(case, tmp_path, shape, words):
    np.save(tmp_path / f"{case.case}.npy", _ramp(*shape))
    with pytest.raises(InputError, match=words) as caught:
        _map(case, _entry(folder=str(tmp_path), format="npy"))
    assert f"{case.case}.npy" in str(caught.value)


def test_signs(case, tmp_path):
    values = np.array([[-3.0, 0, 1], [0, 0, 2]], np.float32)
    np.save(tmp_path / f"{case.case}.npy", values)

    def rendered(sign, study):
        found = _map(case, _entry(folder=str(tmp_path), format="npy", sign=sign))
        return map_in_frame(found, case, "original", study)

    assert np.array_equal(rendered("absolute", "positive"), rendered("study", "absolute"))
    assert np.allclose(rendered("signed", "positive"), rendered("study", "signed"), atol=1e-6)
    assert rendered("study", "positive")[0, 0] == 0


def test_a_missing_map_is_an_error_or_no_answer(case, tmp_path):
    entry = _entry(folder=str(tmp_path), format="npy")
    task = Task(case, "a", None)
    assert imported.has_answer(task, entry)
    with pytest.raises(InputError, match=f"{case.case}.npy.*no map of the case.*missing: skip"):
        _map(case, entry)
    assert not imported.has_answer(task, entry.model_copy(update={"missing": "skip"}))
    np.save(tmp_path / f"{case.case}.npy", _ramp())
    assert imported.has_answer(task, entry.model_copy(update={"missing": "skip"}))
    (tmp_path / "m.json").write_text(json.dumps({case.case: {"b": encode(np.ones((2, 2), bool))}}))
    other = _entry(file=str(tmp_path / "m.json"), missing="skip")
    assert not imported.has_answer(task, other)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "folder"),
        ({"folder": "x", "file": "m.json"}, "folder"),
        ({"folder": "x", "pattern": "{case}.doc"}, "format"),
        ({"folder": "x", "format": "masks_json"}, "format"),
        ({"file": "m.npy"}, "format"),
        ({"folder": "x", "pattern": "../{case}.npy"}, "pattern"),
        ({"folder": "x", "pattern": "a/..\\{case}.npy"}, "pattern"),
        ({"folder": "x", "pattern": "/etc/{case}.npy"}, "pattern"),
        ({"folder": "x", "pattern": "{class}.npy"}, "pattern"),
        ({"folder": "x", "pattern": "{case}{split}.npy"}, "pattern"),
        ({"folder": "x", "pattern": "{case}{.npy"}, "pattern"),
    ],
)
def test_entries_that_cannot_work(changes, field):
    with pytest.raises(InputError) as caught:
        imported_paths.check_entry(_entry(**changes))
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["..", "x\0y"])
def test_a_case_cannot_lead_out_of_the_folder(tmp_path, name):
    entry = _entry(folder=str(tmp_path), pattern="{case}/map.npy")
    with pytest.raises(InputError, match="leaves the folder"):
        imported_paths.location(entry, name, "a")


def test_slashes_of_a_case_make_no_folders(tmp_path):
    entry = _entry(folder=str(tmp_path), pattern="{case}_{class}.npy")
    found = imported_paths.location(entry, "../../etc/{class}", "a/b")
    assert found == tmp_path / ".._.._etc_{class}_a_b.npy"


class _Shell:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def _refused(path, file_format, words, kind="auto"):
    with pytest.raises(InputError, match=words) as caught:
        imported_files.read(path, file_format, "a", "x", kind)
    assert path.name in str(caught.value)


def test_pickles_run_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = tmp_path / "evil.pkl"
    evil.write_bytes(pickle.dumps({"map": _Shell(), "prob": 0, "task": "a", "cxr_dims": (1, 1)}))
    _refused(evil, "chexlocalize", "system")
    # numpy pickles object arrays, and npz files can hold them too.
    array = np.array([[_Shell()]], dtype=object)
    np.save(tmp_path / "evil.npy", array, allow_pickle=True)
    np.savez(tmp_path / "evil.npz", a=array)
    _refused(tmp_path / "evil.npy", "npy", "object")
    _refused(tmp_path / "evil.npz", "npz", "object")
    assert not (tmp_path / "pwned").exists()


def test_a_tensor_may_not_claim_more_than_it_has(tmp_path):
    huge = torch.zeros(1, 1, 1, 1).expand(1, 1, 200_000, 200_000)
    content = {"map": huge, "prob": 0, "task": "a", "cxr_dims": (1, 1)}
    (tmp_path / "huge.pkl").write_bytes(pickle.dumps(content))
    _refused(tmp_path / "huge.pkl", "chexlocalize", "200000")


def _header(shape):
    file = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def test_bombs_are_not_unpacked(tmp_path):
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", _header((60_000, 60_000)) + bytes(50_000_000))
    assert bomb.stat().st_size < 100_000
    _refused(bomb, "npz", "3600000000 values")
    # The header announces few values: the 50 MB after them are never unpacked.
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", _header((2, 2)) + bytes(50_000_000))
    values, _ = imported_files.read(bomb, "npz", "a", "x", "auto")
    assert values.shape == (2, 2)
    (tmp_path / "cut.npy").write_bytes(_header((2, 2)) + bytes(3))
    _refused(tmp_path / "cut.npy", "npy", "cut off|not a valid")


def test_huge_images_and_masks_are_refused(tmp_path):
    data = bytearray(cv2.imencode(".png", np.zeros((2, 2), np.uint8))[1].tobytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2  # the size in the header
    # Fix its checksum. Otherwise, the reader would stop before it checks the size.
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(data)
    _refused(tmp_path / "huge.png", "png", "too large")
    rle = {"size": [60_000, 60_000], "counts": "0"}
    (tmp_path / "huge.json").write_text(json.dumps({"x": {"a": rle}}))
    _refused(tmp_path / "huge.json", "masks_json", "60000 x 60000")


def test_contents_that_are_no_map(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (4, 4, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "jet.png"), colour)
    _refused(tmp_path / "jet.png", "png", "colour")
    np.save(tmp_path / "nan.npy", np.full((2, 2), np.nan))
    _refused(tmp_path / "nan.npy", "npy", "not finite")
    np.save(tmp_path / "3d.npy", np.zeros((2, 3, 4)))
    _refused(tmp_path / "3d.npy", "npy", "shape")
    np.save(tmp_path / "grey.npy", np.arange(4).reshape(2, 2))
    _refused(tmp_path / "grey.npy", "npy", "several values other than 0", kind="mask")
    np.savez(tmp_path / "b.npz", b=np.zeros((2, 2)), c=np.zeros((2, 2)))
    _refused(tmp_path / "b.npz", "npz", "no array 'a'")
    (tmp_path / "text.npy").write_text("no array")
    _refused(tmp_path / "text.npy", "npy", "not a valid")
    (tmp_path / "text.npz").write_text("no archive")
    _refused(tmp_path / "text.npz", "npz", "not a valid")


def _study(**entry):
    return {
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "classifiers": {},
        "explainers": {"mine": {"method": "imported", **entry}},
    }


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"folder": "nowhere", "format": "npy"}, r"explainers\.mine\.folder.*does not exist"),
        ({"file": "nowhere.json"}, r"explainers\.mine\.file.*does not exist"),
        (
            {"folder": "maps/{dataset}", "format": "png"},
            r"mine\.pattern.*\{case\}\.png",
        ),
        ({"folder": "maps", "pattern": "../{case}.npy"}, r"explainers\.mine\.pattern.*leaves"),
    ],
)
def test_the_config_is_refused_before_anything_runs(tmp_path, monkeypatch, entry, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps/demo").mkdir(parents=True)
    np.save(tmp_path / "maps/demo/x.npy", np.eye(2))
    config_settings.load(_study(folder="maps/{dataset}", format="npy"))
    with pytest.raises(InputError, match=words):
        config_settings.load(_study(**entry))


def test_axes_of_length_one_are_dropped_wherever_they_stand(tmp_path):
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    for number, shape in enumerate([(3, 4, 1), (1, 3, 4, 1), (1, 1, 3, 4), (1, 3, 4)]):
        np.save(tmp_path / f"{number}.npy", values.reshape(shape))
        found, _ = imported_files.read(tmp_path / f"{number}.npy", "npy", "a", "x", "auto")
        assert np.array_equal(found, values)
    np.save(tmp_path / "rgb.npy", np.zeros((3, 4, 3)))
    _refused(tmp_path / "rgb.npy", "npy", "shape")


def test_heat_in_the_alpha_channel_is_refused(tmp_path):
    heat = np.arange(48, dtype=np.uint8).reshape(6, 8)
    for name, layers in (
        ("black", [heat * 0] * 3 + [heat]),
        ("red", [heat * 0, heat * 0, heat, heat]),
    ):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.stack(layers, -1))
        _refused(tmp_path / f"{name}.png", "png", "alpha", kind="map")
    cv2.imwrite(str(tmp_path / "opaque.png"), np.stack([heat] * 3 + [heat * 0 + 255], -1))
    assert np.array_equal(
        imported_files.read(tmp_path / "opaque.png", "png", "a", "x", "map")[0], heat
    )


LEFT, RIGHT = np.zeros((2, 60, 90), bool)
LEFT[10:30, 5:20], RIGHT[5:50, 60:80] = True, True


def _written(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def _counts(mask):
    flat = mask.flatten(order="F").astype(int)
    ends = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), flat.size]
    return [0] * int(flat[0]) + np.diff(ends).tolist()


def _result(image, category, mask, **more):
    return {"image_id": image, "category_id": category, "segmentation": encode(mask), **more}


def _found(case, entry):
    return map_in_frame(_map(case, entry), case, "original", "positive") > 0


def test_uncompressed_run_lengths(case, tmp_path):
    content = {case.case: {"a": {"size": [60, 90], "counts": _counts(RIGHT)}}}
    entry = _entry(file=_written(tmp_path / "m.json", content))
    assert np.array_equal(_found(case, entry), RIGHT)
    content[case.case]["a"]["counts"][0] += 1
    entry = _entry(file=_written(tmp_path / "n.json", content))
    with pytest.raises(InputError, match="add up to 5401"):
        _map(case, entry)


def test_coco_results(case, tmp_path):
    results = [
        _result(case.case, 7, LEFT, score=0.9),
        _result(case.case, 7, RIGHT, score=0.6),
        _result("other", 7, LEFT, score=0.3),
    ]
    entry = _entry(file=_written(tmp_path / "r.json", results))
    assert np.array_equal(_found(case, entry), LEFT | RIGHT)
    assert np.array_equal(_found(case, entry.model_copy(update={"min_score": 0.7})), LEFT)
    assert not _found(replace(case, case="other"), entry).any()  # examined; its score is too low
    assert np.array_equal(
        _found(case, entry.model_copy(update={"classes": {"a": 7}})), LEFT | RIGHT
    )
    with pytest.raises(InputError, match="no map of the case"):
        _map(case, entry.model_copy(update={"classes": {"a": 8}}))
    with pytest.raises(InputError, match="no map of the case"):
        _map(replace(case, case="third"), entry)
    # With two categories, the config must state which one is meant.
    entry = _entry(file=_written(tmp_path / "two.json", [*results, _result("x", 1, LEFT)]))
    with pytest.raises(InputError, match="no map of the case"):
        _map(case, entry)
    assert np.array_equal(
        _found(case, entry.model_copy(update={"classes": {"a": "7"}})), LEFT | RIGHT
    )


def test_a_whole_coco_file(case, tmp_path):
    box = [10, 20, 40, 20, 40, 50, 10, 50]  # x, y
    content = {
        "images": [
            {"id": 3, "file_name": f"test/{case.case}.png", "height": 60, "width": 90},
            {"id": 4, "file_name": "test/empty.png", "height": 60, "width": 90},
        ],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "annotations": [
            {"image_id": 3, "category_id": 1, "segmentation": [box]},
            {"image_id": 3, "category_id": 2, "segmentation": encode(LEFT)},
        ],
    }
    entry = _entry(file=_written(tmp_path / "c.json", content))
    expected = np.zeros((60, 90), bool)
    expected[20:50, 10:40] = True
    assert np.array_equal(_found(case, entry), expected)
    assert np.array_equal(_found(replace(case, case=f"test/{case.case}"), entry), expected)
    assert np.array_equal(_found(case, entry.model_copy(update={"classes": {"a": 2}})), LEFT)
    assert not _found(replace(case, case="empty"), entry).any()


@pytest.mark.parametrize(
    ("images", "categories", "words"),
    [
        ([(3, "x/c.png"), (4, "x/c.png")], [(1, "a")], "'3' and '4' have the same file_name"),
        ([(3, "x/c.png"), (4, "x/c.jpg")], [(1, "a")], "'3' and '4' have the same file_name"),
        ([(3, "c.png"), (3, "d.png")], [(1, "a")], "the id '3' occurs twice"),
        ([(3, "c.png")], [(1, "a"), (2, "a")], "'1' and '2' have the same name"),
    ],
)
def test_two_ids_of_one_name_in_a_coco_file(tmp_path, images, categories, words):
    content = {
        "images": [{"id": i, "file_name": n, "height": 60, "width": 90} for i, n in images],
        "categories": [{"id": i, "name": n} for i, n in categories],
        "annotations": [{"image_id": 3, "category_id": 1, "segmentation": encode(LEFT)}],
    }
    _written(tmp_path / "m.json", content)
    _refused(tmp_path / "m.json", "masks_json", words)


def test_file_names_of_a_coco_file_may_be_of_windows(case, tmp_path):
    content = {
        "images": [{"id": 1, "file_name": f"x\\{case.case}.png", "height": 60, "width": 90}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": encode(LEFT)}],
    }
    entry = _entry(file=_written(tmp_path / "c.json", content))
    assert np.array_equal(_found(case, entry), LEFT)
    assert np.array_equal(_found(replace(case, case=f"x/{case.case}"), entry), LEFT)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}, "Boxes are not read"),
        (
            {"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 1, 0, 1, 1]]},
            "Polygons are read only",
        ),
        ({"image_id": 1, "segmentation": encode(LEFT)}, "category_id"),
        ([1], "category_id"),
        (_result("x", 1, LEFT, score="high"), "score"),
        ({"image_id": 1, "category_id": 1, "segmentation": {"size": [60_000] * 2}}, "60000"),
    ],
)
def test_coco_results_that_hold_no_mask(tmp_path, entry, words):
    _written(tmp_path / "m.json", [entry])
    _refused(tmp_path / "m.json", "masks_json", words)


@pytest.fixture
def checked(cases, tmp_path):
    """Run `check_imported` on cases given by id and split, and on classes with a mask."""

    def check(entry, *rows, annotated=("a",)):
        found = [
            Case(
                case=name,
                patient=name,
                split=split,
                labels=tuple(annotated),
                image="i.png",
                masks=dict.fromkeys(annotated, "m.png"),
                width=90,
                height=60,
            )
            for name, split in rows
        ]
        write_cases(tmp_path / "cases.csv", found)
        output = str(tmp_path / "imported.csv")
        check_imported.main(str(tmp_path / "cases.csv"), "mine", entry, annotated, ["test"], output)

    return check


def test_two_cases_or_classes_with_one_file_are_an_error(checked, tmp_path):
    for name in ("a_1", "c", "c_x_y"):
        np.save(tmp_path / f"{name}.npy", _ramp())
    entry = _entry(folder=str(tmp_path), pattern="{case}.npy", missing="skip")
    for split in ("test", "train"):
        with pytest.raises(InputError, match="'a/1' and 'a_1'") as error:
            checked(entry, ("a/1", "test"), ("a_1", split))
        assert error.value.file.name == "a_1.npy"
    checked(entry, ("c", "test"), ("a/1", "train"), ("a_1", "train"))  # no job reads these maps
    by_class = entry.model_copy(update={"pattern": "{case}_{class}.npy"})
    with pytest.raises(InputError, match="'x/y' and 'x_y'"):
        checked(by_class, ("c", "test"), annotated=("x/y", "x_y"))
    renamed = by_class.model_copy(update={"classes": {"x/y": "other"}})
    checked(renamed, ("c", "test"), annotated=("x/y", "x_y"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([np.ones((6, 9)), _ramp()], "1 of 2 maps have the same value in all pixels"),
        ([_ramp() - 2 * _ramp().max(), _ramp()], "1 of 2 maps have no value above 0.*sign: abs"),
        ([_ramp(), _ramp()], "all 2 maps are equal"),
        ([_ramp(), _ramp()[::-1]], None),
        ([np.ones((6, 9), bool), np.ones((6, 9), bool)], None),
        ([_ramp(9, 9) + 200, _ramp()], "1 of 2 maps are square, and their images are not"),
        ([_ramp(2, 3) + 200, _ramp()], None),
    ],
)
def test_odd_maps_are_named(checked, tmp_path, caplog, values, said):
    for case, map_ in zip("cd", values, strict=True):
        np.save(tmp_path / f"{case}.npy", map_)
    entry = _entry(folder=str(tmp_path), pattern="{case}.npy")
    checked(entry, ("c", "test"), ("d", "test"))
    found = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert bool(found) == bool(said)
    assert said is None or re.search(said, found[0])
    caplog.clear()
    checked(entry.model_copy(update={"sign": "absolute"}), ("c", "test"), ("d", "test"))
    assert "no value above 0" not in caplog.text


def test_the_only_category_of_a_file_is_not_that_of_several_classes(checked, tmp_path):
    entry = _entry(file=_written(tmp_path / "r.json", [_result("c", 7, LEFT)]), missing="skip")
    checked(entry, ("c", "test"))
    with pytest.raises(InputError, match="only the category '7'.*classes: {a: 7}"):
        checked(entry, ("c", "test"), annotated=("a", "b"))
    checked(
        entry.model_copy(update={"classes": {"a": 7, "b": 8}}), ("c", "test"), annotated=("a", "b")
    )


def test_the_only_array_of_a_file_is_not_that_of_another_class(checked, tmp_path):
    """It would be scored as the map of the class whose array is missing."""
    entry = _entry(folder=str(tmp_path), pattern="{case}.npz")
    np.savez(tmp_path / "c.npz", b=_ramp())
    checked(entry, ("c", "test"))  # the file's only array, whatever its name
    with pytest.raises(InputError, match=r"no array 'a'; its only array 'b' is of another class"):
        checked(entry, ("c", "test"), annotated=("a", "b"))
    np.savez(tmp_path / "c.npz", Lesion=_ramp())
    checked(entry, ("c", "test"), annotated=("a", "b"))
    renamed = entry.model_copy(update={"classes": {"b": "Lesion"}})
    with pytest.raises(InputError, match=r"no array 'a'; its only array 'Lesion'"):
        checked(renamed, ("c", "test"), annotated=("a", "b"))
    np.savez(tmp_path / "c.npz", a=_ramp(), Lesion=_ramp()[::-1])
    checked(renamed, ("c", "test"), annotated=("a", "b"))
