"""Metrics of sets of images with boxes, by protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from fidelity.metrics.boxes import wsol
from fidelity.metrics.boxes.accuracy import CORLOC_IOU, accuracy_at, lesion_recall
from fidelity.metrics.boxes.froc import Froc
from fidelity.metrics.boxes.lesions import Hit
from fidelity.metrics.boxes.rodeo import PARTS, Labelled, Part, Rodeo
from fidelity.statistics.set_level import SetValue, ratio

if TYPE_CHECKING:
    from fidelity.digests.markers import Description

# The thresholds T of Wang et al. 2017.
T_IOU = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
T_IOBB = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class BoxSet:
    """Box scores of one explainer, split and class (or all classes), without failed maps.

    Attributes:
        of_all_classes: the rows of all classes, which RoDeO matches together.
        cls: the class; None for all classes.
        validation: rows of the validation split to choose a threshold on; None if that split has no
            rows or is the split in `rows`.
    """

    rows: pd.DataFrame
    of_all_classes: pd.DataFrame
    cls: str | None
    validation: pd.DataFrame | None
    hit: Hit

    @cached_property
    def with_boxes(self) -> pd.DataFrame:
        """Rows with a reference box."""
        return self.rows[~self.rows["empty_reference"]]

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row per image, over all classes."""
        return self.of_all_classes.drop_duplicates("case")

    @cached_property
    def froc(self) -> Froc:
        """The matched boxes."""
        predicted = [_split(row, 5) for row in self.rows["predicted"]]
        return Froc(
            [boxes[:, :4] for boxes in predicted],
            [boxes[:, 4] for boxes in predicted],
            [_split(row, 4) for row in self.rows["reference_boxes"]],
            self.hit,
        )

    @cached_property
    def rodeo(self) -> tuple[Rodeo, list[str]]:
        """The boxes matched over all classes, and the names of the classes in order."""
        classes = sorted(self.of_all_classes["class"].unique())
        places = {cls: place for place, cls in enumerate(classes)}
        ours, theirs = [], []
        for _, group in self.of_all_classes.groupby("case", sort=False):
            for found, column, width in ((ours, "predicted", 5), (theirs, "reference_boxes", 4)):
                boxes = [_split(row, width)[:, :4] for row in group[column]]
                numbers = [places[cls] for cls in group["class"]]
                labels = np.repeat(numbers, [len(part) for part in boxes])
                found.append(Labelled(np.concatenate(boxes), labels))
        # With a single class, RoDeO still gets two classes; the second one never occurs.
        return Rodeo(ours, theirs, max(2, len(classes))), classes


@dataclass(frozen=True)
class SetMetric:
    """A metric of a set of images.

    Attributes:
        function: maps a BoxSet to a function of how often each row of `counted` counts.
        counted: selects the rows that count; by default those with a reference box.
        uses_reference: whether it chose something by the references that it is scored against.
        needs_validation: whether its threshold is chosen on the validation split.
    """

    name: str
    protocol: str
    source: "Description"
    function: Callable[[BoxSet], SetValue]
    counted: Callable[[BoxSet], pd.DataFrame] = lambda found: found.with_boxes
    uses_reference: bool = False
    direction: Literal["higher", "lower"] = "higher"
    needs_validation: bool = False


def select_sets(protocols: Sequence[str], rates: Sequence[float]) -> list[SetMetric]:
    """List the metrics of some protocols; `rates` are the false positives per image of FROC."""
    by_protocol: Mapping[str, list[SetMetric]] = {
        "default": _default(rates),
        "wsol": _wsol(),
        "chestxray8": _chestxray8(),
        "rodeo": _rodeo(),
    }
    return [metric for protocol in protocols for metric in by_protocol[protocol]]


def _default(rates: Sequence[float]) -> list[SetMetric]:
    def froc(name: str, *at: float) -> SetMetric:
        return SetMetric(
            name,
            "default",
            "object-CXR, froc.py; LUNA16",
            lambda found: found.froc.sensitivity(*at),
            # All rows count: images without a lesion can have false positives.
            lambda found: found.rows,
        )

    return [
        _mean("box_iou", "Jaccard 1912"),
        _mean("box_iobb", "Wang et al. 2017"),
        _mean("box_energy", "Wang et al. 2020, Score-CAM"),
        _mean("box_pointing", "Zhang et al. 2018"),
        _mean("box_pointing_tolerance", "TorchRay, PointingGame"),
        SetMetric(
            "corloc",
            "default",
            "Deselaers et al. 2012, box of highest score, IoU > 0.5",
            lambda found: accuracy_at(found.with_boxes["box_corloc"].to_numpy(), CORLOC_IOU),
        ),
        SetMetric(
            "lesion_recall",
            "default",
            "share of all lesions that a box finds",
            lambda found: lesion_recall(
                found.with_boxes["n_found"].to_numpy(), found.with_boxes["n_reference"].to_numpy()
            ),
        ),
        froc("froc", *rates),
        *(froc(f"sensitivity_at_{rate:g}", rate) for rate in rates),
    ]


def _mean(column: str, source: str) -> SetMetric:
    def value(found: BoxSet) -> SetValue:
        values = found.with_boxes[column].to_numpy(float)
        return ratio(np.nan_to_num(values), ~np.isnan(values))

    return SetMetric(column, "default", source, value)


def _chestxray8() -> list[SetMetric]:
    def accuracy(overlap: str, threshold: float) -> SetMetric:
        def value(found: BoxSet) -> SetValue:
            of_boxes = found.with_boxes[f"chestxray8_{overlap}"]
            best = [values.max(initial=0) for values in of_boxes]
            return accuracy_at(np.array(best), threshold)

        return SetMetric(
            f"acc_{overlap}_{threshold:g}", "chestxray8", "Wang et al. 2017, accuracy at T", value
        )

    def false_positives(overlap: str, threshold: float) -> SetMetric:
        def value(found: BoxSet) -> SetValue:
            of_boxes = found.with_boxes[f"chestxray8_{overlap}"]
            false = [np.count_nonzero(values <= threshold) for values in of_boxes]
            return ratio(np.array(false), np.ones(len(false)))

        return SetMetric(
            f"afp_{overlap}_{threshold:g}",
            "chestxray8",
            "Wang et al. 2017, false positives per image at T",
            value,
            direction="lower",
        )

    levels = [("iou", t) for t in T_IOU] + [("iobb", t) for t in T_IOBB]
    return [make(*level) for make in (accuracy, false_positives) for level in levels]


def _wsol() -> list[SetMetric]:
    source = "wsolevaluation, Choe et al. 2020"

    def best(name: str, column: str, levels: tuple[float, ...]) -> SetMetric:
        return SetMetric(
            name,
            "wsol",
            source,
            lambda found: wsol.max_box_accuracy(_stack(found.with_boxes[column]), levels),
            uses_reference=True,
        )

    def given(name: str, column: str, levels: tuple[float, ...]) -> SetMetric:
        def value(found: BoxSet) -> SetValue:
            at = wsol.best_positions(_stack(found.validation[column]), levels)
            return wsol.box_accuracy(_stack(found.with_boxes[column]), at, levels)

        note = f"{source}; threshold of the validation split"
        return SetMetric(name, "wsol", note, value, needs_validation=True)

    return [
        best("max_box_acc", "wsol_iou", wsol.IOU),
        best("max_box_acc_v2", "wsol_iou_v2", wsol.IOUS),
        given("box_acc", "wsol_iou", wsol.IOU),
        given("box_acc_v2", "wsol_iou_v2", wsol.IOUS),
        SetMetric(
            "pxap",
            "wsol",
            source,
            lambda found: wsol.pixel_average_precision(
                _stack(found.with_boxes["wsol_inside"]), _stack(found.with_boxes["wsol_outside"])
            ),
        ),
    ]


def _rodeo() -> list[SetMetric]:
    def of_part(part: Part) -> SetMetric:
        def value(found: BoxSet) -> SetValue:
            rodeo, classes = found.rodeo
            return rodeo.part(part, None if found.cls is None else classes.index(found.cls))

        return SetMetric(
            "rodeo" if part == "total" else f"rodeo_{part}",
            "rodeo",
            "Meissen, Müller et al. 2023, package rodeometric",
            value,
            lambda found: found.images,
        )

    return [of_part(part) for part in PARTS]


def _split(flat: Any, width: int) -> np.ndarray:
    return np.asarray(flat, np.float64).reshape(-1, width)


def _stack(column: pd.Series) -> np.ndarray:
    return np.stack(column.to_list())
