"""Load the configuration: fill in all defaults and check everything before any rule uses it.

This module imports nothing by itself. A script needs only one section of the config. Snakemake
needs all of them at each parsing, on a cluster once per job.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fidelity.settings.config import Config


def load(config: Any, source: str = "the config", *, check_files: bool = True) -> "Config":
    """Fill in the defaults and check the whole configuration.

    Args:
        config: mapping from YAML (and the command line).
        check_files: also check that data roots, checkpoints and plugins exist.

    Raises:
        InputError: the error names the key, the problem, and a similar key or value if there is
            one.
    """
    from fidelity.base.errors import InputError
    from fidelity.settings.loading import load_config

    try:
        return load_config(config, check_files=check_files)
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(
            error.problem, file=source, field=error.field, remedy=error.remedy
        ) from None
