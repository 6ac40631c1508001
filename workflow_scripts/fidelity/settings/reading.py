"""A config from its file, as commands beside Snakemake read it: with keys of the command line."""

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
    """YAML in which a key may occur once: of two, all readers would take the last, silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raise a ConstructorError with the line of a key that occurs twice."""
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
        InputError: the file is not YAML, or a key occurs twice in it. The error gives file, line
            and column, and shows the line with a caret under the place.
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
    """Word a mistake in YAML: where it is, what it is, and the line itself."""
    problem = getattr(error, "problem", None) or str(error)
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not allow
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
    # An unclosed bracket or quote is noticed at the end of the file: show the last line with text.
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
    """Check files that Snakemake has read, which takes the last of two equal keys."""
    for config in configs:
        if Path(config).suffix in (".yaml", ".yml"):
            read_yaml(config)


def load_file(
    config: str | Path, overrides: Sequence[str] = (), *, check_files: bool = True
) -> Config:
    """Read, complete and check a config.

    Args:
        overrides: key=value, as Snakemake's --config takes them.

    Raises:
        InputError: there is no such file, or see `settings.load`.
    """
    if not Path(config).is_file():
        raise InputError("the config does not exist", file=config, remedy="Give CONFIG=…")
    raw, given = read_yaml(config), parse_overrides(overrides)
    if isinstance(raw, dict):
        raw = merged(raw, given)
    return load(raw, str(config), given, check_files=check_files)


def load(config: Any, source: str, given: Mapping[str, Any], *, check_files: bool = True) -> Config:
    """Complete and check a config that the command line has changed.

    Args:
        config: as read, the keys of the command line included.
        given: the keys of the command line; a mistake in them is not looked for in the file.
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
    """Read key=value of the command line.

    Args:
        overrides: such as "data_root=/data" or "compute={threads: 1}".

    Returns:
        {key: value}, values typed as in YAML.

    Raises:
        InputError: one is not key=value, or its value is not YAML.
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
    """Type what Snakemake's --config leaves as text inside of lists and mappings ("1" → 1)."""
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
    """Put keys over those of a config, mapping into mapping, as Snakemake's --config does."""
    found = dict(config)
    for key, value in given.items():
        before = found.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        found[key] = merged(before, value) if both else value
    return found


def run(main: Callable[..., object], description: str | None, *, targets: bool = False) -> None:
    """Call a command with what its command line names, and end with one sentence if it fails.

    Args:
        main: called with the config file and the overrides (KEY=VALUE), and with the targets if the
            command takes some.
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
