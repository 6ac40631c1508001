"""Write the key tables of config/README.md from the schema, so that they cannot differ.

Run by `make docs`; a test fails when the file on disk is out of date.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity import settings  # noqa: E402

README = ROOT / "config" / "README.md"
MARK = "<!-- keys: written by config/write_readme.py from the schema -->"
TOP_HEADINGS = (
    "explain",
    "postprocess",
    "scores",
    "statistics",
    "figures",
    "lung_model",
    "compute",
)


def tables() -> str:
    """Give the Markdown of all key tables."""
    schema = settings.schema()
    plain = {k: v for k, v in schema["properties"].items() if k not in TOP_HEADINGS}
    parts = ["## Top level", _table(plain)]
    common = schema["$defs"]["dataset_common"]
    parts += ["## `datasets.<name>`", "Keys of every data set:", _table(common)]
    for name, entry in schema["$defs"].items():
        kind, _, method = name.partition(".")
        if kind == "dataset" and method:
            own = {k: v for k, v in entry["properties"].items() if k != "source"}
            parts += [
                f"Further keys of `source: {method}`:",
                _table(own, entry.get("required", [])),
            ]
    parts += ["## `classifiers.<name>`", _table(schema["$defs"]["classifier"]["properties"])]
    for kind in ("explainer", "binarization"):
        parts.append(f"## `{kind}s.<name>`")
        for name, entry in schema["$defs"].items():
            if name.startswith(f"{kind}."):
                described = entry["properties"]["method"]["description"]
                method = "plugin:<function>" if name.endswith(".plugin") else name.split(".")[1]
                parts.append(f"**`method: {method}`** — {described}")
                own = {k: v for k, v in entry["properties"].items() if k != "method"}
                parts += [_table(own, entry.get("required", []))] if own else []
    for name in ("superpixels", "rule_of_one"):
        parts += [f"### `{name}`", schema["$defs"][name]["description"]]
        parts += [_table(schema["$defs"][name]["properties"])]
    for name in TOP_HEADINGS:
        entry = schema["properties"][name]
        if "$ref" in entry:
            entry = {**schema["$defs"][entry["$ref"].split("/")[-1]], **entry}
        parts += [f"## `{name}`", entry["description"], _table(entry["properties"])]
    return "\n\n".join(parts) + "\n"


def _table(properties: dict[str, Any], required: list[str] = ()) -> str:
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for path, entry in _flat(properties):
        default = json.dumps(entry["default"], ensure_ascii=False) if "default" in entry else ""
        default = "**required**" if path in required else (f"`{default}`" if default else "")
        meaning = entry.get("description", "")
        rows.append(
            f"| `{path}` | {_values(entry)} | {default} | {meaning} |".replace("| |", "| |")
        )
    return "\n".join(rows)


def _flat(properties: dict[str, Any], prefix: str = "") -> Any:
    for key, entry in properties.items():
        if "$ref" in entry:
            yield f"{prefix}{key}", {"description": "See below.", "type": "object"}
            continue
        yield f"{prefix}{key}", entry
        yield from _flat(entry.get("properties", {}), f"{prefix}{key}.")
        if isinstance(entry.get("items"), dict):
            yield from _flat(entry["items"].get("properties", {}), f"{prefix}{key}[].")


def _values(entry: dict[str, Any]) -> str:
    if "anyOf" in entry:
        return " or ".join(_values(option) for option in entry["anyOf"])
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return ", ".join("`null`" if v is None else f"`{v}`" for v in entry["enum"])
    if entry.get("type") == "array" and "enum" in entry.get("items", {}):
        return "list of " + _values(entry["items"])
    kind = "object" if "$ref" in entry else entry.get("type", "")
    text = " or ".join(kind) if isinstance(kind, list) else kind
    low = entry.get("minimum", entry.get("exclusiveMinimum"))
    high = entry.get("maximum", entry.get("exclusiveMaximum"))
    if low is not None and high is not None:
        text += f", {low} to {high}"
    elif low is not None:
        text += f", {'above' if 'exclusiveMinimum' in entry else 'at least'} {low}"
    return text


def render(text: str) -> str:
    """Replace the tables in the README's text."""
    head = text.split(MARK)[0]
    return f"{head}{MARK}\n\n{tables()}"


if __name__ == "__main__":
    README.write_text(re.sub(r"[ ]+\n", "\n", render(README.read_text(encoding="utf-8"))), "utf-8")
