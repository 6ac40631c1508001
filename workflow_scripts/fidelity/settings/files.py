"""Checks that the files a config names are there, before anything is computed."""

import ast
from pathlib import Path
from typing import Any

from fidelity.errors import InputError
from fidelity.near import suggestion
from fidelity.settings.queries import data_root


def check_files(config: dict[str, Any], source: str) -> None:
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
