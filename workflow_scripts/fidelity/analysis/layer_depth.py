"""Show how the score depends on the layer that a CAM reads: the table layers.csv."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.columns.localization import LAYERS
from fidelity.base.errors import InputError


def by_depth(
    localization: pd.DataFrame,
    sweeps: Mapping[str, list[str]],
    architectures: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Add to each mean of a layer sweep the layer it comes from.

    Args:
        sweeps: sweep → its explainers from the earliest layer to the last.
        architectures: classifier → its architecture.json, whose `layers` gives each explainer's
            layer and the height and width of its feature map.

    Returns:
        The table layers.csv: the rows of the sweeps' explainers with the columns of
        localization.csv; then sweep (the explainer's key in the config), depth (1: earliest), layer
        (dotted name in the network), height and width (positions of its feature map). Two depths
        may name the same layer if an architecture has fewer layers than depths.

    Raises:
        InputError: architecture.json does not list an explainer's layer.
    """
    parts = []
    for sweep, explainers in sweeps.items():
        for depth, explainer in enumerate(explainers, start=1):
            rows = localization[localization["explainer"] == explainer]
            found = [_layer(architectures, name, explainer) for name in rows["classifier"]]
            parts.append(
                rows.assign(
                    sweep=sweep,
                    depth=depth,
                    layer=[layer["layer"] for layer in found],
                    height=[layer["size"][0] for layer in found],
                    width=[layer["size"][1] for layer in found],
                )
            )
    return pd.concat(parts)[LAYERS.names] if parts else LAYERS.frame()


def _layer(
    architectures: Mapping[str, Mapping[str, Any]], classifier: str, explainer: str
) -> Mapping[str, Any]:
    try:
        return architectures[classifier]["layers"][explainer]
    except KeyError:
        raise InputError(
            f"the file does not list the layer of {explainer!r}",
            file="architecture.json",
            field=f"{classifier}.layers.{explainer}",
            remedy="Delete the file and run again",
        ) from None
