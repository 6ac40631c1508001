"""Combine several units of one study: check that they agree, and build their configs."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.registry import GENERATORS
from fidelity.explainers.registry import method_of
from fidelity.settings.classifiers import absent_from_training, training_names
from fidelity.settings.closed_model import checked
from fidelity.settings.config import Config
from fidelity.settings.faithfulness import Controls
from fidelity.study import paths
from fidelity.study.paths import NONE
from fidelity.units.unit import INDEX, Unit, digest, read_unit

SHOWN = 8  # number of differences in an error message
# Entries of `shared` that have another place in the config.
ELSEWHERE = {"dataset", "lung_source", "plugin_files"}


def find_units(folder: Path) -> list[Unit]:
    """Read all units below a folder, in the order of their original config.

    Raises:
        InputError: there is no unit, two units have the same name, or the unit `none` of a data set
            is missing.
    """
    units = [read_unit(path.parent) for path in sorted(folder.rglob(INDEX))]
    if not units:
        raise InputError(
            f"contains no unit (no file {INDEX})",
            file=folder,
            remedy="Name the folder that holds the units of a study",
        )
    seen: dict[tuple[str, str], Unit] = {}
    for unit in units:
        key = unit.dataset, unit.name
        if key in seen:
            raise InputError(
                f"the unit {unit.name!r} of the data set {unit.dataset!r} exists twice",
                file=unit.folder,
                remedy=f"Remove this folder or {seen[key].folder}",
            )
        seen[key] = unit
    found = sorted(seen.values(), key=_order)
    for dataset, units in by_dataset(found).items():
        if all(unit.name != NONE for unit in units):
            raise InputError(
                f"the unit {NONE!r} of the data set {dataset!r} is missing; it holds the list of "
                "cases and the null baselines",
                file=folder,
                remedy=f"Run make unit UNIT={NONE} DATASET={dataset} with the study's config, and "
                f"copy the folder {paths.UNIT.format(dataset=dataset, unit=NONE)} to the others",
            )
    return found


def _order(unit: Unit) -> tuple[int, str, int, str]:
    first, second = unit.place
    return first, unit.dataset, second, unit.name


def by_dataset(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    """Group units by data set and keep their order."""
    found: dict[str, list[Unit]] = {}
    for unit in units:
        found.setdefault(unit.dataset, []).append(unit)
    return found


def with_box_scores(units: Iterable[Unit]) -> list[str]:
    """List the data sets whose units hold box scores for all their scored explainers."""
    found = []
    for dataset, part in by_dataset(units).items():
        held = [
            {Path(path).name for packed in unit.tables.values() for path, _ in packed["tables"]}
            for unit in part
        ]
        scored = [names for names in held if Path(paths.RANKING).name in names]
        if scored and all(Path(paths.BOX_SCORES).name in names for names in scored):
            found.append(dataset)
    return found


def differences(units: Sequence[Unit]) -> list[str]:
    """List the disagreements between units of the same data set.

    The units are compared with each other and not with the running code, so that a later version
    can read units of an earlier one. Units of two data sets may differ, because each data set is
    analysed with the entries of its own units.

    Returns:
        One line per config entry or rule: the difference, and the two units.
    """
    return [line for part in by_dataset(units).values() for line in _of_one_dataset(part)]


def _of_one_dataset(units: Sequence[Unit]) -> Iterator[str]:
    first, completed = units[0], _completed(units)
    by_rule: dict[tuple[str, ...], tuple[Unit, str]] = {}
    by_base: dict[str, tuple[Unit, Mapping[str, Any]]] = {}
    # Units of the first format may lack the digest of their cases.
    listed = next((unit for unit in units if unit.cases), first)
    for unit, (entries, own) in zip(units, completed, strict=True):
        for line in _differences(completed[0][0], entries, ""):
            yield f"{line} ({_pair(first, unit)})"
        if unit.cases and unit.cases != listed.cases:
            yield f"cases, images or masks ({_pair(listed, unit)})"
        for rule, code in unit.code.items():
            known, expected = by_rule.setdefault(_code_of(rule, unit), (unit, code))
            if expected != code:
                yield f"code of {rule} ({_pair(known, unit)})"
        for base, entry in own.items():
            known, expected = by_base.setdefault(base, (unit, entry))
            # Different seeds are allowed: a further seed does not change the other trainings.
            one, other = (
                {key: value for key, value in part.items() if key != "seeds"}
                for part in (expected, entry)
            )
            for line in _differences(one, other, f"classifiers.{base}"):
                yield f"{line} ({_pair(known, unit)})"
    # The agreement between seeds, however, needs the same list of seeds.
    seeds = {base: entry.get("seeds") for base, entry in _classifiers(units).items()}
    for unit in units:
        own = unit.own.get(unit.name, {}).get("seeds")
        if own != seeds.get(unit.name):
            yield (
                f"classifiers.{unit.name}.seeds: {own} and {seeds[unit.name]} "
                f"({unit.dataset}: {unit.name} / all)"
            )


def _code_of(rule: str, unit: Unit) -> tuple[str, ...]:
    """Return the rule; for `train`, also what its code depends on."""
    entries = unit.own.values() if rule == "train" else ()
    return rule, *(name for entry in entries for name in absent_from_training(entry))


def _completed(units: Sequence[Unit]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the units' entries, with defaults for keys that some older units lack.

    Returns:
        Per unit (shared entries, own entries); all unchanged if this version does not know all
        keys.
    """
    found = []
    for unit in units:
        config = {key: value for key, value in unit.shared.items() if key not in ELSEWHERE}
        config["datasets"] = {unit.dataset: _without_files(unit.shared["dataset"])}
        config["classifiers"] = dict(unit.own)
        try:
            config = checked(Config, config).model_dump()
        except InputError:
            return [(unit.shared, unit.own) for unit in units]
        rest = {key: value for key, value in unit.shared.items() if key in ELSEWHERE}
        own = config.pop("classifiers")
        dataset = config.pop("datasets")[unit.dataset]
        found.append(({**config, **rest, "dataset": dataset}, own))
    return found


def _pair(one: Unit, other: Unit) -> str:
    return f"{one.dataset}: {one.name} / {other.name}"


def check_agreement(units: Sequence[Unit], accept: bool) -> list[str]:
    """Refuse units that do not belong together; return the differences that were accepted.

    Raises:
        InputError: the units differ, and this was not accepted.
    """
    found = differences(units)
    if found and not accept:
        shown = "\n  ".join(found[:SHOWN])
        more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InputError(
            f"the units do not agree with each other in {len(found)} points:\n  {shown}{more}\n",
            file=units[0].folder.parent,
            remedy="Run the units that differ again, or accept the differences with ACCEPT=1",
        )
    return found


def groups(units: Sequence[Unit]) -> list[list[Unit]]:
    """Group units that one config can describe: data sets with the same units and entries.

    A config requests every classifier on every data set. Data sets with other classifiers or
    another config are therefore analysed separately.
    """
    found: dict[str, list[Unit]] = {}
    for part in by_dataset(units).values():
        shared = {key: value for key, value in part[0].shared.items() if key not in ELSEWHERE}
        names = sorted(unit.name for unit in part)
        key = digest({"shared": shared, "own": _classifiers(part), "units": names})
        found.setdefault(key, []).extend(part)
    return list(found.values())


def combined_config(units: Sequence[Unit]) -> dict[str, Any]:
    """Build a config for `settings.load` from units, with only the classifiers that have a unit.

    Args:
        units: a group of `groups`; if units of a data set differ, the first one decides.

    Raises:
        InputError: there is no unit of a classifier, but an explainer needs one.
    """
    first, datasets = units[0], by_dataset(units)
    config = {k: copy.deepcopy(v) for k, v in first.shared.items() if k not in ELSEWHERE}
    config["datasets"] = _datasets(datasets)
    config["classifiers"] = _classifiers(units)
    config["only_classifiers"] = _trainings(config["classifiers"], units)
    if config.get("known_truth"):
        asked = [name for name in config["known_truth"]["datasets"] if name in datasets]
        config["known_truth"] = {**config["known_truth"], "datasets": asked}
    judging = Controls.model_validate(config.get("controls", {})).kinds
    if any(name not in config["classifiers"] for name in judging.values()):
        config["controls"] = {}
    explainers = config.get("explainers", {})
    needy = [k for k, entry in explainers.items() if method_of(entry["method"]).needs_classifier]
    if needy and not config["only_classifiers"]:
        raise InputError(
            f"the explainer {needy[0]} needs a classifier, but there is no unit of a classifier",
            file=first.folder.parent,
            remedy="Copy the unit of a classifier to this folder",
        )
    for entry in explainers.values():
        _leave_out_layers(entry, config["classifiers"])
    _show(config, units)
    return config


def _datasets(units: Mapping[str, Sequence[Unit]]) -> dict[str, Any]:
    """Return the entries of the units' data sets, then of those that their lungs come from."""
    entries = {name: part[0].shared["dataset"] for name, part in units.items()}
    for part in units.values():
        entries |= {
            k: v for k, v in part[0].shared.get("lung_source", {}).items() if k not in units
        }
    return {name: _without_files(entry) for name, entry in entries.items()}


def _trainings(classifiers: Mapping[str, Any], units: Sequence[Unit]) -> list[str]:
    """List the trainings that have a unit, in the order of the config.

    Raises:
        InputError: a unit is no training of the config.
    """
    trained = [
        training
        for name, entry in classifiers.items()
        for training in training_names(name, entry["seeds"])
    ]
    for unit in units:
        # A unit with a classifier's own name is its only training, or the agreement between
        # several.
        seeds = unit.own.get(unit.name, {}).get("seeds", ())
        if unit.name in {NONE, *trained} or len(seeds) > 1:
            continue
        raise InputError(
            f"the unit {unit.name!r} is not one of the trainings of the config"
            f" ({', '.join(trained)})",
            file=unit.folder,
            remedy="Run this unit again with the config of the others, or remove it",
        )
    present = {unit.name for unit in units}
    return [name for name in trained if name in present]


def _show(config: dict[str, Any], units: Sequence[Unit]) -> None:
    """Set the titles, order and colours stored in the units; the first unit with a value decides.

    If data sets of two studies have the same title, the second one keeps its key as its title.
    """
    for unit in units:
        config.setdefault("display", unit.shown.get("display", {}))
        for section, titles in unit.shown.get("titles", {}).items():
            entries = config.get(section, {})
            for key, title in titles.items():
                if title not in [entry.get("title") for entry in entries.values()]:
                    entries.get(key, {}).setdefault("title", title)


def _classifiers(units: Iterable[Unit]) -> dict[str, Any]:
    """Return the entries of classifiers with units, with the training seeds of all units.

    If entries differ in anything else, the first one is used.
    """
    found: dict[str, Any] = {}
    for unit in units:
        for base, entry in unit.own.items():
            first = found.setdefault(base, dict(entry))
            if "seeds" in entry:
                first["seeds"] = list(dict.fromkeys([*first["seeds"], *entry["seeds"]]))
    return found


def _leave_out_layers(entry: dict[str, Any], classifiers: Mapping[str, Any]) -> None:
    """Remove the layers of classifiers without units from an explainer's entry."""
    if isinstance(entry.get("layer"), Mapping):
        entry["layer"] = {k: v for k, v in entry["layer"].items() if k in classifiers} or "auto"
    if isinstance(entry.get("of"), Mapping):
        _leave_out_layers(entry["of"], classifiers)


def _without_files(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Set a root if the config requires one for the data set; no file below it is read."""
    return dict(entry) if entry.get("source") in GENERATORS else {**entry, "root": "."}


def _differences(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            inner = f"{path}.{key}".lstrip(".")
            if key not in one or key not in other:
                yield f"{inner}: only in {'the second' if key not in one else 'the first'}"
            else:
                yield from _differences(one[key], other[key], inner)
    elif one != other:
        yield f"{path}: {one!r} and {other!r}"
