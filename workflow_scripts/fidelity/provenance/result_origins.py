"""List what each result of a data set was made of, in one file next to its tables.

Snakemake keeps the settings, inputs and code behind each result in its folder `.snakemake`, which
is easily left behind when results are moved. `made_of.json` contains the same facts and moves with
the tables: `records` reads it where Snakemake has none.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fidelity.provenance.privacy import without_places
from fidelity.study import paths

SCHEMA = "fidelity-made-of-1"
# The parts of Snakemake's records that it compares, or that its report shows.
KEPT = (
    "rule",
    "input",
    "log",
    "params",
    "shellcmd",
    "code",
    "record_format_version",
    "container_img_url",
    "software_stack_hash",
    "starttime",
    "endtime",
    "input_checksums",
)
# Params that are digests of code: a single digest, or those of plugins by file.
_BARE = re.compile(r"'[0-9a-f]{16}'")
_PLUGIN = re.compile(r"(?<=\.py': )'[0-9a-f]{16}'|(?<=\.py\": )'[0-9a-f]{16}'")


def listing_of(dataset: str) -> Path:
    """Return the file that lists what the results of a data set (or `summary`) were made of."""
    return Path(paths.table("made_of", "json").format(dataset=dataset))


def restored() -> dict[str, list[str]] | None:
    """Read what `reanalyse.mark` states about restored results; None if there is no such file."""
    path = Path(paths.RESTORED)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return json.loads(text) if text else None


def split(params: Iterable[str]) -> tuple[list[str], list[str]]:
    """Separate a job's params, as Snakemake records them, into settings and digests of code.

    Returns:
        Settings (without the plugins' digests in them), and digests; both sorted.
    """
    settings, code = [], []
    for text in params:
        if _BARE.fullmatch(text):
            code.append(text)
        else:
            code += _PLUGIN.findall(text)
            settings.append(_PLUGIN.sub("code", text))
    return sorted(settings), sorted(code)


def digest(texts: Sequence[str]) -> str:
    """Hash a list of texts to 16 hexadecimal digits."""
    return hashlib.blake2b(json.dumps(texts).encode(), digest_size=8).hexdigest()


class Places:
    """Replaces the paths outside of the project that a config names, and puts them back.

    A path is replaced by its hash. Only a config with the same path can put it back.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        """Remember the paths of the config in use."""
        found = {path for path in paths if without_places(path, Path.cwd()) != path}
        # If one path begins another, the longer one is replaced first.
        self._marks = {p: f"<path {digest([p])}>" for p in sorted(found, key=len, reverse=True)}

    def hide(self, text: str) -> str:
        """Replace paths; a text with a path of another config is replaced as a whole."""
        for path, mark in self._marks.items():
            text = text.replace(path, mark)
        return text if without_places(text, Path.cwd()) == text else f"<text {digest([text])}>"

    def show(self, text: str) -> str:
        """Put back the paths that the config has."""
        for path, mark in self._marks.items():
            text = text.replace(mark, path)
        return text


def texts_in(value: Any) -> Iterator[str]:
    """Yield all texts in nested mappings and lists, without keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from texts_in(item)


def to_json(
    records: Mapping[str, Mapping[str, Any]],
    accepted: Mapping[str, str],
    places: Places,
) -> str:
    """Write the listing of a data set.

    Args:
        records: result → Snakemake's record of it; each result exists.
        accepted: result → the digest of the code that computed it, where `make accept` has marked
            it as valid for the code that is recorded now.

    Returns:
        JSON. `results` contains per result its rule, digests of settings and code, time, size and
        record. In the record, texts are replaced by their positions in `texts`.
    """
    # A path occurs in many records, but is processed once.
    hide = cache(places.hide)
    texts: dict[str, int] = {}

    def stored(value: Any) -> Any:
        if isinstance(value, str):
            return texts.setdefault(hide(value), len(texts))
        if isinstance(value, list):
            return [stored(item) for item in value]
        if isinstance(value, dict):
            return [[stored(key), stored(item)] for key, item in value.items()]
        return value

    results = {}
    for path, record in sorted(records.items()):
        settings, code = split(record.get("params") or [])
        results[path] = {
            "rule": record["rule"],
            "settings": digest(settings),
            "code": digest(code),
            "made": record["endtime"],
            "size": size_of(path),
            **({"computed_by": accepted[path]} if path in accepted else {}),
            "record": {
                key: stored(record[key])
                if isinstance(record[key], str | list | dict)
                else record[key]
                for key in KEPT
                if record.get(key) is not None
            },
        }
    found = {"schema": SCHEMA, "results": results, "texts": list(texts)}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"


def records_in(listing: Mapping[str, Any], places: Places) -> dict[str, dict[str, Any]]:
    """Read Snakemake's records from a listing, with paths put back: {result: record}."""
    texts = [places.show(text) for text in listing["texts"]]
    lists, pairs = ("input", "log", "params"), ("input_checksums",)
    found = {}
    for path, entry in listing["results"].items():
        record = dict(entry["record"])
        for key, value in record.items():
            if key in lists:
                record[key] = [texts[number] for number in value]
            elif key in pairs:
                record[key] = {texts[a]: texts[b] for a, b in value}
            elif key in ("rule", "code", "shellcmd", "container_img_url", "software_stack_hash"):
                record[key] = texts[value]
        found[path] = {**record, "incomplete": False}
    return found


def read(path: Path) -> dict[str, Any] | None:
    """Read a listing; None if the file is missing or is not a listing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(found, dict) and found.get("schema") == SCHEMA
    return found if known else None


def accepted_in(listing: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """List the results that `make accept` marked as valid and that were not recomputed since.

    Returns:
        One dict each: `rule`, `file`, `computed_by` and `accepted_for` (digests of code).
    """
    return [
        {
            "rule": entry["rule"],
            "file": path,
            "computed_by": entry["computed_by"],
            "accepted_for": entry["code"],
        }
        for path, entry in (listing or {"results": {}})["results"].items()
        if "computed_by" in entry and (made := made_at(path)) and abs(made - entry["made"]) < 1e-3
    ]


def made_at(path: str | Path) -> float | None:
    """Return the time at which a result was finished; None if it does not exist."""
    try:
        return os.stat(_timed(path)).st_mtime
    except OSError:
        return None


def set_made_at(path: str | Path, time: float) -> None:
    """Set the time of a result."""
    os.utime(_timed(path), (time, time))


def size_of(path: str | Path) -> int:
    """Return a result's size in bytes; for a folder, the number of files in it."""
    return len(os.listdir(path)) if os.path.isdir(path) else os.path.getsize(path)


def _timed(path: str | Path) -> Path:
    """Return the file whose time is the result's; Snakemake puts such a file into folders."""
    stamp = Path(path) / ".snakemake_timestamp"
    return stamp if stamp.exists() else Path(path)
