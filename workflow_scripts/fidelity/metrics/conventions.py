"""Protocols: named sets of metric conventions, each tested against the library it is named after.

A protocol fixes what a surface is, how a percentile is taken, how empty masks are scored, which
metrics exist and how means are formed. Thresholds, targets and post-processing are not part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fidelity.metrics.empty import EmptyPolicy, Word
from fidelity.metrics.surface import Percentile

Surface = Literal["pixels", "contour"]

_FORMULA = ("formula", "formula", "formula")
# Shares that a library computes by their formulas also for empty masks; 0/0 is undefined.
_BY_FORMULA = dict.fromkeys(("precision", "recall", "specificity"), _FORMULA)
_OVERLAP = frozenset({"iou", "dice", *_BY_FORMULA})
_BOUNDARY = frozenset({"hausdorff_boundary", "hd95_boundary", "assd"})


@dataclass(frozen=True)
class Protocol:
    """A set of metric conventions.

    Attributes:
        name: key of the config's `protocols`.
        surface: what boundary metrics use: `pixels` (mask XOR its erosion by the cross,
            unweighted) or `contour` (corners of 2 x 2 neighbourhoods, weighted by length).
        percentile: how the 95th percentile is taken; see `surface.PERCENTILES`.
        metrics: names without unit that the protocol defines; None for all.
        counts_empty_references: whether means include cases with an empty reference.
        interval: `percentile` bootstrap, or CheXlocalize's `order_statistics`.
    """

    name: str
    title: str
    source: str
    empty: EmptyPolicy = EmptyPolicy()
    surface: Surface = "pixels"
    percentile: Percentile = "directed"
    metrics: frozenset[str] | None = None
    counts_empty_references: bool = False
    interval: Literal["percentile", "order_statistics"] = "percentile"
    surface_tolerance: float = 2.0

    def defines(self, metric: str) -> bool:
        """Check whether the protocol defines a metric, in any unit."""
        return self.metrics is None or base_name(metric) in self.metrics


def base_name(metric: str) -> str:
    """Remove the unit from a metric's name: `assd_mm` becomes `assd`."""
    return metric.removesuffix("_mm").removesuffix("_diagonal")


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("default", "Default", "this project"),
        Protocol(
            "seed",
            "Original LIME study",
            "Gupta 2025 (LIME against Grad-CAM on COVID-QU-Ex): Hausdorff over full sets; "
            "empty predictions have no distance",
            EmptyPolicy(
                overlap_reference="zero",
                distance_both="nan",
                distance_prediction="nan",
            ),
            metrics=frozenset({"iou", "dice", "hausdorff_full"}),
            counts_empty_references=True,
        ),
        Protocol(
            "chexlocalize",
            "CheXlocalize (true positives)",
            "Saporta et al. 2022; rajpurkarlab/cheXlocalize, eval.py, true-positive slice",
            EmptyPolicy(overlap_both="nan", overlap_prediction="nan"),
            metrics=frozenset({"iou"}),
            interval="order_statistics",
        ),
        Protocol(
            "chexlocalize-full",
            "CheXlocalize (full set)",
            "Saporta et al. 2022; rajpurkarlab/cheXlocalize, eval.py, full data set",
            EmptyPolicy(overlap_both="nan", overlap_reference="zero"),
            metrics=frozenset({"iou"}),
            counts_empty_references=True,
            interval="order_statistics",
        ),
        Protocol(
            "monai",
            "MONAI",
            "MONAI 1.6.1, monai.metrics",
            EmptyPolicy(
                overlap_both="nan",
                distance_both="nan",
                distance_prediction="inf",
                distance_reference="inf",
                exceptions=_BY_FORMULA
                | {"hd95_boundary": ("nan", "nan", "nan"), "nsd": ("nan", "zero", "zero")},
            ),
            metrics=_OVERLAP | _BOUNDARY | {"nsd"},
            counts_empty_references=True,
        ),
        Protocol(
            "metrics-reloaded",
            "Metrics Reloaded",
            "Maier-Hein et al. 2024; MetricsReloaded, BinaryPairwiseMeasures",
            EmptyPolicy(
                overlap_both="nan",
                overlap_reference="zero",
                distance_prediction="nan",
                exceptions={
                    "dice": ("one", "zero", "zero"),
                    "recall": ("nan", "zero", "nan"),
                    "specificity": _FORMULA,
                    "nsd": ("one", "nan", "nan"),
                },
            ),
            metrics=_OVERLAP | _BOUNDARY | {"nsd"},
            counts_empty_references=True,
        ),
        Protocol(
            "surface-distance",
            "surface-distance",
            "DeepMind surface-distance 0.1 (Nikolov et al. 2021)",
            EmptyPolicy(
                overlap_both="nan",
                overlap_reference="zero",
                distance_both="inf",
                distance_prediction="inf",
                distance_reference="inf",
            ),
            surface="contour",
            percentile="weighted",
            metrics=frozenset({"dice", "hausdorff_boundary", "hd95_boundary", "nsd"}),
        ),
        Protocol(
            "medpy",
            "MedPy",
            "MedPy 0.5.2, medpy.metric.binary; it raises an error where a distance has no value",
            EmptyPolicy(
                overlap_both="nan",
                overlap_reference="zero",
                distance_both="nan",
                distance_prediction="nan",
                exceptions=_BY_FORMULA | {"iou": ("one", "zero", "zero")},
            ),
            percentile="pooled",
            metrics=_OVERLAP | _BOUNDARY,
        ),
        Protocol(
            "scikit-image",
            "scikit-image",
            "scikit-image 0.26, skimage.metrics.hausdorff_distance",
            EmptyPolicy(distance_prediction="inf", distance_reference="inf"),
            metrics=frozenset({"hausdorff_full"}),
        ),
    )
}


def protocol_for(
    name: str,
    changes: Mapping[str, Word] | None = None,
    surface_tolerance: float = 2.0,
) -> Protocol:
    """Find a protocol and apply the config's settings to it.

    Args:
        changes: the config's `scores.empty`, {attribute of EmptyPolicy: word}; attributes that it
            leaves out keep their values. Only for `default`: the others are fixed by definition.
    """
    protocol = PROTOCOLS[name]
    return replace(
        protocol,
        empty=replace(protocol.empty, **(changes or {})),
        surface_tolerance=surface_tolerance,
    )
