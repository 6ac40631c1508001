"""Settings that decide the results of jobs: the config entries that jobs get as params.

Snakemake compares params as text with those of finished results. Keys that a job does not depend on
are therefore left out. Most methods take the wildcards of a job (`w`), like those of `job_files`.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from fidelity.base.files import content_hash
from fidelity.base.plugins import PREFIX, files_for
from fidelity.datasets.acquisition import listing
from fidelity.datasets.splits import SPLITS
from fidelity.digests import code as digests
from fidelity.explainers.registry import is_derivative, method_of, without_family
from fidelity.faithfulness.registry import of_given_maps
from fidelity.maps import imported_paths
from fidelity.settings.closed_model import Section
from fidelity.settings.datasets import own_keys
from fidelity.study.paths import NONE, RESULTS
from fidelity.study.study import Pair, Study

# Keys that state where the files of a data set are, but not which cases they hold.
ORIGIN_KEYS = {"root", "archive", "download", "kaggle_dataset"}
# Keys that change a data set's files only if they are set.
UNSEEN_KEYS = {"clinical"}
# Keys of every data set that state what the values in its files mean.
READING_KEYS = ("intensity", "intensity_percentiles", "intensity_bits", "mask_values")
# Keys of every data set that decide its cases; a source's own keys are added.
INDEX_KEYS = (
    "source",
    "input",
    "annotated_classes",
    "labels",
    "lung_masks",
    "lung_from",
    *READING_KEYS,
    "duplicates",
    "near_duplicates",
    "near_duplicate_distance",
    "near_duplicate_correlation",
    "near_duplicates_of",
    "limit",
    "strict",
    "max_unusable",
    "outside_links",
    "boxes_outside",
    "empty_references",
    "readers",
    "planted",
)
PREPARE_KEYS = ("input", "image_size", "lung_masks", *READING_KEYS, "annotated_classes", "planted")
# Keys that decide how the weights of a classifier are read.
WEIGHT_KEYS = (
    "architecture",
    "weights",
    "weights_entry",
    "trusted",
    "classes",
    "outputs",
    "output_values",
    "head",
    "mean",
    "std",
    "transform_input",
)


def part(entry: Section, *keys: str) -> dict[str, Any]:
    """Return some keys of an entry, in the order of `keys`."""
    found = entry.model_dump(include=set(keys))
    return {key: found[key] for key in keys}


def _is_result(path: str) -> bool:
    return Path(path).resolve().is_relative_to(Path(RESULTS).resolve())


@cache
def _hash_of(path: str, size: int, time: int) -> str:
    """Hash a file once per process, unless its size or time changes."""
    del size, time
    return content_hash(path)


class JobSettings:
    """The settings of the jobs of a study."""

    def __init__(self, study: Study) -> None:
        """Store the study."""
        self.study = study
        self._scores, self._postprocess = study.config.scores, study.config.postprocess
        self._plugins: dict[str, dict[str, str]] = {}  # results of `plugins`

    def compute(self, *keys: str) -> dict[str, Any]:
        """Return some keys of `compute`."""
        return part(self.study.config.compute, *keys)

    # ---- data sets ----

    def of_dataset(self, key: str) -> Any:
        """Make a params function: a key of the data set's entry."""
        return lambda w: self.subset(w.dataset, {key})[key]

    def subset(self, dataset: str, keys: Iterable[str]) -> dict[str, Any]:
        """Return the given keys that a data set's entry has, in the entry's order."""
        return self.study.datasets[dataset].model_dump(include=set(keys))

    def reading(self, w: Any) -> dict[str, Any]:
        """Return the keys that state what the values in a data set's files mean."""
        return self.subset(w.dataset, READING_KEYS)

    def prepare(self, w: Any) -> dict[str, Any]:
        """Return what decides the prepared images."""
        return self.subset(w.dataset, PREPARE_KEYS)

    def lung(self, w: Any) -> dict[str, Any]:
        """Return what `prepare` needs to segment lungs; empty if it does not segment them."""
        if w.dataset not in self.study.lungs_from:
            return {}
        return {
            "lung_from": self.study.lungs_from[w.dataset],
            "components": self.study.config.lung_model.components,
            "compute": self.compute("threads", "device"),
        }

    def acquisition(self, dataset: str) -> dict[str, Any]:
        """Return what a data set's files depend on; equal values share one copy of the files."""
        config, source = self.study.config, self.study.datasets[dataset].source
        found = self.subset(dataset, {"source", "readers", *own_keys(source)})
        found = {k: v for k, v in found.items() if k not in UNSEEN_KEYS or v}
        where = config.origin_of(dataset)
        if where is not None:
            # Independent of how the path is written, and unchanged if project and data move
            # together.
            key = "root" if found.get("root") is not None else "archive"
            found = {k: v for k, v in found.items() if k not in ORIGIN_KEYS - {key}}
            found[key] = os.path.relpath(where.resolve())
        elif not found.get("download"):
            found["seed"] = config.seed
        return found

    @cached_property
    def raw_names(self) -> dict[str, str]:
        """Data set → name of the folder of its acquired files."""
        found = {}
        for dataset, entry in self.study.datasets.items():
            text = json.dumps(self.acquisition(dataset), sort_keys=True)
            fingerprint = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
            found[dataset] = f"{entry.source}-{fingerprint}"
        return found

    @cached_property
    def acquired_for(self) -> dict[str, str]:
        """Folder name in `raw_names` → a data set that uses it."""
        return {name: dataset for dataset, name in self.raw_names.items()}

    def index(self, dataset: str) -> dict[str, Any]:
        """Return what the list of cases depends on besides the files."""
        entry = self.study.datasets[dataset]
        own = own_keys(entry.source) - ORIGIN_KEYS - UNSEEN_KEYS
        # Only if they are used, so that other results stay finished.
        own |= {"lungs", "lung_quality"} if entry.lungs else set()
        own |= {"strata", "records"} if entry.strata else set()
        hearts = any(method_of(e.method).needs_heart for e in self.study.explainers.values())
        return {
            **self.subset(dataset, {*INDEX_KEYS, *own}),
            "explained": self.study.config.explain.splits,
            "trained": bool(self.study.trained),
            **({"hearts": True} if hearts else {}),
        }

    def source_listing(self, raw: str) -> str:
        """Hash names, sizes and times of the files that the data sets of a raw folder read."""
        config = self.study.config
        found = (
            listing.source_digest(config.origin_of(dataset), self.study.datasets[dataset])
            for dataset, name in self.raw_names.items()
            if name == raw
        )
        # Data sets with the same root may differ in `lungs` and `records`.
        return "-".join(dict.fromkeys(found))

    @cached_property
    def targets(self) -> dict[str, str]:
        """Config key → its target rule; for the job that lists cases, which knows the classes."""
        explain = self.study.config.explain
        own = {f"explain.targets.{name}": target for name, target in explain.targets.items()}
        return {"explain.target": explain.target} | own

    # ---- classifiers ----

    def weights(self, w: Any) -> dict[str, Any]:
        """Return what decides how the weights of a classifier are read."""
        found = part(self.study.classifiers[w.classifier], *WEIGHT_KEYS)
        return {**found, "loaded": w.classifier in self.study.loaded, **self._weights_file(w)}

    def training(self, w: Any) -> dict[str, Any]:
        """Return what decides the weights of a classifier that is trained here."""
        entry = self.study.classifiers[w.classifier]
        return {
            **entry.model_dump(exclude={"seeds"}),
            "seed": entry.seed,
            **self._weights_file(w),
        }

    def loaded(self, w: Any) -> dict[str, Any]:
        """Return the entry of a classifier that is not trained here."""
        entry = self.study.classifiers[w.classifier]
        return {**entry.model_dump(exclude={"seeds", "training"}), **self._weights_file(w)}

    def _weights_file(self, w: Any) -> dict[str, str]:
        """Return the hash of the file that `weights` names; empty if it names none.

        Snakemake compares only times: it would miss a file that is older than the result. A file in
        `results` does not count, because a job of the same run may write it.
        """
        weights = self.study.classifiers[w.classifier].weights
        if weights is None or not os.path.isfile(weights) or _is_result(weights):
            return {}
        stat = os.stat(weights)
        return {"weights_hash": _hash_of(weights, stat.st_size, stat.st_mtime_ns)}

    def data_to_check(self, w: Any) -> dict[str, Any]:
        """Return what the check of loaded weights needs to know of the data set."""
        study = self.study
        if w.classifier not in study.loaded or study.classifiers[w.classifier].classes:
            return self.subset(w.dataset, {"uncertain"})
        # The data set's classes are the example in an error message.
        folder = study.config.root_of(w.dataset)
        return {
            **self.acquisition(w.dataset),
            **self.index(w.dataset),
            "folder": folder and str(folder),
        }

    def layers(self, w: Any) -> dict[str, str]:
        """Return {explainer: requested layer}; these layers are checked before any training."""
        of_classifier = (
            (key, self.study.explainer_for(key, w.classifier)) for key in self.study.explainers
        )
        nested = {key: getattr(entry, "of", entry) for key, entry in of_classifier}
        return {key: entry.layer for key, entry in nested.items() if hasattr(entry, "layer")}

    def plugins(self, name: str) -> dict[str, str]:
        """Return {plugin file: digest} if the name is that of a plugin; see `files_for`."""
        if name not in self._plugins:  # every job asks, and `files_for` reads the files
            files = files_for(name, list(self.all_plugins))
            self._plugins[name] = {file: self.all_plugins[file] for file in files}
        return self._plugins[name]

    @cached_property
    def all_plugins(self) -> dict[str, str]:
        """Plugin file → its digest."""
        return {path: digests.file_digest(path) for path in self.study.config.plugins}

    def classifier_plugins(self, w: Any) -> dict[str, str]:
        """Return the plugin files that the architecture of a classifier needs."""
        entry = self.study.classifiers.get(w.classifier)
        return self.plugins(entry.architecture) if entry else {}

    # ---- explainers ----

    def explainer(self, w: Any) -> dict[str, Any]:
        """Return what decides an explainer's maps, including plugin files and listings of maps."""
        found = self.study.explainer_for(w.explainer, getattr(w, "classifier", NONE))
        # A re-analysis has no maps, and runs no rule that reads them.
        if found.method != "imported" or self.study.restored is not None:
            return self._with_plugins(without_family(found.model_dump()))
        maps = imported_paths.for_dataset(found, w.dataset)
        # Names, sizes and times of the maps, so that added, removed or changed maps are noticed.
        listed = listing.listing_digest(imported_paths.root_of(maps), imported_paths.any_map(maps))
        return {**without_family(maps.model_dump()), "listing": listed}

    def _with_plugins(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        entry = dict(entry)
        if entry["method"].startswith(PREFIX):
            entry["plugins"] = self.plugins(entry["method"])
        if "of" in entry:
            entry["of"] = self._with_plugins(entry["of"])
        return entry

    def target(self, w: Any) -> str:
        """Return the target rule; always `reference` for explainers without a classifier."""
        return "reference" if w.classifier == NONE else self.study.target_of(w.explainer)

    def explain_compute(self, w: Any) -> dict[str, Any]:
        """Return what decides how a network computes; without a network, only `batch`."""
        runs_network = w.explainer in self.study.with_network
        return self.compute(*(("threads", "batch", "device") if runs_network else ("batch",)))

    # ---- masks and scores ----

    def sweep(self, w: Any) -> dict[str, Any]:
        """Return what decides the scores at every threshold."""
        return {
            **self._left_out(w),
            "thresholds": self._scores.thresholds,
            **self.frame(w),
            "lung": self._postprocess.lung,
            "empty": self._scores.empty.model_dump(),
        }

    def frame(self, w: Any) -> dict[str, str]:
        """Return the size at which maps are scored, and the sign of the values that count."""
        size = self.study.datasets[w.dataset].scoring_size
        return {"scoring_size": size, "sign": self._postprocess.sign}

    def _left_out(self, w: Any) -> dict[str, str]:
        """Return the reader left out of the reference, if this reader's masks are scored."""
        reader = self.study.left_out(w.dataset, w.explainer) if hasattr(w, "explainer") else ""
        return {"left_out": reader} if reader else {}

    def other_references(self, w: Any) -> list[str]:
        """Return the explainers whose reference differs from that of the others."""
        return [e for e in self.study.explainers if self.study.left_out(w.dataset, e)]

    def rank(self, w: Any) -> dict[str, Any]:
        """Return what decides the scores of maps."""
        return {
            **self._left_out(w),
            "metrics": self._scores.ranking,
            "pointing_tolerance": self._scores.pointing_tolerance,
            **self.frame(w),
        }

    def organ_masks(self, w: Any) -> dict[str, Any]:
        """Return what decides which organ masks are used."""
        return part(self.study.datasets[w.dataset], "lungs", "lung_quality")

    def box_scores(self, w: Any) -> dict[str, Any]:
        """Return what decides the box scores of one map."""
        return {
            **self._left_out(w),
            "boxes": self._scores.boxes.model_dump(exclude={"false_positives"}),
            "boxes_from": self.study.boxed[w.dataset],
            "protocols": self.study.box_protocols,
            "pointing_tolerance": self._scores.pointing_tolerance,
            **self.frame(w),
        }

    @property
    def box_sets(self) -> dict[str, Any]:
        """What decides the box scores of a set of images."""
        return {
            "protocols": self.study.box_protocols,
            **part(self._scores.boxes, "hit", "false_positives"),
        }

    def tune(self, w: Any) -> dict[str, Any]:
        """Return what decides a tuned threshold."""
        rule = self.study.rule_for(w.binarization, w.explainer)
        return {
            **self._left_out(w),
            "rule": rule.binarization.model_dump(),
            "postprocess": rule.postprocess.model_dump(),
            "scoring_size": self.study.datasets[w.dataset].scoring_size,
            "empty": self._scores.empty.model_dump(),
            "partial": w.explainer in self.study.partial,
        }

    def binarization(self, w: Any) -> dict[str, Any]:
        """Return the binarization of an explainer's maps."""
        return self.study.rule_for(w.binarization, w.explainer).binarization.model_dump()

    def postprocess(self, w: Any) -> dict[str, Any]:
        """Return the post-processing of an explainer's masks."""
        return self.study.rule_for(w.binarization, w.explainer).postprocess.model_dump()

    def binarize_seed(self, w: Any) -> int:
        """Return the seed for computing LIME's superpixels again; 0 for other binarizations."""
        superpixels = self.binarization(w)["method"] == "superpixels"
        return self.study.config.seed if superpixels else 0

    def score(self, w: Any) -> dict[str, Any]:
        """Return what decides the scores of masks."""
        dataset = self.study.datasets[w.dataset]
        return {
            **self._left_out(w),
            **part(self._scores, "metrics", "empty", "surface_tolerance"),
            **part(dataset, "pixel_spacing", "scoring_size"),
        }

    def beside_readers(self, w: Any) -> dict[str, Any]:
        """Return what decides the primary scores against the consensus of the readers."""
        dataset = self.study.datasets[w.dataset]
        return {
            "metric": self.study.config.statistics.primary,
            **part(self._scores, "empty", "surface_tolerance", "pointing_tolerance"),
            **part(dataset, "pixel_spacing", "scoring_size"),
            "sign": self._postprocess.sign,
        }

    # ---- tables ----

    @cached_property
    def statistics(self) -> dict[str, Any]:
        """What decides means, intervals, tests and which of them are computed."""
        return {**self.study.config.statistics.model_dump(), "seed": self.study.config.seed}

    @cached_property
    def intervals(self) -> dict[str, Any]:
        """What decides means and intervals, but not tests."""
        return {key: self.statistics[key] for key in ("replicates", "alpha", "cluster", "seed")}

    @cached_property
    def tests(self) -> dict[str, Any]:
        """What decides tests."""
        return {**self.intervals, "permutations": self.statistics["permutations"]}

    @cached_property
    def metric_names(self) -> dict[str, Any]:
        """The metrics of masks and of maps."""
        return part(self._scores, "metrics", "ranking")

    def explainers_of(self, w: Any) -> list[str]:
        """Return a classifier's explainers and null baselines."""
        return [e for _, e in self.study.explainers_of(w.classifier)]

    def own_explainers(self, w: Any) -> list[str]:
        """Return the explainers that run on the classifier; for `none`, those without one."""
        return [e for _, e in self.study.own_explainers(w.classifier)]

    def pairs(self, pairs: Sequence[Pair], **more: str) -> Callable[[Any], list[dict[str, str]]]:
        """Make a params function: the combinations whose files a job reads, as entries."""
        return lambda w: [
            {"dataset": w.dataset, "classifier": c, "explainer": e, **more} for c, e in pairs
        ]

    def cohort(self, w: Any) -> dict[str, Any]:
        """Return what the scores of a data set must cover before they are averaged."""
        explain = self.study.config.explain
        return {
            "annotated": self.study.datasets[w.dataset].annotated_classes,
            "splits": explain.splits,
            "incomplete": self.study.partial,
            "partial": explain.partial_cohort,
            **({"reference": rule} if (rule := self.study.with_readers.get(w.dataset)) else {}),
        }

    # ---- faithfulness, sanity, provenance ----

    def faithfulness(self, w: Any) -> dict[str, Any]:
        """Return what decides the faithfulness of existing maps, except for sensitivity."""
        entry = self.study.config.faithfulness
        return {
            **entry.model_dump(exclude={"sensitivity"}),
            "metrics": of_given_maps(entry.metrics),
            "sign": self._postprocess.sign,
            "derivative": is_derivative(self.study.explainers[w.explainer]),
        }

    @cached_property
    def sensitivity(self) -> dict[str, Any]:
        """What decides the sensitivity of maps."""
        entry = self.study.config.faithfulness.sensitivity.model_dump()
        return {**entry, "sign": self._postprocess.sign}

    @cached_property
    def sanity(self) -> dict[str, Any]:
        """What decides the sanity checks."""
        entry = part(self.study.config.sanity, "cases", "tests", "layers")
        return {**entry, "sign": self._postprocess.sign}

    def known_truth(self, w: Any) -> dict[str, Any]:
        """Return what decides the scores against a planted mark."""
        own = self.subset(w.dataset, {"scoring_size", "planted"})
        return {**self._left_out(w), **own, "sign": self._postprocess.sign}

    def retouched(self, w: Any) -> dict[str, Any]:
        """Return settings for drawing images of a data set with and without its planted mark.

        Empty for a phantom with a shortcut, which draws its own images.
        """
        return self.prepare(w) if w.dataset in self.study.planted else {}

    def mark_class(self, w: Any) -> str:
        """Return the source class whose maps are compared with the planted mark."""
        entry = self.study.datasets[w.dataset]
        planted = w.dataset in self.study.planted
        return entry.annotated_classes[0] if planted else entry.shortcut.class_

    def own_wildcards(self, w: Any) -> dict[str, list[str]]:
        """Return the wildcard values that belong to a data set, for all its jobs."""
        return {
            "dataset": [w.dataset],
            "source": [self.raw_names[w.dataset]],
            "shard": self.study.shard_names(w.dataset, SPLITS),
        }

    def origins(self) -> list[str]:
        """List the folders and archives of the data sets, relative to the project's folder."""
        places = (self.study.config.origin_of(name) for name in self.study.datasets)
        return [os.path.relpath(place.resolve()) for place in places if place is not None]
