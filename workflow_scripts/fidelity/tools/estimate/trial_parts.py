"""The parts of a job to time: the whole job, each stage of a training, or some of its blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fidelity.tools.estimate.counts import Counts
from fidelity.tools.estimate.plan import Job
from fidelity.tools.estimate.rates import stage_name
from fidelity.tools.estimate.rules import passes, stages_of

# Statistics with more blocks than this are timed on the blocks of one classifier, one binarization
# and one protocol. A block is one explainer's scores for one binarization.
MANY_BLOCKS = 200


@dataclass(frozen=True)
class Part:
    """A trial of a job, or of a part of it.

    Attributes:
        stage: training stage as text; otherwise empty.
        changes: parameters that replace the planned ones, in the format of `placed`.
        units: amount of work, in the units of its rule.
        times: number of such parts in the job.
    """

    stage: str
    changes: dict[str, Any]
    units: float
    times: float = 1


def parts_to_try(
    job: Job, units: float, counts: Counts, epochs: int, batch: int | None = None
) -> list[Part]:
    """Plan the trials of a job.

    Args:
        units: units of work of the whole job in the miniature.
        epochs: number of epochs to train, or of samples to draw.
        batch: images per batch; None for the config's number.
    """
    given, images = job.snakemake().params, counts.images
    smaller = {} if batch is None else {"compute": {**given.compute, "batch": batch}}
    if job.rule in ("train", "check_classifier"):
        entry = given.settings
        if entry.get("weights") == "imagenet":
            # Avoids a download; random weights take the same time.
            entry = {**entry, "weights": None}
    if job.rule == "check_classifier":
        return [Part("", {"settings": entry}, units)]
    if job.rule == "train":
        found = []
        for stage in stages_of(entry["training"]):
            name = stage_name(stage)
            training = {**entry["training"], "stages": [{**stage, "epochs": epochs}]}
            changes = {"settings": {**entry, "training": training}}
            found.append(Part(name, changes, passes(images["train"], images["val"], epochs)))
        return found
    if job.rule in ("fit", "fit_lung_model") and "epochs" in given.settings:
        units *= epochs / given.settings["epochs"]
        return [Part("", {"settings": {**given.settings, "epochs": epochs}}, units)]
    if job.rule == "sensitivity":
        # With a small batch, the maps of a case fill a whole one.
        samples = epochs if batch is None else max(1, batch - 1)
        units *= (samples + 1) / (given.settings["samples"] + 1)
        smaller |= {"settings": {**given.settings, "samples": samples}}
    if smaller:
        return [Part("", smaller, units)]
    combos = given.get("combos") if "scores" in given_names(job) else None
    if combos and len(combos) > MANY_BLOCKS:
        blocks, times = some_blocks(combos)
        return [Part("", {"blocks": blocks}, units, times)]
    return [Part("", {}, units)]


def given_names(job: Job) -> set[str]:
    """Return the names of a job's groups of input files."""
    return set(dict(job.snakemake().input._get_names()))  # noqa: SLF001


def some_blocks(combos: Sequence[Mapping[str, str]]) -> tuple[list[int], float]:
    """Choose some blocks of a table: one classifier, one binarization, one protocol.

    Args:
        combos: classifier, explainer, binarization and protocol of each block.

    Returns:
        (positions of the chosen blocks, number of such sets of blocks).
    """

    def rule(combo: Mapping[str, str]) -> tuple[str, str]:
        return combo["binarization"], combo["protocol"]

    classifiers = {combo["classifier"] for combo in combos} - {"none"}
    one, first = {min(classifiers, default="none"), "none"}, rule(combos[0])
    chosen = [n for n, c in enumerate(combos) if c["classifier"] in one and rule(c) == first]
    return chosen, max(1, len(classifiers)) * len({rule(combo) for combo in combos})
