"""The user's own methods: functions in Python files that the config lists under `plugins`."""

import ast
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

from fidelity.base.errors import InputError, first_line
from fidelity.base.suggestions import did_you_mean, nearest

PREFIX = "plugin:"
_MODULE = "fidelity_plugin_"


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
    name = f"{_MODULE}{path.stem}_{digest}"
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
            file=place_in(path, error),
            field="plugins",
            remedy=_import_remedy(path, error),
        ) from error
    return module


def failure(name: str, error: Exception, field: str = "architecture") -> InputError:
    """Return an error for a function of the user that failed, with its file and line."""
    files = {module.__file__ for key, module in sys.modules.items() if key.startswith(_MODULE)}
    own = [place for file in files if (place := place_in(file, error)) != str(file)]
    return InputError(
        f"{name} fails: {type(error).__name__}: {first_line(error)}",
        file=own[0] if own else None,
        field=field,
        remedy="Correct the function (docs/models.md states how it is called)",
    )


def place_in(path: str | Path, error: BaseException) -> str:
    """Return a file with the line in it that raised an error; the file alone if none did."""
    frames = traceback.extract_tb(error.__traceback__)
    own = Path(path).resolve()
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == own]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _import_remedy(path: Path, error: Exception) -> str:
    """State where Python searches if the missing module is a file next to the plugin."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name and (path.parent / f"{name}.py").is_file():
        return (
            f"Move {name}.py into the folder that you start from: Python does not search the folder"
            " of the plugin"
        )
    return "Correct the code of the plugin, or install the package that it imports"


def files_for(name: str, paths: Sequence[str]) -> list[str]:
    """Choose the plugin file that defines a function, without running any file.

    Other plugin files do not count: a changed explainer must not train a network again.

    Args:
        name: "plugin:<function>", or the name of a method or architecture of the project.

    Returns:
        The first file that defines the function; all files if none does; none for other names.
    """
    if not name.startswith(PREFIX):
        return []
    function = name.removeprefix(PREFIX)
    first = next((path for path in paths if function in functions_of(path)), None)
    return list(paths) if first is None else [first]


def functions_of(path: str) -> dict[str, ast.FunctionDef]:
    """Return the functions that a plugin file defines, by name, without running the file.

    Raises:
        SyntaxError: the file is not Python.
    """
    body = ast.parse(Path(path).read_bytes()).body  # bytes: a file may state its encoding
    # Of two functions of one name in a file, Python keeps the last.
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def own_modules(path: Path, folders: Sequence[Path]) -> set[Path]:
    """Find the Python files in some folders that a file imports, directly or indirectly."""
    found = {path.resolve()}
    pending = list(found)
    while pending:
        new = set(_imported(pending.pop(), folders)) - found
        found |= new
        pending += new
    return found - {path.resolve()}


def _imported(file: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the files in some folders that the import statements of a file name."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # the job that imports it reports this
        return
    for node in ast.walk(tree):
        places = folders
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Of `from a import b`, b may be a module; importing it also runs a.
            names = [f"{node.module or ''}.{alias.name}".strip(".") for alias in node.names]
            places = [*file.parents][node.level - 1 :][:1] if node.level else folders
        else:
            continue
        for name in names:
            yield from _files_of(name.split("."), places)


def _files_of(parts: Sequence[str], folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of a module and of the packages above it."""
    for folder in folders:
        for length in range(1, len(parts) + 1):
            place = folder.joinpath(*parts[:length])
            ends = (place.with_name(f"{place.name}.py"), place / "__init__.py")
            yield from (end.resolve() for end in ends if end.is_file())


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
