"""A loaded config with its combinations: what is run on what, and what is compared.

Snakefile, rules, scripts and tools use it. It imports only fast modules, because Snakemake creates
one at each parsing. `paths` holds the paths of results, `job_files` the input files of jobs, and
`job_settings` the settings that decide their results.
"""

from functools import cached_property

from fidelity.explainers.registry import FAMILY_ORDER, depends_on_training, method_of
from fidelity.faithfulness.registry import names_by
from fidelity.settings.explainers import Explainer
from fidelity.study.names import Names
from fidelity.study.paths import NONE

# Protocol of the primary comparison and of the figures; always in the config.
PRIMARY_PROTOCOL = "default"
GALLERY_COLUMNS = 7

Pair = tuple[str, str]


class Study(Names):
    """The names of a config, and how they combine."""

    @cached_property
    def combinations(self) -> list[Pair]:
        """(classifier, explainer). Explainers without a classifier run once, with `none`."""
        needing = self._where("needs_classifier")
        return [
            (classifier, name)
            for name in self.explainers
            for classifier in (self.classifiers if name in needing else (NONE,))
        ]

    def explainers_of(self, classifier: str) -> list[Pair]:
        """List a classifier's explainers, and the explainers without a classifier."""
        return [(c, e) for c, e in self.combinations if c in (classifier, NONE)]

    def own_explainers(self, classifier: str) -> list[Pair]:
        """List the explainers that run on the classifier; for `none`, those without one."""
        return [(c, e) for c, e in self.combinations if c == classifier]

    @cached_property
    def beside_readers(self) -> list[Pair]:
        """Combinations that are compared with readers; the readers themselves are left out."""
        own = self._where("needs_second_reader")
        return [(c, e) for c, e in self.combinations if e not in own]

    @property
    def primary_of_readers(self) -> str:
        """The binarization for comparisons with readers; `none` if the metric scores maps."""
        ranked = self.config.statistics.primary in self.config.scores.ranking
        return NONE if ranked else self.primary_binarization

    def gallery_explainers(self, classifier: str) -> list[Pair]:
        """List candidates for a gallery: from the config, otherwise explainers, then baselines.

        The gallery shows one of the `gallery_ceilings`.
        """
        found = self.explainers_of(classifier)
        chosen = self.config.figures.gallery_explainers
        if chosen is None:
            ceilings = self.gallery_ceilings
            others = [e for _, e in found if e not in ceilings]
            others.sort(key=lambda e: FAMILY_ORDER.index(self.families[e]))
            chosen = [*others[: GALLERY_COLUMNS - bool(ceilings)], *ceilings]
        return [(c, e) for c, e in found if e in chosen]

    @cached_property
    def gallery_ceilings(self) -> list[str]:
        """Ceilings; a gallery shows only the best one. Empty if the config lists the explainers."""
        if self.config.figures.gallery_explainers is not None:
            return []
        return [e for e, family in self.families.items() if family == "ceiling"]

    @cached_property
    def reporting(self) -> list[Pair]:
        """Combinations whose maps report their own stability."""
        return [(c, e) for c, e in self.combinations if _reports_stability(self.explainers[e])]

    @cached_property
    def reporting_classifiers(self) -> list[str]:
        """The classifiers in `reporting`."""
        return list(dict.fromkeys(c for c, _ in self.reporting))

    @cached_property
    def faithfulness_pairs(self) -> list[Pair]:
        """Combinations whose faithfulness is measured: every explainer with every classifier."""
        asked = self.config.faithfulness.metrics
        return [(c, e) for c in self.classifiers for _, e in self.explainers_of(c)] if asked else []

    @cached_property
    def computed_under(self) -> dict[Pair, str]:
        """(classifier, explainer) → where the maps are: under this classifier or under `none`."""
        return {(c, e): under for c in self.classifiers for under, e in self.explainers_of(c)}

    @cached_property
    def sensitivity_asked(self) -> bool:
        """Whether faithfulness needs explanations of changed images."""
        return bool(names_by("sensitivity", self.config.faithfulness.metrics))

    @cached_property
    def sensitivity_pairs(self) -> list[Pair]:
        """The `faithfulness_pairs` that can explain a changed image; empty if not requested."""
        pairs = self.faithfulness_pairs if self.sensitivity_asked else []
        return [(c, e) for c, e in pairs if e not in self.given]

    @cached_property
    def checked_explainers(self) -> list[str]:
        """Explainers with sanity checks; empty if the checks are off."""
        sanity = self.config.sanity
        able = [e for e, entry in self.explainers.items() if depends_on_training(entry.method)]
        chosen = sanity.explainers
        return [e for e in able if chosen is None or e in chosen] if sanity.cases else []

    @cached_property
    def sanity_pairs(self) -> list[Pair]:
        """Combinations with sanity checks."""
        return [(c, e) for c in self.classifiers for e in self.checked_explainers]

    @cached_property
    def controls(self) -> dict[str, list[str]]:
        """Kind of control → its trainings, by seed; empty if no metric is judged."""
        return {
            kind: [name for name, base in self.bases.items() if base == key]
            for kind, key in self.config.controls.kinds.items()
        }

    @property
    def judges_metrics(self) -> bool:
        """Whether metrics are judged; this needs all kinds of controls, with the same seeds."""
        seeds = {tuple(self.classifiers[n].seed for n in names) for names in self.controls.values()}
        return len(seeds) == 1 and seeds != {()}

    @cached_property
    def control_names(self) -> list[str]:
        """All trainings that serve as controls for metrics."""
        return [name for names in self.controls.values() for name in names]

    @cached_property
    def repeated_pairs(self) -> list[Pair]:
        """(classifier key with several seeds, explainer that needs a classifier)."""
        needing = self._where("needs_classifier")
        return [(base, e) for base in self.repeated for e in needing]

    def blocks(self, dataset: str) -> list[dict[str, str]]:
        """List the blocks of a data set's tables, in the order of their files.

        Returns:
            One entry per file of scores: dataset, classifier, explainer, binarization, protocol.
            Scores of masks come first, then those of the maps themselves, with the binarization
            `none`.
        """

        def block(pair: Pair, binarization: str, protocol: str) -> dict[str, str]:
            names = {"dataset": dataset, "classifier": pair[0], "explainer": pair[1]}
            return {**names, "binarization": binarization, "protocol": protocol}

        masks = [
            block(pair, binarization, protocol)
            for pair in self.combinations
            for binarization in self.binarizations
            for protocol in self.protocols
        ]
        maps = [block(pair, NONE, PRIMARY_PROTOCOL) for pair in self.combinations]
        return [*masks, *(maps if self.config.scores.ranking else [])]

    def primary_blocks(self, dataset: str) -> list[dict[str, str]]:
        """List the blocks of the primary binarization and protocol."""
        primary = {"binarization": self.primary_binarization, "protocol": PRIMARY_PROTOCOL}
        return [block for block in self.blocks(dataset) if primary.items() <= block.items()]

    @cached_property
    def compared_datasets(self) -> list[str]:
        """Data sets whose images are compared with each other; empty if there is only one."""
        off = ("off", False)
        found = [d for d, entry in self.datasets.items() if entry.near_duplicates not in off]
        return found if len(found) > 1 else []

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """All requested metrics; the code of other metrics does not count in digests."""
        scores, faithfulness = self.config.scores, self.config.faithfulness
        return (*scores.metrics, *scores.ranking, *faithfulness.metrics)

    def check_tables(self, dataset: str) -> list[str]:
        """List the tables of checks and readers that the config requests."""
        return [
            *(["reader_agreement", "readers"] if dataset in self.with_readers else []),
            "stability",
            *(["faithfulness", "faithfulness_comparisons"] if self.faithfulness_pairs else []),
            *(["sanity"] if self.sanity_pairs else []),
            *(["repeatability"] if self.repeated_pairs else []),
            *(["failure_model"] if self.config.failure_model and self.classifiers else []),
            *(["hiding", "controls"] if self.judges_metrics else []),
            *(["organs"] if dataset in self.with_organs else []),
        ]


def _reports_stability(entry: Explainer) -> bool:
    """Check for maps that report their stability, directly or from a method on other weights."""
    inner = getattr(entry, "of", None)
    return method_of(entry.method).stability or (inner is not None and _reports_stability(inner))
