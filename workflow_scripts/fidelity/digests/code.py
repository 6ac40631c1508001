"""Compute digests of the code behind each rule, so that an edit reruns only affected rules.

`code_of` starts at a rule's script and follows names. A function, class or constant counts if
something that counts uses it. A change in an unused part of a module thus changes no digest. The
following does not count:

- comments, docstrings, annotations (except of fields without a value) and names of modules,
- messages: arguments of exceptions, log lines and warnings, values prepared only for these, and
  texts declared as `markers.Message`,
- descriptions: arguments for a parameter or field declared as `markers.Description`. They count
  only if the code reads an attribute of that name (a figure reads `title`, a score does not),
- modules about running (`modules.IGNORED`), and everything imported under `if TYPE_CHECKING`,
- entries of registries (modules named so), unless a rule or a string in the code names them. Of
  such an entry, only the facts that the code reads count.

If a registry names a module by a string (such as an explainer's), `code_of` does not follow it; the
rule passes the module instead. The digests of LIME and Grad-CAM are thus independent. Module-level
statements with an effect (`mpl.use("Agg")`) count if anything of their module counts.
"""

import ast
import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from fidelity.base.plugins import own_modules, states_family
from fidelity.digests.messages import called_if_pure
from fidelity.digests.modules import (
    FUNCTIONS,
    Target,
    is_docstring,
    is_module,
    module_code,
    resolve,
    script_name,
)
from fidelity.digests.reader import Piece, described_parameters, piece_of

# Import name → name of the distribution, if they differ.
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "pytorch_grad_cam": "grad-cam",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


# Libraries that affect results. Others (tqdm, h5py's file layout, …) are not part of the digest.
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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hide syntax trees from the garbage collector.

    They have no reference cycles, but searching their many nodes would take a third of the planning
    time.
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
    """Hash the code that can change the result of a rule, to 16 hexadecimal digits.

    Args:
        script: file name of the rule's script below `workflow_scripts`, or path of its notebook.
        *modules: modules that registries select, as dotted names below `fidelity`.
        names: registry entries that count, such as the metrics that the config requests.
        absent: variables of the script that are None or empty in this job. Code of the script under
            `if <variable>` or `if <variable> is not None` does not count.

    Raises:
        FileNotFoundError: the script or a module does not exist.
    """
    digest = hashlib.blake2b(digest_size=8)
    libraries: set[str] = set()
    roots = [(script_name(script, absent), ""), *((f"fidelity.{name}", "") for name in modules)]
    for piece in _walk(roots, frozenset(names)):
        digest.update(piece.digest if isinstance(piece, Piece) else b"#%d" % piece)
        if isinstance(piece, Piece):
            libraries |= piece.libraries & COUNTED
    for library in sorted(libraries):
        digest.update(f"{library}=={_version(library)}\n".encode())
    return digest.hexdigest()


def reached(
    script: str, *modules: str, names: tuple[str, ...] = (), absent: tuple[str, ...] = ()
) -> set[Target]:
    """Return what `code_of` covers: (module, name of a function, class or constant)."""
    roots = [(script_name(script, absent), ""), *((f"fidelity.{name}", "") for name in modules)]
    seen: dict[Target, int] = {}
    list(_walk(roots, frozenset(names), seen))
    return {target for target in seen if target[1]}


def file_digest(path: str | Path) -> str:
    """Hash a Python file outside the package (a plugin) by its syntax tree.

    Docstrings do not count. The family that the file states counts only if its code reads it. Files
    that it imports from its own folder or from the current one count, too.
    """
    path = Path(path)
    digest = hashlib.blake2b(_syntax(path.read_bytes()).encode(), digest_size=8)
    found = own_modules(path, [Path(), path.parent])
    for name, content in sorted((module.name, module.read_bytes()) for module in found):
        try:
            text = _syntax(content)
        except (SyntaxError, ValueError):
            text = repr(content)
        digest.update(f"\n{name} {text}".encode())
    return digest.hexdigest()


def _syntax(code: bytes) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTIONS):
            node.body = [part for part in node.body if not is_docstring(part)]
    read = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "family")
    if not any(isinstance(node.ctx, ast.Load) for node in read):
        tree.body = [node for node in tree.body if not states_family(node)]
    return ast.dump(tree)


def forget() -> None:
    """Clear all caches, for tests that edit files."""
    for cached in (
        code_of,
        _version,
        module_code,
        piece_of,
        resolve,
        called_if_pure,
        described_parameters,
        is_module,
    ):
        cached.cache_clear()


def _walk(
    roots: Iterable[Target], names: frozenset[str], seen: dict[Target, int] | None = None
) -> Iterator[Piece | int]:
    """Yield each piece that counts in the order of first use, and its number at each later use.

    The position of a function in its file does not matter; the object that a name refers to does.
    """
    roots = list(roots)
    # Read by the code in the last round: strings, attributes ("" for facts without a name),
    # entries.
    strings: set[str] = set()
    attributes, keys = {""}, set[str]()
    while True:
        order: dict[Target, int] = {}
        found: list[Piece | int] = []
        now, read = set(strings), set(attributes)
        pending: list[Target | Piece] = roots[::-1]
        met: set[str] = set()
        has_choices = False
        while pending:
            item = pending.pop()
            if isinstance(item, tuple):
                item = resolve(*item)
                if item in order:
                    found.append(order[item])
                    continue
                order[item] = len(order)
                piece = piece_of(*item)
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
    """Check for an entry that is requested by its name or as part of one (assd, _mm: assd_mm)."""
    return any(
        name == key
        or (name.startswith(key) and name.removeprefix(key) in keys)
        or (name.endswith(key) and name.removesuffix(key) in keys)
        for name in names
    )


@cache
def _version(library: str) -> str:
    return metadata.version(DISTRIBUTIONS.get(library, library))
