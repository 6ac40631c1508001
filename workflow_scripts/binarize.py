"""Turn the saliency maps of one explainer into predicted masks."""

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd

from fidelity.binarizations import binarize
from fidelity.cohort import explained_cases
from fidelity.files import write_csv
from fidelity.frames import ScoringSize, lung_in_frame, map_in_frame
from fidelity.joblog import job_log
from fidelity.masks import Masks, encode, write_masks
from fidelity.postprocess import postprocess as postprocessed

COLUMNS = ["case", "class", "target_class", "status", "reason", "threshold"]


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    rule: dict[str, Any],
    postprocess: dict[str, Any],
    scoring_size: ScoringSize,
    masks: str,
    status: str,
) -> None:
    """Write the predicted masks of all explained cases, and how each came about.

    Args:
        maps: map files, one per shard.
        prepared: prepared shards in the same order.
        rule: the binarization's config entry: method and its parameters.
        postprocess: the config's `postprocess`: `sign`, `lung`, `median`, `min_component`.
        scoring_size: size the masks are made at.
        masks: output, masks.json; failed explanations are not in it.
        status: output, masks_status.csv, one row per explanation, failed ones too: `threshold` is
            the one used on the normalised map, before post-processing.
    """
    found: Masks = {}
    rows = []
    for case, record in explained_cases(maps, prepared):
        threshold = float("nan")
        if record.map is not None:
            map01 = map_in_frame(record.map, case, scoring_size, postprocess["sign"])
            mask, threshold = binarize(map01, record.map.kind, rule)
            lung = lung_in_frame(case, scoring_size) if postprocess["lung"] else None
            mask = postprocessed(mask, lung, postprocess)
            found.setdefault(case.case, {})[record.cls] = encode(mask)
        rows.append(
            (record.case, record.cls, record.target, record.status, record.reason, threshold)
        )
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values(["case", "class"], kind="stable")
    write_masks(masks, found)
    write_csv(table, status)
    logging.info("%d masks, %d failed explanations", len(table), (table["status"] != "ok").sum())


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            list(snakemake.input.maps),
            list(snakemake.input.prepared),
            snakemake.params.rule,
            snakemake.params.postprocess,
            snakemake.params.scoring_size,
            masks=snakemake.output.masks,
            status=snakemake.output.status,
        )
