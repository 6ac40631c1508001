"""What a schema cannot check of an occlusion: that its squares cover the image and fit into it."""

from typing import Any

from fidelity.base.errors import InputError


def check_occlusion(
    settings: dict[str, Any], path: str, datasets: dict[str, Any], source: str
) -> None:
    """Check an explainer's windows.

    Args:
        settings: the explainer's entry; other methods have no window and pass.
        path: its place in the config.
        datasets: the config's data sets.
        source: the config file.

    Raises:
        InputError: the stride leaves gaps, or a window is larger than a working image.
    """
    if settings["method"] != "occlusion":
        return
    window, stride = settings["window"], settings["stride"]
    if stride > window:
        raise InputError(
            f"{stride} leaves gaps between windows of {window} pixels",
            file=source,
            field=f"{path}.stride",
            remedy=f"Use at most {window}",
        )
    for name, dataset in datasets.items():
        if window > dataset["image_size"]:
            raise InputError(
                f"{window} is larger than the working images of datasets.{name}",
                file=source,
                field=f"{path}.window",
                remedy=f"Use at most their image_size, {dataset['image_size']}",
            )
