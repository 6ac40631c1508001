"""The names of a config: its data sets, classifiers, explainers and binarizations, by kind."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import get_args

from pydantic import MISSING

from fidelity.datasets.readers.names import SECOND
from fidelity.datasets.registry import GENERATORS
from fidelity.datasets.splits import SPLITS
from fidelity.explainers.registry import family_of, method_of
from fidelity.settings.binarizations import PerExplainer, RuleOfOne
from fidelity.settings.classifiers import Classifier, training_names
from fidelity.settings.config import Config
from fidelity.settings.cross_checks.entries import fair_binarizations
from fidelity.settings.datasets import Chexlocalize
from fidelity.settings.explainers import Explainer, RandomWeights
from fidelity.settings.loading import parts_of
from fidelity.settings.statistics import BoxProtocol
from fidelity.study.paths import NONE


class Names:
    """The names of a config, with facts on each.

    Attributes:
        studies: data sets with reference masks to score. The others are only classified, or a lung
            network is trained on them.
        classifiers: training → entry of its classifier, with only its own seed.
        bases: training → key of its classifier in the config.
        box_protocols: protocols for boxes; the first is `default`.
    """

    def __init__(self, config: Config, restored: Mapping[str, Sequence[str]] | None = None) -> None:
        """Collect the names of a config.

        Args:
            config: see `settings.load`.
            restored: `datasets` and `units` that results were restored from, and the data sets with
                box scores (`boxed`); None outside a re-analysis.
        """
        self.config = config
        self.restored = restored
        self.datasets, self.explainers = config.datasets, config.explainers
        self.binarizations = config.binarizations
        of_boxes = get_args(BoxProtocol)
        self.protocols = [name for name in config.protocols if name not in of_boxes]
        self.box_protocols = ["default", *(p for p in config.protocols if p in of_boxes)]
        self.studies = {k: entry for k, entry in self.datasets.items() if entry.annotated_classes}
        self.classifiers: dict[str, Classifier] = {}
        self.bases: dict[str, str] = {}
        for key, entry in config.classifiers.items():
            for name, seed in training_names(key, entry.seeds).items():
                if not config.only_classifiers or name in config.only_classifiers:
                    self.bases[name] = key
                    self.classifiers[name] = entry.model_copy(update={"seeds": [seed]})

    # ---- data sets ----

    @cached_property
    def lungs_from(self) -> dict[str, str]:
        """Data sets whose lungs a network segments → data set that the network is trained on."""
        return {
            name: entry.lung_from
            for name, entry in self.datasets.items()
            if entry.lung_masks == "predicted"
        }

    @cached_property
    def generated(self) -> list[str]:
        """Data sets whose images are generated."""
        return [name for name, entry in self.datasets.items() if entry.source in GENERATORS]

    @cached_property
    def planted(self) -> list[str]:
        """Data sets with a planted mark that decides the labels."""
        return [n for n, entry in self.datasets.items() if entry.planted is not MISSING]

    @cached_property
    def with_organs(self) -> list[str]:
        """Studies whose cases have organ masks."""
        return [name for name, entry in self.studies.items() if entry.lung_masks == "chexmask"]

    @cached_property
    def stratified(self) -> list[str]:
        """Studies that request strata."""
        return [name for name, entry in self.studies.items() if entry.strata]

    @cached_property
    def with_points(self) -> list[str]:
        """Data sets with points of the human benchmark, set by other radiologists."""
        return [
            name
            for name, entry in self.datasets.items()
            if isinstance(entry, Chexlocalize) and entry.human_benchmark.points
        ]

    @cached_property
    def with_readers(self) -> dict[str, str]:
        """Data sets with several readers → the rule that combines their masks to a reference."""
        found = {name: entry.reference for name, entry in self.studies.items()}
        return {name: rule for name, rule in found.items() if rule}

    def left_out(self, dataset: str, explainer: str) -> str:
        """Return the reader left out of the reference, if the explainer is this reader."""
        entry = self.explainers[explainer]
        if dataset not in self.with_readers or not method_of(entry.method).needs_second_reader:
            return ""
        return entry.reader or SECOND

    def shard_names(self, dataset: str, splits: Sequence[str] = SPLITS) -> list[str]:
        """Return the names of the shards of some splits of a data set, including empty shards."""
        counts = dict(self.datasets[dataset].shards)
        return [f"{split}-{number:03d}" for split in splits for number in range(counts[split])]

    def explained_shards(self, dataset: str) -> list[str]:
        """Return the names of the shards whose cases are explained."""
        return self.shard_names(dataset, self.config.explain.splits)

    @cached_property
    def predicted_splits(self) -> list[str]:
        """The splits to predict: val and test, and those that are explained."""
        return [s for s in SPLITS if s in {"val", "test", *self.config.explain.splits}]

    @cached_property
    def judged_split(self) -> str:
        """The split for faithfulness and sanity checks: test, otherwise val, otherwise train."""
        splits = self.config.explain.splits
        return next(split for split in reversed(SPLITS) if split in splits)

    @property
    def shown_splits(self) -> str:
        """The splits that tables and figures show, in words: test, otherwise all explained ones."""
        splits = self.config.explain.splits
        return "test" if "test" in splits else " and ".join(splits)

    @cached_property
    def boxed(self) -> dict[str, str]:
        """Data sets with box scores → source of their boxes."""
        found = {
            name: entry.boxes_from or ("references" if entry.has_boxes else "")
            for name, entry in self.studies.items()
        }
        # Units of earlier versions hold no box scores.
        held = (self.restored or {}).get("boxed", found)
        return {name: origin for name, origin in found.items() if origin and name in held}

    # ---- classifiers ----

    @cached_property
    def trained(self) -> list[str]:
        """Classifiers that are trained here."""
        return [name for name, entry in self.classifiers.items() if entry.training is not None]

    @cached_property
    def guided(self) -> list[str]:
        """Classifiers whose training is guided by masks."""
        trainings = {name: self.classifiers[name].training for name in self.trained}
        return [name for name, entry in trainings.items() if entry.guidance is not MISSING]

    @cached_property
    def loaded(self) -> list[str]:
        """Classifiers whose weights come from elsewhere."""
        return [name for name in self.classifiers if name not in self.trained]

    @cached_property
    def ordered(self) -> list[str]:
        """Loaded classifiers whose class order may be wrong (torchxrayvision states its own)."""
        return [
            name
            for name in self.loaded
            if not self.classifiers[name].architecture.startswith("xrv:")
        ]

    @cached_property
    def repeated(self) -> dict[str, list[str]]:
        """Classifiers trained with several seeds: config key → its trainings."""
        found: dict[str, list[str]] = {}
        for name in self.trained:
            found.setdefault(self.bases[name], []).append(name)
        known = None if self.restored is None else self.restored["units"]
        return {
            base: names
            for base, names in found.items()
            if len(names) > 1 and (known is None or base in known)
        }

    @cached_property
    def units(self) -> list[str]:
        """The units of a data set: `none`, each training, and classifiers with several seeds."""
        return [NONE, *self.classifiers, *self.repeated]

    @cached_property
    def shown(self) -> list[str]:
        """The classifiers in figures; `none` if the config has no classifiers."""
        return list(self.classifiers) or [NONE]

    # ---- explainers ----

    def _where(self, fact: str) -> list[str]:
        """Return the explainers whose method has a fact (see `explainers.registry.Method`)."""
        return [k for k, entry in self.explainers.items() if getattr(method_of(entry.method), fact)]

    @cached_property
    def fitted(self) -> list[str]:
        """Explainers that are fitted to the training masks."""
        return self._where("fitted")

    @cached_property
    def given(self) -> list[str]:
        """Explainers whose maps are only read, so that they cannot explain a changed image."""
        return self._where("given")

    @cached_property
    def imported(self) -> list[str]:
        """Explainers whose maps were computed elsewhere."""
        return [k for k, entry in self.explainers.items() if entry.method == "imported"]

    @cached_property
    def partial(self) -> list[str]:
        """Explainers that may lack cases, because of their method or the config."""
        # CheXmask's files lack some images.
        some_lungs = any(entry.lungs for entry in self.studies.values())
        return [
            name
            for name, entry in self.explainers.items()
            if method_of(entry.method).partial
            or getattr(entry, "missing", None) == "skip"
            or (some_lungs and method_of(entry.method).needs_lung)
        ]

    @cached_property
    def with_network(self) -> list[str]:
        """Explainers that run a network: the classifier or their own."""
        return [
            name
            for name, entry in self.explainers.items()
            if method_of(entry.method).needs_classifier or method_of(entry.method).own_network
        ]

    @cached_property
    def slow_without_network(self) -> list[str]:
        """Explainers without a network whose shards may take minutes."""
        return self._where("takes_minutes")

    @cached_property
    def light(self) -> list[str]:
        """Explainers without a network that take seconds per shard."""
        return sorted({*self.explainers} - {*self.with_network, *self.slow_without_network})

    @cached_property
    def use_gradient(self) -> dict[str, str]:
        """Explainers that use the network's gradient → method (for random weights: the inner one).

        All CAMs count: which layers a CAM can read is found out with gradients.
        """
        inner = {k: getattr(entry, "of", entry).method for k, entry in self.explainers.items()}
        return {k: m for k, m in inner.items() if method_of(m).family in ("cam", "gradient")}

    @cached_property
    def families(self) -> dict[str, str]:
        """Explainer → its family."""
        return {name: family_of(entry) for name, entry in self.explainers.items()}

    @cached_property
    def sweeps(self) -> dict[str, list[str]]:
        """Sweeps → their explainers, from the earliest depth to the last.

        A sweep is four explainers `<name>-depth1` … that read the layers `depth-1` …. They come
        from `layer: all` or are written by hand.
        """
        layers = {name: getattr(entry, "layer", None) for name, entry in self.explainers.items()}
        bases = [name.removesuffix("-depth1") for name in layers if name.endswith("-depth1")]
        return {
            base: list(parts_of(base))
            for base in bases
            if all(layers.get(key) == layer for key, layer in parts_of(base).items())
        }

    def target_of(self, explainer: str) -> str:
        """Return an explainer's target rule: from `explain.targets`, otherwise `explain.target`."""
        explain = self.config.explain
        return explain.targets.get(explainer, explain.target)

    def explainer_for(self, explainer: str, classifier: str) -> Explainer:
        """Return an explainer's entry with one layer: the classifier's, otherwise `auto`.

        Args:
            classifier: training (classifier with seed); `none` for explainers without a classifier.
        """
        return one_layer(self.explainers[explainer], self.bases.get(classifier, NONE))

    # ---- binarizations ----

    def rule_for(self, binarization: str, explainer: str) -> RuleOfOne:
        """Return the binarization and post-processing for one explainer's maps.

        Returns:
            A rule whose `binarization` is not `per_explainer` and whose `postprocess` is set.
        """
        entry, common = self.binarizations[binarization], self.config.postprocess
        if not isinstance(entry, PerExplainer):
            return RuleOfOne.model_construct(binarization=entry, postprocess=common)
        rule = entry.explainers.get(explainer, entry.otherwise)
        own = rule.postprocess is not MISSING
        return rule if own else rule.model_copy(update={"postprocess": common})

    def is_tuned(self, binarization: str, explainer: str) -> bool:
        """Check whether the threshold of these masks is tuned."""
        return self.rule_for(binarization, explainer).binarization.method == "tuned"

    @cached_property
    def tuned(self) -> list[str]:
        """Binarizations that are tuned for at least one explainer."""
        return [b for b in self.binarizations if any(self.is_tuned(b, e) for e in self.explainers)]

    @cached_property
    def diagnostic(self) -> list[str]:
        """Binarizations that use the reference mask: shown, but not compared."""
        fair = fair_binarizations(self.config)
        return [k for k in self.binarizations if k not in fair]

    @property
    def primary_binarization(self) -> str:
        """The binarization of the primary comparison."""
        return self.config.statistics.primary_binarization

    @cached_property
    def confounded(self) -> dict[str, str]:
        """Explainer or binarization that is treated differently → the difference."""
        common = self.config.explain.target
        found = {
            name: f"explains the class by the rule {own!r}, the others by {common!r}"
            for name, own in self.config.explain.targets.items()
            if own != common
        }
        return found | {
            name: "has a rule and a post-processing by explainer"
            for name, rule in self.binarizations.items()
            if isinstance(rule, PerExplainer)
        }


def one_layer(entry: Explainer, classifier: str) -> Explainer:
    """Return an explainer's entry with a single layer, if its `layer` is a mapping by classifier.

    Args:
        classifier: a key of `classifiers`; if the mapping lacks it, the layer is `auto`.
    """
    layer = getattr(entry, "layer", None)
    if isinstance(layer, dict):
        return entry.model_copy(update={"layer": layer.get(classifier, "auto")})
    if isinstance(entry, RandomWeights):
        return entry.model_copy(update={"of": one_layer(entry.of, classifier)})
    return entry
