"""Score the maps of one explainer at every threshold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from fidelity.analysis.columns.localization import CASE_CURVES
from fidelity.base.errors import at_case
from fidelity.base.files import atomic_path
from fidelity.base.job_log import run_job
from fidelity.binarizations.postprocess import checked_lung
from fidelity.datasets.prepared_list import listed
from fidelity.maps.case_maps import explained_cases, order_of, row_head
from fidelity.maps.pixel_frames import (
    ScoringSize,
    lung_in_frame,
    map_in_frame,
    reference_in_frame,
)
from fidelity.maps.saliency_map import Sign
from fidelity.metrics.conventions import protocol_for
from fidelity.metrics.curves import SHARES, overlap_curves

SCHEMA = pa.schema(list(CASE_CURVES.types.items()))
# Cases per written table: the curves of all cases together would fill the memory.
GROUP = 512


@dataclass(frozen=True)
class Curves:
    """Scores of one map at all thresholds, and facts of its case."""

    about: dict[str, str | bool]
    shares: dict[str, np.ndarray]


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    thresholds: int,
    scoring_size: ScoringSize,
    sign: Sign,
    lung: bool,
    empty: Mapping[str, str],
    output: str,
    left_out: str = "",
) -> None:
    """Write IoU, Dice, precision and recall of every explained case and class at all thresholds.

    The lung restriction is applied as in the masks (a map of 0 outside the lung is the same).
    Median blur and component removal are not applied, because the curves describe the map.

    Args:
        thresholds: number of thresholds, evenly spaced from 0 to 1.
        output: curves.parquet, sorted by split, case, class and threshold.
    """
    steps = np.linspace(0, 1, thresholds)
    policy = protocol_for("default", empty).empty
    found: dict[tuple, Curves] = {}
    for case, record in explained_cases(maps, prepared, left_out):
        if record.map is None or record.cls not in case.references:
            continue
        with at_case(case.case):
            map01 = map_in_frame(record.map, case, scoring_size, sign)
            if lung:
                map01 = map01 * checked_lung(lung_in_frame(case, scoring_size))
            reference = reference_in_frame(case, record.cls, scoring_size)
            shares = overlap_curves(map01, reference, steps, policy)
            about = {
                **row_head(case, record.cls),
                "target_class": record.target,
                "reference": case.reference_kind(record.cls),
                "reference_empty": not reference.any(),
            }
            found[order_of(case.split, case.case, record.cls)] = Curves(about, shares)
    with atomic_path(output) as temporary, parquet.ParquetWriter(temporary, SCHEMA) as writer:
        for table in _tables([found[key] for key in sorted(found)], steps):
            writer.write_table(pa.Table.from_pandas(table, SCHEMA, preserve_index=False))


def _tables(curves: list[Curves], thresholds: np.ndarray) -> Iterator[pd.DataFrame]:
    """Yield tables of some cases each; one empty table if there are no cases."""
    for start in range(0, max(len(curves), 1), GROUP):
        part = curves[start : start + GROUP]
        about = pd.DataFrame([one.about for one in part], columns=CASE_CURVES.names)
        table = about.loc[about.index.repeat(len(thresholds))]
        table["threshold"] = np.tile(thresholds, len(part))
        for name in SHARES:
            table[name] = np.concatenate([one.shares[name] for one in part] or [[]])
        yield table.astype(CASE_CURVES.types)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, prepared=lambda job: listed(job.input.prepared))
