"""Several units of one study: whether they fit together, and the configs that they make up."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.registry import GENERATORS
from fidelity.explainers.registry import method_of
from fidelity.settings.classifiers import training_names
from fidelity.settings.closed_model import checked
from fidelity.settings.config import Config
from fidelity.settings.faithfulness import Controls
from fidelity.study import paths
from fidelity.study.paths import NONE
from fidelity.units.unit import INDEX, Unit, digest, read_unit

SHOWN = 8  # differences in an error message
# Entries of `shared` that the config has elsewhere.
ELSEWHERE = {"dataset", "lung_source", "plugin_files"}


def find_units(folder: Path) -> list[Unit]:
    """Read all units below a folder, in the order of the config that they were made with.

    Raises:
        InputError: there is none, two have one name, or the unit `none` of a data set is missing.
    """
    units = [read_unit(path.parent) for path in sorted(folder.rglob(INDEX))]
    if not units:
        raise InputError(
            f"has no unit (no file {INDEX})",
            file=folder,
            remedy="Name the folder that holds the units of a study",
        )
    seen: dict[tuple[str, str], Unit] = {}
    for unit in units:
        key = unit.dataset, unit.name
        if key in seen:
            raise InputError(
                f"there are two units {unit.name!r} of the data set {unit.dataset!r}",
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
    """Sort units by data set; the order stays."""
    found: dict[str, list[Unit]] = {}
    for unit in units:
        found.setdefault(unit.dataset, []).append(unit)
    return found


def with_box_scores(units: Iterable[Unit]) -> list[str]:
    """Name the data sets whose units hold box scores for all their scored explainers."""
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
    """List where units of one data set do not agree with each other.

    They are compared with each other, never with the code that is running: a later version reads
    the units of an earlier one. Units of two data sets may differ: each data set is analysed with
    the entries of its own units.

    Returns:
        One line per config entry or rule: what differs, and between which units.
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
            # A further seed changes no other training.
            one, other = (
                {key: value for key, value in part.items() if key != "seeds"}
                for part in (expected, entry)
            )
            for line in _differences(one, other, f"classifiers.{base}"):
                yield f"{line} ({_pair(known, unit)})"
    # But the agreement between seeds needs all of them.
    seeds = {base: entry.get("seeds") for base, entry in _classifiers(units).items()}
    for unit in units:
        own = unit.own.get(unit.name, {}).get("seeds")
        if own != seeds.get(unit.name):
            yield (
                f"classifiers.{unit.name}.seeds: {own} and {seeds[unit.name]} "
                f"({unit.dataset}: {unit.name} / all)"
            )


def _code_of(rule: str, unit: Unit) -> tuple[str, ...]:
    """Name the code that a rule needs: some trainings use guidance or a checkpoint, others do not.

    The digest of `train` (`train_digest` in rules/inputs.smk) differs between them.
    """
    found = [rule]
    for entry in unit.own.values() if rule == "train" else ():
        found += ["guided"] if (entry.get("training") or {}).get("guidance") else []
        found += ["checkpoint"] if entry.get("weights") not in (None, "imagenet") else []
    return tuple(found)


def _completed(units: Sequence[Unit]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Give the units' entries with the defaults of keys that are newer than some of them.

    Returns:
        Per unit (shared entries, own ones); as they are if this version does not know them all.
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
        InputError: they differ, and nobody accepted that.
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
    """Sort units by what one config can hold: data sets with the same units and entries.

    A config requests every classifier on every data set. Data sets of other classifiers, or of
    another config, are analysed by themselves.
    """
    found: dict[str, list[Unit]] = {}
    for part in by_dataset(units).values():
        shared = {key: value for key, value in part[0].shared.items() if key not in ELSEWHERE}
        key = digest({"shared": shared, "own": _classifiers(part), "units": _names(part)})
        found.setdefault(key, []).extend(part)
    return list(found.values())


def combined_config(units: Sequence[Unit]) -> dict[str, Any]:
    """Put together the config of the study that the units are of.

    Args:
        units: of `groups`; the first of a data set decides where they differ.

    Returns:
        A config as `settings.load` takes it, with the classifiers that are there and no others.

    Raises:
        InputError: no classifier is there, and explainers need one.
    """
    first, datasets = units[0], by_dataset(units)
    config = {k: copy.deepcopy(v) for k, v in first.shared.items() if k not in ELSEWHERE}
    sources = [part[0].shared.get("lung_source", {}) for part in datasets.values()]
    config["datasets"] = {
        name: _without_files(entry)
        for entries in [
            *({name: part[0].shared["dataset"]} for name, part in datasets.items()),
            *({k: v for k, v in source.items() if k not in datasets} for source in sources),
        ]
        for name, entry in entries.items()
    }
    config["classifiers"] = _classifiers(units)
    trained = [
        training
        for name, entry in config["classifiers"].items()
        for training in training_names(name, entry["seeds"])
    ]
    present = {unit.name for unit in units}
    config["only_classifiers"] = [name for name in trained if name in present]
    for unit in units:
        # Under a classifier's own name: a training, or the agreement between several.
        seeds = unit.own.get(unit.name, {}).get("seeds", ())
        if unit.name in {NONE, *trained} or len(seeds) > 1:
            continue
        raise InputError(
            f"the unit {unit.name!r} is none of the trainings ({', '.join(trained)})",
            file=unit.folder,
            remedy="Run this unit again with the config of the others, or remove it",
        )
    if config.get("known_truth"):
        asked = [name for name in config["known_truth"]["datasets"] if name in datasets]
        config["known_truth"] = {**config["known_truth"], "datasets": asked}
    judging = Controls.model_validate(config.get("controls", {})).kinds
    if any(name not in config["classifiers"] for name in judging.values()):
        config["controls"] = {}
    needy = [
        name
        for name, entry in config.get("explainers", {}).items()
        if method_of(entry["method"]).needs_classifier
    ]
    if needy and not config["only_classifiers"]:
        raise InputError(
            f"the explainer {needy[0]} needs a classifier, but there is no unit of a classifier",
            file=first.folder.parent,
            remedy="Copy the unit of a classifier to this folder",
        )
    for entry in config.get("explainers", {}).values():
        _leave_out_layers(entry, config["classifiers"])
    _show(config, units)
    return config


def _show(config: dict[str, Any], units: Sequence[Unit]) -> None:
    """Set titles, order and colours as the units were packed with; the first that has one decides.

    Data sets of two studies may have one title: the second keeps its key.
    """
    for unit in units:
        config.setdefault("display", unit.shown.get("display", {}))
        for section, titles in unit.shown.get("titles", {}).items():
            entries = config.get(section, {})
            for key, title in titles.items():
                if title not in [entry.get("title") for entry in entries.values()]:
                    entries.get(key, {}).setdefault("title", title)


def _classifiers(units: Iterable[Unit]) -> dict[str, Any]:
    """Give the entries of the classifiers that are there, with the training seeds of all units.

    Of two entries that differ in anything else, the first counts.
    """
    found: dict[str, Any] = {}
    for unit in units:
        for base, entry in unit.own.items():
            first = found.setdefault(base, dict(entry))
            if "seeds" in entry:
                first["seeds"] = list(dict.fromkeys([*first["seeds"], *entry["seeds"]]))
    return found


def _names(units: Iterable[Unit]) -> list[str]:
    return sorted(unit.name for unit in units)


def _leave_out_layers(entry: dict[str, Any], classifiers: Mapping[str, Any]) -> None:
    """Take the layers of classifiers that are not there out of an explainer's entry."""
    if isinstance(entry.get("layer"), Mapping):
        entry["layer"] = {k: v for k, v in entry["layer"].items() if k in classifiers} or "auto"
    if isinstance(entry.get("of"), Mapping):
        _leave_out_layers(entry["of"], classifiers)


def _without_files(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give a data set a root where the config wants one; no file below it is read."""
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
