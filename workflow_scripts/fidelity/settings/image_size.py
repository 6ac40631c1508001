"""`image_size: null`: the size that the weights of a classifier are bound to, else 224 px."""

from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.classifiers.weights.header import fixed_size, trained_size

USUAL = 224


def fill_image_sizes(config: dict[str, Any], source: str) -> None:
    """Put a number in place of each `image_size` that is not set.

    Args:
        config: with defaults filled in; changed in place. Weights files that are missing are left
            to another check.
        source: file it came from, for errors.

    Raises:
        InputError: two classifiers need images of different sizes, or one needs another size than
            a data set sets; it names both.
    """
    files = {
        name: entry["weights"]
        for name, entry in config["classifiers"].items()
        if entry["weights"] not in (None, "imagenet") and Path(entry["weights"]).is_file()
    }
    fixed = {n: size for n, path in files.items() if (size := fixed_size(path)) is not None}
    trained = {size for path in files.values() if (size := trained_size(path)) is not None}
    for key, entry in config["datasets"].items():
        chosen = entry["image_size"]
        for name, size in fixed.items():
            first = next(iter(fixed))
            if size != fixed[first]:
                raise InputError(
                    f"the weights of {first} are for images of {fixed[first]} px, those of {name}"
                    f" for {size} px",
                    file=source,
                    field=f"classifiers.{name}.weights",
                    remedy="Use one config for each",
                )
            if chosen is not None and chosen != size:
                raise InputError(
                    f"is {chosen}, and the weights of classifiers.{name} are for images of"
                    f" {size} px",
                    file=source,
                    field=f"datasets.{key}.image_size",
                    remedy=f"Write image_size: {size}, or leave it out",
                )
        if chosen is None:
            known = set(fixed.values()) or trained
            entry["image_size"] = known.pop() if len(known) == 1 else USUAL
