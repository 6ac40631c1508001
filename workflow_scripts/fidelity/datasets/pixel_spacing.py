"""Plausible pixel sizes of a radiograph. Imports nothing: config checks use it too."""

# In mm: detectors have .1 to .2, and small copies of an image a few mm.
SMALLEST, LARGEST = 0.01, 50.0
REMEDY = f"Give mm per pixel, from {SMALLEST:g} to {LARGEST:g}"


def is_plausible(*spacing: float) -> bool:
    """Check that pixel sizes are plausible in mm; numbers in micrometres, cm or m are not."""
    return all(SMALLEST <= one <= LARGEST for one in spacing)
