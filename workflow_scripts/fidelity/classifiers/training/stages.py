"""The stages of a training: trainable parameters, optimiser and learning rate of each."""

import math

import torch
from pydantic import MISSING
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.network_facts import layers_of
from fidelity.settings.classifiers import Stage, Training

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
MOMENTUM = 0.9  # momentum of SGD
PLATEAU_PATIENCE, PLATEAU_FACTOR = 2, 0.2
Scheduler = torch.optim.lr_scheduler.LRScheduler | None


def stages_of(settings: Training) -> list[tuple[str | float, Training]]:
    """Return what each stage trains, and its settings: its own keys override the common ones."""
    found = []
    for stage in settings.stages or [Stage()]:
        own = dict(stage)
        random = {} if own["augmentation"] is MISSING else own["augmentation"].model_dump()
        own["augmentation"] = settings.augmentation.model_copy(update=random)
        given = {key: value for key, value in own.items() if value is not MISSING}
        found.append((given.pop("trainable"), settings.model_copy(update=given)))
    return found


def freeze(network: nn.Module, trainable: str | float) -> int:
    """Choose the trainable parameters, and return their number.

    Args:
        trainable: "all", "head" (the last layer with parameters, or all heads of a distilled
            network) or a share in 0..1. A share means the last layers that together have at least
            this share of all parameters.

    Raises:
        InputError: another value.
    """
    named = list(network.named_parameters())
    layers: dict[str, list[nn.Parameter]] = {}
    for name, parameter in named:
        layers.setdefault(name.rpartition(".")[0], []).append(parameter)
    total = sum(parameter.numel() for _, parameter in named)
    if trainable == "all":
        wanted = float(total)
    elif trainable == "head":
        wanted = 1.0
    elif isinstance(trainable, int | float) and 0 < trainable <= 1:
        wanted = trainable * total
    else:
        raise InputError(
            f"trainable is {trainable!r}",
            field="training.stages.trainable",
            remedy="Use head, all, or a share above 0 and up to 1",
        )
    network.requires_grad_(False)
    count = 0
    for names in reversed(layers_of(network)):
        if count >= wanted:
            break
        for parameter in (parameter for name in names for parameter in layers[name]):
            parameter.requires_grad_(True)
            count += parameter.numel()
    return count


def frozen_norms_to_eval(network: nn.Module) -> None:
    """Keep the running statistics of frozen batch normalisations unchanged."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            own = list(module.parameters(recurse=False))
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()


def optimizer_of(
    network: nn.Module, stage: Training, images: int
) -> tuple[torch.optim.Optimizer, Scheduler]:
    """Make the optimiser of a stage and its scheduler (None for a constant rate).

    Args:
        images: number of training images per epoch.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    rate = float(stage.learning_rate)
    arguments = {"lr": rate, "weight_decay": float(stage.weight_decay)}
    if stage.optimizer == "sgd":
        arguments["momentum"] = MOMENTUM
    optimizer = OPTIMIZERS[stage.optimizer](parameters, **arguments)
    total = stage.epochs * _steps(images, stage.batch)
    kind = stage.scheduler
    schedulers = torch.optim.lr_scheduler
    if kind == "plateau":
        return optimizer, schedulers.ReduceLROnPlateau(
            optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE
        )
    # With so few steps a schedule makes no sense (and OneCycleLR would divide by zero).
    if kind == "none" or total < 4:
        return optimizer, None
    if kind == "cosine":
        return optimizer, schedulers.CosineAnnealingLR(optimizer, T_max=total)
    return optimizer, schedulers.OneCycleLR(optimizer, max_lr=rate, total_steps=total)


def _steps(count: int, batch: int) -> int:
    """Return the optimiser's steps per epoch (a last batch of one image is left out)."""
    steps = math.ceil(count / batch)
    return steps - 1 if steps > 1 and count % batch == 1 else steps
