"""What tests of several packages share: small studies, made-up results, phantoms and networks."""

from pathlib import Path

# The root of the repository, and the real images beside it (which need not be there).
ROOT = Path(__file__).parents[2]
SHARED_DATA = ROOT.parent / "shared" / "data"
