"""Names of classes: reserved names, and names that are one name written in two ways."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case

if TYPE_CHECKING:
    from fidelity.settings.datasets import Dataset

# A hyphen that joins a word to something; not one between digits, and not a minus sign.
_JOINING = re.compile(r"(?<=[^\W\d])-+(?=\w)|(?<=\d)-+(?=[^\W\d])")
_WHOLE = re.compile(r"^(\d+)\.0+$")
# In the tables, `all` names the rows over all classes. The others are rules of `explain.target`,
# which may also be a class.
RESERVED = ("all", "reference", "predicted")


def folded(name: str) -> str:
    """Reduce a name to a form without accidental differences.

    These are upper and lower case, spaces, invisible characters, and hyphens and underscores in
    words. `1-2` and `-1` keep their hyphens. `1.0` becomes `1`, because programs write whole
    numbers this way if a column has blank cells.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    text = _JOINING.sub("", "".join("-" if _is_hyphen(sign) else sign for sign in text))
    return _WHOLE.sub(r"\1", "".join(text.split()))


def _is_hyphen(sign: str) -> bool:
    """Check whether a character is a hyphen, a dash, a minus or an underscore."""
    return sign in "_\u2212" or unicodedata.category(sign) == "Pd"


def is_reserved(name: str) -> bool:
    """Check whether the tables or the config use the name for something else."""
    return folded(name) in RESERVED


def reserved_error(name: str, **where: Any) -> InputError:
    """Return an error for a class with a reserved name; `where` is its file or field."""
    return InputError(
        f"the class name {name!r} is reserved (reserved: {', '.join(RESERVED)})",
        remedy="Rename the class in the data set; a class without masks can be renamed with"
        f" labels: {{{json.dumps(name)}: <other name>}}",
        **where,
    )


def model_class(label: str, labels: Mapping[str, str | None]) -> str | None:
    """Return the classifier's class of a source class; None if `labels` leaves it out."""
    return labels.get(label, label)


def name_errors(cases: Iterable[Case], settings: "Dataset") -> list[InputError]:
    """Find classes with reserved names, and classes that are one name written in two ways."""
    images = Counter(label for case in cases for label in (*case.labels, *case.uncertain))
    classes: Counter[str] = Counter()
    sources: dict[str, list[str]] = {}
    for label, count in sorted(images.items()):
        if (name := model_class(label, settings.labels)) is not None:
            classes[name] += count
            sources.setdefault(name, []).append(label)
    used = {*classes, *(name for name in settings.annotated_classes if name in images)}
    errors = [reserved_error(name, field="label") for name in sorted(used) if is_reserved(name)]
    groups: dict[str, list[str]] = {}
    for name in sorted(classes):
        groups.setdefault(folded(name), []).append(name)
    wanted = {model_class(name, settings.labels) for name in settings.annotated_classes}
    for names in groups.values():
        if len(names) > 1:
            names.sort(key=lambda name: (name not in wanted, -classes[name]))
            errors.append(_alike(names, classes, sources))
    return errors


def respelled(cases: list[Case], settings: "Dataset") -> tuple[list[Case], "Dataset"]:
    """Write an annotated class in one way if `labels` merges several ways of writing it.

    The masks of a class are found by its name in the source. Without this, an image labelled
    `pneumonia` would be trained as the class `Pneumonia`, but its mask would not be scored.

    Returns:
        The cases with the annotated way of writing, and the settings without the entries of
        `labels` that are no longer needed.
    """
    present = {label for case in cases for label in (*case.labels, *case.uncertain)}
    names = {
        label: annotated
        for annotated in settings.annotated_classes
        for label in present - set(settings.annotated_classes)
        if folded(label) == folded(annotated)
        and model_class(label, settings.labels) == model_class(annotated, settings.labels)
    }
    if not names:
        return cases, settings
    kept = {k: v for k, v in settings.labels.items() if k not in names}

    def new(labels: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names.get(label, label) for label in labels))

    def moved(masks: Mapping[str, Any]) -> dict[str, Any]:
        return {names.get(cls, cls): path for cls, path in masks.items()} | {
            cls: path for cls, path in masks.items() if cls not in names
        }

    cases = [
        replace(
            case,
            labels=new(case.labels),
            uncertain=new(case.uncertain),
            masks=moved(case.masks),
            readers={reader: moved(masks) for reader, masks in case.readers.items()},
            boxes=moved(case.boxes),
            reader_boxes={reader: moved(boxes) for reader, boxes in case.reader_boxes.items()},
            box_places=moved(case.box_places),
        )
        for case in cases
    ]
    return cases, settings.model_copy(update={"labels": kept})


def _alike(
    names: list[str], images: Mapping[str, int], sources: Mapping[str, list[str]]
) -> InputError:
    first, *others = names
    counted = [f"{name!r} ({images[name]} image{'s' * (images[name] != 1)})" for name in names]
    merged = ", ".join(
        f"{json.dumps(label, ensure_ascii=False)}: {json.dumps(first, ensure_ascii=False)}"
        for name in others
        for label in sources[name]
    )
    return InputError(
        f"the labels {' and '.join(counted)} differ only in upper and lower case, spaces,"
        " hyphens or a '.0'",
        field="labels",
        remedy=f"Correct the data set, or merge them with labels: {{{merged}}}",
    )
