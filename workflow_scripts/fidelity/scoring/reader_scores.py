"""Score against the consensus of readers without one of them, and measure their agreement."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.readers import SCORES_WITHOUT
from fidelity.base.errors import at_case
from fidelity.datasets.prepared import PreparedCase, PreparedShard
from fidelity.maps.case_maps import order_of_row, row_head
from fidelity.maps.pixel_frames import ScoringSize, in_frame
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, Sign
from fidelity.masks.run_lengths import RLE, Masks, decode, encode
from fidelity.metrics import overlap
from fidelity.metrics.conventions import Protocol, protocol_for
from fidelity.metrics.map_registry import RANKING, RankingMetric
from fidelity.metrics.metric import Metric
from fidelity.metrics.registry import MASK_METRICS
from fidelity.scoring.map_scores import score_maps
from fidelity.scoring.mask_scores import score_cohort, spacing_pair
from fidelity.scoring.score_rows import Targets


@dataclass(frozen=True)
class Scorer:
    """Computes the primary metric.

    Attributes:
        metric: a metric of masks or of maps.
        tolerance: tolerance of the pointing game, in pixels of the frame.
    """

    targets: Targets
    metric: Metric | RankingMetric
    protocol: Protocol
    scoring_size: ScoringSize
    sign: Sign
    tolerance: float

    @property
    def of_maps(self) -> bool:
        """Whether the metric scores maps."""
        return isinstance(self.metric, RankingMetric)

    def masks(
        self, cases: Sequence[PreparedCase], masks: Mapping[str, Any], status: pd.DataFrame
    ) -> pd.DataFrame:
        """Score masks of some cases; see `score_cohort`."""
        status = status[status["case"].isin([case.case for case in cases])]
        return score_cohort(
            cases, masks, status, self.targets, [self.metric], self.protocol, self.scoring_size
        )

    def maps(self, cases: Sequence[PreparedCase], records: Iterable[MapRecord]) -> pd.DataFrame:
        """Score maps of some cases; see `score_maps`."""
        by_name = {case.case: case for case in cases}
        return score_maps(
            [(by_name[one.case], one) for one in records if one.case in by_name],
            self.targets,
            [self.metric],
            scoring_size=self.scoring_size,
            sign=self.sign,
            tolerance=self.tolerance,
        )

    def reader(self, cases: Sequence[PreparedCase], reader: str) -> pd.DataFrame:
        """Score the masks of one reader, directly or as binary maps.

        Args:
            cases: cases that the reader has read, with the reference of the other readers.
        """
        own = [(case, cls, case.reading(cls, reader)) for case in cases for cls in case.references]
        if self.of_maps:
            return self.maps(cases, [map_of(case, cls, mask) for case, cls, mask in own])
        masks: Masks = {}
        for case, cls, mask in own:
            shown = in_frame(decode(mask), case, self.scoring_size)
            masks.setdefault(case.case, {})[cls] = encode(shown)
        rows = [(case.case, cls, "", "ok") for case, cls, _ in own]
        status = pd.DataFrame(rows, columns=["case", "class", "target_class", "status"])
        return self.masks(cases, masks, status)


def scorer_of(
    metric: str,
    targets: Targets,
    empty: Mapping[str, str],
    surface_tolerance: float,
    scoring_size: ScoringSize,
    sign: Sign,
    pointing_tolerance: float,
) -> Scorer:
    """Create the scorer of a metric of masks or maps, with the protocol `default`."""
    protocol = protocol_for("default", empty, surface_tolerance)
    found = RANKING[metric] if metric in RANKING else MASK_METRICS[metric]
    return Scorer(targets, found, protocol, scoring_size, sign, pointing_tolerance)


def shards_of(
    prepared: Iterable[str], pixel_spacing: float | Sequence[float] | None = None
) -> Iterator[list[PreparedCase]]:
    """Yield the cases of one shard at a time.

    Args:
        pixel_spacing: mm per native pixel, for cases without their own value.
    """
    spacing = spacing_pair(pixel_spacing)
    for path in prepared:
        with PreparedShard(path) as shard:
            yield [replace(case, spacing=case.spacing or spacing) for case in shard]


def map_of(case: PreparedCase, cls: str, reading: RLE) -> MapRecord:
    """Convert a reader's mask to a map of the part that the classifier saw."""
    y0, x0, y1, x1 = case.box
    values = decode(reading)[y0:y1, x0:x1].astype(np.uint8)
    return MapRecord(case.case, cls, "", "ok", "", 0.0, map=SaliencyMap("binary", values))


def without_each(
    shards: Iterable[Sequence[PreparedCase]],
    score: Callable[[int, Sequence[PreparedCase], str], pd.DataFrame],
    metric: str,
) -> pd.DataFrame:
    """Score against the reference of the other readers, leaving out each reader in turn.

    Args:
        shards: cases with their references, one shard at a time.
        score: returns rows of scores.parquet. Its arguments are the number of a shard, its cases
            with the reference of the other readers, and the reader who is left out.

    Returns:
        The table SCORES_WITHOUT: one row per left-out reader, case and class.
    """
    rows: list[dict[str, Any]] = []
    for number, cases in enumerate(shards):
        for reader in sorted({reader for case in cases for reader in case.without}):
            others = [case.against(reader) for case in cases if reader in case.without]
            rows += score(number, others, reader).assign(reader=reader).to_dict("records")
    rows.sort(key=lambda row: (*order_of_row(row), row["reader"]))
    return SCORES_WITHOUT.with_metrics([metric]).typed(rows)


def pairs_of(cases: Iterable[PreparedCase], scoring_size: ScoringSize) -> Iterator[dict[str, Any]]:
    """Compare the masks of every two readers for each case and class.

    Yields:
        Rows of PAIR_CASES; the overlap is nan if both masks are empty.
    """
    for case in cases:
        with at_case(case.case):
            for cls in case.explained:
                masks = {
                    reader: in_frame(decode(case.reading(cls, reader)), case, scoring_size)
                    for reader in case.readers_of(cls)
                }
                for a, b in combinations(masks, 2):
                    counts = overlap.confusion(masks[b], masks[a])
                    yield {
                        **row_head(case, cls),
                        "reader_a": a,
                        "reader_b": b,
                        "marked_a": bool(masks[a].any()),
                        "marked_b": bool(masks[b].any()),
                        "iou": overlap.iou(counts),
                        "dice": overlap.dice(counts),
                    }
