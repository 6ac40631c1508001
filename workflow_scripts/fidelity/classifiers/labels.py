"""Turn the labels of cases into targets for training and evaluation. No torch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fidelity.base.errors import InputError

if TYPE_CHECKING:
    from fidelity.settings.classifiers import Classifier as Entry


def label_matrix(
    labels: Sequence[Sequence[str]], classes: Mapping[str, Any], names: Sequence[str] | None = None
) -> np.ndarray:
    """Map source classes to model classes: uint8 (cases, names), 1 if the case has the class.

    Raises:
        InputError: a label belongs to no model class.
    """
    columns = {name: index for index, name in enumerate(names or classes["classes"])}
    mapping = classes.get("labels") or {}
    matrix = np.zeros((len(labels), len(columns)), np.uint8)
    for row, sources in enumerate(labels):
        for source in sources:
            target = mapping.get(source, source)
            if target is None:
                continue
            if target not in columns:
                raise InputError(
                    f"label {source!r} is not mapped to a class of the classifier",
                    field="labels",
                    remedy=f"Map it to one of {', '.join(columns)} under the data set's labels",
                )
            matrix[row, columns[target]] = 1
    return matrix


def known_matrix(
    labels: Sequence[Sequence[str]],
    uncertain: Sequence[Sequence[str]],
    classes: Mapping[str, Any],
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Return for which model classes it is known whether a case shows them.

    Returns:
        bool (cases, names). A class that is certain from one source class is known.

    Raises:
        InputError: a label belongs to no model class.
    """
    names = list(names or classes["classes"])
    mapping = classes.get("labels") or {}
    # A class that no case of the data set shows has no column.
    asked = [[u for u in case if mapping.get(u, u) in names] for case in uncertain]
    doubtful = label_matrix(asked, classes, names) == 1
    return ~doubtful | (label_matrix(labels, classes, names) == 1)


def head_of(
    settings: "Entry", classes: Mapping[str, Any], by_name: bool = False
) -> tuple[tuple[str, ...], str]:
    """Decide the order of the classes and the activation of a classifier.

    Args:
        by_name: whether the classifier is a file of torchxrayvision that is not trained here; its
            outputs are selected by their names.

    Returns:
        (classes, activation). The order of the outputs is `classes` of the config, or else the
        order of the data set. One logit means (negative, positive); positive is the annotated
        class. `three_way` (with uncertain: multi-class) has outputs for negative, uncertain and
        positive of each class.

    Raises:
        InputError: the config's classes lack one of the data set, or a head does not fit the task.
    """
    of_data = list(classes["classes"])
    chosen = list(settings.classes or [])
    if chosen:
        absent = [name for name in of_data if name not in chosen]
        if absent or len(set(chosen)) != len(chosen):
            verb = "is" if len(absent) == 1 else "are"
            problem = f"{', '.join(absent)} {verb} missing" if absent else "a class is listed twice"
            raise InputError(
                f"{problem} in the classifier's classes ({', '.join(chosen)})",
                field="classes",
                remedy="List the classes of the data set under classes, in the order of the"
                " outputs. Or map the labels of the data set to the classes of the"
                " classifier",
            )
    if by_name:
        # Each output was trained separately, whatever the data set's classes are.
        return tuple(chosen or of_data), "sigmoid"
    one_logit = settings.head == "one_logit"
    if one_logit:
        names = chosen or of_data
        if len(names) != 2 or classes["task"] != "multiclass":
            raise InputError(
                "a head with one logit needs two classes that exclude each other, but the data"
                f" set has {', '.join(names)}",
                field="head",
                remedy="Use head: softmax, or map the labels to two classes",
            )
        mapping = classes.get("labels") or {}
        annotated = {mapping.get(name, name) for name in classes.get("annotated", [])}
        if not chosen and names[0] in annotated and names[1] not in annotated:
            names = names[::-1]
        return tuple(names), "one_logit"
    activation = "softmax" if classes["task"] == "multiclass" else "sigmoid"
    if activation == "softmax" and len(chosen or of_data) == 1:
        raise InputError(
            f"the data set has only one class ({of_data[0]}), but a classifier needs two or more",
            field="classes",
            remedy="Add images of another class, or leave the classifiers out",
        )
    if activation == "sigmoid" and classes.get("uncertain") == "multi-class":
        activation = "three_way"
    return tuple(chosen or of_data), activation


def check_every_class(labels: np.ndarray, names: Sequence[str], needed: Sequence[str]) -> None:
    """Raise InputError if a class (a column of `labels`, 0 or 1) has no training image."""
    absent = [name for name in needed if not labels[:, list(names).index(name)].any()]
    if absent:
        raise InputError(
            f"no training image has the class {', '.join(absent)}",
            field="train",
            remedy="Add images, or drop the class: set it to null under the labels of the data set",
        )
