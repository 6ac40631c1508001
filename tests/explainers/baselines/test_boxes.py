"""The null baselines of boxes: what they learn from training boxes, and where they point."""

import dataclasses

import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.prepared import write_prepared
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import boxes as module
from fidelity.masks.boxes import box_of
from fidelity.settings.explainers import CentreBox, MeanBox, RandomBox
from tests.helpers.explained_cohort import SIZE, WORKING, case_of, square

# Boxes as shares of 24 x 32 pixels. The mean box is (6, 8, 16, 20), with a size of 10 x 12.
GIVEN = [(4.0, 4.0, 12.0, 20.0), (8.0, 12.0, 20.0, 20.0)]
METHODS = [MeanBox(), CentreBox(), RandomBox()]


def _fitted(folder, settings, cases):
    train, output = folder / "train.h5", folder / "fitted.safetensors"
    write_prepared(train, cases, {"image_size": WORKING, "classes": ["COVID"]})
    module.fit([train], [], settings, 1, {}, output)
    return output


def _boxed(boxes=tuple(GIVEN)):
    case = case_of("boxed", {"a": square(0, 0, 1, 1)}, "train")
    return dataclasses.replace(case, reference_boxes={"a": tuple(boxes)})


def _answers(output, settings, names=("x",), seed=1):
    context = Context(None, 1, seed, settings.method, output)
    tasks = [Task(case_of(name, {"a": square(0, 0, 1, 1)}), "a", None) for name in names]
    return [found.map.values.astype(bool) for found in module.make(context, settings)(tasks)]


@pytest.mark.parametrize(
    ("settings", "box"), [(MeanBox(), (6, 8, 16, 20)), (CentreBox(), (7, 10, 17, 22))]
)
def test_one_answer_for_all(tmp_path, settings, box):
    first, second = _answers(_fitted(tmp_path, settings, [_boxed()]), settings, ("x", "y"))
    assert box_of(first) == box_of(second) == box


def test_random_boxes_have_the_sizes_of_the_training_boxes(tmp_path):
    settings = RandomBox()
    output = _fitted(tmp_path, settings, [_boxed()])
    names = [str(number) for number in range(60)]
    found = [box_of(mask) for mask in _answers(output, settings, names)]
    sizes = {(y1 - y0, x1 - x0) for y0, x0, y1, x1 in found}
    # Corners lie between pixels, so a side may be one pixel longer or shorter.
    assert all(min(abs(h - 8) + abs(w - 16), abs(h - 12) + abs(w - 8)) <= 2 for h, w in sizes)
    assert len(set(found)) > 40
    assert found == [box_of(mask) for mask in _answers(output, settings, names)]
    assert found != [box_of(mask) for mask in _answers(output, settings, names, seed=2)]


@pytest.mark.parametrize("settings", METHODS)
def test_masks_are_bounded_where_there_are_no_boxes(tmp_path, settings):
    parts = square(0, 0, 6, 8) | square(10, 10, 16, 18)
    output = _fitted(tmp_path, settings, [case_of("masks", {"a": parts}, "train")])
    y0, x0, y1, x1 = box_of(_answers(output, settings)[0])
    assert abs(y1 - y0 - 6) <= 1
    assert abs(x1 - x0 - 8) <= 1


def test_a_case_read_without_a_finding_teaches_nothing(tmp_path):
    settings = MeanBox()
    healthy = dataclasses.replace(_boxed(()), case="healthy")
    assert box_of(_answers(_fitted(tmp_path, settings, [healthy, _boxed()]), settings)[0]) == (
        (6, 8, 16, 20)
    )
    with pytest.raises(InputError, match="no training case"):
        _fitted(tmp_path, settings, [healthy])


def test_an_unknown_class_has_no_answer(tmp_path):
    settings = MeanBox()
    context = Context(None, 1, 1, settings.method, _fitted(tmp_path, settings, [_boxed()]))
    with pytest.raises(ValueError, match="of the class 'b'"):
        module.make(context, settings)([Task(case_of("x", {"b": square(0, 0, 1, 1)}), "b", None)])


def test_a_crop_shows_its_part(tmp_path):
    settings = MeanBox()
    output = _fitted(tmp_path, settings, [_boxed()])
    case = dataclasses.replace(case_of("x", {"a": square(0, 0, 1, 1)}), box=(10, 0, SIZE[0], 12))
    context = Context(None, 1, 1, settings.method, output)
    values = module.make(context, settings)([Task(case, "a", None)])[0].map.values
    assert np.argwhere(values).min(axis=0).tolist() == [0, 8]
    assert values.shape == (14, 12)
