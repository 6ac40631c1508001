"""Grad-CAM over many images against the package that it comes from, called image by image.

Run: `python benchmarks/cams.py [--threads N] [--size PX] [--network NAME]`. One process; every map
is checked before anything is timed, and what is printed is the ratio of times in the same run. The
package is used as its README does it, on the same network, layer and classes.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from fidelity.base.compute import configure
from fidelity.classifiers.architectures import build
from fidelity.classifiers.cam_layers.choose import find_cam_layer
from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Task
from fidelity.explainers.cam import cam
from fidelity.settings.explainers import Gradcam

IMAGES, BATCH, ROUNDS = 64, 32, 3
GOAL = 3


def tasks_of(size: int) -> list[Task]:
    """Draw smooth images as radiographs are; classes in turn."""
    rng = np.random.default_rng(1)
    tasks = []
    for index in range(IMAGES):
        noise = cv2.GaussianBlur(rng.standard_normal((size, size)), (0, 0), size / 16)
        image = np.clip(128 + 100 * noise / np.abs(noise).max(), 0, 255).astype(np.uint8)
        whole = (0, 0, size, size)
        case = PreparedCase(
            str(index), "p", "test", ("A",), image, None, whole[2:], whole, {}, None, ""
        )
        tasks.append(Task(case, "A", index % 3))
    return tasks


def package_maps(classifier: Classifier, module: torch.nn.Module, tasks: list[Task]) -> np.ndarray:
    """Explain image by image with the package; maps (n, size, size)."""
    peer = GradCAM(classifier, [module])
    images = [classifier.preprocess(task.case.image[None]) for task in tasks]
    return np.concatenate(
        [
            peer(image, [ClassifierOutputTarget(task.target)])
            for image, task in zip(images, tasks, strict=True)
        ]
    )


def our_maps(classifier: Classifier, tasks: list[Task]) -> np.ndarray:
    """Explain in batches, and post-process as the package does; maps (n, size, size)."""
    context = Context(classifier, BATCH, 1, "gradcam")
    explain = cam.make(context, Gradcam())
    found = []
    for start in range(0, len(tasks), BATCH):
        found += [each.map.values for each in explain(tasks[start : start + BATCH])]
    size = classifier.image_size
    grids = np.maximum(np.stack(found), 0)
    return scale_cam_image(scale_cam_image(grids, (size, size)))


def seconds(function: Callable[..., object], *arguments: object) -> float:
    """Time a call: the fastest of several."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        function(*arguments)
        rounds.append(time.perf_counter() - start)
    return min(rounds)


def main() -> None:
    """Check the maps, time both sides, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--network", nargs="+", default=["resnet18", "densenet121"])
    options = parser.parse_args()
    # As the rules do, and for both sides: threads, and freed memory that is kept.
    configure({"threads": options.threads, "device": "cpu"})
    cv2.setNumThreads(1)
    tasks = tasks_of(options.size)
    print(f"{IMAGES} images of {options.size} px, {options.threads} thread(s)")
    print(f"{'network':18}{'peer ms':>10}{'ours ms':>10}{'ratio':>8}   per image")
    ratios = {}
    for name in options.network:
        torch.manual_seed(0)
        classifier = Classifier(build(name, 3), name, ("A", "B", "C"), image_size=options.size)
        classifier = classifier.eval().to(memory_format=torch.channels_last)  # as models are loaded
        module = find_cam_layer(classifier).module
        expected = package_maps(classifier, module, tasks)
        np.testing.assert_allclose(our_maps(classifier, tasks), expected, atol=1e-3)
        peer = seconds(package_maps, classifier, module, tasks) / IMAGES
        own = seconds(our_maps, classifier, tasks) / IMAGES
        ratios[name] = peer / own
        print(f"{name:18}{1e3 * peer:10.1f}{1e3 * own:10.1f}{peer / own:8.2f}")
    met = [name for name, ratio in ratios.items() if ratio >= GOAL]
    print(f"At least {GOAL} times faster: {', '.join(met) or 'none'} of {', '.join(ratios)}")


if __name__ == "__main__":
    main()
