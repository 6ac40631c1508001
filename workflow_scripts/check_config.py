"""Check a config before Snakemake reads it: `make run` and the other commands call this first.

Snakemake reads the config file before any code of the project runs. For a mistake in YAML, it does
not show the line.
"""

from fidelity.settings.reading import load_file, run

if __name__ == "__main__":
    run(load_file, __doc__)
