"""Check before any computation that the files named in a config exist."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.plugins import PREFIX, functions_of
from fidelity.base.suggestions import suggestion
from fidelity.datasets.cases import BOXES_OF_READER, reader_column, readers_in
from fidelity.datasets.readers.names import ANY, FIRST, SECOND
from fidelity.datasets.sources.chexpert.folder_layout import find_layout
from fidelity.datasets.sources.table.table import columns_of
from fidelity.explainers.registry import method_of
from fidelity.maps.imported_paths import for_dataset, has_files, pattern_of, root_of
from fidelity.settings.config import Config
from fidelity.settings.cross_checks.entries import all_explainers
from fidelity.settings.datasets import Chexlocalize, Table
from fidelity.settings.explainers import Imported, Plugin

Functions = dict[str, list[tuple[ast.FunctionDef, str]]]
"""Name of a plugin function → its definition and file, for each file that defines it."""

# Arguments of every plugin explainer, by position.
GIVEN = ("classifier", "image", "target", "seed")
CORRECT = "Correct the path (relative to the folder you start from)"


def check_files(config: Config) -> None:
    """Check that data roots, archives, tables, checkpoints, imported maps and plugins exist.

    Raises:
        InputError: the error names the first missing one.
    """
    for key in config.datasets:
        _check_dataset(key, config)
    for key, classifier in config.classifiers.items():
        weights = classifier.weights
        if weights not in (None, "imagenet"):
            remedy = f"{CORRECT}, or use imagenet or null"
            _check_file(weights, f"classifiers.{key}.weights", remedy)
    for key, entry in config.explainers.items():
        for dataset in config.datasets if isinstance(entry, Imported) else ():
            _check_imported(key, for_dataset(entry, dataset))
    functions = _plugin_functions(config.plugins)
    for path, entry in all_explainers(config):
        _check_defined(f"{path}.method", entry.method, functions)
        if isinstance(entry, Plugin):
            node, _ = functions[entry.method.removeprefix(PREFIX)][0]
            _check_call(node, entry.params, path)
    for key, classifier in config.classifiers.items():
        _check_defined(f"classifiers.{key}.architecture", classifier.architecture, functions)


def _check_defined(field: str, value: str, functions: Functions) -> None:
    """Check that one plugin file defines the function that a key names."""
    function = value.removeprefix(PREFIX)
    if function == value:
        return
    if function not in functions:
        raise InputError(
            f"no function {function!r} in the files under 'plugins'",
            field=field,
            remedy=suggestion(function, functions, "Functions there"),
        )
    files = [file for _, file in functions[function]]
    if len(files) > 1:
        raise InputError(
            f"several files under 'plugins' define {function!r}: {', '.join(files)}",
            field=field,
            remedy="Rename the function in all files but one",
        )


def _check_call(node: ast.FunctionDef, params: Mapping[str, Any], field: str) -> None:
    """Check that the function of an explainer takes what it will be called with.

    Otherwise the first map would fail, after the training.
    """
    if node.decorator_list:  # a decorator may change what the function takes
        return
    taken = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    if len(taken) < len(GIVEN) and not node.args.vararg:
        raise InputError(
            f"the function {node.name!r} takes {len(taken)} of the {len(GIVEN)} arguments"
            f" {', '.join(GIVEN)}",
            field=f"{field}.method",
            remedy=f"Write def {node.name}({', '.join(GIVEN)})",
        )
    own = [*taken[len(GIVEN) :], *(argument.arg for argument in node.args.kwonlyargs)]
    unknown = [name for name in params if name not in own and not node.args.kwarg]
    if unknown or params.keys() & set(taken[: len(GIVEN)]):
        name = (unknown or sorted(params.keys() & set(taken)))[0]
        raise InputError(
            f"the function {node.name!r} takes no parameter {name!r}",
            field=f"{field}.params",
            remedy=suggestion(name, own, "Its parameters"),
        )
    defaults = len(node.args.defaults)
    needed = taken[len(GIVEN) : len(taken) - defaults]
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    needed += [argument.arg for argument, default in pairs if default is None]
    missing = [name for name in needed if name not in params]
    if missing:
        raise InputError(
            f"the function {node.name!r} needs the parameter {missing[0]!r}",
            field=f"{field}.params",
            remedy=f"Write params: {{{missing[0]}: …}}, or give it a default in the file",
        )


def _check_dataset(key: str, config: Config) -> None:
    dataset, path = config.datasets[key], f"datasets.{key}"
    folder, archive = getattr(dataset, "root", None), getattr(dataset, "archive", None)
    if folder is None:
        if archive is not None:
            _check_archive(Path(config.data_root) / archive, f"{path}.archive")
        return
    root = Path(config.data_root) / folder
    if root.is_file() and root.suffix.lower() == ".zip":
        raise InputError(
            f"{str(root)!r} is a zip archive",
            field=f"{path}.root",
            remedy="Set archive: in place of root: (source covid_qu_ex), or unpack it",
        )
    if not root.is_dir():
        raise InputError(
            f"the folder {str(root)!r} does not exist",
            field=f"{path}.root",
            remedy="Correct it, or set data_root: SET=data_root=<folder> with make, "
            "--config data_root=<folder> with snakemake",
        )
    if isinstance(dataset, Chexlocalize):
        _check_chexpert(path, root, dataset, config)
    if isinstance(dataset, Table):
        table = root / dataset.table
        _check_file(table, f"{path}.table", "Give the CSV's path relative to root")
        _check_second_masks(path, table, dataset, config)


def _check_file(path: str | Path, field: str, remedy: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"the file {str(path)!r} does not exist", field=field, remedy=remedy)


def _check_archive(path: Path, field: str) -> None:
    _check_file(path, field, "Give the zip's path relative to data_root")
    with open(path, "rb") as handle:
        if handle.read(2) != b"PK":
            raise InputError(
                f"the file {str(path)!r} is not a zip archive",
                field=field,
                remedy="Download it again (a web page saved as .zip is a sign of a missing login)",
            )


def _check_imported(key: str, entry: Imported) -> None:
    """Check that there are maps to import; `check_imported` later checks each case."""
    root, part = root_of(entry), "folder" if entry.folder else "file"
    if not (root.is_dir() if entry.folder else root.is_file()):
        raise InputError(
            f"the {part} {str(root)!r} does not exist",
            field=f"explainers.{key}.{part}",
            remedy=CORRECT,
        )
    if entry.folder and not has_files(entry):
        raise InputError(
            f"no file in {str(root)!r} fits the pattern {pattern_of(entry)!r}",
            field=f"explainers.{key}.pattern",
            remedy="Correct the pattern: {case} and {class} are replaced by the names of case"
            " and class",
        )


def _check_chexpert(path: str, root: Path, dataset: Chexlocalize, config: Config) -> None:
    """Check that the explained and trained splits have labels, and the explained ones masks."""
    for name, file in dataset.human_benchmark:
        if file is not None:
            field = f"{path}.human_benchmark.{name}"
            _check_file(root / file, field, "Give its path relative to root, or null")
    layout = find_layout(root, dataset)
    asked = [(s, found) for s in config.explain.splits for found in (layout.tables, layout.masks)]
    if any(entry.training is not None for entry in config.classifiers.values()):
        asked.append(("train", layout.tables))
    for split, found in asked:
        if split not in found:
            what = "label file" if found is layout.tables else f"file of {dataset.references}"
            raise InputError(
                f"no {what} was found for the split {split!r} below {str(root)!r}",
                field=f"{path}.root",
                remedy="Add the file, or leave the split out of explain.splits"
                if split != "train"
                else "Add train.csv, or load classifiers (training: null)",
            )


def _check_second_masks(path: str, table: Path, dataset: Table, config: Config) -> None:
    """Check that each reader has a column; its cells may be empty if nobody read the case twice."""
    asking = [
        (key, entry.reader or SECOND)
        for key, entry in config.explainers.items()
        if method_of(entry.method).needs_second_reader
    ]
    if not asking:
        return
    columns = columns_of(table)
    classes = dataset.annotated_classes
    for key, reader in asking:
        # A second table of boxes names the reader in each row.
        if reader in (FIRST, *dataset.readers) or (dataset.boxes is not None and reader != SECOND):
            continue
        wanted = [reader_column(reader, cls) for cls in classes]
        boxed = [f"{BOXES_OF_READER}{reader}:{cls}" for cls in classes]
        if not (readers_in(columns) if reader == ANY else {*wanted, *boxed} & {*columns}):
            whose = "a second reader" if reader == SECOND else f"the reader {reader}"
            raise InputError(
                f"explainers.{key} needs masks of {whose}, but {str(table)!r} has no column "
                + " or ".join(map(repr, wanted)),
                field=f"{path}.table",
                remedy="Add the column, or leave the explainer out",
            )


def _plugin_functions(paths: list[str]) -> Functions:
    """Find the functions of plugin files by parsing the files, without running them."""
    functions: Functions = {}
    for path in paths:
        _check_file(path, "plugins", "Give its path relative to the folder you start from")
        try:
            nodes = functions_of(path)
        except SyntaxError as error:
            line = f", line {error.lineno}" if error.lineno else ""
            raise InputError(
                f"the plugin is not Python: {error.msg}",
                file=f"{path}{line}",
                field="plugins",
                remedy="Correct the code there",
            ) from error
        for name, node in nodes.items():
            functions.setdefault(name, []).append((node, path))
    return functions
