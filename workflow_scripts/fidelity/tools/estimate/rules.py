"""How each rule is estimated: the size that its cost grows with, and which jobs are equal."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fidelity.explainers.registry import is_case_by_case, method_of
from fidelity.faithfulness.case_rows import TOGETHER
from fidelity.faithfulness.registry import names_by
from fidelity.figures.registry import FIGURES, WITH_IMAGES
from fidelity.settings.binarizations import RuleOfOne
from fidelity.settings.config import Config
from fidelity.settings.explainers import Explainer
from fidelity.settings.faithfulness import Faithfulness
from fidelity.study.study import Study
from fidelity.tools.estimate.counts import Counts
from fidelity.tools.estimate.plan import Job


class Trial(Enum):
    """The trial in which a rule's jobs are timed."""

    NONE = "not timed: starting the job is its cost"
    ONCE = "on the smallest miniature: no more cases cost more"
    MODEL = "on two miniatures, and on two batches where it takes cases in batches"
    CASES = "on the smallest miniature and on one of some twenty cases"
    SOME = "on some twenty cases: more cost no more"
    TABLE = "on tables of some twenty cases, and on the same cases repeated"
    LAST = "on tables of some twenty cases, with their images"


class Start(Enum):
    """Imports of a job; its start is timed with these."""

    OWN = "what its script needs: timed for each rule"
    FIGURE = "a plotting library"
    NETWORK = "PyTorch"
    NOTEBOOK = "a notebook's kernel"


Units = Callable[["CountedStudy", Job, Counts], float]


class CountedStudy(Study):
    """A study with counts of its cases."""

    def __init__(self, config: Config, counts: Mapping[str, Counts]) -> None:
        """Store the counts, and collect the names of the config."""
        super().__init__(config)
        self.counts = counts

    def classifier(self, job: Job) -> dict[str, Any]:
        """Return the entry of a job's classifier, without its training seed."""
        entry = self.classifiers.get(job.wildcards.get("classifier", "none"))
        return entry.model_dump(exclude={"seeds"}) if entry else {}

    def explainer(self, job: Job) -> Explainer:
        """Return the entry of a job's explainer, with the layer for its classifier."""
        return self.explainer_for(job.wildcards["explainer"], job.wildcards.get("classifier", ""))

    def binarization(self, job: Job) -> RuleOfOne:
        """Return the binarization and post-processing for a job's maps."""
        names = job.wildcards
        return self.rule_for(names["binarization"], names["explainer"])

    def counts_of(self, job: Job) -> Counts:
        """Return the counts of a job's data set; of the first data set if the job reads all."""
        return self.counts[job.wildcards.get("dataset") or next(iter(self.counts))]

    def explained(self, counts: Counts) -> int:
        """Count the maps that an explainer computes for one classifier."""
        return sum(counts.maps[split] for split in self.config.explain.splits)

    def judged(self, counts: Counts) -> int:
        """Count the maps whose faithfulness is measured."""
        return counts.maps[self.judged_split]

    def place(self, job: Job) -> str:
        """Return the properties that decide the cost of a case; equal data sets share trials."""
        name = job.wildcards.get("dataset")
        if name is None:
            return ""
        entry = self.datasets[name]
        keys = ("source", "input", "image_size", "lung_masks", "scoring_size")
        return _key([getattr(entry, key) for key in keys], self.counts[name].side)


def _key(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, default=str)


# ---- properties that make two jobs of a rule equal ----


def _network(study: CountedStudy, job: Job) -> str:
    return _key(study.classifier(job))


def _explainer(study: CountedStudy, job: Job) -> str:
    entry = study.explainer(job)
    # An explainer takes as long on random weights.
    entry = getattr(entry, "of", entry)
    return _key(entry.model_dump(exclude={"title"}), study.classifier(job))


def _binarization(study: CountedStudy, job: Job) -> str:
    return _key(study.binarization(job).model_dump())


# ---- size that the cost of a job grows with ----


def _images(study: CountedStudy, job: Job, counts: Counts) -> float:
    return sum(counts.images.values())


def _in_shard(numbers: Mapping[str, int], study: CountedStudy, job: Job) -> float:
    """Divide the number of a split evenly among its shards."""
    split, number = job.wildcards["shard"].split("-")
    return numbers[split] / getattr(study.datasets[job.wildcards["dataset"]].shards, split)


def _images_of_shard(study: CountedStudy, job: Job, counts: Counts) -> float:
    return _in_shard(counts.images, study, job)


def padded(number: float, batch: int) -> float:
    """Round up to whole batches: networks get full batches, padded with blank images."""
    return math.ceil(number / batch) * batch


def _maps_of_shard(study: CountedStudy, job: Job, counts: Counts) -> float:
    number = _in_shard(counts.maps, study, job)
    return padded(number, study.config.compute.batch) if in_batches(study, job) else number


def in_batches(study: CountedStudy, job: Job, rule: str = "explain") -> bool:
    """Check whether a job of a rule computes maps with a network, one batch at a time."""
    return job.rule == rule and not is_case_by_case(study.explainer(job))


def fills_batches(study: CountedStudy, job: Job) -> bool:
    """Check whether the images of several maps fill batches together, so that few are padded."""
    return job.rule == "faithfulness" or in_batches(study, job, "sensitivity")


def _maps(study: CountedStudy, job: Job, counts: Counts) -> float:
    return study.explained(counts)


def _maps_of_val(study: CountedStudy, job: Job, counts: Counts) -> float:
    return counts.maps["val"]


def _judged(study: CountedStudy, job: Job, counts: Counts) -> float:
    return study.judged(counts)


def _changed(study: CountedStudy, job: Job, counts: Counts) -> float:
    """Count the images that faithfulness classifies: those of several maps fill batches together.

    Infidelity classifies the images of each map alone.
    """
    asked, batch = study.config.faithfulness, study.config.compute.batch
    maps, of_map = study.judged(counts), _images_of_map(asked)
    together = math.ceil(TOGETHER / of_map)
    whole, rest = divmod(maps, together)
    alone = padded(asked.infidelity.samples + 1, batch)
    alone *= bool(names_by("infidelity", asked.metrics))
    of_all = whole * padded(together * of_map, batch) + padded(rest * of_map, batch)
    return of_all + maps * alone


def _images_of_map(asked: Faithfulness) -> int:
    """Count the images that `faithfulness.one_map.removals` makes of one map."""
    metrics = set(asked.metrics)
    curves = len(metrics & {"deletion_auc", "insertion_auc"})
    road = 2 * len(asked.road_shares) * ("road" in metrics)
    masks = len(metrics & {"comprehensiveness", "sufficiency"})
    return 1 + (curves > 0) + curves * (asked.steps - 1) + road + masks


def _predicted(study: CountedStudy, job: Job, counts: Counts) -> float:
    shards = study.datasets[job.wildcards["dataset"]].shards.model_dump()
    batch = study.config.compute.batch
    splits = {"val", "test", *study.config.explain.splits}
    return sum(shards[s] * padded(counts.images[s] / shards[s], batch) for s in splits)


def _chosen(study: CountedStudy, job: Job, counts: Counts, per_class: int | None) -> int:
    """Count the maps of a check that uses a limited number of cases per class."""
    if per_class is None:
        return study.judged(counts)
    entry = study.datasets[job.wildcards["dataset"]]
    return min(study.judged(counts), per_class * len(entry.annotated_classes))


def _sensitivity(study: CountedStudy, job: Job, counts: Counts) -> float:
    asked = study.config.faithfulness.sensitivity
    return _chosen(study, job, counts, asked.cases) * (asked.samples + 1)


def _sanity(study: CountedStudy, job: Job, counts: Counts) -> float:
    asked = study.config.sanity
    checks = asked.layers * ("parameters" in asked.tests) + ("logit" in asked.tests)
    return _chosen(study, job, counts, asked.cases) * (checks + 1)


def passes(images: float, validation: float, epochs: int) -> float:
    """Count the images of a training; a validation image costs a third of a training image."""
    return epochs * (images + validation / 3)


def stages_of(training: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the stages of a training, each with all settings; one stage if there are none."""
    whole = {key: value for key, value in training.items() if key != "stages"}
    return [{**whole, **stage} for stage in training["stages"] or [{}]]


def _trained(study: CountedStudy, job: Job, counts: Counts) -> float:
    epochs = sum(stage["epochs"] for stage in stages_of(study.classifier(job)["training"]))
    return passes(counts.images["train"], counts.images["val"], epochs)


def _fitted(study: CountedStudy, job: Job, counts: Counts) -> float:
    return passes(
        counts.maps["train"], counts.maps["val"], getattr(study.explainer(job), "epochs", 1)
    )


def _lungs(study: CountedStudy, job: Job, counts: Counts) -> float:
    entry = study.config.lung_model
    images = [min(entry.cases, counts.images[split]) for split in ("train", "val")]
    return passes(*images, entry.epochs)


def _lungs_tested(study: CountedStudy, job: Job, counts: Counts) -> float:
    return counts.images["test"]


@dataclass(frozen=True)
class Rule:
    """How the jobs of a rule are estimated.

    Attributes:
        units: size that the cost of a job grows with.
        kind: kind of a job; jobs of one kind are timed once.
    """

    trial: Trial
    start: Start
    units: Units = lambda study, job, counts: 1
    kind: Callable[[CountedStudy, Job], str] = lambda study, job: ""


_T, _S = Trial, Start
_PER_MAP = Rule(_T.CASES, _S.OWN, _maps)
_TABLE = Rule(_T.TABLE, _S.OWN, _maps)
RULES: dict[str, Rule] = {
    name: rule
    for names, rule in {
        "shard_cases near_duplicates_across check_imported": Rule(_T.NONE, _S.OWN),
        "human_benchmark provenance": Rule(_T.NONE, _S.OWN),
        "acquire index_cases": Rule(_T.CASES, _S.OWN, _images),
        "prepare refer": Rule(_T.CASES, _S.OWN, _images_of_shard),
        "fit_lung_model": Rule(_T.MODEL, _S.NETWORK, _lungs),
        "measure_lung_model": Rule(_T.CASES, _S.NETWORK, _lungs_tested),
        "check_classifier import_classifier": Rule(_T.ONCE, _S.NETWORK, kind=_network),
        "train": Rule(_T.MODEL, _S.NETWORK, _trained, _network),
        "predict": Rule(_T.MODEL, _S.NETWORK, _predicted, _network),
        "name_outputs": Rule(_T.ONCE, _S.OWN),
        "fit": Rule(_T.MODEL, _S.NETWORK, _fitted, _explainer),
        "explain": Rule(_T.MODEL, _S.NETWORK, _maps_of_shard, _explainer),
        "explain_on_cpu explain_without_network": Rule(
            _T.MODEL, _S.OWN, _maps_of_shard, _explainer
        ),
        "tune": Rule(_T.CASES, _S.OWN, _maps_of_val, _binarization),
        "binarize score": Rule(_T.CASES, _S.OWN, _maps, _binarization),
        "faithfulness": Rule(_T.MODEL, _S.NETWORK, _changed, _network),
        "hiding": Rule(_T.MODEL, _S.NETWORK, _judged, _network),
        "sensitivity": Rule(_T.MODEL, _S.NETWORK, _sensitivity, _explainer),
        "sanity": Rule(_T.MODEL, _S.NETWORK, _sanity, _explainer),
        "repeatability": Rule(_T.CASES, _S.OWN, _judged),
        "known_truth_accuracy": Rule(_T.CASES, _S.NETWORK, _images, _network),
        "list_prepared sweep rank box_scores export_masks_png export_chexlocalize": _PER_MAP,
        "lesions known_truth_scores stability_cases agreement_cases reader_pairs": _PER_MAP,
        "reader_scores organ_masks organ_shares strata_cases": _PER_MAP,
        "summarize compare without_twins ranks readers seeds layers boxes organs": _TABLE,
        "stability threshold_curves mixed_model failure_model strata controls": _TABLE,
        "agreement summarize_faithfulness compare_faithfulness summarize_sanity": _TABLE,
        "summarize_repeatability known_truth evaluate verdict format_tables unit": _TABLE,
        "summary_over_datasets study_page paper": Rule(_T.TABLE, _S.FIGURE, _maps),
        "explore": Rule(_T.LAST, _S.NOTEBOOK),
        "explorer": Rule(_T.CASES, _S.FIGURE, _maps),
    }.items()
    for name in names.split()
}
RULES |= {f"figure_{name}": Rule(_T.TABLE, _S.FIGURE, _maps) for name in FIGURES}
RULES |= {f"figure_{name}": Rule(_T.SOME, _S.FIGURE) for name in WITH_IMAGES}


def step_of(study: CountedStudy, job: Job) -> str:
    """Name the step of a job in the table: data set, rule, and what decides its cost."""
    names = job.wildcards
    rule = "explain" if job.rule.startswith("explain") else job.rule
    parts = [names.get("dataset", ""), rule]
    if rule in ("explain", "fit", "sensitivity", "sanity"):
        parts.append(names["explainer"])
    classifier = names.get("classifier", "none")
    if classifier != "none" and rule in (
        *("explain", "train", "predict", "faithfulness", "sensitivity", "sanity"),
        "check_classifier",
    ):
        parts.append(classifier)
    return " ".join(filter(None, parts))


def start_of(study: CountedStudy, job: Job) -> str:
    """Return the kind of start of a job; for some rules, it depends on the method."""
    start = _imports(study, job)
    return job.rule if start == Start.OWN else start.name


def _imports(study: CountedStudy, job: Job) -> Start:
    if job.rule in ("fit", "sensitivity"):
        method = method_of(study.explainer(job).method)
        return Start.NETWORK if method.needs_classifier or method.own_network else Start.OWN
    return RULES[job.rule].start
