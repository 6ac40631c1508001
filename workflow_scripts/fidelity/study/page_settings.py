"""Parts of the config that figures and pages get as params.

Jobs that compute results do not get any of these.
"""

import os
import re
from types import SimpleNamespace
from typing import Any

from fidelity.explainers.registry import METHODS
from fidelity.settings.closed_model import Section
from fidelity.settings.documentation import description
from fidelity.study import paths
from fidelity.study.job_settings import JobSettings
from fidelity.study.paths import NONE


class PageSettings:
    """The settings of galleries, the explorer, tables, the paper folder and the study page."""

    def __init__(self, job_settings: JobSettings) -> None:
        """Store the settings of computing jobs, because some pages state them too."""
        self.jobs, self.study = job_settings, job_settings.study

    def gallery(self, w: Any) -> dict[str, Any]:
        """Return what a gallery depends on."""
        figures = self.study.config.figures
        explainers = [e for _, e in self.study.gallery_explainers(w.classifier)]
        # An explainer that exists only for another classifier cannot order this gallery.
        by = [figures.gallery_by] if figures.gallery_by in explainers else explainers
        return {
            "explainers": explainers,
            "ceilings": self.study.gallery_ceilings,
            "cases": figures.gallery_cases,
            "by": next(iter(by), None),
            "sign": self.study.config.postprocess.sign,
            "scoring_size": self.study.datasets[w.dataset].scoring_size,
        }

    def explorer(self, w: Any) -> dict[str, Any]:
        """Return what the explorer depends on besides maps, masks and scores."""
        study = self.study
        primary = study.config.statistics.primary
        return {
            **study.config.explorer.model_dump(),
            **self.jobs.sweep(w),
            "dataset": w.dataset,
            "generated": w.dataset in study.generated,
            "pairs": study.combinations,
            "classifiers": list(dict.fromkeys(c for c, _ in study.combinations if c != NONE)),
            "binarizations": list(study.binarizations),
            "metrics": [*study.config.scores.metrics, *study.config.scores.ranking],
            "metric": primary,
            "binarization": (
                NONE if primary in study.config.scores.ranking else study.primary_binarization
            ),
            "split": study.judged_split,
            "postprocess": study.config.postprocess.model_dump(),
            "other_references": self.jobs.other_references(w),
            **self._strata(w),
        }

    def formatted_tables(self, w: Any) -> dict[str, Any]:
        """Return what the formatted tables depend on besides the tables."""
        study = self.study
        return {
            "statistics": study.config.statistics.model_dump(),
            "scoring_size": study.datasets[w.dataset].scoring_size,
            "empty": study.config.scores.empty.model_dump(),
            "families": study.families,
            "diagnostic": study.diagnostic,
            "bases": study.bases,
            "confounded": study.confounded,
            **self._strata(w),
        }

    def _strata(self, w: Any) -> dict[str, list[str]]:
        """Return the requested strata; empty if there are none."""
        names = self.study.datasets[w.dataset].strata
        return {"strata": names} if names else {}

    def methods(self, w: Any) -> dict[str, Any]:
        """Return what the methods paragraph is written from besides the tables."""
        study = self.study
        config = study.config.model_copy(
            update={"datasets": {w.dataset: study.datasets[w.dataset]}}
        )
        return {
            "dataset": w.dataset,
            "config": config.recorded(),
            "families": study.families,
            "sources": {name: self._sources(entry) for name, entry in study.explainers.items()},
            "meanings": {name: _meaning(entry) for name, entry in study.explainers.items()},
            "diagnostic": study.diagnostic,
            "bases": study.bases,
            "trained": list(study.trained),
            "faithfulness": study.config.faithfulness.metrics if study.faithfulness_pairs else [],
            "boxes_from": study.boxed.get(w.dataset, ""),
            "box_protocols": study.box_protocols[1:],
        }

    def _sources(self, entry: Section) -> list[str]:
        """List the papers of a method, after that of the method that it runs on other weights."""
        methods = [part.method for part in (getattr(entry, "of", None), entry) if part]
        return [METHODS[name].source for name in methods if name in METHODS]

    def paper(self, w: Any) -> dict[str, Any]:
        """Return which results a paper shows first."""
        return {
            "classifiers": self.study.shown,
            "metric": self.study.config.statistics.primary,
            "binarization": self.study.primary_binarization,
        }

    def study_page(self, w: Any) -> dict[str, Any]:
        """Return what the study page depends on besides the tables and the methods."""
        study = self.study
        links = {
            "Explorer: every case, map and mask": paths.EXPLORER_PAGE,
            "All tables": paths.table("tables", "html"),
            "The verdict in full": paths.table("verdict", "html"),
            "Provenance: code, data, settings and machine": paths.PROVENANCE_PAGE,
        }
        made = paths.TABLES if study.restored is not None else paths.DATASET
        return {
            **self.paper(w),
            "generated": w.dataset in study.generated,
            "planted": w.dataset in study.planted,
            "diagnostic": study.diagnostic,
            "images": study.config.explorer.images,
            "galleries": {
                name: self.gallery(SimpleNamespace(dataset=w.dataset, classifier=name))
                for name in study.shown
            },
            "folder": paths.fill(paths.DATASET, w),
            "links": [
                (title, os.path.relpath(path, paths.DATASET))
                for title, path in links.items()
                if path.startswith(made)
            ],
        }


def _meaning(entry: Section) -> str:
    """Describe a null baseline or a ceiling; empty for explainers, which cite a paper."""
    if inner := getattr(entry, "of", None):
        known = METHODS.get(inner.method)
        return f"{known.title if known else inner.method} on the same network with random weights"
    found = re.match(r"(?:Null baseline|Ceiling): ([^.(]+)", description(type(entry)) or "")
    return found[1].strip() if found else ""
