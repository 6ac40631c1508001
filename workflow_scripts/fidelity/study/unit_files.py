"""Results that a unit is packed from, and the intermediate files for them."""

from types import SimpleNamespace
from typing import Any

from fidelity.study import paths
from fidelity.study.job_files import JobFiles
from fidelity.study.job_settings import JobSettings
from fidelity.study.paths import NONE, below_results
from fidelity.study.study import Study


class UnitFiles:
    """The files of the units of a study: paths below the folder `results`."""

    def __init__(self, study: Study, job_files: JobFiles, job_settings: JobSettings) -> None:
        """Store the study and its job files and settings."""
        self.study, self._files, self._settings = study, job_files, job_settings

    def results(self, w: Any) -> list[str]:
        """List all results that a unit (wildcards `dataset` and `unit`) is packed from."""
        study, dataset = self.study, w.dataset
        if w.unit in study.repeated:
            if dataset not in study.studies:
                return []
            pairs = [pair for pair in study.repeated_pairs if pair[0] == w.unit]
            return _filled(
                [(paths.REPEATABILITY, {"base": c, "explainer": e}) for c, e in pairs], w
            )
        found = self._of_explainers(w)
        if w.unit != NONE:
            patterns = [paths.PREDICTIONS, paths.TRAINING, paths.ARCHITECTURE]
            patterns += [paths.OUTPUTS] if w.unit in study.ordered else []
            if dataset in study.config.known_truth.datasets:
                patterns.append(paths.KNOWN_TRUTH_ACCURACY)
            if w.unit in study.control_names and dataset in study.studies:
                patterns.append(paths.HIDING)
            return [*found, *_filled([(pattern, {}) for pattern in patterns], w)]
        patterns = [paths.CASES, paths.CLASSES, paths.QUARANTINE, paths.NEAR_DUPLICATES]
        patterns += [paths.CASE_COUNTS, paths.DATA_WARNINGS]
        if dataset in study.with_readers:
            patterns += [paths.READER_PAIRS, paths.READERS_WITHOUT]
        if study.config.failure_model and dataset in study.studies:
            patterns.append(paths.LESIONS)
        patterns += [paths.table("human_benchmark")] if dataset in study.with_points else []
        patterns += [paths.STRATA_CASES] if dataset in study.stratified else []
        found += _filled([(pattern, {}) for pattern in patterns], w)
        if dataset in study.lungs_from:
            found.append(below_results(self._files.of_lung_model(paths.LUNG_QUALITY)(w)))
        return found

    def _of_explainers(self, w: Any) -> list[str]:
        """List the results of a classifier's explainers; for `none`, of explainers without one."""
        study, unit = self.study, w.unit
        if w.dataset not in study.studies:
            return []
        own = [e for _, e in study.own_explainers(unit)]
        found: list[tuple[str, dict[str, str]]] = []
        for e in own:
            found.append((paths.RANKING, {"explainer": e}))
            found += [(paths.BOX_SCORES, {"explainer": e})] if w.dataset in study.boxed else []
            if w.dataset in study.with_organs:
                found.append((paths.ORGAN_SHARES, {"explainer": e}))
            for b in study.binarizations:
                names = {"explainer": e, "binarization": b}
                found += [(paths.SCORES, {**names, "protocol": p}) for p in study.protocols]
                found += [(paths.THRESHOLDS, names)] if study.is_tuned(b, e) else []
        if own:
            found += [(paths.AGREEMENT, {}), (paths.THRESHOLD_CURVES, {})]
        if unit in study.reporting_classifiers:
            found.append((paths.STABILITY, {}))
        if study.sensitivity_asked:
            found += [(paths.SENSITIVITY, {"explainer": e}) for e in own if e not in study.given]
        marked = w.dataset in study.config.known_truth.datasets
        for pattern, pairs in {
            paths.FAITHFULNESS: study.faithfulness_pairs,
            paths.SANITY: study.sanity_pairs,
            paths.KNOWN_TRUTH: study.combinations if marked else [],
            paths.READER_SCORES: study.beside_readers if w.dataset in study.with_readers else [],
        }.items():
            found += [(pattern, {"explainer": e}) for c, e in pairs if c == unit]
        return _filled(found, w)

    def steps(self, w: Any) -> list[str]:
        """List intermediate files for a unit's results, one of each kind.

        Args:
            w: wildcards with `dataset` and `unit`.
        """
        study, first = self.study, self.study.explained_shards(w.dataset)[:1]
        found = [
            paths.RAW.format(source=self._settings.raw_names[w.dataset]),
            *(pattern.format(dataset=w.dataset) for pattern in (paths.CLASSES, paths.SHARDS)),
        ]
        if w.dataset in study.lungs_from:
            found.append(self._files.of_lung_model(paths.LUNG_MODEL)(w))
        made = [paths.PREPARED, *([paths.REFERENCED] if w.dataset in study.with_readers else [])]
        found += [p.format(dataset=w.dataset, shard=shard) for p in made for shard in first]
        found.append(paths.EXPLAINED.format(dataset=w.dataset))
        if w.unit in study.classifiers:
            found.append(paths.MODEL.format(dataset=w.dataset, classifier=w.unit))
        for c, e in study.own_explainers(w.unit) if w.dataset in study.studies else []:
            way = SimpleNamespace(dataset=w.dataset, classifier=c, explainer=e)
            fitted = self._files.fitted(way)
            found += [fitted] if fitted else []
            found += [paths.fill(paths.MAPS, way, shard=shard) for shard in first]
            found.append(paths.fill(paths.CURVES, way))
            found += [paths.fill(paths.MASKS, way, binarization=b) for b in study.binarizations]
        return [below_results(path) for path in found]


def _filled(files: list[tuple[str, dict[str, str]]], w: Any) -> list[str]:
    """Fill in the patterns of a unit; its name is used as the classifier."""
    return [
        below_results(paths.fill(pattern, w, classifier=w.unit, **names))
        for pattern, names in files
    ]
