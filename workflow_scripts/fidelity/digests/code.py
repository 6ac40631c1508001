"""Digest of the code that can change a rule's result: editing a method re-runs it and no other.

`code_of` starts at a rule's script and follows names: a function, class or constant counts if
something that counts uses it. So a module's unused half changes nothing. Left out are

- comments, docstrings, annotations and the places of modules,
- messages: what an exception, a log line or a warning is given, what is prepared for that alone,
  and texts that are declared a `markers.Message`,
- descriptions: an argument for a parameter or field declared as `markers.Description`. It counts
  only if the code reads an attribute of that name (a figure reads `title`, a score does not),
- modules about running (`modules.IGNORED`), and whatever is imported under `if TYPE_CHECKING`,
- registries (modules named so): entries count only if a rule or a string in the code names them. Of
  an entry, only the facts that the code reads count.

A module that a registry names by a string (an explainer's) is not followed: the rule passes it to
`code_of`. So LIME's digest stays apart from Grad-CAM's. Module-level statements that do something
(`mpl.use("Agg")`) count wherever something of their module counts.
"""

import ast
import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from fidelity.base.plugins import states_family
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
    """Name what `code_of` covers: (module, name of a function, class or constant)."""
    roots = [(script_name(script, absent), ""), *((f"fidelity.{name}", "") for name in modules)]
    seen: dict[Target, int] = {}
    list(_walk(roots, frozenset(names), seen))
    return {target for target in seen if target[1]}


def file_digest(path: str | Path) -> str:
    """Hash a Python file outside the package (a plugin) by its syntax tree.

    Docstrings do not count, nor does the family that it states, unless its code reads it.
    """
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTIONS):
            node.body = [part for part in node.body if not is_docstring(part)]
    read = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "family")
    if not any(isinstance(node.ctx, ast.Load) for node in read):
        tree.body = [node for node in tree.body if not states_family(node)]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()


def forget() -> None:
    """Read all files again: for tests that edit them."""
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
    """Yield what counts in the order of its first use, and a number wherever it is used again.

    Where a function stands does not enter, which one a name means does.
    """
    roots = list(roots)
    # What the code read in the last round: strings, attributes ("" has no name), entries of tables.
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
    """Whether an entry is requested, by its name or as a part of it (assd, _mm: assd_mm)."""
    return any(
        name == key
        or (name.startswith(key) and name.removeprefix(key) in keys)
        or (name.endswith(key) and name.removesuffix(key) in keys)
        for name in names
    )


@cache
def _version(library: str) -> str:
    return metadata.version(DISTRIBUTIONS.get(library, library))
