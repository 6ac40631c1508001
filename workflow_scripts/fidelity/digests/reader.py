"""Read statements into pieces: a digest of what counts, and the names that they refer to."""

import ast
import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache

from fidelity.digests.messages import (
    counted_children,
    is_error,
    is_message,
    is_note,
    name_of,
    prepares,
    quiet_names,
    says,
)
from fidelity.digests.modules import (
    FUNCTIONS,
    ModuleCode,
    Target,
    imports_of,
    is_docstring,
    is_for_types,
    is_ignored,
    is_module,
    module_code,
    resolve,
)


@dataclass
class Piece:
    """What digests need of some statements. Syntax trees are not kept, because they are large.

    Attributes:
        digest: digest of the statements, without the parts that do not count.
        targets: targets of their references, in their order.
        libraries: top-level packages that they use.
        strings: string constants that may name a registry entry.
        attributes: attributes that they read, which may be facts of an entry.
        rows: for a registry's table: entry → fact → piece. The fact "" holds values without a field
            name.
        descriptions: arguments that count only if an attribute with the parameter's name is read.
    """

    digest: bytes = b""
    targets: tuple[Target, ...] = ()
    libraries: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    rows: tuple[tuple[str, dict[str, "Piece"]], ...] = ()
    descriptions: tuple[tuple[str, "Piece"], ...] = ()


@cache
def piece_of(module: str, name: str) -> Piece:
    found = module_code(module)
    if name:
        if name not in found.named:
            return Piece(name.encode(), libraries=frozenset([str(found.imports[name])]))
        return _Reader(found).read(found.named[name], effects=bool(found.effects))
    if name == "" and module.startswith("<"):
        return _Reader(found).read(found.effects)
    targets = tuple((module, key) for key in found.named)
    own = (module, "<effects>")
    return Piece(b"all of", (*targets, *([own] if found.effects else [])))


def _is_declared(annotation: ast.expr | None, kind: str) -> bool:
    return annotation is not None and kind in re.findall(r"\w+", ast.unparse(annotation))


@cache
def described_parameters(module: str, name: str) -> dict[str, bool]:
    """Return {field of a class or parameter of a function: whether it is a `Description`}."""
    for node in module_code(module).named.get(name, []):
        if isinstance(node, ast.ClassDef):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            return {name_of(f.target): _is_declared(f.annotation, "Description") for f in fields}
        if isinstance(node, FUNCTIONS):
            own = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            return {arg.arg: _is_declared(arg.annotation, "Description") for arg in own}
    return {}


class _Reader:
    """Turns statements of one module into a piece."""

    def __init__(self, module: ModuleCode) -> None:
        self.module = module
        self.is_registry = module.name.endswith("registry")
        # In other modules, a string equal to an entry's name has another meaning ("f2", a dtype).
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
        self.rows: list[tuple[str, dict[str, Piece]]] = []
        self.descriptions: list[tuple[str, Piece]] = []
        self.in_function = self.is_note = self.returns_message = False
        self.quiet: frozenset[str] = frozenset()

    def read(self, nodes: Iterable[ast.AST], *, effects: bool = False) -> Piece:
        """Make the piece of some statements; `effects`: also count the module's effects."""
        if effects:
            self.targets[self.module.name, "<effects>"] = None
        for node in nodes:
            self._node(node)
        digest = hashlib.blake2b("\0".join(self.words).encode(), digest_size=16).digest()
        return Piece(
            digest,
            tuple(self.targets),
            frozenset(self.libraries),
            frozenset(self.strings),
            frozenset(self.attributes),
            tuple(self.rows),
            tuple(self.descriptions),
        )

    def _node(self, node: ast.AST) -> None:
        if is_docstring(node) or is_for_types(node) or is_message(node, self.module):
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports |= imports_of(node)
            return
        if self.quiet and prepares(node, self.quiet, self.module):
            return
        special = getattr(self, f"_{type(node).__name__}", None)
        if special is not None:
            special(node)
            return
        self.words.append(type(node).__name__)
        if (is_note(node) or says(node)) and not self.is_note:
            self.is_note = True
            self._fields(node)
            self.is_note = False
            return
        if isinstance(node, ast.Raise | ast.Assert) or is_error(node):
            for child in counted_children(node, self.module):
                self._node(child)
            return
        self._fields(self._undescribed(node) if isinstance(node, ast.Call) else node)

    def _undescribed(self, call: ast.Call) -> ast.Call:
        """Remove the description arguments from a call, and read each as a separate piece."""
        target = self._target_of(call.func)
        parameters = described_parameters(*resolve(*target)) if target else {}
        is_spread = any(isinstance(part, ast.Starred) for part in call.args)  # positions unknown
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

    def _apart(self, word: str, nodes: Iterable[ast.AST]) -> Piece:
        """Make a separate piece of nodes that count only under a condition."""
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
            self.in_function, self.quiet = True, quiet_names(node, self.module)
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
        # A dataclass can use at most the text of a field's annotation.
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
        if target is not None:  # attribute of a module: the module's name does not count
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
        """Find the package object that a name, or an attribute of a module, refers to."""
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
        """Read an entry of a table as one piece per fact, if a class defines the facts."""
        facts = {"": [entry]}
        if isinstance(entry, ast.Call):
            target = self._target_of(entry.func)
            module, name = resolve(*target) if target else ("", "")
            if target and isinstance(module_code(module).named.get(name, [None])[0], ast.ClassDef):
                names = described_parameters(module, name)
                facts = dict(zip(names, ([part] for part in entry.args), strict=False))
                facts |= {part.arg or "": [part.value] for part in entry.keywords}
            else:  # a function may complete the entry's name, so it counts for all entries
                self._refer(target)
        pieces = {fact: self._apart(f"{key}.{fact}", nodes) for fact, nodes in facts.items()}
        self.rows.append((key, pieces))


class _Rows(ast.NodeTransformer):
    """Removes the named entries from a registry's table and passes them to its reader."""

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
