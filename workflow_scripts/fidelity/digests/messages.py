"""Find statements that only write or prepare a message; they do not count in a digest."""

import ast
from collections.abc import Collection, Iterator
from functools import cache

from fidelity.digests.modules import ModuleCode, Target, module_code, resolve

# Names of log functions, and of objects that have them.
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log", "warn"}


_LOGS = {"log", "logger", "logging", "warnings"}


# Calls without side effects; they do not count if only messages use their result.
_PURE = set(
    """abs all any bool dict dir enumerate filter float format get get_close_matches int isinstance
    items join keys len list lower map max mean min range removeprefix removesuffix repr replace
    reversed round rsplit set sorted split splitlines str strip suggestion sum title tuple type
    upper values zip""".split()  # noqa: SIM905 - 40 lines
)


def name_of(function: ast.expr) -> str:
    """Return the last part of a function's dotted name."""
    return getattr(function, "attr", "") or getattr(function, "id", "")


def is_error(node: ast.AST) -> bool:
    """Check whether a call creates an error or a warning."""
    return isinstance(node, ast.Call) and name_of(node.func).endswith(
        ("Error", "Exception", "Warning")
    )


def is_message(node: ast.AST, module: ModuleCode) -> bool:
    """Check whether a statement only writes a message.

    That is a log line, `print`, `warn`, or a function called `raise_…` or `warn_…`.
    """
    return says(node) and all(
        _is_pure_call(part, module)
        for argument in [*node.value.args, *node.value.keywords]
        for part in ast.walk(argument)
        if isinstance(part, ast.Call)
    )


def says(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    function = node.value.func
    if isinstance(function, ast.Attribute):
        whose = function.value
        return function.attr in _LEVELS and getattr(whose, "id", "") in _LOGS
    name = name_of(function).lstrip("_")
    return name in {"print", "warn"} or name.startswith(("raise_", "warn_"))


def counted_children(node: ast.AST, module: ModuleCode) -> Iterator[ast.AST]:
    """Yield the children of a node that count."""
    if isinstance(node, ast.Raise):
        # If a function creates the error, that function words it.
        if node.exc is not None and (is_error(node.exc) or not isinstance(node.exc, ast.Call)):
            yield node.exc
    elif isinstance(node, ast.Assert):
        yield node.test
    elif is_error(node):
        yield node.func
    elif not (is_message(node, module) or (isinstance(node, ast.keyword) and node.arg == "remedy")):
        for name in node._fields:  # like ast.iter_child_nodes, but twice as fast
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                yield value
            elif isinstance(value, list):
                yield from (part for part in value if isinstance(part, ast.AST))


def is_note(node: ast.AST) -> bool:
    """Check whether a call adds to a list of messages: its strings do not count."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"append", "extend"}
        and name_of(node.func.value) in {"notes", "problems"}
    )


@cache
def called_if_pure(module: str, name: str) -> tuple[Target, ...] | None:
    """Return the package functions that a function calls; None if it may have side effects."""
    found = module_code(module)
    called: list[Target] = []
    changes = (ast.Global, ast.Nonlocal, ast.Attribute | ast.Subscript)
    for node in found.named.get(name, [None]):
        if not isinstance(node, ast.FunctionDef):
            return None
        for part in ast.walk(node):
            if isinstance(part, changes[:2]):
                return None
            if isinstance(part, changes[2]) and not isinstance(part.ctx, ast.Load):
                return None
            if isinstance(part, ast.Call) and not _is_harmless(part):
                target = _called(part, found)
                if target is None:
                    return None
                called.append(target)
    return tuple(called)


def _is_pure(target: Target) -> bool:
    """Check for a function without side effects, which matters only through its return value."""
    seen: set[Target] = set()
    pending = [target]
    while pending:
        part = pending.pop()
        if part in seen:
            continue
        seen.add(part)
        called = called_if_pure(*part)
        if called is None:
            return False
        pending += called
    return True


def _is_harmless(call: ast.Call) -> bool:
    return name_of(call.func) in _PURE or is_error(call)


def _called(call: ast.Call, module: ModuleCode) -> Target | None:
    """Find the package's function that is called by its bare name."""
    if not isinstance(call.func, ast.Name):
        return None
    target = module.imports.get(call.func.id, (module.name, call.func.id))
    return resolve(*target) if isinstance(target, tuple) and target[1] else None


def _is_pure_call(call: ast.Call, module: ModuleCode) -> bool:
    if _is_harmless(call):
        return True
    target = _called(call, module)
    return target is not None and _is_pure(target)


def prepares(node: ast.AST, quiet: Collection[str], module: ModuleCode) -> bool:
    """Check whether a statement only assigns a value to names that only messages read."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign):
        targets = [node.target]
    else:
        return False
    return all(isinstance(target, ast.Name) and target.id in quiet for target in targets) and all(
        _is_pure_call(part, module) for part in ast.walk(node.value) if isinstance(part, ast.Call)
    )


def _names(node: ast.AST, quiet: set[str] | None, module: ModuleCode) -> tuple[set[str], set[str]]:
    """Return the names that a function reads and sets, except in and for messages."""
    read: set[str] = set()
    stored: set[str] = set()
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else stored).add(part.id)
        elif isinstance(part, ast.Global | ast.Nonlocal):
            read.update(part.names)
        elif quiet and prepares(part, quiet, module):
            continue
        else:
            pending.extend(counted_children(part, module))
    return read, stored


def quiet_names(function: ast.AST, module: ModuleCode) -> frozenset[str]:
    """Return the variables of a function that only messages read."""
    read, stored = _names(function, None, module)
    if not stored - read and not any(map(is_error, ast.walk(function))):
        return frozenset()
    quiet = stored  # start with all; remove those that counting code reads
    while quiet:
        read, _ = _names(function, quiet, module)
        if not quiet & read:
            break
        quiet = quiet - read
    return frozenset(quiet)
