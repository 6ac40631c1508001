"""Explain one image in the same way as the workflow: preprocessing, seeds and batches."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fidelity.base.compute import configure
from fidelity.base.errors import InputError
from fidelity.base.plugins import files_for
from fidelity.binarizations.apply import binarize
from fidelity.binarizations.postprocess import postprocess
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.predict import predict_logits
from fidelity.classifiers.weights import own_format
from fidelity.datasets.cases import Case
from fidelity.datasets.indexing.box_fit import differ_in_shape
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.mask_files.mask_values import LUNG, mask_values_of
from fidelity.datasets.prepare import prepare_case
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Task
from fidelity.explainers.registry import inside_lung, method_of
from fidelity.figures.shared.drawn import place
from fidelity.maps.pixel_frames import lung_in_frame
from fidelity.maps.saliency_map import SaliencyMap, raw_map, render
from fidelity.masks.boxes import FloatBox
from fidelity.metrics.boxes.from_maps import BoxRule, boxes_of_map
from fidelity.presentation.titles import binarization_title
from fidelity.presentation.wording import value_of
from fidelity.segmentation.lungs import predictor
from fidelity.settings.datasets import Dataset
from fidelity.tools.one_image.trained import Trained, one_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """Result of one explainer for the image.

    Attributes:
        raw: float32 (H, W), attributions in the explainer's own unit at the image's size; 0 outside
            the part that the classifier saw.
        heat: `raw` after sign and min-max normalisation, in [0, 1].
        mask: bool (H, W).
        rule: description of how the mask was computed.
        boxes: float64 (k, 4), boxes of the map as for box scores: (y0, x0, y1, x1) in pixels. None
            if the study scores no boxes.
    """

    explainer: str
    raw: np.ndarray
    heat: np.ndarray
    mask: np.ndarray
    rule: str
    boxes: np.ndarray | None = None


@dataclass(frozen=True)
class Explained:
    """The image and all results.

    Attributes:
        image: uint8 (H, W), the image to show, at its own size.
        answers: results in the order of the config.
        left_out: explainer → reason why it has no map.
        reference: boxes of the target drawn by readers, in pixels; empty for images that are not in
            the study.
    """

    name: str
    image: np.ndarray
    probabilities: dict[str, float]
    target: str
    answers: list[Answer]
    left_out: dict[str, str]
    reference: tuple[FloatBox, ...] = ()


def explain_image(
    trained: Trained,
    image: Path,
    explainer: str | None = None,
    target: str | None = None,
    lung: Path | None = None,
) -> Explained:
    """Explain one image with a trained classifier.

    An image that is a case of the study gets the same map as in the study. Its file must have the
    name of the case, and the same class must be explained.

    Args:
        explainer: a key of the config; None for all that can explain the image.
        target: model class to explain; None for the most probable one.
        lung: a lung mask. It is needed if the data set's `input` is a masked or cropped image,
            unless a model predicts the lung masks.

    Raises:
        InputError: a file or name cannot be used, a result of training is missing, or the requested
            explainer has no map for this image.
    """
    names = list(trained.config.explainers)
    if explainer is not None:
        names = [one_of(explainer, names, "explainer", trained.source)]
    trained.check_settings()
    classifier = _classifier(trained)
    case = _prepare(trained, image, lung, classifier.image_size)
    logits = predict_logits(classifier, case.image[None], trained.config.compute.batch)
    row = classifier.probabilities(torch.from_numpy(logits))[0].tolist()
    probabilities = dict(zip(classifier.classes, row, strict=True))
    target = target or classifier.classes[int(np.argmax(row))]
    index = classifier.index_of(target)
    cls = _source_class(trained, target)
    answers, left_out = [], {}
    for name in names:
        reason = _no_answer(trained, name, case)
        if reason is None:
            task = Task(case, cls, index)
            try:
                answers.append(_answer(trained, name, task, classifier, probabilities[target]))
                continue
            # Explainers raise ValueError for cases that they do not support, such as a class
            # without training masks.
            except ValueError as error:
                if isinstance(error, InputError):
                    raise
                reason = str(error)
        if explainer is not None:
            raise InputError(
                f"{name} cannot explain this image: {reason}",
                file=image,
                remedy="Choose another explainer: EXPLAINER=…",
            )
        left_out[name] = reason
    return Explained(
        image.stem,
        _native(trained, image, case),
        probabilities,
        target,
        answers,
        left_out,
        trained.boxes_of(image, cls, case.native_size),
    )


def _classifier(trained: Trained) -> Classifier:
    plugins = files_for(trained.architecture, trained.config.plugins)
    device = configure(trained.config.compute.model_dump())
    return own_format.load(trained.model(), plugins=plugins).to(device)


def _prepare(trained: Trained, image: Path, lung: Path | None, size: int) -> PreparedCase:
    """Prepare the image like those of the data set, at the size that the classifier expects."""
    entry = trained.entry.model_copy(update={"image_size": size})
    drawn_by = trained.lung_model() if lung is None else None
    if lung is None and drawn_by is None and entry.input != "full":
        raise InputError(
            f"the classifier was trained on images with input: {entry.input}, which needs a lung"
            " mask",
            file=image,
            remedy="Give one: LUNG=mask.png",
        )
    settings, predict = entry, None
    if drawn_by is None:
        kind = "none" if lung is None else "provided"
        settings = entry.model_copy(update={"lung_masks": kind})
    else:
        compute = trained.config.compute.model_dump(include={"threads", "device"})
        predict = predictor(drawn_by, trained.config.lung_model.components, compute)
    case = prepare_case(_case(image, lung), Path("/"), settings, predict)
    _check(case, image, lung, entry)
    return case


def _check(case: PreparedCase, image: Path, lung: Path | None, entry: Dataset) -> None:
    """Check what the index checks for cases: not a blank image, and a mask of the same shape."""
    if case.image.min() == case.image.max():
        raise InputError("the image has only one grey value", file=image, remedy="Export it again")
    if lung is None:
        return
    height, width = read_mask_at(
        lung.parent.resolve(), lung.name, LUNG, mask_values_of(entry)
    ).shape
    if differ_in_shape((height, width), case.native_size):
        raise InputError(
            f"the lung mask has {width} x {height} pixels, but the image has"
            f" {case.native_size[1]} x {case.native_size[0]}: the aspect ratios differ",
            file=lung,
            field="LUNG",
            remedy="Give the mask of this image",
        )


def _native(trained: Trained, image: Path, case: PreparedCase) -> np.ndarray:
    """Return the whole image at its own size for the figure, including parts that were cropped."""
    size = case.native_size
    settings = trained.entry.model_copy(
        update={"lung_masks": "none", "input": "full", "image_size": max(size)}
    )
    square = prepare_case(_case(image, None), Path("/"), settings).image
    return place(square, (0, 0, *size), size)


def _case(image: Path, lung: Path | None) -> Case:
    """Create a case from an image in any folder, with absolute paths."""
    return Case(
        case=image.stem,
        patient=image.stem,
        split="test",
        labels=(),
        image=str(image.resolve()),
        lung_mask=None if lung is None else str(lung.resolve()),
    )


def _source_class(trained: Trained, target: str) -> str:
    """Return the source class whose threshold and training masks belong to a model class."""
    annotated = trained.entry.annotated_classes
    labels = trained.labels()
    found = [cls for cls in (*annotated, *labels) if labels.get(cls, cls) == target]
    return found[0] if found else target


def _no_answer(trained: Trained, name: str, case: PreparedCase) -> str | None:
    """Return why an explainer has no map for an image outside the study; None if it has one."""
    entry = trained.config.explainers[name]
    method = method_of(entry.method)
    if entry.method == "imported":
        return "it has maps only for the cases of the study"
    if method.needs_second_reader:
        return "this image has no mask of a second reader"
    if method.needs_heart:
        return "this image has no heart mask"
    needs_lung = (
        method.needs_lung or getattr(entry, "align", None) == "lung_box" or inside_lung(entry)
    )
    if needs_lung and case.lung_native is None:
        return "it needs a lung mask (LUNG=mask.png)"
    return None


def _answer(
    trained: Trained, name: str, task: Task, classifier: Classifier, probability: float
) -> Answer:
    config, settings = trained.config, trained.settings_of(name)
    method = method_of(settings.method)
    context = Context(
        classifier if method.needs_classifier else None,
        config.compute.batch,
        config.seed,
        settings.method,
        trained.fitted(name),
        config.compute.model_dump(),
        files_for(getattr(settings, "of", settings).method, config.plugins),
    )
    explain = method.implementation().make(context, settings)
    (explanation,) = explain([task])
    case, saliency = task.case, explanation.map
    rule, binarization, given = trained.rule_of(name, task.cls)
    steps = rule.postprocess
    heat = render(saliency, case.box, case.native_size, steps.sign)
    mask, threshold = binarize(heat, saliency.kind, rule.binarization, **given)
    lung = lung_in_frame(case, "original")
    if steps.lung and lung is None:
        log.warning(
            "%s: the mask is not restricted to the lung, because the image has no lung mask", name
        )
        steps = steps.model_copy(update={"lung": False})
    mask = postprocess(mask, lung, steps)
    words = f"{binarization_title(binarization)}, values above {value_of('threshold', threshold)}"
    words = "the map itself" if saliency.kind == "binary" else words
    if method.needs_classifier and probability < steps.min_probability:
        mask, words = (
            np.zeros_like(mask),
            "empty (probability below min_probability)",
        )
    boxes = None
    if trained.dataset in trained.study.boxed:
        boxes, _ = boxes_of_map(heat, BoxRule.of_settings(config.scores.boxes))
    return Answer(name, _raw(saliency, case), heat, mask, words, boxes)


def _raw(saliency: SaliencyMap, case: PreparedCase) -> np.ndarray:
    y0, x0, y1, x1 = case.box
    canvas = np.zeros(case.native_size, np.float32)
    canvas[y0:y1, x0:x1] = raw_map(saliency, (y1 - y0, x1 - x0))
    return canvas
