"""The schema of the config: defaults filled in, types, keys and values checked."""

import copy
import difflib
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.settings.quotes import lacks_quotes, quoted, read_as
from fidelity.settings.validator import jsonschema

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "config" / "schemas" / "config.schema.yaml"
# Config entries whose keys depend on one of them: definition → the key that says which.
DISPATCHED = {"dataset": "source", "explainer": "method", "binarization": "method"}


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Read the schema of the config."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(SCHEMA_PATH.read_text(encoding="utf-8"), Loader=loader)


def own_keys(source: str) -> set[str]:
    """Name the config keys that one source of data sets has and others may not."""
    # A source may restate a common key with a default of its own; it stays a common key.
    common = set(schema()["$defs"]["dataset_common"])
    return set(schema()["$defs"][f"dataset.{source}"]["properties"]) - common


def resolve(value: Any, rule: dict[str, Any], path: str, source: str) -> Any:
    """Check a value against its part of the schema, filling defaults on the way down."""
    if "$ref" in rule:
        name = rule["$ref"].removeprefix("#/$defs/")
        if name in DISPATCHED:
            return resolve(value, _dispatch(value, name, path, source), path, source)
        return resolve(value, _definition(name), path, source)
    references = [option for option in rule.get("anyOf", ()) if "$ref" in option]
    if references and isinstance(value, dict):
        return resolve(value, references[0], path, source)
    if references:  # their definitions stand elsewhere, out of reach of a shallow check
        rest = [option for option in rule["anyOf"] if "$ref" not in option]
        rule = {**rule, "anyOf": rest}
    if isinstance(value, dict) and ("properties" in rule or "additionalProperties" in rule):
        return _resolve_mapping(value, rule, path, source)
    if isinstance(value, list) and "items" in rule:
        _check_shallow(value, {k: v for k, v in rule.items() if k != "items"}, path, source)
        return [
            resolve(item, rule["items"], f"{path}[{index}]", source)
            for index, item in enumerate(value)
        ]
    _check_shallow(value, rule, path, source)
    return value


def _definition(name: str) -> dict[str, Any]:
    """Give a definition; the common keys of data sets are added to each source's own."""
    found = schema()["$defs"][name]
    if name.startswith("dataset."):
        properties = {**schema()["$defs"]["dataset_common"], **found["properties"]}
        found = {**found, "properties": properties, "additionalProperties": False}
    return found


def _resolve_mapping(value: dict, rule: dict[str, Any], path: str, source: str) -> dict:
    properties = rule.get("properties", {})
    extra = rule.get("additionalProperties", True)
    for key in value:
        if not isinstance(key, str):
            raise InputError(
                f"YAML reads a key as {read_as(key) or repr(key)}, not as text",
                file=source,
                field=path,
                remedy=f"Put it in quotes, as in {quoted(key)}",
            )
        if "propertyNames" in rule:
            _check_name(key, path, source)
        if key not in properties and extra is False:
            raise InputError(
                "is not a known key",
                file=source,
                field=join(path, key),
                remedy=suggestion(key, properties, "Known keys"),
            )
    for key in rule.get("required", []):
        if key not in value:
            near = difflib.get_close_matches(key, list(value), n=1)
            hint = f" (is '{near[0]}' a misspelling of it?)" if near else ""
            known = properties.get(key, {})
            raise InputError(
                f"is missing{hint}",
                file=source,
                field=join(path, key),
                remedy=known.get("description", "Add it"),
            )
    shallow = {k: v for k, v in rule.items() if k in {"type", "minProperties"}}
    _check_shallow(value, shallow, path, source)
    result = {}
    for key, item in properties.items():
        if key in value:
            result[key] = resolve(value[key], item, join(path, key), source)
        else:
            target = _definition(item["$ref"].removeprefix("#/$defs/")) if "$ref" in item else item
            target = {**target, **item}
            if "default" in target:
                default = copy.deepcopy(target["default"])
                result[key] = resolve(default, item, join(path, key), source)
    for key, item in value.items():
        if key not in properties:
            rest = extra if isinstance(extra, dict) else {}
            result[key] = resolve(item, rest, join(path, key), source)
    return result


def _dispatch(value: Any, name: str, path: str, source: str) -> dict[str, Any]:
    """Choose the definition of an entry by its `source` or `method`."""
    key = DISPATCHED[name]
    if not isinstance(value, dict):
        raise InputError("is not a mapping", file=source, field=path, remedy=f"Write {{{key}: …}}")
    prefix = f"{name}."
    known = [d.removeprefix(prefix) for d in schema()["$defs"] if d.startswith(prefix)]
    chosen = value.get(key)
    if chosen is None:
        raise InputError(
            "is missing", file=source, field=join(path, key), remedy=f"Known: {', '.join(known)}"
        )
    if isinstance(chosen, str) and chosen.startswith("plugin:") and "plugin" in known:
        chosen = "plugin"
    elif chosen == "plugin" or chosen not in known:
        raise InputError(
            f"unknown {name} {key} {chosen!r}",
            file=source,
            field=join(path, key),
            remedy=suggestion(str(chosen), known, "Known"),
        )
    return _definition(f"{prefix}{chosen}")


def _check_shallow(value: Any, rule: dict[str, Any], path: str, source: str) -> None:
    errors = list(jsonschema.Draft202012Validator(rule).iter_errors(value))
    if not errors:
        return
    try:
        error = jsonschema.exceptions.best_match(errors)
    except TypeError:  # it sorts by keys, which YAML lets be numbers and text
        error = errors[0]
    if error.validator == "type" and lacks_quotes(value, rule):
        raise InputError(
            f"YAML reads this value as {read_as(value)}, not as text",
            file=source,
            field=path,
            remedy=f"Put it in quotes, as in {quoted(value)}",
        )
    remedy = rule.get("description", "")
    if error.validator == "enum":
        remedy = suggestion(str(value), [str(v) for v in error.validator_value], "Allowed")
    raise InputError(error.message, file=source, field=path, remedy=remedy or None)


def _check_name(key: str, path: str, source: str) -> None:
    rule = schema()["$defs"]["key"]
    if not jsonschema.Draft202012Validator(rule).is_valid(key):
        raise InputError(
            "cannot be a folder's name",
            file=source,
            field=join(path, key),
            remedy="Use letters, digits, '_', '.', '+' and '-', at most 60",
        )


def join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
