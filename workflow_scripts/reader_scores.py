"""Score one explainer against the consensus of the readers, leaving out each reader in turn."""

from collections.abc import Mapping, Sequence

import cv2
import pandas as pd

from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.maps.saliency_map import Sign, read_maps
from fidelity.masks.run_lengths import read_masks
from fidelity.scoring.mask_scores import read_status
from fidelity.scoring.reader_scores import scorer_of, shards_of, without_each
from fidelity.scoring.score_rows import SCORED, explained_targets


def main(
    prepared: Sequence[str],
    predictions: str | None,
    classes_json: str,
    metric: str,
    empty: Mapping[str, str],
    surface_tolerance: float,
    pointing_tolerance: float,
    scoring_size: ScoringSize,
    sign: Sign,
    output: str,
    masks: str = "",
    status: str = "",
    maps: Sequence[str] = (),
    pixel_spacing: float | Sequence[float] | None = None,
) -> None:
    """Write the primary score of every map or mask, once for each left-out reader.

    Args:
        prepared: shards with the references of all readers.
        predictions: predictions.csv; None for explainers without a classifier.
        masks: masks.json of the primary binarization; empty if the metric scores maps.
        status: masks_status.csv of these masks; empty if the metric scores maps.
        maps: map files, one per shard, if the metric scores maps.
    """
    cv2.setNumThreads(1)  # Snakemake grants one core.
    scorer = scorer_of(
        metric,
        explained_targets(classes_json, predictions),
        empty,
        surface_tolerance,
        scoring_size,
        sign,
        pointing_tolerance,
    )
    if scorer.of_maps:

        def score(shard: int, cases: Sequence[PreparedCase], reader: str) -> pd.DataFrame:
            return scorer.maps(cases, read_maps(maps[shard]))

    else:
        made, how = read_masks(masks), read_status(status)

        def score(shard: int, cases: Sequence[PreparedCase], reader: str) -> pd.DataFrame:
            return scorer.masks(cases, made, how)

    write_parquet(without_each(shards_of(prepared, pixel_spacing), score, metric), output)


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        keep=True,
        **SCORED,
        masks=lambda job: next(iter(job.input.masks), ""),
        status=lambda job: next(iter(job.input.status), ""),
    )
