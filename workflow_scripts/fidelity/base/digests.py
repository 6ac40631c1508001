"""Digest of the code a rule depends on, so that editing a method re-runs that method and no other.

The digest covers the syntax trees (without docstrings and comments) of the named modules and of
every `fidelity` module they import, directly or not, and the versions of the libraries these call.
Modules reached only by name through a registry are not followed: that is what keeps LIME's digest
apart from Grad-CAM's.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from fidelity.base.plugins import states_family

ROOT = Path(__file__).resolve().parents[1]
# Modules about running, not about results: editing them re-runs nothing. Registries are lists of
# names: registering a new method must not re-run the old ones.
IGNORED = {
    "fidelity",
    "fidelity.base.counting",
    "fidelity.datasets.acquisition.listing",
    "fidelity.base.errors",
    "fidelity.base.files",
    "fidelity.base.formulas",
    "fidelity.base.hdf5",
    "fidelity.base.job_log",
    "fidelity.base.kept_results",
    "fidelity.base.memory",
    "fidelity.base.progress",
}
REGISTRIES = {f"fidelity.{part}.registry" for part in ("binarizations", "datasets", "explainers")}
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


@dataclass(frozen=True)
class _Module:
    """What digests need of a module; trees are not kept, they are large.

    Attributes:
        dump: its name and syntax tree without docstrings, as bytes to hash.
        libraries: top-level packages that it imports.
        imports: `fidelity` modules that it imports when it runs.
    """

    dump: bytes
    libraries: frozenset[str]
    imports: tuple[str, ...]


@cache
def module_digest(*modules: str) -> str:
    """Hash what the given modules compute.

    Args:
        *modules: dotted names below `fidelity`, such as "explainers.lime.lime".

    Returns:
        16 hexadecimal digits.

    Raises:
        FileNotFoundError: a module does not exist.
    """
    names = dependencies(*modules)
    digest = hashlib.blake2b(digest_size=8)
    libraries: set[str] = set()
    for name in sorted(names):
        module = _parse(name)
        digest.update(module.dump)
        libraries |= module.libraries & COUNTED
    for library in sorted(libraries):
        digest.update(f"{library}=={_version(library)}\n".encode())
    return digest.hexdigest()


def file_digest(path: str | Path) -> str:
    """Hash a Python file outside the package (a plugin) by its syntax tree.

    Docstrings do not count, nor does the family that it states, unless its code reads it.
    """
    tree = _without_docstrings(ast.parse(Path(path).read_text(encoding="utf-8")))
    read = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "family")
    if not any(isinstance(node.ctx, ast.Load) for node in read):
        tree.body = [node for node in tree.body if not states_family(node)]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()


def script_digest(path: str | Path) -> str:
    """Hash a rule's script as `file_digest` does, or the code cells of its notebook."""
    if Path(path).suffix == ".py":
        return file_digest(path)
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return hashlib.blake2b(json.dumps(code).encode(), digest_size=8).hexdigest()


def dependencies(*modules: str) -> frozenset[str]:
    """Name the modules that the given ones consist of: themselves and all they import from here.

    Args:
        *modules: dotted names below `fidelity`.

    Returns:
        Full dotted names ("fidelity.maps.saliency_map").
    """
    pending = [f"fidelity.{name}" for name in modules]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name in IGNORED or name in REGISTRIES:
            continue
        seen.add(name)
        pending.extend(_parse(name).imports)
    return frozenset(seen)


def _path(name: str) -> Path:
    relative = Path(*name.split(".")[1:])
    module = ROOT / relative.with_suffix(".py") if relative.parts else ROOT / "__init__.py"
    return module if module.is_file() else ROOT / relative / "__init__.py"


@cache
def _version(library: str) -> str:
    return metadata.version(DISTRIBUTIONS.get(library, library))


@cache
def _parse(name: str) -> _Module:
    """Read a module once per process: a study asks for its digest in many rules."""
    tree = _without_docstrings(ast.parse(_path(name).read_text(encoding="utf-8")))
    libraries: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            libraries |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            libraries.add(node.module.split(".")[0])
    dump = f"{name}\n{ast.dump(tree)}\n".encode()
    return _Module(dump, frozenset(libraries), tuple(_package_imports(tree)))


def _package_imports(tree: ast.Module) -> list[str]:
    found = []
    for node in _running_nodes(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("fidelity.")]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] != "fidelity":
                continue
            for alias in node.names:
                child = f"{node.module}.{alias.name}"
                found.append(child if _path(child).is_file() else node.module)
    return found


def _running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree without what stands under `if TYPE_CHECKING:`."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        yield node
        pending.extend(ast.iter_child_nodes(node))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:]
    return tree
