"""The configuration: defaults filled in and everything checked, before any rule sees it.

Imports nothing heavy: Snakemake runs this each time it parses, on a cluster once per job.
"""

import copy
from typing import Any

from fidelity.base.errors import InputError
from fidelity.settings.checks import SUPERPIXEL_DEFAULTS, check_meaning
from fidelity.settings.families import fill_families
from fidelity.settings.files import check_files as _check_files
from fidelity.settings.following import follow_names
from fidelity.settings.home import expand_home
from fidelity.settings.image_size import fill_image_sizes
from fidelity.settings.layers import expand_layers
from fidelity.settings.queries import (
    data_origin,
    data_root,
    expand_classifiers,
    sees_reference,
    target_of,
)
from fidelity.settings.schema import own_keys, resolve, schema

__all__ = [
    "SUPERPIXEL_DEFAULTS",
    "data_origin",
    "data_root",
    "expand_classifiers",
    "load",
    "own_keys",
    "schema",
    "sees_reference",
    "target_of",
]


def load(config: dict[str, Any], source: str = "the config", *, check_files: bool = True) -> dict:
    """Fill the defaults in and check the whole configuration.

    Args:
        config: as read from YAML (and the command line).
        source: file it came from, for error messages.
        check_files: also check that data roots, checkpoints and plugins exist.

    Returns:
        A new dict with every key of the schema.

    Raises:
        InputError: names the key, what is wrong, and the near key or value where there is one.
    """
    if not isinstance(config, dict) or not config:
        raise InputError(
            "is empty or not a mapping", file=source, remedy="Start from config/config.yaml"
        )
    read = expand_home(copy.deepcopy(dict(config)))
    follow_names(read, source)
    resolved = resolve(read, schema(), "", source)
    expand_layers(resolved, source)
    fill_image_sizes(resolved, source)
    fill_families(resolved, source)
    check_meaning(resolved, source)
    if check_files:
        _check_files(resolved, source)
    return resolved
