"""CheXmask's lung masks for data sets that have none."""

from collections.abc import Callable
from pathlib import Path

from fidelity.datasets.annotations import chexmask
from fidelity.datasets.mask_files.mask_entries import reference_to
from fidelity.settings.datasets import WithLungs


def lungs_of(root: Path, settings: WithLungs) -> Callable[[str], str | None]:
    """Make a function from an image's name to the reference of its lung mask.

    Args:
        root: the data root.
        settings: `lungs` and `lung_quality`.

    Returns:
        The function; it gives None for images without a mask of that quality.

    Raises:
        InputError: the file cannot be read.
    """
    if settings.lungs is None:
        return lambda image: None
    quality = chexmask.read_quality(root / settings.lungs)

    def find(image: str) -> str | None:
        good = quality.get(image, -1.0) >= settings.lung_quality
        return reference_to(settings.lungs, image, chexmask.LUNGS) if good else None

    return find


def lung_files(root: Path, settings: WithLungs) -> list[Path]:
    """List the file that is read, if one is."""
    return [] if settings.lungs is None else [root / settings.lungs]
