"""Checks that the files a config names are there, before anything is computed."""

import ast
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.cases import SECOND_PREFIX
from fidelity.datasets.sources.chexpert.folder_layout import find_layout
from fidelity.datasets.sources.table.table import columns_of
from fidelity.explainers.registry import method_of
from fidelity.maps.imported_paths import for_dataset, has_files, pattern_of, root_of
from fidelity.settings.origin import check_archive
from fidelity.settings.queries import all_explainers, data_origin, data_root


def check_files(config: dict[str, Any], source: str) -> None:
    for key in config["datasets"]:
        root = data_root(config, key)
        if root is None:
            check_archive(key, data_origin(config, key), source)
        elif root.is_file() and root.suffix.lower() == ".zip":
            raise InputError(
                f"{str(root)!r} is a zip archive",
                file=source,
                field=f"datasets.{key}.root",
                remedy="Set archive: in place of root: (source covid_qu_ex), or unpack it",
            )
        elif not root.is_dir():
            raise InputError(
                f"the folder {str(root)!r} does not exist",
                file=source,
                field=f"datasets.{key}.root",
                remedy="Correct it, or set data_root: --config data_root=<folder>",
            )
        if config["datasets"][key]["source"] == "chexlocalize":
            _check_chexpert(key, root, config, source)
        table = config["datasets"][key].get("table")
        if table is not None and not (root / table).is_file():
            raise InputError(
                f"the file {str(root / table)!r} does not exist",
                file=source,
                field=f"datasets.{key}.table",
                remedy="Give the CSV's path relative to root",
            )
        if table is not None:
            _check_second_masks(key, root / table, config, source)
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
    for key, entry in config["explainers"].items():
        if entry["method"] == "imported":
            for dataset in config["datasets"]:
                _check_imported(key, for_dataset(entry, dataset), source)
    functions = _plugin_functions(config["plugins"], source)
    named = {f"{path}.method": entry["method"] for path, entry in all_explainers(config)}
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


def _check_imported(key: str, entry: dict[str, Any], source: str) -> None:
    """See that there is something to import; case by case it is checked by `check_imported`."""
    root, part = root_of(entry), "folder" if entry["folder"] else "file"
    if not (root.is_dir() if entry["folder"] else root.is_file()):
        raise InputError(
            f"the {part} {str(root)!r} does not exist",
            file=source,
            field=f"explainers.{key}.{part}",
            remedy="Correct the path (relative to the folder you start from)",
        )
    if entry["folder"] and not has_files(entry):
        raise InputError(
            f"no file in {str(root)!r} fits the pattern {pattern_of(entry)!r}",
            file=source,
            field=f"explainers.{key}.pattern",
            remedy="Correct the pattern; {case} and {class} stand for their names",
        )


def _check_chexpert(key: str, root: Path, config: dict[str, Any], source: str) -> None:
    """See that the splits that are explained, or trained on, have labels and masks."""
    settings = config["datasets"][key]
    for name, path in settings["human_benchmark"].items():
        if path is not None and not (root / path).is_file():
            raise InputError(
                f"the file {str(root / path)!r} does not exist",
                file=source,
                field=f"datasets.{key}.human_benchmark.{name}",
                remedy="Give its path relative to root, or null",
            )
    layout = find_layout(root, settings)
    trained = any(entry["training"] is not None for entry in config["classifiers"].values())
    asked = [
        (s, found) for s in config["explain"]["splits"] for found in (layout.tables, layout.masks)
    ]
    asked += [("train", layout.tables)] if trained else []
    for split, found in asked:
        if split not in found:
            what = "label file" if found is layout.tables else f"file of {settings['references']}"
            raise InputError(
                f"there is no {what} of the split {split!r} below {str(root)!r}",
                file=source,
                field=f"datasets.{key}.root",
                remedy="Add the file, or leave the split out of explain.splits"
                if split != "train"
                else "Add train.csv, or load classifiers (training: null)",
            )


def _check_second_masks(key: str, table: Path, config: dict[str, Any], source: str) -> None:
    """See that a second reader has a column; cells may be empty where nobody read twice."""
    asking = [
        k for k, e in config["explainers"].items() if method_of(e["method"]).needs_second_reader
    ]
    wanted = [SECOND_PREFIX + cls for cls in config["datasets"][key]["annotated_classes"]]
    if asking and not {*wanted} & {*columns_of(table)}:
        raise InputError(
            f"explainers.{asking[0]} needs masks of a second reader; {str(table)!r} has no column "
            + " or ".join(map(repr, wanted)),
            file=source,
            field=f"datasets.{key}.table",
            remedy="Add the column, or leave the explainer out",
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
