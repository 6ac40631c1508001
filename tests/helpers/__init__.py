"""Helpers that several test packages share: small studies, made-up results, phantoms, networks."""

from pathlib import Path

# The root of the repository. The folder with real images is next to the root, and it may be
# missing.
ROOT = Path(__file__).parents[2]
SHARED_DATA = ROOT.parent / "shared" / "data"
