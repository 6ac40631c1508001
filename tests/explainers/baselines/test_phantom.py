"""Null baselines on the phantom, for every input setting: their form and their place."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt

from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.sources.phantom.phantom import generate
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import (
    centre_prior,
    edge_map,
    lower_lung,
    lung_mask,
    peripheral_lung,
    random_cam,
    random_superpixels,
    second_reader,
)
from fidelity.explainers.baselines.geometry import from_grid, to_grid
from fidelity.explainers.registry import METHODS
from fidelity.maps.saliency_map import render
from fidelity.masks.run_lengths import decode, encode
from fidelity.settings.explainers import (
    CentrePrior,
    EdgeMap,
    LowerLung,
    LungMask,
    PeripheralLung,
    RandomCam,
    RandomSuperpixels,
    SecondReader,
)
from fidelity.settings.superpixels import Slic
from tests.helpers.entries import dataset

BINARY = {
    "lung_mask": (lung_mask, LungMask()),
    "lower_lung": (lower_lung, LowerLung()),
    "peripheral_lung": (peripheral_lung, PeripheralLung()),
    "second_reader": (second_reader, SecondReader()),
}
OTHERS = {
    "centre_prior": (centre_prior, CentrePrior()),
    "edge_map": (edge_map, EdgeMap()),
    "random_cam": (random_cam, RandomCam()),
    "random_superpixels": (random_superpixels, RandomSuperpixels(superpixels=Slic())),
}
INPUTS = ("full", "lung_masked", "lung_crop")
CLASSES = ["COVID-19", "Non-COVID"]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """Return test cases of a small phantom, prepared with each input setting."""
    root = tmp_path_factory.mktemp("phantom")
    generate(
        root,
        dataset(
            "phantom",
            {"cases": {"train": 3, "val": 3, "test": 9}, "size": 96, "second_reader": True},
        ),
        3,
    )
    common = {"annotated_classes": CLASSES, "image_size": 48}
    found, *_ = index_cases(root, dataset("phantom", common))
    tested = [case for case in found if case.split == "test" and case.labels[0] in CLASSES]
    return {
        mode: list(prepare_cases(tested, root, dataset("table", {**common, "input": mode})))
        for mode in INPUTS
    }


def tasks_of(cases):
    return [Task(case, cls, None) for case in cases for cls in case.references]


def rendered(explanation, case):
    return render(explanation.map, case.box, case.native_size)


@pytest.mark.parametrize("mode", INPUTS)
@pytest.mark.parametrize("name", [*BINARY, *OTHERS])
def test_maps_are_finite_inside_the_box_and_of_some_contrast(phantom, mode, name):
    module, entry = {**BINARY, **OTHERS}[name]
    tasks = tasks_of(phantom[mode])
    for task, explanation in zip(
        tasks, module.make(Context(None, 4, 1, name), entry)(tasks), strict=True
    ):
        values = rendered(explanation, task.case)
        assert values.shape == (96, 96)
        assert np.isfinite(values).all()
        assert values.max() == 1
        assert values.min() == 0
        y0, x0, y1, x1 = task.case.box
        values[y0:y1, x0:x1] = 0
        assert not values.any()


@pytest.mark.parametrize("mode", INPUTS)
@pytest.mark.parametrize("name", [*BINARY, *OTHERS])
def test_neighbours_do_not_change_a_map_and_seeds_repeat(phantom, mode, name):
    module, entry = {**BINARY, **OTHERS}[name]
    tasks = tasks_of(phantom[mode])
    together = module.make(Context(None, 4, 1, name), entry)(tasks)
    explain = module.make(Context(None, 4, 1, name), entry)
    for task, explanation in list(zip(tasks, together, strict=True))[::-1]:
        np.testing.assert_array_equal(explain([task])[0].map.values, explanation.map.values)


@pytest.mark.parametrize("name", BINARY)
def test_the_crop_shows_the_same_native_mask_as_the_full_image(phantom, name):
    """The input setting only cuts the mask to the box: nothing else is lost or moved."""
    module, entry = BINARY[name]
    explain = module.make(Context(None, 4, 1, name), entry)
    for mode in ("lung_masked", "lung_crop"):
        for whole, part in zip(tasks_of(phantom["full"]), tasks_of(phantom[mode]), strict=True):
            expected = rendered(explain([whole])[0], whole.case)
            y0, x0, y1, x1 = part.case.box
            window = np.zeros_like(expected)
            window[y0:y1, x0:x1] = expected[y0:y1, x0:x1]
            np.testing.assert_array_equal(rendered(explain([part])[0], part.case), window)


def test_lower_lung_is_the_lower_half(phantom):
    for task in tasks_of(phantom["lung_crop"]):
        lung = decode(task.case.lung_native)
        rows = np.flatnonzero(lung.any(axis=1))
        values = rendered(lower_lung.make(None, LowerLung())([task])[0], task.case).astype(bool)
        middle = (rows[0] + rows[-1]) / 2
        expected = lung & (np.arange(96)[:, None] > middle)
        np.testing.assert_array_equal(values, expected)
        assert 0.2 < values.sum() / lung.sum() < 0.8


def test_the_middle_row_of_an_odd_lung_is_not_below_the_middle():
    lung = np.zeros((9, 4), bool)
    lung[2:7] = True
    assert np.flatnonzero(lower_lung.lower(lung).any(axis=1)).tolist() == [5, 6]


def test_periphery_agrees_with_scipy_and_grows_with_its_width(phantom):
    for case in phantom["full"]:
        lung = decode(case.lung_native)
        distance = distance_transform_edt(np.pad(lung, 1))[1:-1, 1:-1]
        before = np.zeros_like(lung)
        for width in (0.3, 0.5, 0.8):
            band = peripheral_lung.periphery(lung, width)
            np.testing.assert_array_equal(band, lung & (distance <= width * distance.max()))
            assert (before <= band).all()
            before = band
        assert (lung & ~binary_erosion(lung) <= peripheral_lung.periphery(lung, 0.3)).all()
        np.testing.assert_array_equal(peripheral_lung.periphery(lung, 1.0), lung)


def test_the_border_of_the_image_is_an_edge():
    band = peripheral_lung.periphery(np.ones((9, 9), bool), 0.2)
    assert band[0].all()
    assert band[:, -1].all()
    assert not band[1:-1, 1:-1].any()


@pytest.mark.parametrize("module", [lower_lung, lung_mask, peripheral_lung])
def test_no_lung_mask_is_said(phantom, module):
    bare = dataclasses.replace(phantom["full"][0], lung_native=None)
    with pytest.raises(ValueError, match="no lung mask"):
        module.make(None, PeripheralLung())([Task(bare, CLASSES[0], None)])


def test_an_empty_lung_has_no_lower_half(phantom):
    empty = dataclasses.replace(phantom["full"][0], lung_native=encode(np.zeros((96, 96), bool)))
    with pytest.raises(ValueError, match="empty"):
        lower_lung.make(None, LowerLung())([Task(empty, CLASSES[0], None)])


def test_edges_are_where_the_image_changes(phantom):
    image = np.zeros((48, 48), np.uint8)
    image[:, 24:] = 200
    case = dataclasses.replace(phantom["full"][0], image=image)
    (explanation,) = edge_map.make(None, EdgeMap())([Task(case, CLASSES[0], None)])
    profile = explanation.map.values[10]
    assert set(np.argsort(profile)[-2:]) == {23, 24}
    np.testing.assert_allclose(profile, profile[::-1], atol=1e-9)
    # A unit step smoothed by a Gaussian has the slope 1/(σ√2π) at the step.
    assert profile.max() == pytest.approx(200 / (2 * np.sqrt(2 * np.pi)), rel=0.05)


def test_random_cam_is_standard_normal_per_case(phantom):
    explain = random_cam.make(Context(None, 4, 1, "random_cam"), RandomCam())
    names = [dataclasses.replace(phantom["full"][0], case=str(i)) for i in range(80)]
    grids = np.stack([e.map.values for e in explain([Task(c, CLASSES[0], None) for c in names])])
    assert grids.shape == (80, 7, 7)
    assert abs(grids.mean()) < 0.06
    assert grids.std() == pytest.approx(1, abs=0.05)
    assert len(np.unique(grids)) == grids.size
    other = random_cam.make(Context(None, 4, 2, "random_cam"), RandomCam())
    assert not np.array_equal(other([Task(names[0], "", None)])[0].map.values, grids[0])


def test_the_second_reader_is_the_second_mask(phantom):
    for task in tasks_of(phantom["full"]):
        (explanation,) = second_reader.make(None, SecondReader())([task])
        expected = decode(task.case.readers["second"][task.cls])
        np.testing.assert_array_equal(rendered(explanation, task.case).astype(bool), expected)


def test_the_second_reader_answers_the_classes_it_has_marked(phantom):
    case = phantom["full"][0]
    (cls,) = case.readers["second"]
    assert second_reader.has_answer(Task(case, cls, None), SecondReader())
    assert not second_reader.has_answer(Task(case, "another", None), SecondReader())
    once = dataclasses.replace(case, readers={})
    assert not second_reader.has_answer(Task(once, cls, None), SecondReader())


def test_grids_go_to_a_window_and_back():
    rng = np.random.default_rng(0)
    grid = rng.random((16, 16), dtype=np.float32)
    np.testing.assert_array_equal(from_grid(grid, (3, 5, 40, 60), (3, 5, 40, 60), 0), grid)
    ramp = np.arange(64.0)[:, None].repeat(64, 1)
    coarse = to_grid(ramp, 16)
    np.testing.assert_allclose(coarse[:, 0], np.arange(16) * 4 + 1.5)
    lower = from_grid(coarse, (0, 0, 64, 64), (32, 0, 64, 64), 1)
    np.testing.assert_allclose(lower[4, 4], 32 + 4.5 * 2 - 0.5, atol=1e-4)
    assert to_grid(np.ones((5, 300)), 16).shape == (16, 16)


def test_the_registry_names_families_and_needs():
    assert {m.family for m in METHODS.values()} >= {"baseline", "ceiling"}
    boxes = {"mean_box", "centre_box", "random_box"}
    assert {n for n, m in METHODS.items() if m.fitted} == {"mean_mask", "unet", *boxes}
    assert {n for n, m in METHODS.items() if m.needs_second_reader} == {"second_reader"}
    assert {n for n, m in METHODS.items() if m.own_network} == {"unet"}
    assert {n for n, m in METHODS.items() if m.needs_lung} == {*BINARY} - {"second_reader"}
