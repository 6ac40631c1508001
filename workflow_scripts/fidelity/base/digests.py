"""Digest of the code that can change a rule's result: editing a method re-runs it and no other.

`code_of` starts at a rule's script and follows names: a function, class or constant counts if
something that counts uses it. So a module's unused half changes nothing. Left out are

- comments, docstrings, annotations and the places of modules,
- messages: what an exception, a log line or a warning is given, what is prepared for that alone,
  and texts that are declared a `Message`,
- descriptions: an argument for a parameter or field that is declared a `Description` counts only
  where the code reads an attribute of that name (a figure reads `title`, a score does not),
- modules about running (`IGNORED`), and whatever is imported under `if TYPE_CHECKING`,
- registries (modules named so): of their tables, only the entries that a rule names, or that are
  named by a string in the code, count; and of an entry only the facts that the code reads.

A module that a registry names by a string (an explainer's) is not followed: the rule passes it to
`code_of`. So LIME's digest stays apart from Grad-CAM's. Module-level statements that do something
(`mpl.use("Agg")`) count wherever something of their module counts.
"""

import ast
import gc
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

from fidelity.base.plugins import states_family

ROOT = Path(__file__).resolve().parents[1]
# About running, not about results; a name covers what is below it. Settings arrive as params.
IGNORED = (
    "fidelity.base.counting",
    "fidelity.base.digests",
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
# Import name → name of the distribution, where they differ.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "pytorch_grad_cam": "grad-cam",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# Libraries that decide results. Others (tqdm, h5py's file layout, …) do not enter the digest.
COUNTED = {
    "captum",
    "cv2",
    "imagehash",
    "lime",
    "monai",
    "numpy",
    "pydicom",
    "pytorch_grad_cam",
    "scipy",
    "skimage",
    "sklearn",
    "statsmodels",
    "timm",
    "torch",
    "torchvision",
    "torchxrayvision",
    "zennit",
}
# The names of log functions, and of objects that have them.
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log", "warn"}
_LOGS = {"log", "logger", "logging", "warnings"}
# Calls that change nothing: where their result goes into messages alone, they count as little.
_PURE = set(
    """abs all any bool dict dir enumerate filter float format get get_close_matches int isinstance
    items join keys len list lower map max mean min range removeprefix removesuffix repr replace
    reversed round rsplit set sorted split splitlines str strip suggestion sum title tuple type
    upper values zip""".split()  # noqa: SIM905 - 40 lines
)
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

# What code refers to: (module, name), or (module, "") for all of it.
Target = tuple[str, str]

# For annotations; import these under `if TYPE_CHECKING`.
# A parameter or field with a text for readers.
Description: TypeAlias = str
# A constant, or what a function returns, that only messages show.
Message: TypeAlias = str


@dataclass
class _Piece:
    """What digests need of some statements; trees are not kept, they are large.

    Attributes:
        digest: of the statements, without what does not count.
        targets: what they refer to, in their order.
        libraries: top-level packages that they use.
        strings: string constants that may name an entry of a registry.
        attributes: attributes that they read, which may be facts of an entry.
        rows: of a registry's table: entry → fact → piece. "" holds what no class names.
        descriptions: arguments that count where an attribute of the parameter's name is read.
    """

    digest: bytes = b""
    targets: tuple[Target, ...] = ()
    libraries: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    rows: tuple[tuple[str, dict[str, "_Piece"]], ...] = ()
    descriptions: tuple[tuple[str, "_Piece"], ...] = ()


@dataclass
class _Module:
    """A module's statements by the names that they bind, and what its imports bind."""

    name: str
    imports: dict[str, Target | str] = field(default_factory=dict)
    named: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hide syntax trees from the garbage collector.

    They have no cycles, but so many parts that looking for some takes a third of planning.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


@cache
@_uncollected()
def code_of(
    script: str, *modules: str, names: tuple[str, ...] = (), absent: tuple[str, ...] = ()
) -> str:
    """Hash the code that can change the result of a rule.

    Args:
        script: file name of the rule's script below `workflow_scripts`, or path of its notebook.
        *modules: modules that registries choose, as dotted names below `fidelity`.
        names: entries of registries that count, such as the metrics that the config requests.
        absent: variables of the script that are None or empty in this job: what the script does
            `if <variable>` or `if <variable> is not None` does not count.

    Returns:
        16 hexadecimal digits.

    Raises:
        FileNotFoundError: the script or a module does not exist.
    """
    digest = hashlib.blake2b(digest_size=8)
    libraries: set[str] = set()
    roots = [(_script_name(script, absent), ""), *((f"fidelity.{name}", "") for name in modules)]
    for piece in _walk(roots, frozenset(names)):
        digest.update(piece.digest if isinstance(piece, _Piece) else b"#%d" % piece)
        if isinstance(piece, _Piece):
            libraries |= piece.libraries & COUNTED
    for library in sorted(libraries):
        digest.update(f"{library}=={_version(library)}\n".encode())
    return digest.hexdigest()


def reached(
    script: str, *modules: str, names: tuple[str, ...] = (), absent: tuple[str, ...] = ()
) -> set[Target]:
    """Name what `code_of` covers: (module, name of a function, class or constant)."""
    roots = [(_script_name(script, absent), ""), *((f"fidelity.{name}", "") for name in modules)]
    seen: dict[Target, int] = {}
    list(_walk(roots, frozenset(names), seen))
    return {target for target in seen if target[1]}


def file_digest(path: str | Path) -> str:
    """Hash a Python file outside the package (a plugin) by its syntax tree.

    Docstrings do not count, nor does the family that it states, unless its code reads it.
    """
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | _FUNCTIONS):
            node.body = [part for part in node.body if not _is_text(part)]
    read = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "family")
    if not any(isinstance(node.ctx, ast.Load) for node in read):
        tree.body = [node for node in tree.body if not states_family(node)]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()


def forget() -> None:
    """Read all files again: for tests that edit them."""
    for cached in (code_of, _version, _module, _piece, _resolve, _is_pure, _parameters, is_module):
        cached.cache_clear()


# ---- from the script to all that it reaches ----


def _walk(
    roots: Iterable[Target], names: frozenset[str], seen: dict[Target, int] | None = None
) -> Iterator[_Piece | int]:
    """Yield what counts in the order of its first use, and a number wherever it is used again.

    Where a function stands does not enter, which one a name means does.
    """
    roots = list(roots)
    # What the code read in the last round: strings, attributes ("" has no name), entries of tables.
    strings: set[str] = set()
    attributes, keys = {""}, set[str]()
    while True:
        order: dict[Target, int] = {}
        found: list[_Piece | int] = []
        now, read = set(strings), set(attributes)
        pending: list[Target | _Piece] = roots[::-1]
        met: set[str] = set()
        has_choices = False
        while pending:
            item = pending.pop()
            if isinstance(item, tuple):
                item = _resolve(*item)
                if item in order:
                    found.append(order[item])
                    continue
                order[item] = len(order)
                piece = _piece(*item)
            else:
                piece = item
            found.append(piece)
            now |= piece.strings
            read |= piece.attributes
            rows = [
                part
                for key, facts in piece.rows
                if key in strings or _is_named(key, names, keys)
                for fact, part in facts.items()
                if fact in attributes
            ]
            rows += [part for name, part in piece.descriptions if name in attributes]
            met.update(key for key, _ in piece.rows)
            has_choices |= bool(piece.rows or piece.descriptions)
            pending += [*rows[::-1], *piece.targets[::-1]]
        if not has_choices or (now == strings and read == attributes and met == keys):
            break
        strings, attributes, keys = now, read, met
    if seen is not None:
        seen.update(order)
    yield from found


def _is_named(key: str, names: Collection[str], keys: Collection[str]) -> bool:
    """Whether an entry is requested, by its name or as a part of it (assd, _mm: assd_mm)."""
    return any(
        name == key
        or (name.startswith(key) and name.removeprefix(key) in keys)
        or (name.endswith(key) and name.removesuffix(key) in keys)
        for name in names
    )


@cache
def _resolve(module: str, name: str) -> Target:
    """Follow a name through modules that only import it."""
    found = _module(module)
    if not name or name in found.named:
        return module, name
    target = found.imports.get(name)
    if isinstance(target, tuple):
        return _resolve(*target)
    if isinstance(target, str):  # a library's, handed on
        return module, name
    return module, ""


@cache
def _piece(module: str, name: str) -> _Piece:
    found = _module(module)
    if name:
        if name not in found.named:
            return _Piece(name.encode(), libraries=frozenset([str(found.imports[name])]))
        return _Reader(found).read(found.named[name], effects=bool(found.effects))
    if name == "" and module.startswith("<"):
        return _Reader(found).read(found.effects)
    targets = tuple((module, key) for key in found.named)
    own = (module, "<effects>")
    return _Piece(b"all of", (*targets, *([own] if found.effects else [])))


# ---- modules ----


def _script_name(script: str, absent: Collection[str]) -> str:
    """Name a script as a module; what it lacks is part of the name."""
    return f"<{script}|{','.join(absent)}>"


def is_ignored(module: str) -> bool:
    """Whether a module is about running: editing it re-runs nothing."""
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
    """Whether a dotted name ("fidelity.maps.resize") is a module or a package."""
    return _path(name).is_file()


@cache
def _version(library: str) -> str:
    return metadata.version(DISTRIBUTIONS.get(library, library))


@cache
def _module(name: str) -> _Module:
    path = _path(name)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        lines = (line for cell in cells for line in "".join(cell["source"]).splitlines())
        text = "\n".join(line for line in lines if not line.startswith("%"))
    tree, found = ast.parse(text), _Module(name)
    if name.startswith("<"):
        absent = set(name[1:-1].partition("|")[2].split(","))
        tree = _WithoutBranches(absent).visit(tree)
    for node in tree.body:
        if _is_text(node) or _is_for_types(node):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.imports |= _imports(node)
            continue
        bound = list(_bound(node))
        for key in bound:
            found.named.setdefault(key, []).append(node)
        if name.startswith("<") or not bound:
            found.effects.append(node)
    if name.startswith("<"):
        found.named = {}
    return found


class _WithoutBranches(ast.NodeTransformer):
    """Drop what a script does if an argument is there that this job lacks."""

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
    """Name what a statement of a module binds or changes."""
    if isinstance(node, ast.ClassDef | _FUNCTIONS):
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


def _imports(node: ast.Import | ast.ImportFrom) -> dict[str, Target | str]:
    """Say what each name of an import means: a target, or a library's top-level package."""
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


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


# ---- what counts of a statement ----


def _name_of(function: ast.expr) -> str:
    """Give the last part of what is called."""
    return getattr(function, "attr", "") or getattr(function, "id", "")


def _is_error(node: ast.AST) -> bool:
    """Whether a call makes an error or a warning."""
    return isinstance(node, ast.Call) and _name_of(node.func).endswith(
        ("Error", "Exception", "Warning")
    )


def _is_message(node: ast.AST, module: _Module) -> bool:
    """Whether a statement only says something: a log line, a warning, an error that is worded."""
    return _says(node) and all(
        _is_pure_call(part, module)
        for argument in [*node.value.args, *node.value.keywords]
        for part in ast.walk(argument)
        if isinstance(part, ast.Call)
    )


def _says(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    function = node.value.func
    if isinstance(function, ast.Attribute):
        whose = function.value
        return function.attr in _LEVELS and getattr(whose, "id", "") in _LOGS
    name = _name_of(function).lstrip("_")
    return name in {"print", "warn"} or name.startswith("raise_")


def _counted(node: ast.AST, module: _Module) -> Iterator[ast.AST]:
    """Give the children of a node that count."""
    if isinstance(node, ast.Raise):
        # A function that makes the error words it.
        if node.exc is not None and (_is_error(node.exc) or not isinstance(node.exc, ast.Call)):
            yield node.exc
    elif isinstance(node, ast.Assert):
        yield node.test
    elif _is_error(node):
        yield node.func
    elif not (
        _is_message(node, module) or (isinstance(node, ast.keyword) and node.arg == "remedy")
    ):
        for name in node._fields:  # as ast.iter_child_nodes, in half the time
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                yield value
            elif isinstance(value, list):
                yield from (part for part in value if isinstance(part, ast.AST))


def _is_note(node: ast.AST) -> bool:
    """Whether a call adds to a list of what is told: its strings do not count."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"append", "extend"}
        and _name_of(node.func.value) in {"notes", "problems"}
    )


@cache
def _is_pure(module: str, name: str) -> bool:
    """Whether a function of the package only computes: then it matters through its value alone."""
    found = _module(module)
    statements = found.named.get(name, [])
    changes = (ast.Global, ast.Nonlocal, ast.Attribute | ast.Subscript)
    return bool(statements) and all(
        isinstance(node, ast.FunctionDef)
        and not any(
            isinstance(part, changes[:2])
            or (isinstance(part, changes[2]) and not isinstance(part.ctx, ast.Load))
            or (isinstance(part, ast.Call) and not _is_pure_call(part, found))
            for part in ast.walk(node)
        )
        for node in statements
    )


def _is_pure_call(call: ast.Call, module: _Module) -> bool:
    name = _name_of(call.func)
    if name in _PURE or _is_error(call):
        return True
    if not isinstance(call.func, ast.Name):
        return False
    target = module.imports.get(name, (module.name, name))
    return isinstance(target, tuple) and bool(target[1]) and _is_pure(*_resolve(*target))


def _prepares(node: ast.AST, quiet: Collection[str], module: _Module) -> bool:
    """Whether a statement only gives a value to a name that messages alone read."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign):
        targets = [node.target]
    else:
        return False
    return all(isinstance(target, ast.Name) and target.id in quiet for target in targets) and all(
        _is_pure_call(part, module) for part in ast.walk(node.value) if isinstance(part, ast.Call)
    )


def _names(node: ast.AST, quiet: set[str] | None, module: _Module) -> tuple[set[str], set[str]]:
    """Name what a function reads, and sets, outside messages and what prepares them."""
    read: set[str] = set()
    stored: set[str] = set()
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else stored).add(part.id)
        elif isinstance(part, ast.Global | ast.Nonlocal):
            read.update(part.names)
        elif quiet and _prepares(part, quiet, module):
            continue
        else:
            pending.extend(_counted(part, module))
    return read, stored


def _quiet(function: ast.AST, module: _Module) -> frozenset[str]:
    """Name the variables of a function that only messages read."""
    read, stored = _names(function, None, module)
    if not stored - read and not any(map(_is_error, ast.walk(function))):
        return frozenset()
    quiet = stored  # all, until something that counts reads it
    while quiet:
        read, _ = _names(function, quiet, module)
        if not quiet & read:
            break
        quiet = quiet - read
    return frozenset(quiet)


def _is_declared(annotation: ast.expr | None, kind: str) -> bool:
    return annotation is not None and kind in re.findall(r"\w+", ast.unparse(annotation))


@cache
def _parameters(module: str, name: str) -> dict[str, bool]:
    """Name the fields of a class or parameters of a function, with whether each describes."""
    for node in _module(module).named.get(name, []):
        if isinstance(node, ast.ClassDef):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            return {_name_of(f.target): _is_declared(f.annotation, "Description") for f in fields}
        if isinstance(node, _FUNCTIONS):
            own = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            return {arg.arg: _is_declared(arg.annotation, "Description") for arg in own}
    return {}


class _Reader:
    """Turns statements of one module into a piece."""

    def __init__(self, module: _Module) -> None:
        self.module = module
        self.is_registry = module.name.endswith("registry")
        # Elsewhere a string that equals an entry's name means something else ("f2", a dtype).
        self.may_name_entries = (
            self.is_registry
            or module.name.startswith("<")
            or any(
                isinstance(target, tuple) and target[0].endswith("registry")
                for target in module.imports.values()
            )
        )
        self._start(dict(module.imports))

    def _start(self, imports: dict[str, Target | str]) -> None:
        self.imports = imports
        self.words: list[str] = []
        self.targets: dict[Target, None] = {}
        self.libraries: set[str] = set()
        self.strings: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[tuple[str, dict[str, _Piece]]] = []
        self.descriptions: list[tuple[str, _Piece]] = []
        self.in_function = self.is_note = self.returns_message = False
        self.quiet: frozenset[str] = frozenset()

    def read(self, nodes: Iterable[ast.AST], *, effects: bool = False) -> _Piece:
        """Make the piece of some statements; with `effects`, what their module does counts too."""
        if effects:
            self.targets[self.module.name, "<effects>"] = None
        for node in nodes:
            self._node(node)
        digest = hashlib.blake2b("\0".join(self.words).encode(), digest_size=16).digest()
        return _Piece(
            digest,
            tuple(self.targets),
            frozenset(self.libraries),
            frozenset(self.strings),
            frozenset(self.attributes),
            tuple(self.rows),
            tuple(self.descriptions),
        )

    def _node(self, node: ast.AST) -> None:
        if _is_text(node) or _is_for_types(node) or _is_message(node, self.module):
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports |= _imports(node)
            return
        if self.quiet and _prepares(node, self.quiet, self.module):
            return
        special = getattr(self, f"_{type(node).__name__}", None)
        if special is not None:
            special(node)
            return
        self.words.append(type(node).__name__)
        if (_is_note(node) or _says(node)) and not self.is_note:
            self.is_note = True
            self._fields(node)
            self.is_note = False
            return
        if isinstance(node, ast.Raise | ast.Assert) or _is_error(node):
            for child in _counted(node, self.module):
                self._node(child)
            return
        self._fields(self._undescribed(node) if isinstance(node, ast.Call) else node)

    def _undescribed(self, call: ast.Call) -> ast.Call:
        """Take the arguments that describe out of a call, and read each apart."""
        target = self._target_of(call.func)
        parameters = _parameters(*_resolve(*target)) if target else {}
        is_spread = any(isinstance(part, ast.Starred) for part in call.args)  # places unknown
        if is_spread or not any(parameters.values()):
            return call
        names = [*parameters, *[""] * len(call.args)]
        given = list(zip(names, call.args, strict=False))
        given += [(part.arg or "", part) for part in call.keywords]
        kept = ast.Call(call.func, [], [])
        for name, part in given:
            if parameters.get(name):
                self.descriptions.append((name, self._apart(name, [part])))
            else:
                (kept.keywords if isinstance(part, ast.keyword) else kept.args).append(part)
        return kept

    def _apart(self, word: str, nodes: Iterable[ast.AST]) -> _Piece:
        """Make a piece of nodes that may count or not."""
        reader = _Reader(self.module)
        reader._start(dict(self.imports))
        reader.words.append(word)
        return reader.read(nodes)

    def _fields(self, node: ast.AST, without: Collection[str] = ()) -> None:
        for name in node._fields:
            if name in without or name in ("ctx", "type_comment", "kind", "type_params"):
                continue
            value = getattr(node, name)
            if isinstance(value, ast.AST):
                self._node(value)
            elif isinstance(value, list):
                self.words.append("[")
                for part in value:
                    if isinstance(part, ast.AST):
                        self._node(part)
                    else:
                        self.words.append(repr(part))
                self.words.append("]")
            else:
                self.words.append(repr(value))

    def _FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        outermost = not self.in_function
        if outermost:
            self.in_function, self.quiet = True, _quiet(node, self.module)
            self.returns_message = _is_declared(node.returns, "Message")
        self.words.append("def")
        self._fields(node, ("returns",))
        if outermost:
            self.in_function, self.quiet = False, frozenset()
            self.returns_message = False

    _AsyncFunctionDef = _FunctionDef

    def _Return(self, node: ast.Return) -> None:  # noqa: N802
        self.words.append("Return")
        self.is_note = self.returns_message
        self._fields(node)
        self.is_note = False

    def _keyword(self, node: ast.keyword) -> None:
        if node.arg != "remedy":
            self.words.append(repr(node.arg))
            self._node(node.value)

    def _arg(self, node: ast.arg) -> None:
        self.words.append(node.arg)

    def _AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        # What a dataclass makes of a field goes by its annotation's text at most.
        self.words += ["Assign", ast.unparse(node.annotation) if node.value is None else ""]
        self._node(node.target)
        if node.value is not None and not _is_declared(node.annotation, "Message"):
            self._table(node.value)

    def _Assign(self, node: ast.Assign) -> None:  # noqa: N802
        self.words.append("Assign")
        for target in node.targets:
            self._node(target)
        self._table(node.value)

    def _Name(self, node: ast.Name) -> None:  # noqa: N802
        if self.is_note and node.id.isupper():
            return
        self.words.append(node.id)
        self._refer(self._meaning(node.id))

    def _Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        self.words += [".", node.attr]
        target = self._target_of(node)
        if target is not None:  # a module's: the name of the module is left out
            self._refer(target)
            return
        self.attributes.add(node.attr)
        self._node(node.value)

    def _Constant(self, node: ast.Constant) -> None:  # noqa: N802
        if isinstance(node.value, str):
            if self.is_note:
                self.words.append("text" if node.value else "")
                return
            if "." in node.value and self._is_module_name(node.value):
                return
            if self.may_name_entries:
                self.strings.add(node.value)
        self.words.append(repr(node.value))

    def _is_module_name(self, text: str) -> bool:
        if not text.replace(".", "").replace("_", "").isalnum():
            return False
        return is_module(text if text.startswith("fidelity.") else f"fidelity.{text}")

    def _target_of(self, node: ast.expr) -> Target | None:
        """Find what a name, or an attribute of a module, refers to in the package."""
        if isinstance(node, ast.Name):
            meaning = self._meaning(node.id)
            return meaning if isinstance(meaning, tuple) else None
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            return None
        meaning = self.imports.get(node.value.id)
        if not isinstance(meaning, tuple) or meaning[1]:
            return None
        inner = f"{meaning[0]}.{node.attr}"
        return (inner, "") if is_module(inner) else (meaning[0], node.attr)

    def _meaning(self, name: str) -> Target | str | None:
        if name in self.imports:
            return self.imports[name]
        return (self.module.name, name) if name in self.module.named else None

    def _refer(self, meaning: Target | str | None) -> None:
        if isinstance(meaning, str):
            self.libraries.add(meaning)
        elif meaning is not None and not is_ignored(meaning[0]):
            self.targets[meaning] = None

    # -- tables of registries --

    def _table(self, value: ast.expr) -> None:
        if self.is_registry and not self.in_function:
            value = _Rows(self).visit(value)
        self._node(value)

    def add_row(self, key: str, entry: ast.expr) -> None:
        """Read an entry of a table apart, fact by fact where a class says which these are."""
        facts = {"": [entry]}
        if isinstance(entry, ast.Call):
            target = self._target_of(entry.func)
            module, name = _resolve(*target) if target else ("", "")
            if target and isinstance(_module(module).named.get(name, [None])[0], ast.ClassDef):
                names = _parameters(module, name)
                facts = dict(zip(names, ([part] for part in entry.args), strict=False))
                facts |= {part.arg or "": [part.value] for part in entry.keywords}
            else:  # a function that makes the entry may complete its name, so it counts for all
                self._refer(target)
        pieces = {fact: self._apart(f"{key}.{fact}", nodes) for fact, nodes in facts.items()}
        self.rows.append((key, pieces))


class _Rows(ast.NodeTransformer):
    """Takes entries with a name out of a registry's table and hands them to its reader."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader

    def visit_Dict(self, node: ast.Dict) -> ast.AST:  # noqa: N802
        kept = [pair for pair in zip(node.keys, node.values, strict=True) if not self._take(*pair)]
        return ast.Dict([key for key, _ in kept], [self.visit(value) for _, value in kept])

    def _several(self, node: ast.List | ast.Tuple | ast.Set) -> ast.AST:
        kept = []
        for part in node.elts:
            first: list[ast.expr] = getattr(part, "args", None) or getattr(part, "elts", [])
            if not (
                isinstance(part, ast.Call | ast.Tuple) and first and self._take(first[0], part)
            ):
                kept.append(self.visit(part))
        return type(node)(kept, ast.Load())

    visit_List = visit_Tuple = visit_Set = _several  # noqa: N815 - ast's names

    def _take(self, key: ast.expr | None, entry: ast.expr) -> bool:
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            return False
        self.reader.add_row(key.value, entry)
        return True
