"""A config from its file, as commands beside Snakemake read it: with keys of the command line."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from fidelity import settings
from fidelity.errors import InputError


class _Loader(yaml.SafeLoader):
    """YAML in which a key may stand once: of two, all readers would take the last, silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raise a ConstructorError with the line of a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(config: str | Path) -> Any:
    """Read a YAML file.

    Raises:
        InputError: it is no YAML, or a key stands twice in it; with the line.
    """
    try:
        return yaml.load(Path(config).read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        problem = getattr(error, "problem", None) or "it is no text"
        raise InputError(
            f"the config cannot be read: {problem}{where}",
            file=config,
            remedy="Keep one of the two" if "stands twice" in problem else "Mend the YAML there",
        ) from error


def check_yaml(configs: Iterable[str | Path]) -> None:
    """Look at files that Snakemake has read, which of a key that stands twice takes the last.

    Raises:
        InputError: see `read_yaml`.
    """
    for config in configs:
        if Path(config).suffix in (".yaml", ".yml"):
            read_yaml(config)


def load_file(
    config: str | Path, overrides: Sequence[str] = (), *, check_files: bool = True
) -> dict[str, Any]:
    """Read, complete and check a config.

    Args:
        config: path of the YAML file.
        overrides: key=value, as Snakemake's --config takes them.
        check_files: see `settings.load`.

    Returns:
        See `settings.load`.

    Raises:
        InputError: there is no such file, or see `settings.load`.
    """
    if not Path(config).is_file():
        raise InputError("the config does not exist", file=config, remedy="Give CONFIG=…")
    raw = read_yaml(config)
    if overrides:
        raw |= {key: yaml.safe_load(value) for key, value in (o.split("=", 1) for o in overrides)}
    return settings.load(raw, str(config), check_files=check_files)
