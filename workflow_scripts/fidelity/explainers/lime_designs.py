"""What the config's checks must know of LIME's designs. Imports nothing heavy."""

PAIRED = frozenset({"antithetic", "hadamard"})
"""Designs whose rows 2i and 2i + 1 are complements: their number of samples is even."""

SAMPLES = {"interpolated": 256}
"""Samples by default where they are not 1000, as in the package."""
