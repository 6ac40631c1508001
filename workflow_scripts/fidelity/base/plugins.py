"""The user's own methods: functions in Python files that the config lists under `plugins`."""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from fidelity.base.errors import InputError
from fidelity.base.suggestions import did_you_mean, nearest

PREFIX = "plugin:"


def load_plugin_function(name: str, paths: Sequence[str | Path]) -> Callable:
    """Find a function in the plugin files.

    Args:
        name: "plugin:<function>".
        paths: the Python files in the order of the config; the first one with the function is used.

    Raises:
        InputError: a file is missing or cannot be imported, or no file has the function.
    """
    function = name.removeprefix(PREFIX)
    known: list[str] = []
    for path in paths:
        module = _import(Path(path))
        found = getattr(module, function, None)
        if callable(found):
            return found
        known += [key for key, value in vars(module).items() if callable(value)]
    near = [PREFIX + one for one in nearest(function, known)]
    where = ", ".join(map(str, paths)) or "no files, because the list of plugins is empty"
    raise InputError(
        f"no plugin has a function {function!r} (searched: {where})",
        field="plugins",
        remedy=did_you_mean(near, "Under plugins, list the Python file that defines the function"),
    )


def _import(path: Path) -> ModuleType:
    """Import a file under a unique module name."""
    if not path.is_file():
        raise InputError(
            "the plugin file does not exist", file=path, field="plugins", remedy="Correct the path"
        )
    path = path.resolve()
    # The digest makes it unique: two plugins may have the same file name.
    digest = hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()
    name = f"fidelity_plugin_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(
            "the plugin is not a Python file",
            file=path,
            field="plugins",
            remedy="Name a file that ends in .py",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(
            f"the plugin cannot be imported: {type(error).__name__}: {error}",
            file=path,
            field="plugins",
            remedy="Correct the code of the plugin, or install the package that it imports",
        ) from error
    return module


def stated_family(tree: ast.Module) -> str | None:
    """Return the family that a plugin file states in a line `family = "cam"`; None without one."""
    for node in tree.body:
        if states_family(node):
            return node.value.value
    return None


def states_family(node: ast.stmt) -> bool:
    """Check whether a statement of a plugin file is `family = "…"`."""
    return (
        isinstance(node, ast.Assign)
        and [getattr(target, "id", None) for target in node.targets] == ["family"]
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
