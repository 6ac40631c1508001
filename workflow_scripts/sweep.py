"""Score the maps of one explainer at every threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fidelity.cohort import explained_cases, order_of
from fidelity.datasets.prepared_list import listed
from fidelity.errors import InputError
from fidelity.files import atomic_path
from fidelity.frames import lung_in_frame, map_in_frame, reference_in_frame
from fidelity.joblog import job_log
from fidelity.metrics.conventions import policy_for
from fidelity.metrics.curves import overlap_curves

COLUMNS = {
    "case": "str",
    "patient": "str",
    "split": "str",
    "class": "str",
    "target_class": "str",
    "threshold": "float64",
    "iou": "float64",
    "dice": "float64",
    "reference_empty": "bool",
}


def main(
    maps: Sequence[str], prepared: Sequence[str], settings: dict[str, Any], output: str
) -> None:
    """Write IoU and Dice of every explained case and class at all thresholds.

    The lung restriction enters as in the masks (a map of 0 outside the lung is the same); median
    blur and component removal do not: curves are of the map.

    Args:
        maps: map files, one per shard.
        prepared: prepared shards in the same order.
        settings: `thresholds` (number of them, evenly from 0 to 1), `scoring_size`, `sign`, `lung`,
            optionally `protocol` and `empty` (the config's `scores.empty`).
        output: curves.parquet, sorted by split, case, class and threshold.
    """
    thresholds = np.linspace(0, 1, settings["thresholds"])
    policy = policy_for(settings.get("protocol", "default"), settings.get("empty"))
    size = settings["scoring_size"]
    parts: dict[tuple, pd.DataFrame] = {}
    for case, record in explained_cases(maps, prepared):
        if record.map is None or record.cls not in case.references:
            continue
        map01 = map_in_frame(record.map, case, size, settings["sign"])
        if settings["lung"]:
            lung = lung_in_frame(case, size)
            if lung is None:
                raise InputError(
                    f"the case {case.case} has no lung mask to restrict its map to",
                    field="postprocess.lung",
                    remedy="Set it to false, or use a data set with lung masks",
                )
            map01 = map01 * lung
        reference = reference_in_frame(case, record.cls, size)
        iou, dice = overlap_curves(map01, reference, thresholds, policy)
        parts[order_of(case.split, case.case, record.cls)] = pd.DataFrame(
            {
                "case": case.case,
                "patient": case.patient,
                "split": case.split,
                "class": record.cls,
                "target_class": record.target,
                "threshold": thresholds,
                "iou": iou,
                "dice": dice,
                "reference_empty": not reference.any(),
            }
        )
    rows = [parts[key] for key in sorted(parts)]
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(COLUMNS))
    with atomic_path(output) as temporary:
        table.astype(COLUMNS).to_parquet(temporary, index=False)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            list(snakemake.input.maps),
            listed(snakemake.input.prepared),
            snakemake.params.settings,
            snakemake.output[0],
        )
