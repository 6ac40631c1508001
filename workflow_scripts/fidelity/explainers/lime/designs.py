"""Names of LIME's designs, for the checks of the config. Imports nothing heavy."""

PAIRED = frozenset({"antithetic", "hadamard"})
"""Designs whose rows 2i and 2i + 1 are complements: their number of samples is even."""

SAMPLES, SAMPLES_INTERPOLATED = 1000, 128
"""Samples where the config names no number: the package's, and those of `interpolated`."""
