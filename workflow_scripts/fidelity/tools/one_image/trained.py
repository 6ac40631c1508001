"""What a finished study has left under results/ that one more image needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fidelity import settings as config_settings
from fidelity.base.errors import InputError
from fidelity.base.files import read_json
from fidelity.base.suggestions import suggestion
from fidelity.binarizations.registry import RULES
from fidelity.binarizations.tuned import read_thresholds
from fidelity.explainers.registry import method_of

# Rules that a new image can be given: without a reference, and without superpixels drawn anew.
USABLE = [name for name, rule in RULES.items() if not rule.needs - {"threshold"}]


@dataclass(frozen=True)
class Trained:
    """A data set and a classifier of a config, and where their results are.

    Attributes:
        config: the checked config.
        source: its file, named in errors and remedies.
        results: the folder `results`.
        dataset: key of the data set.
        classifier: key of the classifier, training seed included.
    """

    config: Mapping[str, Any]
    source: str
    results: Path
    dataset: str
    classifier: str

    @property
    def entry(self) -> dict[str, Any]:
        """The data set's settings."""
        return self.config["datasets"][self.dataset]

    @property
    def architecture(self) -> str:
        return config_settings.expand_classifiers(self.config)[self.classifier]["architecture"]

    def model(self) -> Path:
        """Find the classifier's weights."""
        return self._made(f"{self.classifier}/model.safetensors", "no classifier is there yet")

    def labels(self) -> dict[str, str]:
        """Read the model class of each source class."""
        path = self._made("classes.json", "the data set has not been indexed yet")
        return read_json(path)["labels"]

    def fitted(self, explainer: str) -> Path | None:
        """Find what an explainer learnt from the training masks; None for most."""
        if not method_of(self.config["explainers"][explainer]["method"]).fitted:
            return None
        return self._made(f"none/{explainer}/fitted.safetensors", f"{explainer} is not fitted yet")

    def lung_model(self) -> Path | None:
        """Find the model that draws the data set's lungs; None where no model does."""
        if self.entry["lung_masks"] != "predicted":
            return None
        name = "lung_model/model.safetensors"
        return self._made(name, "no model of the lungs is there yet", self.entry["lung_from"])

    def settings_of(self, explainer: str) -> dict[str, Any]:
        """Give an explainer's entry for this classifier, with the plugin files it may need."""
        base = config_settings.base_names(self.config)[self.classifier]
        entry = config_settings.explainer_for(self.config["explainers"][explainer], base)
        return _with_plugins(entry, self.config["plugins"])

    def rule_of(self, explainer: str, cls: str) -> tuple[dict[str, Any], str, dict[str, float]]:
        """Choose how a map becomes a mask: the primary rule, else the first that can be used.

        Args:
            explainer: its key.
            cls: source class, for a threshold of its own.

        Returns:
            Rule and post-processing (as `settings.rule_for`), the binarization's key, and
            `threshold` where the rule is tuned or has one threshold per class.

        Raises:
            InputError: no rule of the config can be used.
        """
        primary = self.config["statistics"]["primary_binarization"]
        for name in dict.fromkeys([primary, *self.config["binarizations"]]):
            rule = config_settings.rule_for(self.config, name, explainer)
            method = rule["binarization"]["method"]
            if method not in USABLE:
                continue
            by_class = rule["binarization"].get("threshold")
            if method == "tuned":
                threshold = self._tuned(explainer, name, cls)
            elif isinstance(by_class, dict):
                # A class without reference masks has no threshold.
                threshold = by_class.get(cls)
            else:
                return rule, name, {}
            if threshold is not None:
                return rule, name, {"threshold": threshold}
        raise InputError(
            "no binarization can be used on an image without a reference mask",
            file=self.source,
            field="binarizations",
            remedy=f"Add one of the methods {', '.join(USABLE)} (a tuned one once it is tuned)",
        )

    def _tuned(self, explainer: str, binarization: str, cls: str) -> float | None:
        needs = method_of(self.config["explainers"][explainer]["method"]).needs_classifier
        folder = self.results / self.dataset / (self.classifier if needs else "none") / explainer
        path = folder / binarization / "thresholds.csv"
        if not path.is_file():
            return None
        return read_thresholds(path).get(cls)

    def _made(self, name: str, problem: str, dataset: str | None = None) -> Path:
        path = self.results / (dataset or self.dataset) / name
        if not path.is_file():
            target = f"{self.results.name}/{dataset or self.dataset}/{name}"
            raise InputError(
                problem,
                file=path,
                remedy=f"Make it: snakemake --cores all {target} --configfile {self.source} "
                f"(or the whole study: make run CONFIG={self.source})",
            )
        return path


def choose(
    config: Mapping[str, Any],
    source: str,
    results: Path,
    dataset: str | None = None,
    classifier: str | None = None,
) -> Trained:
    """Choose data set and classifier.

    Args:
        config: the checked config.
        source: its file.
        results: the folder `results`.
        dataset: its key; None for the config's first.
        classifier: its key, or that of a classifier with several training seeds for the first of
            them; None for the config's first.

    Returns:
        Both, with the way to their results.

    Raises:
        InputError: the config has no such name, or no classifier at all.
    """
    known = config_settings.expand_classifiers(config)
    if not known:
        raise InputError(
            "the config has no classifier", file=source, field="classifiers", remedy="Add one"
        )
    if classifier in config["classifiers"] and classifier not in known:
        classifier = next(name for name in known if name.startswith(f"{classifier}-s"))
    return Trained(
        config,
        source,
        results,
        _one_of(dataset, list(config["datasets"]), "data set", source),
        _one_of(classifier, list(known), "classifier", source),
    )


def _one_of(name: str | None, known: Sequence[str], what: str, source: str) -> str:
    if name is None:
        return known[0]
    if name not in known:
        raise InputError(
            f"the config has no {what} {name!r}", file=source, remedy=suggestion(name, known)
        )
    return name


def _with_plugins(entry: Mapping[str, Any], plugins: Sequence[str]) -> dict[str, Any]:
    entry = dict(entry)
    if entry["method"].startswith("plugin:"):
        entry["plugins"] = list(plugins)
    if "of" in entry:
        entry["of"] = _with_plugins(entry["of"], plugins)
    return entry
