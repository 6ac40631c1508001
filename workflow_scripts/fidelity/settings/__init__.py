"""The configuration: defaults filled in and everything checked, before any rule sees it.

Imports nothing by itself. A script needs one section of the config. Snakemake needs all of them
each time it parses, on a cluster once per job.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fidelity.settings.config import Config


def load(config: Any, source: str = "the config", *, check_files: bool = True) -> "Config":
    """Fill the defaults in and check the whole configuration.

    Args:
        config: as read from YAML (and the command line).
        check_files: also check that data roots, checkpoints and plugins exist.

    Raises:
        InputError: names the key, what is wrong, and the near key or value where there is one.
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
