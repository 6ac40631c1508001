"""Sensitivity-max: known truths, captum's value, and one map per changed image."""

import numpy as np
import pytest
import torch
from captum.metrics import sensitivity_max as captum_sensitivity

from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Explanation, Task
from fidelity.explainers.perturbation.forward import per_case
from fidelity.explainers.rerun import attributions, explainer_of, some_tasks, with_image
from fidelity.faithfulness.sensitivity import measure_sensitivity, neighbours, sensitivity_max
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Gradcam
from tests.helpers.gradient_cases import noise_cases

OPTIONS = {"samples": 5, "radius": 0.02, "absolute": False, "batch": 4, "seed": 1}


def explainer(values_of):
    """Return an explainer whose map depends only on the image."""

    def explain(tasks):
        return [
            Explanation(SaliencyMap("dense", values_of(task.case.image.astype(float))))
            for task in tasks
        ]

    return explain


def tasks_of(count=3, side=12):
    return [Task(case, "a", 0) for case in noise_cases(side, count)]


def test_a_constant_explainer_does_not_move():
    table = measure_sensitivity(explainer(lambda image: image * 0 + 2), tasks_of(), **OPTIONS)
    assert table["case"].tolist() == ["case 0", "case 1", "case 2"]
    assert (table["sensitivity_max"] == 0).all()


def test_the_image_itself_moves_by_its_noise_in_any_unit():
    (task,) = tasks_of(1)
    image = task.case.image.astype(float)
    options = OPTIONS | {"samples": 20}
    found = [
        measure_sensitivity(explainer(lambda x, k=scale: x * k), [task], **options)
        for scale in (1, 1000)
    ]
    moved = found[0]["sensitivity_max"][0]
    assert moved == pytest.approx(found[1]["sensitivity_max"][0])
    # Uniform on the 11 levels from -5 to 5: standard deviation sqrt(10).
    expected = np.sqrt(10 * image.size) / np.linalg.norm(image)
    assert expected < moved < 1.3 * expected


def test_neighbours_stay_in_the_cube_and_in_range():
    image = np.array([[0, 3], [128, 255]], np.uint8)
    found = neighbours(image, 200, 0.02, 7).astype(int)
    assert (np.abs(found - image) <= 5).all()
    assert found.min() == 0
    assert found.max() == 255
    assert {*np.unique(found[:, 1, 0])} == {*range(123, 134)}
    np.testing.assert_array_equal(found, neighbours(image, 200, 0.02, 7))


def test_equals_captum():
    (task,) = tasks_of(1)
    images = neighbours(task.case.image, 6, 0.05, 3).astype(np.float32)

    def explain(x):
        # captum calls this once with a tuple, and then with a tensor.
        return torch.sin(x) if isinstance(x, torch.Tensor) else (torch.sin(x[0]),)

    found = sensitivity_max(
        np.sin(task.case.image.astype(np.float32)), np.stack([np.sin(one) for one in images])
    )
    expected = captum_sensitivity(
        explain,
        torch.from_numpy(task.case.image.astype(np.float32))[None],
        perturb_func=lambda _x: torch.from_numpy(images),
        n_perturb_samples=6,
    )
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_a_map_of_zeros_and_a_failed_one_are_undefined():
    def explain(tasks):
        if any(task.case.case == "case 1" for task in tasks):
            raise RuntimeError("no")
        return explainer(np.zeros_like)(tasks)

    table = measure_sensitivity(explain, tasks_of(), **OPTIONS)
    assert table["sensitivity_max"].isna().all()

    def fails_once(tasks):
        if any(task.case.case == "case 1" for task in tasks):
            raise RuntimeError("no")
        return explainer(lambda image: image)(tasks)

    table = measure_sensitivity(fails_once, tasks_of(), **OPTIONS)
    assert table["sensitivity_max"].isna().tolist() == [False, True, False]


def test_neither_batches_nor_other_cases_change_a_number():
    torch.manual_seed(0)
    network = build("resnet18", 3)
    classifier = Classifier(network, "resnet18", ("A", "B", "C"), image_size=64).eval()
    context = Context(classifier, 4, 1, "gradcam")
    explain = explainer_of(context, Gradcam())
    tasks = [Task(case, "a", 1) for case in noise_cases(64, 2)]
    together = measure_sensitivity(explain, tasks, **OPTIONS)
    apart = [measure_sensitivity(explain, [task], **OPTIONS) for task in tasks]
    np.testing.assert_array_equal(
        together["sensitivity_max"], [one["sensitivity_max"][0] for one in apart]
    )
    assert (together["sensitivity_max"] > 0).all()


def test_changed_images_of_a_case_are_not_taken_for_one_another():
    """Explainers that map all classes of a case at once used to identify cases only by name."""
    (task,) = tasks_of(1)
    changed = [
        with_image(task, image, n) for n, image in enumerate(neighbours(task.case.image, 3, 0.1, 1))
    ]
    seeds = []

    def of_case(case, seed, targets):
        seeds.append(seed)
        return [Explanation(SaliencyMap("dense", case.image.astype(float))) for _ in targets]

    explain = per_case(Context(None, 4, 1, "rise"), of_case)
    found = list(attributions(explain, [task, *changed], 4))
    for one, saliency in zip([task, *changed], found, strict=True):
        np.testing.assert_array_equal(saliency.values, one.case.image)
    assert len(set(seeds)) == 1  # the random numbers are still those of the case


def test_some_tasks_are_the_same_in_any_order():
    tasks = [Task(case, cls, 0) for case in noise_cases(8, 9) for cls in ("a", "b")]
    chosen = some_tasks(tasks, 2, 1)
    assert [task.cls for task in chosen].count("a") == 2
    assert chosen == some_tasks(tasks[::-1], 2, 1)
    assert {task.case.case for task in some_tasks(tasks, 2, 4)} != {t.case.case for t in chosen}
    assert len(some_tasks(tasks, None, 1)) == 18
