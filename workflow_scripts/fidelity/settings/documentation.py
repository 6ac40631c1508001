"""What the models say about the config: JSON schema for editors, key tables, words for errors.

Nothing here is needed to load a config without mistakes.
"""

import ast
import inspect
import json
import sys
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
# Sections of the top level with a table of their own.
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
    """Give the JSON schema of a config file, for editors."""
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
    """Give the JSON schema of one section; other sections in it are references."""
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
    """Bring pydantic's output into the usual words; drop titles and definitions."""
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
    """Give the text of a section, or of one of its keys."""
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
    """Read the texts below the fields of a model in its source."""
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
    """Give the JSON schema of the value at some place below a section."""
    rule = _definition(model)["properties"].get(steps[0], {})
    for step in steps[1:]:
        options = [rule, *rule.get("anyOf", ())]
        inner = "items" if isinstance(step, int) else "additionalProperties"
        rule = next((option[inner] for option in options if inner in option), {})
    return rule


def choices(rule: Mapping[str, Any]) -> list[str] | None:
    """List the values that a rule allows as they are written; None where it does not list them."""
    if "anyOf" in rule:
        options = [choices(option) for option in rule["anyOf"]]
        return None if None in options else [name for names in options for name in names]
    if rule.get("type") == "null":
        return ["null"]
    listed = rule.get("enum") or ([rule["const"]] if "const" in rule else [])
    return [name if isinstance(name, str) else json.dumps(name) for name in listed] or None


def values(rule: Mapping[str, Any], quote: str = "`") -> str:
    """Say in words which values a rule allows: "integer, at least 10 or null"."""
    if allowed := choices(rule):
        return ", ".join(f"{quote}{name}{quote}" for name in allowed)
    if "anyOf" in rule:
        return " or ".join(values(option, quote) for option in rule["anyOf"])
    kind = "object" if "$ref" in rule else rule.get("type", "any value")
    if kind == "array" and rule.get("items"):
        kind = f"list of {values(rule['items'], quote)}"
    low = rule.get("minimum", rule.get("exclusiveMinimum"))
    high = rule.get("maximum", rule.get("exclusiveMaximum"))
    if low is not None and high is not None:
        below = "below " if "exclusiveMaximum" in rule else ""
        above = "above " if "exclusiveMinimum" in rule else ""
        return f"{kind}, {above}{low} to {below}{high}"
    if low is not None:
        return f"{kind}, {'above' if 'exclusiveMinimum' in rule else 'at least'} {low}"
    if "minItems" in rule and kind != "object":
        exact = rule["minItems"] == rule.get("maxItems")
        return f"{kind} ({rule['minItems']}{'' if exact else ' or more'})"
    return f"non-empty {kind}" if "minProperties" in rule else kind


def tables() -> str:
    """Give the Markdown of all key tables."""
    rules = _definition(Config)["properties"]
    parts = ["## Top level", _table({k: v for k, v in rules.items() if k not in TABLES})]
    sources, common = Dataset.kinds(), Dataset.key_names()
    table = _definition(sources["table"])["properties"]
    shared = {key: rule for key, rule in table.items() if key in common}
    shared["source"] = {"enum": list(sources), "description": "Where the images come from."}
    parts += ["## `datasets.<name>`", "Keys of every data set:", _table(shared)]
    for source, model in sources.items():
        definition = _definition(model)
        own = {
            key: rule
            for key, rule in definition["properties"].items()
            if key not in common or (key != "source" and key in vars(model)["__annotations__"])
        }
        parts += [f"Further keys of `source: {source}`:", _table(own, definition["required"])]
    parts += ["## `classifiers.<name>`", _section(Classifier)]
    for base in (Explainer, Binarization):
        parts.append(f"## `{base.entry_name}s.<name>`")
        title = _definition(next(iter(base.kinds().values())))["properties"]["title"]
        chosen = {"enum": list(base.kinds()), "description": "Decides the further keys."}
        common = _table({base.chosen_by: chosen, "title": title})
        parts += [f"Keys of every {base.entry_name}:", common]
        parts += _kinds(base)
    parts += ["### `superpixels`", description(Superpixels), *_kinds(Superpixels)]
    parts += ["### `per_explainer`: one rule", description(RuleOfOne), _section(RuleOfOne)]
    models = {name: field.annotation for name, field in Config.model_fields.items()}
    for name in TABLES:
        parts += [f"## `{name}`", description(models[name]), _section(models[name])]
    return "\n\n".join(parts) + "\n"


def _section(model: type[Section], left_out: Sequence[str] = ()) -> str:
    definition = _definition(model)
    own = {key: rule for key, rule in definition["properties"].items() if key not in left_out}
    return _table(own, definition.get("required", ())) if own else ""


def _kinds(base: type[Entry]) -> Iterator[str]:
    for name, model in base.kinds().items():
        chosen = "plugin:<function>" if name == "plugin" else name
        yield f"**`{base.chosen_by}: {chosen}`** — {description(model)}"
        if table := _section(model, base.key_names()):
            yield table


def _table(rules: Mapping[str, Any], required: Sequence[str] = ()) -> str:
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for path, rule in _flat(rules):
        default = (
            f"`{json.dumps(rule['default'], ensure_ascii=False)}`" if "default" in rule else ""
        )
        default = "**required**" if path in required else default
        rows.append(f"| `{path}` | {values(rule)} | {default} | {rule['description']} |")
    return "\n".join(rows).replace("|  |", "| |")


def _flat(rules: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """List the keys of a section, those of sections in it behind them, with a dotted name."""
    for key, rule in rules.items():
        inner = _inner(rule)
        if inner is None:
            yield f"{prefix}{key}", rule
        elif issubclass(inner, Entry) or inner in (Postprocess, RuleOfOne):
            own = rule["description"] != description(inner)
            yield f"{prefix}{key}", rule if own else {**rule, "description": "See below."}
        else:
            listed = "[]" if rule.get("type") == "array" else ""
            yield f"{prefix}{key}", rule
            yield from _flat(_definition(inner)["properties"], f"{prefix}{key}{listed}.")


def _inner(rule: Mapping[str, Any]) -> type[Section] | None:
    """Give the section that a rule refers to, itself, in a list, or beside null."""
    options = [rule, rule.get("items", {}), *rule.get("anyOf", ())]
    names = [option["$ref"].split("/")[-1] for option in options if "$ref" in option]
    return _models()[names[0]] if names else None
