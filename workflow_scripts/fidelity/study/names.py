"""The names of a config: its data sets, classifiers, explainers and binarizations, by kind."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from fidelity.binarizations.registry import RULES
from fidelity.datasets.splits import SPLITS
from fidelity.explainers.registry import Method, family_of, method_of
from fidelity.settings.loading import parts_of
from fidelity.study.paths import NONE


class Names:
    """The names of a config, and what it says of each.

    Attributes:
        config: the loaded config.
        datasets: data set → its entry.
        studies: those with reference masks to score; others are classified, or a lung network is
            trained on them.
        classifiers: classifier, training seeds expanded → its entry with `seed`.
        explainers: explainer → its entry.
        binarizations: binarization → its entry.
        protocols: protocol → its entry.
        restored: see `__init__`.
    """

    def __init__(
        self, config: dict[str, Any], restored: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Look at a config.

        Args:
            config: see `settings.load`.
            restored: `datasets` and `units` that results were restored from; None in a study of
                its own.
        """
        self.config = config
        self.restored = restored
        self.datasets: dict[str, dict[str, Any]] = config["datasets"]
        self.studies = {
            k: entry for k, entry in self.datasets.items() if entry["annotated_classes"]
        }
        self.classifiers = expand_classifiers(config)
        self.explainers: dict[str, dict[str, Any]] = config["explainers"]
        self.binarizations: dict[str, dict[str, Any]] = config["binarizations"]
        self.protocols = config["protocols"]

    # ---- data sets ----

    @cached_property
    def lungs_from(self) -> dict[str, str]:
        """Data sets whose lungs a network segments → the data set that it is trained on."""
        return {
            name: entry["lung_from"]
            for name, entry in self.datasets.items()
            if entry["lung_masks"] == "predicted"
        }

    @cached_property
    def with_points(self) -> list[str]:
        """Data sets with points of other radiologists."""
        return [
            name
            for name, entry in self.datasets.items()
            if entry.get("human_benchmark", {}).get("points")
        ]

    def shard_names(self, dataset: str, splits: Sequence[str] = SPLITS) -> list[str]:
        """Name the shards of some splits of a data set, empty ones included."""
        shards = self.datasets[dataset]["shards"]
        return [f"{split}-{number:03d}" for split in splits for number in range(shards[split])]

    def explained_shards(self, dataset: str) -> list[str]:
        """Name the shards whose cases are explained."""
        return self.shard_names(dataset, self.config["explain"]["splits"])

    @cached_property
    def predicted_splits(self) -> list[str]:
        """The splits that classifiers predict: those that are judged or explained."""
        return [s for s in SPLITS if s in {"val", "test", *self.config["explain"]["splits"]}]

    @cached_property
    def judged_split(self) -> str:
        """The split whose maps faithfulness and sanity look at: test, else val, else train."""
        splits = self.config["explain"]["splits"]
        return next(split for split in reversed(SPLITS) if split in splits)

    # ---- classifiers ----

    @cached_property
    def bases(self) -> dict[str, str]:
        """Classifier, training seeds expanded → its key in the config."""
        return {
            expanded: name
            for name, entry in self.config["classifiers"].items()
            for expanded in expand_classifiers({**self.config, "classifiers": {name: entry}})
        }

    @cached_property
    def trained(self) -> list[str]:
        """Classifiers that are trained here."""
        return [name for name, entry in self.classifiers.items() if entry["training"] is not None]

    @cached_property
    def loaded(self) -> list[str]:
        """Classifiers whose weights come from elsewhere."""
        return [name for name in self.classifiers if name not in self.trained]

    @cached_property
    def ordered(self) -> list[str]:
        """Loaded classifiers whose order of classes may be wrong: torchxrayvision names its own."""
        return [
            name
            for name in self.loaded
            if not self.classifiers[name]["architecture"].startswith("xrv:")
        ]

    @cached_property
    def repeated(self) -> dict[str, list[str]]:
        """Classifiers trained with several seeds: key in the config → its trainings."""
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
        """The units of a data set: what no classifier changes, each training, repeated ones."""
        return [NONE, *self.classifiers, *self.repeated]

    @cached_property
    def shown(self) -> list[str]:
        """The classifiers that figures are drawn of; `none` where the config has none."""
        return list(self.classifiers) or [NONE]

    # ---- explainers ----

    def _where(self, fact: str) -> list[str]:
        """Name the explainers whose method has a fact (see `explainers.registry.Method`)."""
        return [k for k, entry in self.explainers.items() if getattr(method_in(entry), fact)]

    @cached_property
    def fitted(self) -> list[str]:
        """Explainers that are fitted to the training masks."""
        return self._where("fitted")

    @cached_property
    def given(self) -> list[str]:
        """Explainers whose maps are read: they cannot explain a changed image."""
        return self._where("given")

    @cached_property
    def imported(self) -> list[str]:
        """Explainers whose maps were made elsewhere."""
        return [k for k, entry in self.explainers.items() if entry["method"] == "imported"]

    @cached_property
    def partial(self) -> list[str]:
        """Explainers that may lack cases by their nature, or by the config."""
        return [
            name
            for name, entry in self.explainers.items()
            if method_in(entry).partial or entry.get("missing") == "skip"
        ]

    @cached_property
    def with_network(self) -> list[str]:
        """Explainers that run a network: the classifier's, or their own."""
        return [
            name
            for name, entry in self.explainers.items()
            if method_in(entry).needs_classifier or method_in(entry).own_network
        ]

    @cached_property
    def slow_without_network(self) -> list[str]:
        """Explainers without a network whose shards may take minutes."""
        return self._where("takes_minutes")

    @cached_property
    def light(self) -> list[str]:
        """Explainers without a network, of seconds per shard."""
        return sorted({*self.explainers} - {*self.with_network, *self.slow_without_network})

    @cached_property
    def own_backward(self) -> dict[str, str]:
        """Explainers that change the backward pass → method (of random weights: the inner one)."""
        inner = {k: entry.get("of", entry) for k, entry in self.explainers.items()}
        return {k: entry["method"] for k, entry in inner.items() if method_in(entry).own_backward}

    @cached_property
    def families(self) -> dict[str, str]:
        """Explainer → its family."""
        return {name: family_of(entry) for name, entry in self.explainers.items()}

    @cached_property
    def sweeps(self) -> dict[str, list[str]]:
        """Sweeps → their explainers from the earliest depth to the last.

        A sweep is four explainers `<name>-depth1` … that read `depth-1` …: those that `layer: all`
        becomes, or written by hand.
        """
        layers = {name: entry.get("layer") for name, entry in self.explainers.items()}
        bases = [name.removesuffix("-depth1") for name in layers if name.endswith("-depth1")]
        return {
            base: list(parts_of(base))
            for base in bases
            if all(layers.get(key) == layer for key, layer in parts_of(base).items())
        }

    def target_of(self, explainer: str) -> str:
        """Give the target rule of an explainer: that of `explain.targets`, else that of all."""
        explain = self.config["explain"]
        return explain["targets"].get(explainer, explain["target"])

    def explainer_for(self, explainer: str, classifier: str) -> dict[str, Any]:
        """Give an explainer's entry with one layer: that of the classifier, else `auto`.

        Args:
            explainer: its key.
            classifier: training seed included; `none` for explainers without one.
        """
        return one_layer(self.explainers[explainer], self.bases.get(classifier, NONE))

    # ---- binarizations ----

    def rule_for(self, binarization: str, explainer: str) -> dict[str, Any]:
        """Give the rule and post-processing by which one explainer's maps become masks.

        Returns:
            `binarization` (an entry that is not `per_explainer`) and `postprocess`.
        """
        entry, common = self.binarizations[binarization], self.config["postprocess"]
        if entry["method"] != "per_explainer":
            return {"binarization": entry, "postprocess": common}
        return {
            "postprocess": common,
            **entry["explainers"].get(explainer, entry["otherwise"]),
        }

    def is_tuned(self, binarization: str, explainer: str) -> bool:
        """Say whether a threshold is tuned for these masks."""
        return self.rule_for(binarization, explainer)["binarization"]["method"] == "tuned"

    @cached_property
    def tuned(self) -> list[str]:
        """Binarizations that are tuned for any explainer."""
        return [b for b in self.binarizations if any(self.is_tuned(b, e) for e in self.explainers)]

    @cached_property
    def diagnostic(self) -> list[str]:
        """Binarizations that look at the reference mask: shown, but not compared."""
        return [k for k, rule in self.binarizations.items() if sees_reference(rule)]

    @property
    def primary_binarization(self) -> str:
        """The binarization of the primary comparison."""
        return self.config["statistics"]["primary_binarization"]

    @cached_property
    def confounded(self) -> dict[str, str]:
        """Explainer or binarization that is treated unlike others → what is different about it."""
        common = self.config["explain"]["target"]
        found = {
            name: f"explains the class by the rule {own!r}, the others by {common!r}"
            for name, own in self.config["explain"]["targets"].items()
            if own != common
        }
        return found | {
            name: "has a rule and a post-processing by explainer"
            for name, rule in self.binarizations.items()
            if rule["method"] == "per_explainer"
        }


def one_layer(entry: Mapping[str, Any], classifier: str) -> dict[str, Any]:
    """Give an explainer's entry with one layer, where its `layer` is a mapping by classifier.

    Args:
        entry: of `explainers`.
        classifier: a key of `classifiers`; one that the mapping lacks has the layer `auto`.
    """
    entry = dict(entry)
    if isinstance(entry.get("layer"), dict):
        entry["layer"] = entry["layer"].get(classifier, "auto")
    if "of" in entry:
        entry["of"] = one_layer(entry["of"], classifier)
    return entry


def method_in(entry: Mapping[str, Any]) -> Method:
    """Give what the registry says of the method of an explainer's entry."""
    return method_of(entry["method"])


def expand_classifiers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give every training seed a classifier of its own.

    Args:
        config: a loaded config.

    Returns:
        Name → settings with `seed` in place of `seeds`; several seeds become <name>-s<seed>. Only
        those of `only_classifiers`, if it names any.
    """
    expanded: dict[str, dict[str, Any]] = {}
    only = config.get("only_classifiers")
    for name, settings in config["classifiers"].items():
        for seed in settings["seeds"]:
            rest = {key: value for key, value in settings.items() if key != "seeds"}
            key = name if len(settings["seeds"]) == 1 else f"{name}-s{seed}"
            if not only or key in only:
                expanded[key] = {**rest, "seed": seed}
    return expanded


def data_root(config: dict[str, Any], dataset: str) -> Path | None:
    """Give the folder of a data set's files; None for a generated one."""
    root = config["datasets"][dataset].get("root")
    return None if root is None else Path(config["data_root"]) / root


def data_origin(config: dict[str, Any], dataset: str) -> Path | None:
    """Give the folder or archive of a data set's files; None if they are made or downloaded."""
    archive = config["datasets"][dataset].get("archive")
    found = data_root(config, dataset)
    return found if found or not archive else Path(config["data_root"]) / archive


def sees_reference(rule: dict[str, Any]) -> bool:
    """Say whether a binarization looks at the reference mask for any explainer."""
    if rule["method"] == "per_explainer":
        parts = [rule["otherwise"], *rule["explainers"].values()]
        return any(sees_reference(part["binarization"]) for part in parts)
    return RULES[rule["method"]].uses_reference
