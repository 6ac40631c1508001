"""Superpixels of explainers and binarizations: algorithms and their parameters."""

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le
from pydantic import Field

from fidelity.settings.closed_model import Count, Entry, Integer, NonNegative, Positive, Share

Segments = Annotated[Integer, Ge(2), Field(description="Approximate number of superpixels.")]
Compactness = Annotated[
    Positive,
    Field(description="Weight of space against colour; higher = more compact superpixels."),
]
Sigma = Annotated[NonNegative, Field(description="Gaussian smoothing before segmentation.")]


class Superpixels(Entry):
    """How superpixels are made, for example `{algorithm: slic}`. The parameters have scikit-image's
    names; the defaults are those of the package lime."""

    chosen_by: ClassVar[str] = "algorithm"
    entry_name: ClassVar[str] = "superpixel"
    usual: ClassVar[str] = "quickshift"
    algorithm: str


class Quickshift(Superpixels):
    """Quickshift; the default."""

    algorithm: Literal["quickshift"] = "quickshift"
    kernel_size: Positive = 4
    """Width of the density kernel."""
    max_dist: Positive = 200
    """Cut-off distance. A larger one gives fewer superpixels."""
    ratio: Share = 0.2
    """Weight of colour against space; higher = colour counts more."""
    sigma: Sigma = 0


class Slic(Superpixels):
    """SLIC."""

    algorithm: Literal["slic"] = "slic"
    n_segments: Segments = 100
    compactness: Compactness = 10
    sigma: Sigma = 0


class Felzenszwalb(Superpixels):
    """Felzenszwalb's graph-based segmentation."""

    algorithm: Literal["felzenszwalb"] = "felzenszwalb"
    scale: Positive = 100
    """A larger value gives larger superpixels."""
    min_size: Count = 20
    """Smallest superpixel in pixels."""
    sigma: Sigma = 0.8


class SlicLung(Superpixels):
    """SLIC inside the case's lung mask; everything outside is one superpixel."""

    algorithm: Literal["slic_lung"] = "slic_lung"
    n_segments: Segments = 50
    compactness: Compactness = 10
    sigma: Sigma = 0


class Grid(Superpixels):
    """Square cells."""

    algorithm: Literal["grid"] = "grid"
    cells: Annotated[Integer, Ge(1), Le(64)] = 8
    """Cells per side."""
