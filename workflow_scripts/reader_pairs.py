"""Compare the readers of a data set with one another, case by case."""

from collections.abc import Mapping, Sequence

import pandas as pd

from fidelity.analysis.columns.readers import PAIR_CASES
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import listed
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.maps.saliency_map import Sign
from fidelity.scoring.reader_scores import pairs_of, scorer_of, shards_of, without_each
from fidelity.scoring.score_rows import explained_targets


def main(
    prepared: Sequence[str],
    classes_json: str,
    metric: str,
    empty: Mapping[str, str],
    surface_tolerance: float,
    pointing_tolerance: float,
    scoring_size: ScoringSize,
    sign: Sign,
    pixel_spacing: float | Sequence[float] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the overlap of every two readers, and each reader's scores against the others.

    Args:
        prepared: shards with the references of all readers.
    """
    scorer = scorer_of(
        metric,
        explained_targets(classes_json, None),
        empty,
        surface_tolerance,
        scoring_size,
        sign,
        pointing_tolerance,
    )
    rows = [row for shard in shards_of(prepared) for row in pairs_of(shard, scoring_size)]
    own = without_each(
        shards_of(prepared, pixel_spacing),
        lambda _, cases, reader: scorer.reader(cases, reader),
        metric,
    )
    return PAIR_CASES.typed(rows), own


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        keep=True,
        prepared=lambda job: listed(job.input.prepared),
        classes_json="classes",
    )
