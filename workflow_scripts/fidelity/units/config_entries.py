"""The config entries that a unit keeps. Imports only fast modules, because parsing needs it."""

from pathlib import Path
from typing import Any

from fidelity.digests import code as digests
from fidelity.provenance.privacy import without_places
from fidelity.settings.config import TITLED, Config
from fidelity.study.job_settings import ORIGIN_KEYS
from fidelity.study.study import Study

# Entries that no result of a unit depends on, or that the unit keeps elsewhere (`shown_entries`).
WITHOUT = {"classifiers", "only_classifiers", "data_root", "datasets", "display", "figures"}


def packed_plugins(config: Config) -> dict[str, str]:
    """Return {path in the re-analysis: original file} for the plugins of a unit."""
    return {
        f"plugins/{number}-{Path(path).name}": path for number, path in enumerate(config.plugins)
    }


def own_entries(config: Config, unit: str) -> dict[str, Any]:
    """Return the entries that only this unit depends on: its classifier's, without private paths.

    Args:
        unit: a training (classifier with seed), the key of a classifier, or `none`.
    """
    base = Study(config).bases.get(unit, unit)
    known = config.classifiers
    return _hidden({base: known[base].model_dump()} if base in known else {})


def shared_entries(config: Config, dataset: str) -> dict[str, Any]:
    """Return the entries that all units of a data set depend on, without the place of its files.

    Returns:
        The config's entries except `WITHOUT`; `dataset`; `lung_source` (the data set that the lung
        network was trained on, if there is one); and `plugin_files` (digests).
    """
    source = config.datasets[dataset].lung_from
    packed = packed_plugins(config)
    return _hidden(
        {
            **config.model_dump(exclude=WITHOUT),
            "plugins": list(packed),
            "dataset": config.datasets[dataset].model_dump(exclude=ORIGIN_KEYS),
            "lung_source": {source: config.datasets[source].model_dump(exclude=ORIGIN_KEYS)}
            if source
            else {},
            "plugin_files": {name: digests.file_digest(path) for name, path in packed.items()},
        }
    )


def shown_entries(config: Config, dataset: str, unit: str) -> dict[str, Any]:
    """Return what pages show instead of keys; no result depends on it.

    Returns:
        `titles`: section of the config → key → title, for entries with a title. It covers all
        explainers and binarizations, the unit's classifier, the data set, and the data set that its
        lung network was trained on. `display`: order and colours.
    """
    study = Study(config)
    meant = {
        "datasets": {dataset, study.lungs_from.get(dataset)},
        "classifiers": {study.bases.get(unit, unit)},
    }
    titles = {
        section: {
            key: entry.title
            for key, entry in getattr(config, section).items()
            if entry.title is not None and key in meant.get(section, {key})
        }
        for section in TITLED
    }
    return {"titles": titles, "display": config.display.model_dump()}


def place_of(config: Config, dataset: str, unit: str) -> list[int]:
    """Return the positions of data set and classifier in the config; they order the tables."""
    names = list(config.classifiers)
    base = Study(config).bases.get(unit, unit)
    place = names.index(base) if base in names else len(names)
    return [list(config.datasets).index(dataset), place]


def _hidden(entries: dict[str, Any]) -> dict[str, Any]:
    """Remove paths outside the project, because units are shared with others."""
    return without_places(entries, Path.cwd())
