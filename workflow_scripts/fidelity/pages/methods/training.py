"""Describe how a classifier was trained, for the methods paragraph."""

from collections.abc import Mapping
from typing import Any

from fidelity.pages.methods.references import cite
from fidelity.presentation.wording import counted, listed, set_value
from fidelity.settings.classifiers import Augmentation, Training

# Loss of the guidance → its paper.
GUIDANCE = {"squared": "Ross 2017", "share": "Rao 2023"}
_GUIDED_BY = {
    "reference": "reference masks",
    "other_cases": "the masks of other images",
    "outside": "everything outside the reference masks",
}


def training_of(entry: Mapping[str, Any], seeds: int) -> str:
    """Describe the training of a classifier, with marked citations.

    Args:
        entry: its entry of the config, with a `training`.
        seeds: trainings with different seeds.
    """
    start = {None: "random", "imagenet": "ImageNet"}.get(entry.get("weights"), "given")
    settings = Training.model_validate(entry["training"])
    text = f"trained on the training split from {start} weights"
    common = [f"{seeds} seeds"] if seeds > 1 else []
    if "guidance" in entry["training"]:
        guidance = settings.guidance
        common.insert(
            0,
            f"input gradients guided by {_GUIDED_BY[guidance.masks]}, loss {guidance.loss}"
            f"{cite(GUIDANCE[guidance.loss])}, weight {set_value(guidance.weight)}",
        )
    if not settings.stages:
        first = f"({', '.join([*_recipe(settings), *common])})"
        return f"{text} {first}. {_augmentation(settings.augmentation)}"
    from fidelity.classifiers.training.stages import stages_of  # imports PyTorch

    text += f" in {counted(len(settings.stages), 'stage')}"
    sentences = [f"{text} ({', '.join(common)})." if common else f"{text}."]
    for number, (trainable, stage) in enumerate(stages_of(settings), start=1):
        what = {"all": "all layers", "head": "only the head"}.get(
            trainable, f"the last layers with a share of {trainable} of the parameters"
        )
        sentences += [
            f"Stage {number} ({what}): {', '.join(_recipe(stage))}.",
            _augmentation(stage.augmentation),
        ]
    return " ".join(sentences)


def _recipe(settings: Training) -> list[str]:
    stop = f"at most {settings.patience} in a row without a better validation loss"
    return [
        f"at most {counted(settings.epochs, 'epoch')}",
        *[stop] * (0 < settings.patience < settings.epochs),
        f"batches of {settings.batch}",
        f"optimizer {settings.optimizer}",
        f"learning rate {set_value(settings.learning_rate)}",
        f"weight decay {set_value(settings.weight_decay)}",
        f"schedule {settings.scheduler}",
        f"class weights {settings.class_weights}",
    ]


def _augmentation(settings: Augmentation) -> str:
    """State the random changes of training images."""
    shares = {
        "shifted by up to {} % of the side": settings.translation,
        "enlarged or reduced by up to {} %": settings.scale,
        "changed in brightness by up to {} % of the grey scale": settings.brightness,
        "changed in contrast by up to {} %": settings.contrast,
    }
    changes = [f"flipped left to right with probability {set_value(settings.flip)}"] * bool(
        settings.flip
    )
    changes += [f"rotated by up to {set_value(settings.rotation)}°"] * bool(settings.rotation)
    changes += [words.format(set_value(100 * share)) for words, share in shares.items() if share]
    if not changes:
        return "Training images were not changed."
    return f"Training images were randomly {listed(changes)}."
