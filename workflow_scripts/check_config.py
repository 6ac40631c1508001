"""Check a config before Snakemake reads it: `make run` and the other commands call this first.

Snakemake reads the file before any code of the project, and shows a mistake in YAML without its
line.
"""

import argparse
import sys

from fidelity.errors import InputError
from fidelity.settings.reading import load_file

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--config", dest="overrides", nargs="*", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    try:
        load_file(arguments.config, arguments.overrides)
    except InputError as error:
        sys.exit(str(error))
