"""The classifiers: architecture, weights, and how they are trained."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import MISSING, Field, model_validator

from fidelity.base.errors import InputError
from fidelity.classifiers.weights.header import RESCALING
from fidelity.settings.closed_model import (
    Count,
    Integer,
    Natural,
    NonNegative,
    Number,
    Positive,
    PositiveShare,
    Section,
    Share,
    Title,
    Unique,
)

Batch = Annotated[Integer, Ge(2)]
Degrees = Annotated[Number, Ge(0), Le(180)]
HalfShare = Annotated[Number, Ge(0), Le(0.5)]
Optimizer = Literal["adam", "adamw", "sgd"]
Scheduler = Literal["none", "cosine", "onecycle", "plateau"]
ClassWeights = Literal["none", "balanced"]


class Augmentation(Section):
    """Random changes of training images."""

    flip: Share = 0.5
    """Probability of a horizontal flip."""
    rotation: Degrees = 10
    """Largest rotation in degrees."""
    translation: HalfShare = 0.05
    """Largest shift, as a share of the side."""
    scale: HalfShare = 0.1
    """Largest zoom, as a share."""
    brightness: Share = 0.1
    """Largest brightness change, as a share."""
    contrast: Share = 0.1
    """Largest contrast change, as a share."""


class StageAugmentation(Augmentation):
    """Random changes of this stage; a key that is left out is as in `training`."""

    flip: Share | MISSING = MISSING
    rotation: Degrees | MISSING = MISSING
    translation: HalfShare | MISSING = MISSING
    scale: HalfShare | MISSING = MISSING
    brightness: Share | MISSING = MISSING
    contrast: Share | MISSING = MISSING


class Stage(Section):
    """A stage of fine-tuning; a key that is left out is as in `training`."""

    trainable: Literal["all", "head"] | PositiveShare = "all"
    """What is trained: `all`, `head`, or the last layers, as a share of all layers (0 to 1)."""
    epochs: Count | MISSING = MISSING
    """Epochs of this stage."""
    batch: Batch | MISSING = MISSING
    """Images per step of this stage."""
    optimizer: Optimizer | MISSING = MISSING
    """Optimiser of this stage."""
    learning_rate: Positive | MISSING = MISSING
    """Learning rate of this stage."""
    weight_decay: NonNegative | MISSING = MISSING
    """Weight decay of this stage."""
    scheduler: Scheduler | MISSING = MISSING
    """Schedule of this stage."""
    class_weights: ClassWeights | MISSING = MISSING
    """Weights of the classes in this stage's training loss. The validation loss keeps those of
    `training`."""
    patience: Count | MISSING = MISSING
    """Epochs without a better validation loss before this stage ends."""
    augmentation: StageAugmentation | MISSING = MISSING


class Guidance(Section):
    """Guidance by masks: right for the right reasons (Ross et al. 2017)."""

    loss: Literal["squared", "share"] = "squared"
    """What is added to the loss. Both read the input gradients of the sum of all log probabilities.
    `squared` = the sum of their squares outside the mask (Ross et al. 2017); it also falls if all
    gradients become small. `share` = the share of their absolute values that lies outside the mask
    (the energy loss of Rao et al. 2023)."""

    masks: Literal["reference", "other_cases", "outside"] = "reference"
    """Whose masks: `reference` = the image's own reference masks. As controls: `other_cases` =
    those of another training image with the same labels; `outside` = everything outside the image's
    own reference masks."""
    weight: Positive = 1
    """Weight of this term; the loss of the labels has weight 1. For `squared`, a good weight
    depends on the network: the validation accuracy should not drop."""


class Training(Section):
    """How to train; null = load `weights` and do not train."""

    epochs: Count = 12
    """Largest number of epochs."""
    batch: Batch = 32
    """Images per step."""
    optimizer: Optimizer = "adamw"
    """Optimiser."""
    learning_rate: Positive = 0.001
    """Learning rate; with `onecycle`, its peak."""
    weight_decay: NonNegative = 0.01
    """Weight decay."""
    scheduler: Scheduler = "onecycle"
    """Learning rate schedule."""
    class_weights: ClassWeights = "balanced"
    """Weights of the classes in the loss."""
    patience: Count = 10
    """Epochs without a better validation loss before training stops. With `onecycle`,
    do not choose a small number: the loss often rises in the first epochs."""
    augmentation: Augmentation = Field(default_factory=Augmentation)
    guidance: Guidance | MISSING = MISSING
    """Guide the training by masks: the loss is larger if the input gradients lie outside them.
    Images without a mask are not guided. A step takes about four times as long. Not set = no
    guidance."""
    stages: list[Stage] = []
    """Fine-tuning in stages, in order. A stage has the key `trainable`, and may set any key above
    from `epochs` to `augmentation`; keys that it leaves out are as in `training`. The validation
    loss keeps the class weights of `training`. A stage continues from the best epoch so far. [] =
    one stage, all layers."""


class Classifier(Section):
    """A network, its weights, and how it is trained."""

    architecture: str
    """A torchvision model, `timm:<name>`, `xrv:<name>` (torchxrayvision), `torchscript`, or
    `plugin:<function>`."""
    weights: str | None = None
    """Start weights: null = random; `imagenet` = downloaded by torchvision or timm; or the path of
    a checkpoint file."""
    trusted: bool = False
    """Allow TorchScript, which can run any code in the file."""
    classes: Unique[str] | None = None
    """The class of each output, in order. Required with `training: null` if the checkpoint does not
    state its classes. null = the checkpoint's order, or with `training` the data set's."""
    outputs: dict[str, str] | None = None
    """Map from class of the data set to output of the network, for `xrv:` checkpoints with
    `training: null`; null = outputs with the same names."""
    mean: list[Number] | None = None
    """Mean per channel that a loaded checkpoint's inputs (0 to 1) were normalised with. `null` =
    the file's own, else the architecture's (torchxrayvision's, timm's, torchvision's or the
    plugin's)."""
    std: list[Positive] | None = None
    """The same as `mean`, for the standard deviation."""
    transform_input: bool | None = None
    """For torchvision's `googlenet` and `inception_v3`: whether the network was built with
    transform_input. Set true if its training started from ImageNet weights. Required with
    `training: null`. With a `training` section, null = true if `weights` are given."""
    output_values: Literal["logits", "probabilities", None] = None
    """What a loaded network returns. For `probabilities` (it ends in softmax or sigmoid) the
    log-odds are explained. `null` = logits; outputs that look like probabilities are refused.
    `logits` = logits, without this check."""
    weights_entry: str | None = None
    """Which weights are used if the file holds several sets, such as `model_ema`."""
    head: Literal["softmax", "one_logit"] = "softmax"
    """Output layer of a classifier whose classes exclude each other. `softmax` = one output per
    class; `one_logit` = one output for two classes."""
    seeds: Annotated[Unique[Natural], Field(min_length=1)] = [1]
    """Training seeds. With several, each training is a classifier of its own, <name>-s<seed>."""
    training: Training | None = Field(default_factory=Training)
    title: Title = None
    """Name in figures, tables and pages; null = the architecture's."""

    @property
    def seed(self) -> int:
        """The only training seed of an entry of `Study.classifiers`."""
        return self.seeds[0]

    @model_validator(mode="after")
    def _fits_together(self) -> "Classifier":
        no_file = self.weights in (None, "imagenet")
        trained, torchscript = self.training is not None, self.architecture == "torchscript"
        of_xrv = self.architecture.startswith("xrv:")
        mistakes = [
            (
                not trained and no_file,
                "weights",
                "the classifier has neither a checkpoint nor a training section",
                "Give the path of a checkpoint, or add a 'training' section",
            ),
            (
                trained and self.output_values == "probabilities",
                "output_values",
                "a network that is trained here must return logits, not probabilities",
                "Leave it out, and remove the network's last softmax or sigmoid",
            ),
            (
                self.transform_input is not None and self.architecture not in RESCALING,
                "transform_input",
                f"is used only for {' and '.join(RESCALING)}",
                "Leave it out. Describe the normalisation of the input by `mean` and `std`",
            ),
            (
                self.weights_entry is not None and no_file,
                "weights_entry",
                "chooses among the weights of a file, but `weights` names no file",
                "Leave it out, or give the path of the file under weights",
            ),
            (
                self.outputs is not None and (trained or not of_xrv),
                "outputs",
                "is used only for a torchxrayvision checkpoint that is not trained here",
                "Leave it out. For other networks, `classes` gives the order of the outputs",
            ),
            (
                of_xrv and self.weights == "imagenet",
                "weights",
                "torchxrayvision's networks have no ImageNet weights",
                "Give the path of an exported state dict (docs/models.md), or null",
            ),
            (
                torchscript and not self.trusted,
                "trusted",
                "TorchScript can run any code in the file",
                "Set 'trusted: true' if you know where the file comes from",
            ),
            (
                torchscript and trained,
                "training",
                "TorchScript models cannot be trained, only loaded",
                "Set 'training: null'",
            ),
        ]
        for mistaken, key, problem, remedy in mistakes:
            if mistaken:
                raise InputError(problem, field=key, remedy=remedy)
        return self


def training_names(name: str, seeds: Sequence[int]) -> dict[str, int]:
    """Return {name of the training: seed}: <name>-s<seed>, or <name> if there is only one seed."""
    return {name if len(seeds) == 1 else f"{name}-s{seed}": seed for seed in seeds}


def absent_from_training(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the variables of `train.py` without a value; the digest leaves out their code.

    Args:
        entry: config entry of a trained classifier.
    """
    found = ("weights", "foreign") if entry.get("weights") in (None, "imagenet") else ()
    return found if (entry.get("training") or {}).get("guidance") else (*found, "guidance")
