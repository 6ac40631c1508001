"""Find the results of a finished study that are needed to explain one more image."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.files import read_json
from fidelity.base.suggestions import suggestion
from fidelity.binarizations.registry import RULES
from fidelity.binarizations.tuned import read_thresholds
from fidelity.datasets.cases import read_cases
from fidelity.masks.boxes import FloatBox
from fidelity.provenance import result_origins
from fidelity.provenance.result_origins import Places
from fidelity.settings.binarizations import RuleOfOne
from fidelity.settings.config import Config
from fidelity.settings.datasets import Dataset
from fidelity.settings.explainers import Explainer
from fidelity.study import paths
from fidelity.study.job_settings import JobSettings
from fidelity.study.paths import NONE
from fidelity.study.study import Study

# Rules that work on a new image: they need no reference and no new superpixels.
USABLE = [name for name, rule in RULES.items() if not rule.needs - {"threshold"}]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A data set and a classifier of a config, with the paths of their results.

    Attributes:
        source: config file, named in errors and remedies.
        folder: folder of the project, which contains `results`.
        classifier: key of the classifier, including the training seed.
    """

    study: Study
    source: str
    folder: Path
    dataset: str
    classifier: str

    @property
    def config(self) -> Config:
        """The loaded config."""
        return self.study.config

    @property
    def entry(self) -> Dataset:
        """The data set's settings."""
        return self.config.datasets[self.dataset]

    @property
    def architecture(self) -> str:
        return self.study.classifiers[self.classifier].architecture

    def model(self) -> Path:
        """Return the path of the classifier's weights."""
        return self._made(paths.MODEL, "the classifier is not trained yet")

    def check_settings(self) -> None:
        """Warn if the classifier, or the images that it saw, were made with other settings."""
        made, w = self._job_settings, self._wildcards()
        loaded = self.classifier in self.study.loaded
        self._check_settings(self.model(), made.loaded(w) if loaded else made.training(w))
        shard = self.study.shard_names(self.dataset, ["test"])[0]
        prepared = self.folder / paths.fill(paths.PREPARED, self, shard=shard)
        self._check_settings(prepared, made.prepare(w))

    def labels(self) -> dict[str, str]:
        """Read the model class of each source class."""
        path = self._made(paths.CLASSES, "the data set has not been indexed yet")
        return read_json(path)["labels"]

    def fitted(self, explainer: str) -> Path | None:
        """Return the fitted file of an explainer; None for explainers that are not fitted."""
        if explainer not in self.study.fitted:
            return None
        found = self._made(paths.FITTED, f"{explainer} is not fitted yet", explainer=explainer)
        w = self._wildcards(classifier=NONE, explainer=explainer)
        self._check_settings(found, self._job_settings.explainer(w))
        return found

    def lung_model(self) -> Path | None:
        """Return the model that predicts the data set's lung masks; None if there is none."""
        source = self.study.lungs_from.get(self.dataset)
        if source is None:
            return None
        return self._made(paths.LUNG_MODEL, "the lung model is not trained yet", dataset=source)

    def boxes_of(self, image: Path, cls: str, size: tuple[int, int]) -> tuple[FloatBox, ...]:
        """Return the boxes that readers drew on an image of the study.

        Returns:
            The boxes; empty if there are none of the class, or if the image is not a file of the
            study. An image elsewhere may have the same relative path.
        """
        path = self.folder / paths.fill(paths.CASES, self)
        raw = paths.RAW.format(source=self._job_settings.raw_names[self.dataset])
        root, place = (self.folder / raw / "data").resolve(), image.resolve()
        if not (path.is_file() and place.is_relative_to(root)):
            return ()
        name = place.relative_to(root).as_posix()
        for case in read_cases(path):
            if case.image == name and (case.height, case.width) == size:
                return case.boxes.get(cls, ())
        return ()

    def settings_of(self, explainer: str) -> Explainer:
        """Return an explainer's entry for this classifier."""
        return self.study.explainer_for(explainer, self.classifier)

    def rule_of(self, explainer: str, cls: str) -> tuple[RuleOfOne, str, dict[str, float]]:
        """Choose how a map becomes a mask: the primary binarization, else the first usable one.

        Returns:
            Binarization with post-processing (see `Study.rule_for`), the binarization's key, and
            `threshold` if it is tuned or depends on the class.

        Raises:
            InputError: no binarization of the config can be used.
        """
        for name in dict.fromkeys([self.study.primary_binarization, *self.study.binarizations]):
            rule = self.study.rule_for(name, explainer)
            method = rule.binarization.method
            if method not in USABLE:
                continue
            by_class = getattr(rule.binarization, "threshold", None)
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
            "every binarization of the config needs a reference mask, which this image does not"
            " have",
            file=self.source,
            field="binarizations",
            remedy=f"Add one of the methods {', '.join(USABLE)} (a tuned one once it is tuned)",
        )

    def _tuned(self, explainer: str, binarization: str, cls: str) -> float | None:
        under = self.study.computed_under[self.classifier, explainer]
        names = {"classifier": under, "explainer": explainer, "binarization": binarization}
        path = self.folder / paths.fill(paths.THRESHOLDS, self, **names)
        if not path.is_file():
            return None
        self._check_settings(path, self._job_settings.tune(self._wildcards(**names)))
        return read_thresholds(path).get(cls)

    @cached_property
    def _job_settings(self) -> JobSettings:
        return JobSettings(self.study)

    @cached_property
    def _records(self) -> Mapping[str, Mapping[str, Any]]:
        """The records of the last finished run: what each result was made of."""
        listing = self.folder / result_origins.listing_of(self.dataset)
        texts = [*result_origins.texts_in(self.config.model_dump()), *self._job_settings.origins()]
        found = result_origins.read(listing)
        return {} if found is None else result_origins.records_in(found, Places(texts))

    def _wildcards(self, **names: str) -> SimpleNamespace:
        return SimpleNamespace(**{"dataset": self.dataset, "classifier": self.classifier, **names})

    def _check_settings(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Warn if a result was made with other settings than those of the config."""
        record = self._records.get(path.relative_to(self.folder).as_posix())
        # After a run that was killed, the record may be older than the result.
        if record is None or result_origins.made_at(path) != record["endtime"]:
            return
        if repr(settings) not in record["params"]:
            log.warning(
                "%s was made with other settings than those of %s. To make it again: make run"
                " CONFIG=%s",
                path,
                self.source,
                self.source,
            )

    def _made(self, pattern: str, problem: str, **names: str) -> Path:
        target = paths.fill(pattern, self, **names)
        path = self.folder / target
        if not path.is_file():
            raise InputError(
                problem,
                file=path,
                remedy=f"Run this command: snakemake --cores all {target} --configfile"
                f" {self.source} (or run the whole study: make run CONFIG={self.source})",
            )
        return path


def choose(
    config: Config,
    source: str,
    folder: Path,
    dataset: str | None = None,
    classifier: str | None = None,
) -> Trained:
    """Choose the data set and the classifier.

    Args:
        dataset: key of the data set; None for the first one in the config.
        classifier: key of the classifier; without a seed, its first training is used. None for the
            first one in the config.

    Raises:
        InputError: the config does not have this name, or it has no classifier.
    """
    study = Study(config)
    known = study.classifiers
    if not known:
        raise InputError(
            "the config has no classifier", file=source, field="classifiers", remedy="Add one"
        )
    if classifier in config.classifiers and classifier not in known:
        classifier = next(name for name in known if name.startswith(f"{classifier}-s"))
    return Trained(
        study,
        source,
        folder,
        one_of(dataset, list(config.datasets), "data set", source),
        one_of(classifier, list(known), "classifier", source),
    )


def one_of(name: str | None, known: Sequence[str], what: str, source: str) -> str:
    """Return a name, or the first that is known if it is None; refuse an unknown name."""
    if name is None:
        return known[0]
    if name not in known:
        raise InputError(
            f"the config has no {what} {name!r}", file=source, remedy=suggestion(name, known)
        )
    return name
