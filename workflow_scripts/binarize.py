"""Turn the saliency maps of one explainer into predicted masks."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from fidelity.analysis.columns.localization import MASK_STATUS
from fidelity.base.errors import InputError, at_case
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job
from fidelity.binarizations.apply import binarize
from fidelity.binarizations.postprocess import postprocess as postprocessed
from fidelity.binarizations.rule_inputs import inputs_of
from fidelity.binarizations.tuned import read_thresholds
from fidelity.classifiers.predictions import read_predictions
from fidelity.datasets.prepared import PreparedCase
from fidelity.datasets.prepared_list import listed
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.pixel_frames import ScoringSize, lung_in_frame, map_in_frame
from fidelity.maps.saliency_map import MapRecord
from fidelity.masks.run_lengths import Masks, encode, write_masks
from fidelity.settings.binarizations import Binarization, Postprocess


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    rule: Binarization,
    postprocess: Postprocess,
    scoring_size: ScoringSize,
    masks: str,
    status: str,
    thresholds: str | None = None,
    predictions: str | None = None,
    seed: int = 0,
) -> None:
    """Write the predicted masks of all explained cases, and a status row for each of them.

    Args:
        masks: output, masks.json; it omits failed explanations.
        status: output, masks_status.csv, one row per explanation, including failed ones.
            `threshold` applies to the normalised map before post-processing; it is empty if there
            is none.
        predictions: predictions.csv, if `min_probability` needs it. Explainers without a classifier
            are not affected.
        seed: the config's seed, for binarizations that split the image into superpixels.
    """
    tuned = {} if thresholds is None else read_thresholds(thresholds)
    cutoff = postprocess.min_probability
    probability = {} if predictions is None else _probabilities(predictions)
    sign = postprocess.sign

    def make_mask(case: PreparedCase, record: MapRecord) -> tuple[np.ndarray, float]:
        map01 = map_in_frame(record.map, case, scoring_size, sign)
        frame = {"scoring_size": scoring_size, "sign": sign}
        given = inputs_of(rule, case, record, thresholds=tuned, seed=seed, **frame)
        mask, threshold = binarize(map01, record.map.kind, rule, **given)
        lung = lung_in_frame(case, scoring_size) if postprocess.lung else None
        mask = postprocessed(mask, lung, postprocess)
        if cutoff and record.target and _probability(probability, record) < cutoff:
            mask = np.zeros_like(mask)
        return mask, threshold

    found: Masks = {}
    rows = []
    for case, record in explained_cases(maps, prepared):
        threshold = float("nan")
        if record.map is not None:
            with at_case(case.case):
                mask, threshold = make_mask(case, record)
            found.setdefault(case.case, {})[record.cls] = encode(mask)
        rows.append(
            (record.case, record.cls, record.target, record.status, record.reason, threshold)
        )
    table = MASK_STATUS.frame(rows).sort_values(["case", "class"], kind="stable")
    write_masks(masks, found)
    write_csv(table, status)
    logging.info("%d masks, %d failed explanations", len(table), (table["status"] != "ok").sum())


def _probabilities(path: str) -> dict[tuple[str, str], float]:
    """Read the probability of each case and model class."""
    table = read_predictions(path)
    return table.set_index(["case", "class"])["probability"].to_dict()


def _probability(probabilities: Mapping[tuple[str, str], float], record: MapRecord) -> float:
    """Look up the probability of the class that a map explains."""
    if (record.case, record.target) not in probabilities:
        raise InputError(
            f"the prediction of {record.target!r} is missing, but min_probability needs it",
            field=record.case,
            remedy="Delete the predictions and run again",
        )
    return probabilities[record.case, record.target]


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, prepared=lambda job: listed(job.input.prepared))
