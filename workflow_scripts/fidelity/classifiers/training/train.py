"""Training of a classifier: one loop over stages and epochs, the best epoch kept, fully seeded."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import MISSING
from torch import nn
from torch.nn import functional

from fidelity.analysis.columns.classifiers import TRAINING
from fidelity.base.compute import autocast, configure
from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.base.training_state import EpochStore
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.single_images import in_words
from fidelity.classifiers.training.augment import augment
from fidelity.classifiers.training.guidance import penalty
from fidelity.settings.classifiers import Stage, Training

log = logging.getLogger(__name__)

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
MOMENTUM = 0.9  # of SGD
PLATEAU_PATIENCE, PLATEAU_FACTOR = 2, 0.2
# Masks move with their images, and are not shaded.
UNSHADED = {"brightness": 0, "contrast": 0}


@dataclass(frozen=True)
class Examples:
    """Images with what they show.

    Attributes:
        images: uint8 (n, H, W).
        labels: uint8 (n, classes), 1 where the image has the class; columns as in the classifier.
        known: bool (n, classes), False where a label is uncertain; None = all are known.
        irrelevant: bool (n, H, W), the pixels that should not matter; None without guidance.
    """

    images: np.ndarray
    labels: np.ndarray
    known: np.ndarray | None = None
    irrelevant: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels")
        if self.known is None:
            object.__setattr__(self, "known", np.ones(self.labels.shape, bool))

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class _Result:
    """Mean loss and accuracy over examples."""

    loss: float
    accuracy: float


def train(
    classifier: Classifier,
    training: Examples,
    validation: Examples | None,
    settings: Training,
    seed: int,
    compute: Mapping[str, Any],
    store: EpochStore | None = None,
) -> pd.DataFrame:
    """Train a classifier.

    Args:
        classifier: changed in place; ends on the CPU, in eval mode, in its best epoch's state.
        training: at least one example. Where it states which pixels are irrelevant, the penalty of
            `guidance.penalty`, times `guidance.weight`, is added to the loss that is learned from;
            the table has the loss without it.
        validation: decides the best epoch (lowest loss) and early stopping; None or empty: the
            last epoch is kept, with a warning.
        settings: the `training` section of a classifier's config; a stage overrides any of them
            (its augmentation key by key) and states what is trainable. Validation is weighed by the
            classes' weights of the section itself, so that epochs of all stages compare.
        seed: of shuffling, augmentation and dropout. With equal seed, threads and machine type
            the result is equal to the bit.
        store: keeps the state after every epoch. A training that was stopped resumes from there
            and ends in the same weights. The caller clears it once these are written.

    Returns:
        One row per epoch: epoch and stage (from 1); learning_rate (of its last step); train_loss,
        train_accuracy (on augmented images, while training); val_loss, val_accuracy (NaN without
        validation); best (1 for the kept epoch, else 0).

    Raises:
        InputError: no training case, or a loss that is no longer finite.
    """
    if len(training) == 0:
        raise InputError(
            "there is no training case", field="train", remedy="Check the data set's train split"
        )
    device = configure(dict(compute))
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed_for(seed, "shuffle and augmentation"))
    classifier.to(device, memory_format=torch.channels_last)
    trainer = _Trainer(classifier, training, settings, str(compute.get("dtype", "auto")))
    if validation is None or len(validation) == 0:
        log.warning("no validation case: the last epoch is kept; training does not stop early")
        validation = None
    store = store or EpochStore()
    saved = store.load(
        settings.model_dump(), seed, dict(compute), classifier.state_dict(),
        training.images, training.labels, training.known,
        *([] if training.irrelevant is None else [training.irrelevant]),
        *([] if validation is None else [validation.images, validation.labels, validation.known]),
    )  # fmt: skip
    rows: list[dict[str, Any]] = saved["rows"] if saved else []
    best_loss, best_epoch, best_state = math.inf, None, None
    for number, (trainable, stage) in enumerate(_stages(settings), start=1):
        resumed = saved is not None and number == saved["stage"]
        if best_state is not None and not resumed:
            classifier.load_state_dict(best_state)
        count = freeze(classifier.network, trainable)
        log.info("stage %d: %d parameters are trained", number, count)
        for row in rows:
            if row["stage"] == number:
                _log_epoch(row)
        if saved is not None and number < saved["stage"]:
            continue
        trainer.enter(stage)
        steps = _steps(len(training), stage.batch)
        optimizer, scheduler = _optimizer(classifier, stage, steps)
        waited = 0
        if resumed:
            classifier.load_state_dict(saved["network"])
            optimizer.load_state_dict(saved["optimizer"])
            if scheduler is not None:
                scheduler.load_state_dict(saved["scheduler"])
            generator.set_state(saved["generator"])
            best_loss, best_epoch, waited = saved["best_loss"], saved["best_epoch"], saved["waited"]
            best_state = saved["best"] or saved["network"]
            log.info("training resumes after epoch %d", len(rows))
        done = sum(row["stage"] == number for row in rows)
        for _ in range(done, stage.epochs):
            if stage.patience and waited >= stage.patience:
                log.info("no better validation loss for %d epochs: the stage ends", waited)
                break
            started = time.perf_counter()
            fitted = trainer.epoch(training, stage, optimizer, scheduler, generator)
            checked = trainer.evaluate(validation) if validation else _Result(math.nan, math.nan)
            if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                scheduler.step(checked.loss if validation else fitted.loss)
            row = {
                "epoch": len(rows) + 1,
                "stage": number,
                "learning_rate": trainer.rate,
                "train_loss": fitted.loss,
                "train_accuracy": fitted.accuracy,
                "val_loss": checked.loss,
                "val_accuracy": checked.accuracy,
                "best": 0,
                "seconds": time.perf_counter() - started,
            }
            rows.append(row)
            if validation is None or checked.loss < best_loss:
                best_loss, best_epoch, waited = checked.loss, row["epoch"], 0
                best_state = _copy(classifier)
            else:
                waited += 1
            store.save(
                {
                    "rows": rows,
                    "stage": number,
                    "waited": waited,
                    "best_loss": best_loss,
                    "best_epoch": best_epoch,
                    # Written once where it is the same.
                    "best": None if best_epoch == row["epoch"] else best_state,
                    "network": classifier.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "scheduler": None if scheduler is None else scheduler.state_dict(),
                    "generator": generator.get_state(),
                }
            )
            _log_epoch(row)
    if best_epoch is None or best_state is None:
        raise InputError(
            "training had no epoch with a finite validation loss",
            field="training.learning_rate",
            remedy="Lower the learning rate, or set epochs above 0",
        )
    rows[best_epoch - 1]["best"] = 1
    classifier.load_state_dict(best_state)
    classifier.requires_grad_(True)
    classifier.to("cpu", memory_format=torch.contiguous_format).eval()
    return TRAINING.frame(rows)


def _log_epoch(row: Mapping[str, Any]) -> None:
    """Log an epoch; `training_progress` reads these lines."""
    log.info(
        "epoch %d: loss %.4f, accuracy %.3f; validation loss %.4f, accuracy %.3f; %.1f s",
        row["epoch"],
        row["train_loss"],
        row["train_accuracy"],
        row["val_loss"],
        row["val_accuracy"],
        row["seconds"],
    )


def freeze(network: nn.Module, trainable: str | float) -> int:
    """Choose what is trained.

    Args:
        trainable: "all", "head" (the last layer with parameters) or a share in 0..1; a share means
            the last layers that together hold at least this share of all parameters.

    Returns:
        Number of parameters that are trained.

    Raises:
        InputError: neither of these.
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
    for parameters in reversed(layers.values()):
        if count >= wanted:
            break
        for parameter in parameters:
            parameter.requires_grad_(True)
            count += parameter.numel()
    return count


def class_weights(
    labels: np.ndarray, mode: str, multilabel: bool, known: np.ndarray | None = None
) -> np.ndarray:
    """Weigh classes against their frequency.

    Args:
        labels: (n, classes), 0 or 1.
        known: (n, classes), False for labels that do not count; None = all do.

    Returns:
        float32 (classes,). Balanced: n / (k · n_c) (scikit-learn's "balanced"), 0 for a class
        without an image; for multilabel the weight of positives against negatives (n - n_c) / n_c.

    Raises:
        InputError: unknown mode.
    """
    if mode == "none":
        return np.ones(labels.shape[1], np.float32)
    if mode != "balanced":
        raise InputError(
            f"unknown class weights {mode!r}",
            field="training.class_weights",
            remedy="Use none or balanced",
        )
    counted = np.ones(labels.shape, bool) if known is None else known
    counts = (labels * counted).sum(axis=0, dtype=np.float64)
    present = counts > 0
    weights = np.full(len(counts), 1.0 if multilabel else 0.0)
    if multilabel:
        absent = counted.sum(axis=0) - counts
        usable = present & (absent > 0)
        weights[usable] = absent[usable] / counts[usable]
    else:
        weights[present] = len(labels) / (present.sum() * counts[present])
    return weights.astype(np.float32)


class _Trainer:
    """The loss of a classifier, and one pass over examples with or without learning."""

    def __init__(
        self, classifier: Classifier, training: Examples, settings: Training, dtype: str
    ) -> None:
        self.classifier = classifier
        self.three_way = classifier.activation == "three_way"
        self.multilabel = self.three_way or classifier.activation == "sigmoid"
        self.training = training
        self.shared_weights = self.weights_of(settings.class_weights)
        self.weights = self.shared_weights
        self.dtype = dtype
        self.batch = settings.batch
        self.guidance = None if training.irrelevant is None else settings.guidance
        self.rate = math.nan
        self.augmentation = settings.augmentation

    def weights_of(self, mode: str) -> torch.Tensor:
        """Weigh the classes by the known training labels."""
        weights = class_weights(self.training.labels, mode, self.multilabel, self.training.known)
        return torch.from_numpy(weights).to(self.classifier.device)

    def enter(self, stage: Training) -> None:
        """Take over what a stage may have of its own beside the optimiser's settings."""
        self.stage_weights = self.weights_of(stage.class_weights)
        self.augmentation = stage.augmentation

    def losses(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of each image and its weight: cross-entropy, or binary cross-entropy.

        Of several labels the unknown ones have no part: an image weighs as much as the share of
        its labels that are known. `three_way` knows all: uncertain is a state of its own.
        """
        logits = logits.float()
        if self.three_way:
            state = torch.where(known, 2 * labels.long(), 1)
            each = functional.cross_entropy(logits.transpose(1, 2), state, reduction="none")
            # As in binary cross-entropy, the weight is that of positives against the others.
            each = each * torch.where(state == 2, self.weights, 1.0)
            return each.mean(dim=1), torch.ones(len(logits), device=logits.device)
        if self.multilabel:
            each = functional.binary_cross_entropy_with_logits(
                logits, labels.float(), reduction="none", pos_weight=self.weights
            )
            count = known.sum(dim=1)
            return (each * known).sum(dim=1) / count.clamp_min(1), count / known.shape[1]
        truth = labels.argmax(dim=1)
        if self.classifier.activation == "one_logit":
            each = functional.binary_cross_entropy_with_logits(
                logits[:, 1], truth.float(), reduction="none"
            )
        else:
            each = functional.cross_entropy(logits, truth, reduction="none")
        return each, self.weights[truth]

    def hits(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> tuple[float, float]:
        """Count correct classes, and all that are judged: one per image, or all known labels."""
        if self.three_way:
            logits = logits[:, :, 2] - logits[:, :, 0]
        if self.multilabel:
            right = ((logits > 0) == labels.bool()) & known
            return float(right.sum()), float(known.sum())
        return float((logits.argmax(dim=1) == labels.argmax(dim=1)).sum()), float(len(logits))

    def epoch(
        self,
        examples: Examples,
        stage: Training,
        optimizer: torch.optim.Optimizer,
        scheduler: Any,
        generator: torch.Generator,
    ) -> _Result:
        """Learn from every example once."""
        self.weights = self.stage_weights
        self.classifier.train()
        _frozen_norms_to_eval(self.classifier.network)
        order = torch.randperm(len(examples), generator=generator).numpy()
        parts = [order[i : i + stage.batch] for i in range(0, len(order), stage.batch)]
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts.pop()  # batch normalisation has no variance over a single image

        def learn(loss: torch.Tensor) -> None:
            if not torch.isfinite(loss):
                raise InputError(
                    "the training loss is not finite",
                    field="training.learning_rate",
                    remedy="Lower the learning rate",
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            # Before the scheduler moves on: after the last step it is past the end of its course.
            self.rate = optimizer.param_groups[0]["lr"]
            if scheduler is not None and not isinstance(
                scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau
            ):
                scheduler.step()

        with in_words(len(examples), stage.batch, "training.batch"):
            return self._pass(examples, parts, generator, learn)

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> _Result:
        """Measure without learning."""
        self.weights = self.shared_weights
        self.classifier.eval()
        order = np.arange(len(examples))
        parts = [order[i : i + self.batch] for i in range(0, len(order), self.batch)]
        return self._pass(examples, parts, None, None)

    def _pass(
        self,
        examples: Examples,
        parts: list[np.ndarray],
        generator: torch.Generator | None,
        learn: Callable[[torch.Tensor], None] | None,
    ) -> _Result:
        """Go through examples; with a generator they are varied, with `learn` learned from."""
        device = self.classifier.device
        total = weight = hits = asked = 0.0
        for part in parts:
            images = torch.from_numpy(examples.images[part]).to(device).float() / 255
            guided = learn is not None and examples.irrelevant is not None
            irrelevant = self._irrelevant(examples, part, generator) if guided else None
            if generator is not None:
                images = augment(images, self.augmentation, generator)
            images.requires_grad_(guided)
            labels = torch.from_numpy(examples.labels[part]).to(device)
            known = torch.from_numpy(examples.known[part]).to(device)
            x = self.classifier.normalise(images)
            with autocast(device, self.dtype):
                logits = self.classifier.states(x) if self.three_way else self.classifier(x)
            each, weights = self.losses(logits, labels, known)
            weighed = (each * weights).sum()
            if learn is not None:
                loss = weighed / weights.sum().clamp_min(1e-12)
                if irrelevant is not None:
                    how, activation = self.guidance, self.classifier.activation
                    loss += how.weight * penalty(logits, activation, images, irrelevant, how.loss)
                learn(loss)
            total += float(weighed.detach())
            weight += float(weights.sum())
            right, count = self.hits(logits.detach(), labels, known)
            hits, asked = hits + right, asked + count
        return _Result(total / max(weight, 1e-12), hits / max(asked, 1))

    def _irrelevant(
        self, examples: Examples, part: np.ndarray, generator: torch.Generator
    ) -> torch.Tensor:
        """Move the masks as `augment` will move their images; what comes in counts as relevant."""
        again = torch.Generator()
        again.set_state(generator.get_state())
        masks = torch.from_numpy(examples.irrelevant[part]).to(self.classifier.device).float()
        moved = augment(masks, self.augmentation.model_copy(update=UNSHADED), again)
        return (moved > 0.5).float()


def _stages(settings: Training) -> list[tuple[str | float, Training]]:
    """State what each stage trains, and how: its own keys over those around it."""
    found = []
    for stage in settings.stages or [Stage()]:
        own = dict(stage)
        random = {} if own["augmentation"] is MISSING else own["augmentation"].model_dump()
        own["augmentation"] = settings.augmentation.model_copy(update=random)
        given = {key: value for key, value in own.items() if value is not MISSING}
        found.append((given.pop("trainable"), settings.model_copy(update=given)))
    return found


def _steps(count: int, batch: int) -> int:
    """Return the optimiser's steps per epoch (a last batch of one image is left out)."""
    steps = math.ceil(count / batch)
    return steps - 1 if steps > 1 and count % batch == 1 else steps


def _optimizer(
    classifier: Classifier, stage: Training, steps: int
) -> tuple[torch.optim.Optimizer, Any]:
    """Make the optimiser of a stage and its scheduler (None for a constant rate)."""
    parameters = [p for p in classifier.parameters() if p.requires_grad]
    rate = float(stage.learning_rate)
    arguments = {"lr": rate, "weight_decay": float(stage.weight_decay)}
    if stage.optimizer == "sgd":
        arguments["momentum"] = MOMENTUM
    optimizer = OPTIMIZERS[stage.optimizer](parameters, **arguments)
    total = stage.epochs * steps
    kind = stage.scheduler
    schedulers = torch.optim.lr_scheduler
    if kind == "plateau":
        return optimizer, schedulers.ReduceLROnPlateau(
            optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE
        )
    # A single step has no course to follow (and OneCycleLR would divide by zero).
    if kind == "none" or total < 4:
        return optimizer, None
    if kind == "cosine":
        return optimizer, schedulers.CosineAnnealingLR(optimizer, T_max=total)
    return optimizer, schedulers.OneCycleLR(optimizer, max_lr=rate, total_steps=total)


def _frozen_norms_to_eval(network: nn.Module) -> None:
    """Keep the running statistics of frozen batch normalisations as they are."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            own = list(module.parameters(recurse=False))
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()


def _copy(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in classifier.state_dict().items()}
