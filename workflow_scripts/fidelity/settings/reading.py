"""Read a config from its file and the command line, for commands besides Snakemake."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.settings.config import Config


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses repeated keys; other loaders silently take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raise a ConstructorError with the line of a repeated key."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} occurs twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(config: str | Path) -> Any:
    """Read a YAML file.

    Raises:
        InputError: the file is not YAML, or it repeats a key. The error gives file, line and
            column, and shows the line with a caret below the position.
    """
    try:
        text = Path(config).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            "this is not UTF-8 text",
            file=f"{config}, line {line}",
            remedy="Save the file with the encoding UTF-8",
        ) from error
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise _yaml_error(error, config, text) from error


def _yaml_error(error: yaml.YAMLError, config: str | Path, text: str) -> InputError:
    """Turn a YAML error into an InputError with the position, the problem and the line itself."""
    problem = getattr(error, "problem", None) or str(error)
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # for a character that YAML does not allow
        place = getattr(error, "position", 0)
        line = text.count("\n", 0, place)
        column = place - (text.rfind("\n", 0, place) + 1)
        problem = getattr(error, "reason", problem)
    else:
        line, column = mark.line, mark.column
    lines = text.splitlines()
    began = getattr(error, "context_mark", None)
    if began is not None and "end of stream" in problem:
        line, column, problem = began.line, began.column, "this is not closed before the file ends"
    # An unclosed bracket or quote is found only at the end of the file: show the last non-empty
    # line.
    while line and (line >= len(lines) or not lines[line].strip()):
        line -= 1
        column = len(lines[line]) if line < len(lines) else 0
    if began is not None and began.line < line:
        problem += f", in what begins in line {began.line + 1} ({lines[began.line].strip()})"
    shown = lines[line] if line < len(lines) else ""
    indent = "".join("\t" if letter == "\t" else " " for letter in shown[:column])
    remedy = "Keep one of the two" if "occurs twice" in problem else "Correct the YAML there"
    if "'\\t'" in problem:
        problem, remedy = "this is a tab", "YAML takes no tabs here. Replace it by spaces"
    return InputError(
        problem,
        file=f"{config}, line {line + 1}, column {column + 1}",
        remedy=f"{remedy}:\n    {shown}\n    {indent}^",
    )


def check_yaml(configs: Iterable[str | Path]) -> None:
    """Check files that Snakemake has read, because it silently takes the last of repeated keys."""
    for config in configs:
        if Path(config).suffix in (".yaml", ".yml"):
            read_yaml(config)


def load_file(
    config: str | Path, overrides: Sequence[str] = (), *, check_files: bool = True
) -> Config:
    """Read, complete and check a config; overrides are key=value pairs, as for --config.

    Raises:
        InputError: there is no such file; for other reasons see `settings.load`.
    """
    if not Path(config).is_file():
        raise InputError("the config does not exist", file=config, remedy="Give CONFIG=…")
    raw, given = read_yaml(config), parse_overrides(overrides)
    if isinstance(raw, dict):
        raw = merged(raw, given)
    return load(raw, str(config), given, check_files=check_files)


def load(config: Any, source: str, given: Mapping[str, Any], *, check_files: bool = True) -> Config:
    """Complete and check a config with keys of the command line.

    Args:
        config: config as it was read, including the keys of the command line.
        given: keys of the command line; an error in one of them does not name the file.
    """
    try:
        return settings.load(config, source, check_files=check_files)
    except InputError as error:
        if not error.field or re.split(r"[.\[]", error.field)[0] not in given:
            raise
        raise InputError(
            error.problem,
            file="SET= (--config of Snakemake)",
            field=error.field,
            remedy=error.remedy,
        ) from error


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """Read key=value pairs of the command line: {key: value}, with values typed as in YAML.

    Args:
        overrides: pairs such as "data_root=/data" or "compute={threads: 1}".

    Raises:
        InputError: an override is not key=value, or its value is not YAML.
    """
    found: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(
                f"{text!r} is not key=value with a key of the top level",
                file="SET= (--config of Snakemake)",
                remedy="Write SET='key=value', with several keys SET='key=value other=value', "
                "and a nested key as a mapping: SET='compute={threads: 1}'",
            )
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            problem = getattr(error, "problem", None) or "not YAML"
            raise InputError(
                f"the value {value!r} cannot be read: {problem}",
                file="SET= (--config of Snakemake)",
                field=key,
                remedy="Write it as in the config, such as SET='compute={threads: 1}'",
            ) from error
    return found


def typed(value: Any) -> Any:
    """Type values that Snakemake's --config leaves as text inside lists and mappings ("1" → 1)."""
    if isinstance(value, Mapping):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return value if isinstance(read, Mapping | list) else read


def merged(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Override keys of a config, merging nested mappings, as Snakemake's --config does."""
    found = dict(config)
    for key, value in given.items():
        before = found.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        found[key] = merged(before, value) if both else value
    return found


def run(main: Callable[..., object], description: str | None, *, targets: bool = False) -> None:
    """Run a command with the arguments of its command line; on an error, exit with one sentence.

    Args:
        main: called with the config file, the overrides (KEY=VALUE) and, if the command takes any,
            the targets.
        targets: whether the command takes targets after the config.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config")
    if targets:
        parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--config", dest="overrides", nargs="*", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    try:
        main(given.config, given.overrides, *([given.targets] if targets else []))
    except InputError as error:
        sys.exit(str(error))
