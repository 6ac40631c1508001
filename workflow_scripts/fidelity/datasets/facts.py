"""Facts of an image and its patient, for strata: view, sex, age group, label source.

No exact age is kept: the function that reads an age returns only a group of AGE_GROUPS.
"""

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError
from fidelity.datasets.case_names import CaseNames
from fidelity.datasets.cases import Case
from fidelity.datasets.sources.table.spreadsheet import filled, read_sheet

if TYPE_CHECKING:
    from fidelity.settings.datasets import Dataset

FACTS = ("view", "sex", "age_group", "label_source")
# Lowest age in years of each group.
AGE_GROUPS = {0: "under 18", 18: "18 to 39", 40: "40 to 59", 60: "60 to 79", 80: "80 and over"}
# Higher ages are typing errors; data sets contain an age of 412 years, for example.
OLDEST = 120
SEXES = {"f": "female", "female": "female", "m": "male", "male": "male", "o": "other"}
# Days per unit of a DICOM age (VR AS).
_DAYS = {"d": 1, "w": 7, "m": 30.4, "y": 365.25}
# Values that mean an unknown fact.
UNKNOWN = ("", "unknown", "unk", "u", "none", "-", "?")
# Column → stratum, if their names differ.
STRATUM = {"age": "age_group"}
COLUMNS = ("case", "image", "view", "sex", "age", "label_source")

log = logging.getLogger(__name__)


def facts_of(
    view: object = "", sex: object = "", age: object = "", label_source: object = ""
) -> dict[str, str]:
    """Bring facts to one form, whatever file they are from; leave out blank or unknown facts.

    Args:
        view: such as PA, AP or Lateral.
        sex: F, Female, M, Male or O.
        age: in years, or in DICOM's form (058Y, 009M).
        label_source: any text.

    Returns:
        A text per stratum of FACTS. Abbreviations of views are in capitals (`PA`), words in small
        letters (`lateral`).
    """
    shown = filled(str(view or ""))
    found = {
        "view": shown.upper() if len(shown) <= 3 else shown.lower(),
        "sex": SEXES.get(str(sex or "").strip().lower(), ""),
        "age_group": age_group(age),
        "label_source": filled(str(label_source or "")),
    }
    return {name: text for name, text in found.items() if text}


def age_group(age: object) -> str:
    """Return the group of an age, see `facts_of`; empty if it is not a person's age."""
    match = re.fullmatch(r"(\d{1,3}(?:[.,]\d+)?)\s*([dwmy]?)", str(age or "").strip().lower())
    if match is None:
        return ""
    years = float(match[1].replace(",", ".")) * _DAYS[match[2] or "y"] / _DAYS["y"]
    if years > OLDEST:
        return ""
    return next(name for least, name in reversed(AGE_GROUPS.items()) if years >= least)


def with_facts(cases: Iterable[Case], root: Path, settings: "Dataset") -> list[Case]:
    """Keep the facts that `strata` requests; facts from `records` override the source's own.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a name that fits several cases.
    """
    cases = list(cases)
    # Jobs get these keys only if strata are requested.
    wanted = _needed(getattr(settings, "strata", ()))
    by_case = _by_case(cases, root, settings.records) if wanted and settings.records else {}
    found = []
    for case in cases:
        facts = {**case.facts, **by_case.get(case.case, {})}
        found.append(replace(case, facts={name: facts[name] for name in wanted if name in facts}))
    return found


def _by_case(cases: list[Case], root: Path, records: str) -> dict[str, Mapping[str, str]]:
    """Read the facts in `records` by case id; warn of rows that belong to no case."""
    path, names = root / records, CaseNames(cases)
    given, found, strange = _records(path), {}, []
    for key, facts in given.items():
        case = names.find(key, path, "records")
        if case is None:
            strange.append(key)
        elif found.setdefault(case, facts) != facts:
            raise _two_rows(key, path, "records")
    if strange and not found:
        raise InputError(
            f"none of its {len(given)} rows belongs to a case of the data set (first:"
            f" {strange[0]!r})",
            file=path,
            field="records",
            remedy="Write the ids or the image names of the data set's cases",
        )
    if strange:
        log.warning(
            "%s: %d of %d rows do not belong to any case (first: %r)",
            records,
            len(strange),
            len(given),
            strange[0],
        )
    return found


def missing(case: Case, wanted: Collection[str]) -> list[str]:
    """List the requested facts that are not known, in the order of FACTS."""
    return [name for name in _needed(wanted) if name not in case.facts]


def _needed(strata: Collection[str]) -> list[str]:
    """List the facts that strata need, in the order of FACTS; `side` also needs the view."""
    return [name for name in FACTS if name in strata or (name == "view" and "side" in strata)]


def _records(path: Path) -> dict[str, Mapping[str, str]]:
    """Read the file of the setting `records`: facts by case or image."""
    sheet = read_sheet(path, COLUMNS)
    key = next((name for name in COLUMNS[:2] if name in sheet.columns), None)
    told = [name for name in COLUMNS[2:] if name in sheet.columns]
    if key is None or not told:
        raise InputError(
            "the column is missing",
            file=path,
            field=COLUMNS[0] if key is None else COLUMNS[2],
            remedy="records has the column case or image, and any of view, sex, age, label_source",
        )
    found: dict[str, Mapping[str, str]] = {}
    unread: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for line, row in sheet.rows:
        name, facts = row[key].strip(), facts_of(**{n: row[n] for n in told})
        if found.setdefault(name, facts) != facts:
            raise _two_rows(name, path, key, f"line {line}: ")
        for column in told:
            text = filled(row[column])
            if text.lower() not in UNKNOWN and STRATUM.get(column, column) not in facts:
                unread[column] += 1
                # The exact age must not appear anywhere, not even in a log.
                examples.setdefault(column, "" if column == "age" else f" (first: {text!r})")
    for column, count in unread.items():
        log.warning(
            "%s: %d cells of the column %s cannot be interpreted and count as unknown%s",
            path.name,
            count,
            column,
            examples[column],
        )
    return found


def _two_rows(name: str, path: Path, field: str, where: str = "") -> InputError:
    return InputError(
        f"{where}{name!r} has another row with other values",
        file=path,
        field=field,
        remedy="Keep one row for each case",
    )
