"""Score the maps of one explainer against the planted mark and against the lesion."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2

from fidelity.base.files import read_json, write_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared import PreparedCase
from fidelity.datasets.sources.phantom.retouch import read_mark
from fidelity.known_truth.two_truths import score_truths
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.maps.saliency_map import Sign
from fidelity.masks.run_lengths import RLE, encode
from fidelity.scoring.score_rows import Targets


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    raw_dir: str,
    classes_json: str,
    mark_class: str,
    scoring_size: ScoringSize,
    sign: Sign,
    output: str,
    planted: Mapping[str, Any] | None = None,
    left_out: str = "",
) -> None:
    """Write two rows for each map of an image with the mark.

    Args:
        planted: the mark that the config plants in a data set; None for a phantom with a shortcut.
        left_out: see `explained_cases`.
    """
    cv2.setNumThreads(1)
    labels = read_json(classes_json)["labels"]

    root = Path(raw_dir) / "data"

    def mark_of(case: PreparedCase) -> RLE | None:
        mark = read_mark(root, case.split, case.labels[0], case.case)
        return encode(mark) if mark.any() else None

    if planted:
        from fidelity.datasets.planted import mark_of as drawn_mark

        def mark_of(case: PreparedCase) -> RLE | None:
            mark = drawn_mark(case, planted)
            return None if mark is None or not mark.any() else encode(mark)

    targets = Targets(None, labels)
    table = score_truths(
        explained_cases(maps, prepared, left_out),
        mark_of,
        mark_class,
        targets,
        scoring_size=scoring_size,
        sign=sign,
    )
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, raw_dir="raw", classes_json="classes")
