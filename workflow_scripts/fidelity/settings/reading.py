"""A config from its file, as commands beside Snakemake read it: with keys of the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from fidelity import settings
from fidelity.errors import InputError


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
    raw = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    if overrides:
        raw |= {key: yaml.safe_load(value) for key, value in (o.split("=", 1) for o in overrides)}
    return settings.load(raw, str(config), check_files=check_files)
