"""The package jsonschema, imported without a grammar that costs a second at each start.

Where rfc3987-syntax is installed (Jupyter brings it), importing jsonschema compiles a grammar of
international addresses, for the format `iri`, which no schema here names. Snakemake parses the
workflow at every start, on a cluster in every job.
"""

import sys

GRAMMAR = "rfc3987_syntax"

_found = sys.modules.get(GRAMMAR)
if _found is None:
    sys.modules[GRAMMAR] = None  # reads as "not installed", which jsonschema allows for
try:
    import jsonschema
finally:
    if _found is None:
        del sys.modules[GRAMMAR]

__all__ = ["jsonschema"]
