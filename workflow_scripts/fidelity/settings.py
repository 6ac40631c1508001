"""The configuration: defaults filled in and everything checked, before any rule sees it.

Imports nothing heavy: Snakemake runs this each time it parses, on a cluster once per job.
"""

import ast
import copy
import difflib
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from fidelity.errors import InputError
from fidelity.explainers.registry import method_of
from fidelity.near import suggestion

SCHEMA_PATH = Path(__file__).resolve().parents[2] / "config" / "schemas" / "config.schema.yaml"
# Config entries whose keys depend on one of them: definition → the key that says which.
DISPATCHED = {"dataset": "source", "explainer": "method", "binarization": "method"}
RESERVED_CLASSIFIERS = {"none"}
RESERVED_DATASETS = {"raw", "summary", "logs", "benchmarks"}
RESERVED_FOLDERS = {"prepared", "shards", "tables", "figures"}
SUPERPIXEL_DEFAULTS: dict[str, dict[str, Any]] = {
    "quickshift": {"kernel_size": 4, "max_dist": 200, "ratio": 0.2, "sigma": 0},
    "slic": {"n_segments": 100, "compactness": 10, "sigma": 0},
    "felzenszwalb": {"scale": 100, "min_size": 20, "sigma": 0.8},
}


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Read the schema of the config."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(SCHEMA_PATH.read_text(encoding="utf-8"), Loader=loader)


def load(config: dict[str, Any], source: str = "the config", *, check_files: bool = True) -> dict:
    """Fill the defaults in and check the whole configuration.

    Args:
        config: as read from YAML (and the command line).
        source: file it came from, for error messages.
        check_files: also check that data roots, checkpoints and plugins exist.

    Returns:
        A new dict with every key of the schema.

    Raises:
        InputError: names the key, what is wrong, and the near key or value where there is one.
    """
    if not isinstance(config, dict) or not config:
        raise InputError(
            "is empty or not a mapping", file=source, remedy="Start from config/config.yaml"
        )
    resolved = _resolve(copy.deepcopy(dict(config)), schema(), "", source)
    _check_meaning(resolved, source)
    if check_files:
        _check_files(resolved, source)
    return resolved


def expand_classifiers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give every training seed a classifier of its own.

    Args:
        config: a loaded config.

    Returns:
        Name → settings with `seed` in place of `seeds`; several seeds become <name>-s<seed>.
    """
    expanded: dict[str, dict[str, Any]] = {}
    for name, settings in config["classifiers"].items():
        for seed in settings["seeds"]:
            rest = {key: value for key, value in settings.items() if key != "seeds"}
            key = name if len(settings["seeds"]) == 1 else f"{name}-s{seed}"
            expanded[key] = {**rest, "seed": seed}
    return expanded


def data_root(config: dict[str, Any], dataset: str) -> Path | None:
    """Give the folder of a data set's files; None for a generated one."""
    root = config["datasets"][dataset].get("root")
    return None if root is None else Path(config["data_root"]) / root


def own_keys(source: str) -> set[str]:
    """Name the config keys that one source of data sets has and others may not."""
    return set(schema()["$defs"][f"dataset.{source}"]["properties"]) - {"source"}


def _definition(name: str) -> dict[str, Any]:
    """Give a definition; the common keys of data sets are added to each source's own."""
    found = schema()["$defs"][name]
    if name.startswith("dataset."):
        properties = {**schema()["$defs"]["dataset_common"], **found["properties"]}
        found = {**found, "properties": properties, "additionalProperties": False}
    return found


def _resolve(value: Any, rule: dict[str, Any], path: str, source: str) -> Any:
    """Check a value against its part of the schema, filling defaults on the way down."""
    if "$ref" in rule:
        name = rule["$ref"].removeprefix("#/$defs/")
        if name in DISPATCHED:
            return _resolve(value, _dispatch(value, name, path, source), path, source)
        return _resolve(value, _definition(name), path, source)
    if isinstance(value, dict) and ("properties" in rule or "additionalProperties" in rule):
        return _resolve_mapping(value, rule, path, source)
    if isinstance(value, list) and "items" in rule:
        _check_shallow(value, {k: v for k, v in rule.items() if k != "items"}, path, source)
        return [
            _resolve(item, rule["items"], f"{path}[{index}]", source)
            for index, item in enumerate(value)
        ]
    _check_shallow(value, rule, path, source)
    return value


def _resolve_mapping(value: dict, rule: dict[str, Any], path: str, source: str) -> dict:
    properties = rule.get("properties", {})
    extra = rule.get("additionalProperties", True)
    for key in value:
        if not isinstance(key, str):
            raise InputError(
                f"the key {key!r} is not text", file=source, field=path, remedy="Put it in quotes"
            )
        if "propertyNames" in rule:
            _check_name(key, path, source)
        if key not in properties and extra is False:
            raise InputError(
                "is not a known key",
                file=source,
                field=_join(path, key),
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
                field=_join(path, key),
                remedy=known.get("description", "Add it"),
            )
    shallow = {k: v for k, v in rule.items() if k in {"type", "minProperties"}}
    _check_shallow(value, shallow, path, source)
    result = {}
    for key, item in properties.items():
        if key in value:
            result[key] = _resolve(value[key], item, _join(path, key), source)
        else:
            target = _definition(item["$ref"].removeprefix("#/$defs/")) if "$ref" in item else item
            if "default" in target:
                default = copy.deepcopy(target["default"])
                result[key] = _resolve(default, item, _join(path, key), source)
    for key, item in value.items():
        if key not in properties:
            rest = extra if isinstance(extra, dict) else {}
            result[key] = _resolve(item, rest, _join(path, key), source)
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
            "is missing", file=source, field=_join(path, key), remedy=f"Known: {', '.join(known)}"
        )
    if isinstance(chosen, str) and chosen.startswith("plugin:") and "plugin" in known:
        chosen = "plugin"
    elif chosen == "plugin" or chosen not in known:
        raise InputError(
            f"unknown {name} {key} {chosen!r}",
            file=source,
            field=_join(path, key),
            remedy=suggestion(str(chosen), known, "Known"),
        )
    return _definition(f"{prefix}{chosen}")


def _check_shallow(value: Any, rule: dict[str, Any], path: str, source: str) -> None:
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(rule).iter_errors(value)
    )
    if error is None:
        return
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
            field=_join(path, key),
            remedy="Use letters, digits, '_', '.', '+' and '-', at most 60",
        )


def _check_meaning(config: dict[str, Any], source: str) -> None:
    """Check what a schema cannot: keys that must fit one another."""
    for name, reserved in (("datasets", RESERVED_DATASETS), ("classifiers", RESERVED_CLASSIFIERS)):
        for key in config[name]:
            if key in reserved | RESERVED_FOLDERS:
                raise InputError(
                    "is a reserved name",
                    file=source,
                    field=f"{name}.{key}",
                    remedy="Choose another name",
                )
    for key, settings in config["explainers"].items():
        _check_superpixels(settings, f"explainers.{key}", source)
        if method_of(settings["method"]).needs_classifier and not config["classifiers"]:
            raise InputError(
                "needs a classifier and there is none",
                file=source,
                field=f"explainers.{key}",
                remedy="Add one under 'classifiers'",
            )
    for key, settings in config["datasets"].items():
        _check_dataset(key, settings, config, source)
    for key, settings in config["classifiers"].items():
        _check_classifier(key, settings, source)
    names = list(expand_classifiers(config))
    if len(set(names)) != sum(len(c["seeds"]) for c in config["classifiers"].values()):
        raise InputError(
            "two classifiers get one name when seeds are expanded",
            file=source,
            field="classifiers",
            remedy="Rename one",
        )
    if "iou" not in config["scores"]["metrics"]:
        raise InputError(
            "lacks iou, which orders the gallery",
            file=source,
            field="scores.metrics",
            remedy="Add iou",
        )
    comparable = [m for m in config["scores"]["metrics"] if m != "false_positive_share"]
    _check_choice(config, "statistics", "primary", comparable, source)
    _check_choice(config, "statistics", "primary_binarization", config["binarizations"], source)
    _check_choice(config, "figures", "gallery_by", config["explainers"], source)
    median = config["postprocess"]["median"]
    if median and median % 2 == 0:
        raise InputError(
            f"{median} is even", file=source, field="postprocess.median", remedy="Use an odd number"
        )


def _check_choice(config: dict, section: str, key: str, known: Any, source: str) -> None:
    value = config[section][key]
    if value is not None and value not in known:
        raise InputError(
            f"{value!r} is not in this config",
            file=source,
            field=f"{section}.{key}",
            remedy=suggestion(value, list(known), "Known"),
        )


def _check_superpixels(settings: dict[str, Any], path: str, source: str) -> None:
    """Keep the chosen algorithm's parameters and fill in its defaults."""
    given = settings.get("superpixels")
    if given is None:
        return
    algorithm = given["algorithm"]
    defaults = SUPERPIXEL_DEFAULTS[algorithm]
    for key in given:
        if key != "algorithm" and key not in defaults:
            raise InputError(
                f"is no parameter of {algorithm}",
                file=source,
                field=f"{path}.superpixels.{key}",
                remedy=suggestion(key, defaults, "Its parameters"),
            )
    settings["superpixels"] = {"algorithm": algorithm, **defaults, **given}


def _check_dataset(key: str, settings: dict[str, Any], config: dict, source: str) -> None:
    path = f"datasets.{key}"
    if settings["lung_masks"] == "none":
        asking = [f"{path}.input"] if settings["input"] != "full" else []
        asking += ["postprocess.lung"] if config["postprocess"]["lung"] else []
        asking += [
            f"explainers.{name}"
            for name, explainer in config["explainers"].items()
            if method_of(explainer["method"]).needs_lung
        ]
        if asking:
            raise InputError(
                f"needs lung masks, and {path}.lung_masks is none",
                file=source,
                field=asking[0],
                remedy="Leave it out, or use a data set with lung masks",
            )
    for cls in settings["annotated_classes"]:
        if settings["labels"].get(cls, cls) is None:
            raise InputError(
                "is annotated but left out by 'labels'",
                file=source,
                field=f"{path}.annotated_classes: {cls}",
                remedy="Drop it from one of the two",
            )
    if settings["source"] == "phantom":
        classes = ["COVID-19", "Non-COVID", "Normal"]
        named = [*settings["annotated_classes"], *settings["labels"]]
        named += [settings["shortcut"]["class"]] if settings["shortcut"]["class"] else []
        for cls in named:
            if cls not in classes:
                raise InputError(
                    f"the phantom has no class {cls!r}",
                    file=source,
                    field=path,
                    remedy=suggestion(cls, classes, "Its classes"),
                )
    model_classes = {settings["labels"].get(c, c) for c in settings["annotated_classes"]}
    target = config["explain"]["target"]
    if target not in {"reference", "predicted"} and settings["source"] == "phantom":
        model_classes |= {settings["labels"].get(c, c) for c in classes}
        if target not in model_classes:
            raise InputError(
                f"{target!r} is no class of {path}",
                file=source,
                field="explain.target",
                remedy=suggestion(
                    target,
                    ["reference", "predicted", *sorted(filter(None, model_classes))],
                    "Known",
                ),
            )


def _check_classifier(key: str, settings: dict[str, Any], source: str) -> None:
    path = f"classifiers.{key}"
    if settings["training"] is None and settings["weights"] in (None, "imagenet"):
        raise InputError(
            "is not trained here, so a checkpoint must be named",
            file=source,
            field=f"{path}.weights",
            remedy="Give the path of a checkpoint, or a 'training' section",
        )
    if settings["architecture"] == "torchscript":
        if not settings["trusted"]:
            raise InputError(
                "TorchScript can run any code in the file",
                file=source,
                field=f"{path}.trusted",
                remedy="Set 'trusted: true' if you know where the file comes from",
            )
        if settings["training"] is not None:
            raise InputError(
                "TorchScript models are only loaded",
                file=source,
                field=f"{path}.training",
                remedy="Set 'training: null'",
            )


def _check_files(config: dict[str, Any], source: str) -> None:
    for key in config["datasets"]:
        root = data_root(config, key)
        if root is not None and not root.is_dir():
            raise InputError(
                f"the folder {str(root)!r} does not exist",
                file=source,
                field=f"datasets.{key}.root",
                remedy="Correct it, or set data_root: --config data_root=<folder>",
            )
        table = config["datasets"][key].get("table")
        if table is not None and not (root / table).is_file():
            raise InputError(
                f"the file {str(root / table)!r} does not exist",
                file=source,
                field=f"datasets.{key}.table",
                remedy="Give the CSV's path relative to root",
            )
    for key, settings in config["classifiers"].items():
        weights = settings["weights"]
        if weights not in (None, "imagenet") and not Path(weights).is_file():
            raise InputError(
                f"the file {weights!r} does not exist",
                file=source,
                field=f"classifiers.{key}.weights",
                remedy="Correct the path (relative to the folder you start from), "
                "or use imagenet or null",
            )
    functions = _plugin_functions(config["plugins"], source)
    named = {f"explainers.{k}.method": e["method"] for k, e in config["explainers"].items()}
    named |= {
        f"classifiers.{k}.architecture": c["architecture"] for k, c in config["classifiers"].items()
    }
    for field, value in named.items():
        function = value.removeprefix("plugin:")
        if function != value and function not in functions:
            raise InputError(
                f"no function {function!r} in the files under 'plugins'",
                file=source,
                field=field,
                remedy=suggestion(function, functions, "Functions there"),
            )


def _plugin_functions(paths: list[str], source: str) -> list[str]:
    """List the functions of plugin files by reading, not running, them."""
    functions: list[str] = []
    for path in paths:
        if not Path(path).is_file():
            raise InputError(
                f"the file {path!r} does not exist",
                file=source,
                field="plugins",
                remedy="Give its path relative to the folder you start from",
            )
        try:
            tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        except SyntaxError as error:
            raise InputError(
                f"line {error.lineno}: {error.msg}", file=path, field="plugins"
            ) from error
        functions += [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return functions


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
