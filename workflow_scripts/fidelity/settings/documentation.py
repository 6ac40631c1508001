"""Document the config from its models: JSON schema for editors, key tables, words for errors.

Loading a config without mistakes needs nothing from this module.
"""

import ast
import inspect
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from fidelity.settings.binarizations import Binarization, Postprocess, RuleOfOne
from fidelity.settings.classifiers import Classifier
from fidelity.settings.closed_model import Entry, Section
from fidelity.settings.config import Config
from fidelity.settings.datasets import Dataset
from fidelity.settings.explainers import Explainer
from fidelity.settings.superpixels import Superpixels

LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
# Sections of the top level that have their own table.
TABLES = (
    "explain",
    "postprocess",
    "scores",
    "statistics",
    "figures",
    "display",
    "lung_model",
    "compute",
)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a config file, for editors."""
    models = _models()
    definitions = {}
    for name, model in models.items():
        if "chosen_by" in vars(model):
            kinds = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in model.kinds().values()]
            definitions[name] = {"description": description(model), "anyOf": kinds}
        elif model is not Entry:
            definitions[name] = _definition(model)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": description(Config),
        **definitions.pop(Config.__name__),
        "$defs": definitions,
    }


def _models(base: type[Section] = Section) -> dict[str, type[Section]]:
    found = {}
    for model in base.__subclasses__():
        found |= {model.__name__: model, **_models(model)}
    return found


@lru_cache
def _definition(model: type[Section]) -> dict[str, Any]:
    """Return the JSON schema of one section; sections inside it are references."""
    schema = _tidy(model.model_json_schema())
    required = schema.get("required", [])
    if issubclass(model, Entry) and model.usual is None:
        required = list(dict.fromkeys([model.chosen_by, *required]))
    properties = {}
    fields = model.model_fields.values()
    for (key, rule), field in zip(schema["properties"].items(), fields, strict=True):
        properties[key] = {**rule, "description": description(model, key) or "See below."}
        if field.default_factory is not None:
            made = field.default_factory()
            plain = (
                {} if isinstance(made, Section) else {k: v.model_dump() for k, v in made.items()}
            )
            properties[key]["default"] = plain
    return {
        "type": "object",
        "description": description(model),
        "additionalProperties": False,
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _tidy(node: Any) -> Any:
    """Convert pydantic's output to the usual JSON-schema keys; drop titles and definitions."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "entry" in node:
        return {"$ref": f"#/$defs/{node['entry']}"}
    kept = {LIMITS.get(key, key): value for key, value in node.items() if key != "$defs"}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if kept.get("anyOf") == [{"type": "integer"}, {"type": "number"}]:
        return {"type": "number", **{k: v for k, v in kept.items() if k != "anyOf"}}
    if "properties" in kept:
        kept["properties"] = {key: _tidy(value) for key, value in kept["properties"].items()}
        return kept
    return {key: value if key == "default" else _tidy(value) for key, value in kept.items()}


def description(model: type[Section], key: str | None = None) -> str | None:
    """Return the text of a section, or of one of its keys."""
    if key is None:
        return " ".join((model.__doc__ or "").split()) or None
    for base in model.__mro__:
        if issubclass(base, Section) and key in (texts := _texts(base.__module__, base.__name__)):
            return texts[key]
    names = {field.alias or name: field for name, field in model.model_fields.items()}
    if key not in names:
        return None
    inner = [names[key].annotation, *getattr(names[key].annotation, "__args__", ())]
    sections = [part for part in inner if inspect.isclass(part) and issubclass(part, Section)]
    return names[key].description or (description(sections[0]) if sections else None)


@lru_cache
def _texts(module: str, model: str) -> dict[str, str]:
    """Read the texts below a model's fields from its source code."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    body = next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == model)
    return {
        field.target.id.removesuffix("_"): " ".join(text.value.value.split())
        for field, text in zip(body, body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def rule_at(model: type[Section], steps: Sequence[Any]) -> dict[str, Any]:
    """Return the JSON schema of a value, given its path below a section."""
    rule = _definition(model)["properties"].get(steps[0], {})
    for step in steps[1:]:
        options = [rule, *rule.get("anyOf", ())]
        inner = "items" if isinstance(step, int) else "additionalProperties"
        rule = next((option[inner] for option in options if inner in option), {})
    return rule


def choices(rule: Mapping[str, Any]) -> list[str] | None:
    """List the values that a rule allows, as they are written; None if they cannot be listed."""
    if "anyOf" in rule:
        options = [choices(option) for option in rule["anyOf"]]
        return None if None in options else [name for names in options for name in names]
    if rule.get("type") == "null":
        return ["null"]
    listed = rule.get("enum") or ([rule["const"]] if "const" in rule else [])
    return [name if isinstance(name, str) else json.dumps(name) for name in listed] or None


def values(rule: Mapping[str, Any], quote: str = "`") -> str:
    """Describe the values that a rule allows: "integer ≥ 10 or null"."""
    if allowed := choices(rule):
        return ", ".join(f"{quote}{name}{quote}" for name in allowed)
    if "anyOf" in rule:
        return " or ".join(values(option, quote) for option in rule["anyOf"])
    if "expected" in rule:
        return rule["expected"]
    kind = "object" if "$ref" in rule else rule.get("type", "any value")
    if kind == "array":
        return _list(rule, quote)
    limits = [f"{sign} {rule[key]}" for key, sign in SIGNS.items() if key in rule]
    if "minimum" in rule and "maximum" in rule:
        limits = [f"from {rule['minimum']} to {rule['maximum']}"]
    word = "mapping" if kind == "object" else kind
    if "minProperties" in rule:
        word += ", not empty"
    return f"{word} {' and '.join(limits)}".strip()


def _list(rule: Mapping[str, Any], quote: str) -> str:
    """Describe the items of a list and their number."""
    least, most = rule.get("minItems"), rule.get("maxItems")
    start = f"list of {most} " if most is not None and least == most else "list of "
    items = values(rule.get("items", {}), quote)
    items = re.sub(r"\b(string|integer|number|mapping)\b", r"\1s", items, count=1)
    return start + items + (", not empty" if least and least != most else "")


def tables() -> str:
    """Return the Markdown of all key tables."""
    config = _definition(Config)
    top = {key: rule for key, rule in config["properties"].items() if key not in TABLES}
    parts = ["## Top level", _table(top, config["required"])]
    sources, common = Dataset.kinds(), Dataset.key_names()
    table = _definition(sources["table"])
    shared = {key: rule for key, rule in table["properties"].items() if key in common}
    shared["source"] = {
        "enum": list(sources),
        "description": "Where the images come from; `phantom` = generated chest X-rays.",
    }
    parts += ["## Data sets", "Keys of `datasets.<name>` for every source:"]
    parts.append(_table(shared, table["required"]))
    listed: dict[str, str] = {}
    for source, model in sources.items():
        definition = _definition(model)
        own = {
            key: rule
            for key, rule in definition["properties"].items()
            if key not in common or (key != "source" and key in vars(model)["__annotations__"])
        }
        table = _table(own, definition["required"], listed, source)
        heading = f"Further keys of `source: {source}`:"
        parts += [heading, table] if table.startswith("|") else [f"{heading} {table}"]
    parts += ["## Classifiers", "Keys of `classifiers.<name>`:", _section(Classifier)]
    for base in (Explainer, Binarization):
        parts.append(f"## {base.entry_name.capitalize()}s")
        title = _definition(next(iter(base.kinds().values())))["properties"]["title"]
        chosen = {"enum": list(base.kinds()), "description": "Decides the further keys."}
        common = _table({base.chosen_by: chosen, "title": title}, (base.chosen_by,))
        parts += [f"Keys of `{base.entry_name}s.<name>` for every method:", common]
        parts += _kinds(base)
    parts += ["### `superpixels`", description(Superpixels), *_kinds(Superpixels)]
    parts += ["### Keys of one rule of `per_explainer`", _section(RuleOfOne)]
    models = {name: field.annotation for name, field in Config.model_fields.items()}
    for name in TABLES:
        parts += [f"## `{name}`", description(models[name]), _section(models[name])]
    return "\n\n".join(parts) + "\n"


def _section(model: type[Section]) -> str:
    definition = _definition(model)
    return _table(definition["properties"], definition.get("required", ()))


def _kinds(base: type[Entry]) -> Iterator[str]:
    listed: dict[str, str] = {}
    for name, model in base.kinds().items():
        chosen = "plugin:<function>" if name == "plugin" else name
        yield f"**`{base.chosen_by}: {chosen}`** — {description(model)}"
        definition, common = _definition(model), base.key_names()
        own = {key: rule for key, rule in definition["properties"].items() if key not in common}
        if table := _table(own, definition.get("required", ()), listed, name):
            yield table


def _table(
    rules: Mapping[str, Any],
    required: Sequence[str] = (),
    listed: dict[str, str] | None = None,
    entry: str = "",
) -> str:
    """Write the rows of some keys; if a row equals one of an earlier entry, only name its key."""
    listed = {} if listed is None else listed
    rows, again = [], defaultdict(list)
    for path, rule in _flat(rules):
        default = (
            f"`{json.dumps(rule['default'], ensure_ascii=False)}`" if "default" in rule else ""
        )
        default = "**required**" if path in required else default
        row = f"| `{path}` | {values(rule)} | {default} | {rule['description']} |"
        if (first := listed.setdefault(row, entry)) != entry:
            again[first].append(f"`{path}`")
        else:
            rows.append(row)
    head = ["| key | values | default | meaning |", "|---|---|---|---|"] if rows else []
    table = "\n".join([*head, *rows]).replace("|  |", "| |")
    same = [f"{', '.join(paths)} as for `{first}`." for first, paths in again.items()]
    return "\n\n".join(part for part in (table, " ".join(same)) if part)


def _flat(rules: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the keys of a section; keys of inner sections follow theirs, with a dotted name.

    Left out are keys without an effect (`UNUSED`), and in sections of a list also those that repeat
    keys of the outer section.
    """
    for key, rule in rules.items():
        if rule.get("deprecated"):
            continue
        inner = _inner(rule)
        if inner is None:
            yield f"{prefix}{key}", rule
        elif issubclass(inner, Entry) or inner in (Postprocess, RuleOfOne):
            own = rule["description"] != description(inner)
            yield f"{prefix}{key}", rule if own else {**rule, "description": "See below."}
        else:
            several = rule.get("type") == "array"
            yield f"{prefix}{key}", {k: v for k, v in rule.items() if (k, v) != ("default", {})}
            keys = _definition(inner)["properties"]
            keys = {k: v for k, v in keys.items() if not several or k not in rules}
            yield from _flat(keys, f"{prefix}{key}{'[]' if several else ''}.")


def _inner(rule: Mapping[str, Any]) -> type[Section] | None:
    """Return the section that a rule refers to: directly, in a list, or as alternative to null."""
    options = [rule, rule.get("items", {}), *rule.get("anyOf", ())]
    names = [option["$ref"].split("/")[-1] for option in options if "$ref" in option]
    return _models()[names[0]] if names else None
