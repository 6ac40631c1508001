"""Input files of jobs: the input functions of the rules, and the files of each target.

Most methods take the wildcards of a job (`w`, an object with wildcard names as attributes) and
return paths below results/.
"""

from collections.abc import Callable, Collection, Sequence
from types import SimpleNamespace
from typing import Any

from fidelity.faithfulness.registry import needs_masks
from fidelity.study import paths
from fidelity.study.paths import NONE, fill
from fidelity.study.study import PRIMARY_PROTOCOL, Pair, Study

# An input function of Snakemake.
Input = Callable[[Any], list[str]]


class JobFiles:
    """The files that the jobs of a study read."""

    def __init__(self, study: Study) -> None:
        """Store the study."""
        self.study = study
        self._primary = {
            "binarization": study.primary_binarization,
            "protocol": PRIMARY_PROTOCOL,
        }

    # ---- data sets and classifiers ----

    def shards(self, pattern: str, splits: Sequence[str] | None = None) -> Input:
        """Make an input function: one file per shard of some splits (default: explained ones)."""
        return lambda w: self._by_shard(pattern, w, splits)

    def referenced(self, splits: Sequence[str] | None = None) -> Input:
        """Make an input function: the shards of some splits, with the readers' references."""
        readers = self.study.with_readers
        return lambda w: self.shards(
            paths.REFERENCED if w.dataset in readers else paths.PREPARED, splits
        )(w)

    def learned_from(self, splits: Sequence[str]) -> Input:
        """Make an input function: the shards of a training; with references if it is guided."""
        return lambda w: (
            self.referenced(splits)
            if w.classifier in self.study.guided
            else self.shards(paths.PREPARED, splits)
        )(w)

    def _by_shard(
        self, pattern: str, w: Any, splits: Sequence[str] | None = None, **names: str
    ) -> list[str]:
        names.setdefault("dataset", w.dataset)
        chosen = self.study.config.explain.splits if splits is None else splits
        start = fill(pattern, w, **names, shard="{shard}")
        shards = self.study.shard_names(w.dataset, chosen)
        return [start.replace("{shard}", shard) for shard in shards]

    def _of(self, pattern: str, w: Any, **names: str) -> list[str]:
        """List the file, or one file per explained shard if the pattern contains a shard."""
        if "{shard}" in pattern:
            return self._by_shard(pattern, w, **names)
        return [fill(pattern, w, **names)]

    def of_lung_model(self, pattern: str) -> Callable[[Any], str | list[str]]:
        """Make an input function: a file of the network that segments lungs, if there is one."""
        known = self.study.lungs_from
        return lambda w: pattern.format(dataset=known[w.dataset]) if w.dataset in known else []

    def if_planted(self, pattern: str) -> Callable[[Any], str | list[str]]:
        """Make an input function: a file for drawing images again if their mark is planted."""
        lungs = self.of_lung_model(pattern) if pattern == paths.LUNG_MODEL else None
        return lambda w: (
            [] if w.dataset not in self.study.planted else lungs(w) if lungs else fill(pattern, w)
        )

    def checks(self, w: Any) -> list[str]:
        """List the checks that find mistakes before any classifier is trained or loaded."""
        study = self.study
        maps = study.imported if w.dataset in study.studies else []
        return [
            *(fill(paths.ARCHITECTURE, w, classifier=name) for name in study.classifiers),
            *(fill(paths.IMPORTED, w, explainer=name) for name in maps),
        ]

    def start_weights(self, w: Any) -> str | list[str]:
        """Return the checkpoint that a training starts from, if it is a file."""
        weights = self.study.classifiers[w.classifier].weights
        return [] if weights in (None, "imagenet") else weights

    def by_classifier(self, pattern: str, names: Sequence[str] | None = None) -> Input:
        """Make an input function: one file per classifier, or per named classifier."""
        chosen = list(self.study.classifiers if names is None else names)
        return lambda w: [fill(pattern, w, classifier=name) for name in chosen]

    def if_classified(self, pattern: str) -> str | list[str]:
        """Return a table on classifiers; empty if the config has no classifiers."""
        return pattern if self.study.classifiers else []

    @staticmethod
    def of_some(pattern: str, datasets: Collection[str]) -> Callable[[Any], str | list[str]]:
        """Make an input function: a file of the data set if it is in `datasets`, otherwise none."""
        return lambda w: fill(pattern, w) if w.dataset in datasets else []

    # ---- maps, masks and scores of one explainer ----

    def model(self, w: Any) -> str | list[str]:
        """Return the classifier's file; empty for explainers without a classifier."""
        return [] if w.classifier == NONE else fill(paths.MODEL, w)

    def predictions(self, w: Any) -> str | list[str]:
        """Return the classifier's predictions; empty for explainers without a classifier."""
        return [] if w.classifier == NONE else fill(paths.PREDICTIONS, w)

    def fitted(self, w: Any) -> str | list[str]:
        """Return the fitted file of an explainer, or its list of imported maps; otherwise empty."""
        if w.explainer in self.study.imported:
            return fill(paths.IMPORTED, w)
        return fill(paths.FITTED, w) if w.explainer in self.study.fitted else []

    def thresholds(self, w: Any) -> str | list[str]:
        """Return the tuned thresholds; empty if the binarization is not tuned."""
        tuned = self.study.is_tuned(w.binarization, w.explainer)
        return fill(paths.THRESHOLDS, w) if tuned else []

    def cutoff_predictions(self, w: Any) -> str | list[str]:
        """Return the predictions if masks depend on a minimum probability; otherwise empty."""
        rule = self.study.rule_for(w.binarization, w.explainer)
        return self.predictions(w) if rule.postprocess.min_probability else []

    # ---- a data set's tables ----

    def block_file(self, block: dict[str, str]) -> str:
        """Return the file of a block of scores (see `Study.blocks`)."""
        pattern = paths.RANKING if block["binarization"] == NONE else paths.SCORES
        return pattern.format(**block)

    def scores(self, w: Any) -> list[str]:
        """List all scores of a data set, in the order of `Study.blocks`."""
        return [self.block_file(block) for block in self.study.blocks(w.dataset)]

    def primary_scores(self, w: Any) -> list[str]:
        """List the scores of the primary binarization and protocol."""
        return [self.block_file(block) for block in self.study.primary_blocks(w.dataset)]

    def by_pair(self, pattern: str, pairs: Sequence[Pair], first: str = "classifier") -> Input:
        """Make an input function: one file per pair (classifier, explainer).

        Args:
            pattern: path with both wildcards.
            pairs: pairs such as `Study.sanity_pairs`.
            first: name of the wildcard for the first element of a pair.
        """
        return lambda w: [fill(pattern, w, **{first: c}, explainer=e) for c, e in pairs]

    def stability_maps(self, w: Any) -> list[str]:
        """List the maps that report their stability, in the order of `stability_blocks`."""
        return [
            path
            for explainer, split in self.stability_explainers(w)
            for path in self._by_shard(paths.MAPS, w, [split], explainer=explainer)
        ]

    def stability_explainers(self, w: Any) -> list[tuple[str, str]]:
        """List (explainer, split) of a classifier's explainers that report their stability."""
        return [
            (e, split)
            for c, e in self.study.reporting
            if c == w.classifier
            for split in self.study.config.explain.splits
        ]

    def stability_blocks(self, w: Any) -> list[tuple[str, str]]:
        """List (explainer, split) for each file of `stability_maps`."""
        return [
            (e, split)
            for e, split in self.stability_explainers(w)
            for _ in self.study.shard_names(w.dataset, [split])
        ]

    def of_combinations(self, pattern: str) -> Input:
        """Make an input function: one file per combination, and per shard or binarization.

        The scores are those of the default protocol.
        """
        rules = self.study.binarizations if "{binarization}" in pattern else [""]
        primary = {"protocol": PRIMARY_PROTOCOL}
        return lambda w: [
            path
            for c, e in self.study.combinations
            for b in rules
            for path in self._of(pattern, w, classifier=c, explainer=e, binarization=b, **primary)
        ]

    # ---- a classifier's tables and figures ----

    def of_own_explainers(self, pattern: str) -> Input:
        """Make an input function: one file per explainer that runs on the classifier."""
        return self._of_pairs(pattern, self.study.own_explainers)

    def of_explainers(self, pattern: str) -> Input:
        """Make an input function: one file per explainer of a classifier.

        Missing wildcards are filled with the primary binarization and protocol.
        """
        return self._of_pairs(pattern, self.study.explainers_of)

    def _of_pairs(self, pattern: str, pairs_of: Callable[[str], Sequence[Pair]]) -> Input:
        return lambda w: [
            path
            for c, e in pairs_of(w.classifier)
            for path in self._of(pattern, w, **self._missing(w), classifier=c, explainer=e)
        ]

    def _missing(self, w: Any) -> dict[str, str]:
        return {key: name for key, name in self._primary.items() if not hasattr(w, key)}

    def with_unclassified(self, pattern: str) -> Input:
        """Make an input function: a file of the classifier, and one of explainers without one."""
        used = {c for c, _ in self.study.combinations}
        return lambda w: [
            fill(pattern, w, classifier=name)
            for name in dict.fromkeys([w.classifier, NONE])
            if name in used
        ]

    def tuned_thresholds(self, w: Any) -> dict[str, str]:
        """Return {explainer: thresholds file} if the primary binarization is tuned."""
        primary = self._primary["binarization"]
        return {
            e: fill(paths.THRESHOLDS, w, classifier=c, explainer=e, binarization=primary)
            for c, e in self.study.explainers_of(w.classifier)
            if self.study.is_tuned(primary, e)
        }

    def shown_thresholds(self, w: Any) -> dict[str, dict[str, str]]:
        """Return {classifier: `tuned_thresholds`}."""
        return {
            name: self.tuned_thresholds(SimpleNamespace(dataset=w.dataset, classifier=name))
            for name in self.study.shown
        }

    def gallery(self, pattern: str) -> Input:
        """Make an input function: files of each explainer in the gallery (maps: one per shard)."""
        return self._of_pairs(pattern, self.study.gallery_explainers)

    def shown_cases(self, w: Any) -> dict[str, dict[str, list[str]]]:
        """Return {classifier: {kind: files}} for drawing single cases.

        Empty if no image may be shown, and in a re-analysis, which has no images.
        """
        if not self.study.config.explorer.images or self.study.restored is not None:
            return {}
        kinds = {"maps": paths.MAPS, "masks": paths.MASKS, "shown_scores": paths.SCORES}
        return {
            name: {
                kind: self.gallery(pattern)(SimpleNamespace(dataset=w.dataset, classifier=name))
                for kind, pattern in kinds.items()
            }
            for name in self.study.shown
        }

    def first_maps(self, w: Any) -> list[str]:
        """List the maps of the classifier's first explainer, for the notebook."""
        c, e = self.study.explainers_of(w.classifier)[0]
        return self._by_shard(paths.MAPS, w, classifier=c, explainer=e)

    def first_masks(self, w: Any) -> str:
        """Return the primary masks of the classifier's first explainer."""
        c, e = self.study.explainers_of(w.classifier)[0]
        primary = self._primary["binarization"]
        return fill(paths.MASKS, w, classifier=c, explainer=e, binarization=primary)

    # ---- faithfulness, repeated trainings ----

    @property
    def judged(self) -> list[str]:
        """The splits whose maps are used for faithfulness and sanity checks."""
        return [self.study.judged_split]

    def faithfulness_maps(self, w: Any) -> list[str]:
        """List an explainer's maps of the judged split."""
        under = self.study.computed_under[w.classifier, w.explainer]
        return self._by_shard(paths.MAPS, w, self.judged, classifier=under)

    def faithfulness_masks(self, w: Any) -> str | list[str]:
        """Return the primary masks if a faithfulness metric needs them; otherwise empty."""
        if not needs_masks(self.study.config.faithfulness.metrics):
            return []
        under = self.study.computed_under[w.classifier, w.explainer]
        return fill(paths.MASKS, w, classifier=under, **self._missing(w))

    def faithfulness_scores(self, w: Any) -> list[str]:
        """List the score files with the primary metric for the maps in `faithfulness_pairs`."""
        config = self.study.config
        ranked = config.statistics.primary in config.scores.ranking
        pattern = paths.RANKING if ranked else paths.SCORES
        return self._where_computed(pattern, self.study.faithfulness_pairs, w)

    def scored_by_primary(self, w: Any, masks: str, maps: str) -> list[str]:
        """List the input of the primary metric: masks of the primary binarization, or maps.

        Args:
            w: wildcards with `dataset`, `classifier` and `explainer`.
            masks: pattern to fill if the metric scores masks; empty for no file.
            maps: pattern to fill for each shard if the metric scores maps; empty for no file.
        """
        config = self.study.config
        if config.statistics.primary in config.scores.ranking:
            return self._by_shard(maps, w) if maps else []
        return [fill(masks, w, **self._missing(w))] if masks else []

    def sensitivity(self, w: Any) -> list[str]:
        """List the sensitivity files of all pairs that can explain a changed image."""
        return self._where_computed(paths.SENSITIVITY, self.study.sensitivity_pairs, w)

    def _where_computed(self, pattern: str, pairs: Sequence[Pair], w: Any) -> list[str]:
        under = self.study.computed_under
        return [
            fill(pattern, w, classifier=under[c, e], explainer=e, **self._primary) for c, e in pairs
        ]

    def repeated_maps(self, w: Any) -> list[str]:
        """List an explainer's maps of the judged split for all trainings of a classifier."""
        return [
            path
            for c in self.study.repeated[w.base]
            for path in self._by_shard(paths.MAPS, w, self.judged, classifier=c)
        ]

    def repeated_masks(self, w: Any) -> list[str]:
        """List an explainer's primary masks for all trainings of a classifier."""
        primary = self._primary["binarization"]
        return [
            fill(paths.MASKS, w, classifier=c, binarization=primary)
            for c in self.study.repeated[w.base]
        ]
