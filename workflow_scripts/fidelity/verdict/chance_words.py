"""Sentences on classifiers below chance, no better than chance, or too inaccurate."""

import math

from fidelity.analysis.chance import Measure, Quality
from fidelity.presentation.titles import classifier_title
from fidelity.presentation.wording import counted, digits_of, number, set_value, value_of

TITLES = {
    "auc": "AUC",
    "macro_auc": "macro AUC",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "subset_accuracy": "share of images with all labels right",
}


def question(name: str, quality: Quality) -> str:
    """Ask whether the order of classes is right, if the classifier or a class is below chance."""
    why = (
        f"{classifier_title(name)} is below chance on the {quality.split} split ({shown(quality)})."
    )
    if quality.status != "below_chance":
        aucs = [f"{cls}: {measure_text('auc', auc)}" for cls, auc in quality.worse_classes.items()]
        why = (
            f"{classifier_title(name)} is below chance for "
            f"{counted(len(aucs), 'class', 'classes')} on the {quality.split} split "
            f"({'; '.join(aucs)})."
        )
    if quality.fitting_order:
        return (
            f"Is the order of classes right? {why} The order that fits the labels is "
            f"`{quality.classes_line}`. If it is right, set it under classifiers.{name} and rerun."
        )
    return (
        f"Is the order of classes right? {why} Check the labels of this split, and whether the "
        "outputs of the network are inverted."
    )


def withheld(name: str, quality: Quality) -> str:
    """State that no conclusion is drawn from a classifier, and why."""
    if quality.status == "below_chance":
        why = "it is below chance"
    elif quality.status == "below_least_accuracy":
        measure = quality.measures["accuracy"]
        accuracy = measure_text("accuracy", measure, _digits(measure.value, quality))
        why = (
            f"its {accuracy} on the {quality.split} split is below the "
            f"{set_value(quality.least_accuracy)} that this study requires ({size_text(quality)})"
        )
    else:
        why = f"it is not shown to be better than chance ({shown(quality)})"
    return f"No conclusion about explainers is drawn from {classifier_title(name)}: {why}."


def shown(quality: Quality) -> str:
    """Write macro AUC and balanced accuracy with intervals and chance, and the number of images."""
    parts = [
        measure_text(name, quality.measures[name])
        for name in ("macro_auc", "balanced_accuracy")
        if name in quality.measures
    ]
    return f"{', '.join(parts)}; {size_text(quality)}"


def _digits(accuracy: float, quality: Quality) -> int:
    """Choose enough decimals to show that an accuracy is below the study's limit."""
    limit = quality.least_accuracy or 0.0
    usual = digits_of("accuracy")
    return next((n for n in range(usual, 17) if float(f"{accuracy:.{n}f}") < limit), 17)


def measure_text(name: str, measure: Measure, digits: int | None = None) -> str:
    """Write a measure with its interval and its chance level, if it has them."""
    text = f"{TITLES[name]} {number(measure.value, digits or digits_of(name))}"
    if not math.isnan(measure.low):
        text += f" [{value_of(name, measure.low)}, {value_of(name, measure.high)}]"
    chance = value_of(name, measure.chance)
    return text if math.isnan(measure.chance) else f"{text} with chance at {chance}"


def size_text(quality: Quality) -> str:
    """Write the number of images, and that of patients if it is smaller."""
    size = counted(quality.n, "image")
    fewer = quality.n_patients < quality.n
    return f"{size} of {counted(quality.n_patients, 'patient')}" if fewer else size
