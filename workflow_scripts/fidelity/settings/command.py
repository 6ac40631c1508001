"""The command line of the commands that take a config: `CONFIG [TARGET …] --config KEY=VALUE …`."""

import argparse
import sys
from collections.abc import Callable

from fidelity.base.errors import InputError


def run(main: Callable[..., object], description: str | None, *, targets: bool = False) -> None:
    """Call a command with what its command line names, and end with one sentence if it fails.

    Args:
        main: called with the config file and the overrides (KEY=VALUE), and with the targets if the
            command takes some.
        description: for `--help`.
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
