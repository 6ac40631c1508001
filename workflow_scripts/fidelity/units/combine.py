"""Several units of one study: whether they fit together, and the config that they make up."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.datasets.registry import GENERATORS
from fidelity.errors import InputError
from fidelity.settings import expand_classifiers
from fidelity.units.unit import INDEX, Unit, read_unit

SHOWN = 8  # differences in an error message


def find_units(folder: Path) -> list[Unit]:
    """Read all units below a folder, sorted by data set and name.

    Raises:
        InputError: there is none, or two of one name.
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
    return [seen[key] for key in sorted(seen)]


def differences(units: Sequence[Unit]) -> list[str]:
    """List where units of one study do not agree with each other.

    They are compared with each other, never with the code that is running: a later version reads
    the units of an earlier one.

    Args:
        units: of `find_units`.

    Returns:
        One line per config entry or rule: what differs, and between which units.
    """
    found = []
    first = units[0]
    for unit in units[1:]:
        lines = _differences(first.shared, unit.shared, "")
        found += [f"{line} ({first.name} / {unit.name})" for line in lines]
    by_rule: dict[str, tuple[Unit, str]] = {}
    for unit in units:
        for rule, code in unit.code.items():
            other, known = by_rule.setdefault(rule, (unit, code))
            if known != code:
                found.append(f"code of {rule} ({other.name} / {unit.name})")
    by_base: dict[str, Unit] = {}
    for unit in units:
        for base, entry in unit.own.items():
            other = by_base.setdefault(base, unit)
            lines = _differences(other.own[base], entry, f"classifiers.{base}")
            found += [f"{line} ({other.name} / {unit.name})" for line in lines]
    return found


def check_agreement(units: Sequence[Unit], accept: bool) -> list[str]:
    """Refuse units that do not belong together.

    Args:
        units: of `find_units`.
        accept: let them pass all the same.

    Returns:
        The differences that were accepted.

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


def combined_config(units: Sequence[Unit]) -> dict[str, Any]:
    """Put together the config of the study that the units are of.

    Args:
        units: of `find_units`; the first of a data set decides where they differ.

    Returns:
        A config as `settings.load` takes it, with the classifiers that are there and no others.
    """
    beside = {"dataset", "plugin_files"}
    config = {key: value for key, value in units[0].shared.items() if key not in beside}
    config["datasets"] = {
        unit.dataset: _without_files(unit.shared["dataset"]) for unit in reversed(units)
    }
    config["classifiers"] = {
        base: entry for unit in reversed(units) for base, entry in unit.own.items()
    }
    trained = expand_classifiers({"classifiers": config["classifiers"]})
    present = {unit.name for unit in units}
    config["only_classifiers"] = [name for name in trained if name in present]
    return config


def _without_files(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give a data set a root where the config wants one; no file below it is read."""
    return dict(entry) if entry["source"] in GENERATORS else {**entry, "root": "."}


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
