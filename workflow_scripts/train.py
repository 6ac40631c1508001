"""Train a classifier on the prepared training cases."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.settings.classifiers import Classifier

log = logging.getLogger(__name__)


def main(
    train: Sequence[str],
    val: Sequence[str],
    classes_json: str,
    settings: Classifier,
    training_seed: int,
    seed: int,
    compute: dict[str, Any],
    image_size: int,
    plugins: list[str],
    digest: str,
    out_model: str,
    out_training: str,
) -> None:
    """Build, train and save a classifier; `out_training` has one row per epoch."""
    from dataclasses import replace

    from pydantic import MISSING

    from fidelity.base.files import read_json, write_csv
    from fidelity.base.seeding import seed_for
    from fidelity.base.training_state import EpochStore
    from fidelity.classifiers.labels import check_every_class, head_of
    from fidelity.classifiers.training.prepared_data import read_examples
    from fidelity.classifiers.training.train import train as fit
    from fidelity.classifiers.weights import own_format
    from fidelity.classifiers.weights.foreign import initialise, untrained, weights_of

    classes = read_json(classes_json)
    names, activation = head_of(settings, classes)
    training = read_examples(train, classes, names, image_size)
    validation = read_examples(val, classes, names, image_size)
    check_every_class(training.labels, names, classes["classes"])
    log.info("%d training and %d validation images", len(training), len(validation))

    own_seed = seed_for(seed, "train", training_seed)
    guidance = settings.training.guidance
    if guidance is not MISSING:
        from fidelity.classifiers.training.guidance import irrelevant_pixels

        pixels = irrelevant_pixels(train, guidance.masks, own_seed)
        training = replace(training, irrelevant=pixels)
        log.info("%d training images are guided by a mask", pixels.any(axis=(1, 2)).sum())
    weights, foreign = settings.weights, None
    if weights is not None and weights != "imagenet":
        foreign = weights_of(settings, image_size, plugins)
    classifier = untrained(settings, names, activation, image_size, plugins, own_seed, foreign)
    if foreign is not None:
        initialise(classifier.network, foreign)
    epochs = EpochStore(Path(out_model), digest)
    table = fit(classifier, training, validation, settings.training, own_seed, compute, epochs)
    best = table[table["best"] == 1].iloc[0]
    log.info("epoch %d is kept: validation accuracy %.3f", best["epoch"], best["val_accuracy"])
    note = {
        "config": settings.training.model_dump(),
        "seed": own_seed,
        "images": len(training),
        "epoch": int(best["epoch"]),
    }
    own_format.save(classifier, out_model, note)
    write_csv(table, out_training)
    epochs.clear()


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        keep=True,
        classes_json="classes",
        training_seed=lambda job: job.params.settings["seed"],
        out_model="model",
        out_training="training",
    )
