"""Compare Grad-CAM and HiResCAM over many images with pytorch-grad-cam, called image by image.

Run: `python benchmarks/cams.py [--size PX] [--network NAME …]`. Every map is checked before it is
timed. The package is used as in its README, on the same network, layer and classes. The column of
errors also states a bound: how many times faster than the package a batched pass without any map
is. Such a pass goes forward through the network and back from the logits to the layer.
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

import cv2
import numpy as np
import torch
from comparison import Row, in_turns, show
from pytorch_grad_cam import GradCAM, HiResCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from fidelity.classifiers.architectures import build
from fidelity.classifiers.cam_layers.choose import CamLayer, find_cam_layer
from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Explain, Task
from fidelity.explainers.cam import cam
from fidelity.explainers.cam.layer_reader import LayerReader
from fidelity.settings.explainers import Gradcam, Hirescam

BATCH = 32
METHODS = {"Grad-CAM": (GradCAM, Gradcam), "HiResCAM": (HiResCAM, Hirescam)}


def tasks_of(size: int, images: int) -> list[Task]:
    """Draw smooth images similar to radiographs; classes alternate."""
    rng = np.random.default_rng(1)
    tasks = []
    for index in range(images):
        noise = cv2.GaussianBlur(rng.standard_normal((size, size)), (0, 0), size / 16)
        image = np.clip(128 + 100 * noise / np.abs(noise).max(), 0, 255).astype(np.uint8)
        whole = (0, 0, size, size)
        case = PreparedCase(
            str(index), "p", "test", ("A",), image, None, whole[2:], whole, {}, None, ""
        )
        tasks.append(Task(case, "A", index % 3))
    return tasks


def package_maps(
    method: type[GradCAM], classifier: Classifier, layer: CamLayer, tasks: Sequence[Task]
) -> np.ndarray:
    """Explain image by image with the package; returns maps (n, size, size)."""
    peer = method(classifier, [layer.module])
    images = [classifier.preprocess(task.case.image[None]) for task in tasks]
    return np.concatenate(
        [
            peer(image, [ClassifierOutputTarget(task.target)])
            for image, task in zip(images, tasks, strict=True)
        ]
    )


def our_maps(explain: Explain, size: int, tasks: Sequence[Task]) -> np.ndarray:
    """Explain in batches, and post-process as the package does; returns maps (n, size, size)."""
    found = []
    for start in range(0, len(tasks), BATCH):
        found += [each.map.values for each in explain(tasks[start : start + BATCH])]
    grids = np.maximum(np.stack(found), 0)
    return scale_cam_image(scale_cam_image(grids, (size, size)))


def bare_passes(classifier: Classifier, layer: CamLayer, tasks: Sequence[Task]) -> None:
    """Run batches forward, and back to the layer, without computing maps."""
    reader = LayerReader(classifier, layer, gradients=True)
    for start in range(0, len(tasks), BATCH):
        part = tasks[start : start + BATCH]
        logits = reader(classifier.preprocess(np.stack([task.case.image for task in part])))
        logits[range(len(part)), [task.target for task in part]].sum().backward()


def rows(
    networks: Sequence[str] = ("resnet18", "densenet121"), size: int = 224, images: int = BATCH
) -> Iterator[Row]:
    """Check the maps, then time both sides and the bound."""
    tasks = tasks_of(size, images)
    for name in networks:
        torch.manual_seed(0)
        classifier = Classifier(build(name, 3), name, ("A", "B", "C"), image_size=size)
        classifier = classifier.eval().to(memory_format=torch.channels_last)  # as in loaded models
        layer = find_cam_layer(classifier)
        for title, (method, settings) in METHODS.items():
            theirs = partial(package_maps, method, classifier, layer, tasks)
            context = Context(classifier, BATCH, 1, title)
            ours = partial(our_maps, cam.make(context, settings(layer=layer.name)), size, tasks)
            np.testing.assert_allclose(ours(), theirs(), atol=1e-3)
            bound = partial(bare_passes, classifier, layer, tasks)
            peer, own, bare = in_turns(theirs, ours, bound, rounds=2)
            task = f"{title}, {name}, {images} images of {size} px"
            error = f"maps differ by less than .001; bare passes: {peer / bare:.1f} ×"
            yield Row(task, "pytorch-grad-cam, image by image", peer, own, error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--network", nargs="+", default=["resnet18", "densenet121"])
    options = parser.parse_args()
    show(rows(options.network, options.size))
