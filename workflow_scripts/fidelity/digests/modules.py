"""Parse the modules that digests read: their statements by name, and the targets of imports."""

import ast
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# About running, not about results; a name includes its submodules. Settings arrive as params.
IGNORED = (
    "fidelity.base.counting",
    "fidelity.digests",
    "fidelity.base.errors",
    "fidelity.base.files",
    "fidelity.base.formulas",
    "fidelity.base.hdf5",
    "fidelity.base.job_log",
    "fidelity.base.kept_results",
    "fidelity.base.memory",
    "fidelity.base.progress",
    "fidelity.base.suggestions",
    "fidelity.datasets.acquisition.listing",
    "fidelity.settings",
    "fidelity.study",
)
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

# Target of a reference in code: (module, name), or (module, "") for the whole module.
Target = tuple[str, str]


@dataclass
class ModuleCode:
    """A module's statements by the names that they bind, and the targets of its imports."""

    name: str
    imports: dict[str, Target | str] = field(default_factory=dict)
    named: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)


def script_name(script: str, absent: Collection[str]) -> str:
    """Return a module name for a script; it includes the names of absent arguments."""
    return f"<{script}|{','.join(absent)}>"


def is_ignored(module: str) -> bool:
    """Check whether a module is about running; an edit of it reruns nothing."""
    return module == "fidelity" or any(
        module == name or module.startswith(f"{name}.") for name in IGNORED
    )


def _path(name: str) -> Path:
    if name.startswith("<"):
        return ROOT.parent / name[1:].partition("|")[0]
    relative = Path(*name.split(".")[1:])
    module = ROOT / relative.with_suffix(".py") if relative.parts else ROOT / "__init__.py"
    return module if module.is_file() else ROOT / relative / "__init__.py"


@cache
def is_module(name: str) -> bool:
    """Check whether a dotted name ("fidelity.maps.resize") is a module or a package."""
    return _path(name).is_file()


@cache
def module_code(name: str) -> ModuleCode:
    path = _path(name)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        lines = (line for cell in cells for line in "".join(cell["source"]).splitlines())
        text = "\n".join(line for line in lines if not line.startswith("%"))
    tree, found = ast.parse(text), ModuleCode(name)
    if name.startswith("<"):
        absent = set(name[1:-1].partition("|")[2].split(","))
        tree = _WithoutBranches(absent).visit(tree)
    for node in tree.body:
        if is_docstring(node) or is_for_types(node):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.imports |= imports_of(node)
            continue
        bound = list(_bound(node))
        for key in bound:
            found.named.setdefault(key, []).append(node)
        if name.startswith("<") or not bound:
            found.effects.append(node)
    if name.startswith("<"):
        found.named = {}
    return found


@cache
def resolve(module: str, name: str) -> Target:
    """Follow a name through modules that only import it, to the module that defines it."""
    found = module_code(module)
    if not name or name in found.named:
        return module, name
    target = found.imports.get(name)
    if isinstance(target, tuple):
        return resolve(*target)
    if isinstance(target, str):  # imported from a library
        return module, name
    return module, ""


class _WithoutBranches(ast.NodeTransformer):
    """Remove the branches of a script that run only with an argument that this job lacks."""

    def __init__(self, absent: set[str]) -> None:
        self.absent = absent

    def _is_absent(self, test: ast.expr) -> bool:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return any(map(self._is_absent, test.values))
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.IsNot):
            test = test.left
        return getattr(test, "id", None) in self.absent

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:  # noqa: N802 - ast's name
        self.generic_visit(node)
        return node.orelse if self._is_absent(node.test) else node


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module binds or changes."""
    if isinstance(node, ast.ClassDef | FUNCTIONS):
        yield node.name
        return
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    elif not isinstance(node, ast.Expr):  # If, For, With, Try
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id
        return
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def imports_of(node: ast.Import | ast.ImportFrom) -> dict[str, Target | str]:
    """Return the target of each imported name, or the library's top-level package."""
    found: dict[str, Target | str] = {}
    for alias in node.names:
        if isinstance(node, ast.Import):
            top = alias.name.split(".")[0]
            found[alias.asname or top] = top
            continue
        module = node.module or ""
        name = alias.asname or alias.name
        if module.split(".")[0] != "fidelity":
            found[name] = module.split(".")[0]
        elif is_module(f"{module}.{alias.name}"):
            found[name] = (f"{module}.{alias.name}", "")
        else:
            found[name] = (module, alias.name)
    return found


def is_docstring(node: ast.AST) -> bool:
    """Check whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
