"""Gather the inputs of a binarization rule besides the map, for one case and class."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.binarizations.fixed import threshold_of
from fidelity.binarizations.registry import RULES
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.pixel_frames import ScoringSize, frame_of, reference_in_frame
from fidelity.maps.saliency_map import MapRecord, Sign
from fidelity.settings.binarizations import Binarization


def inputs_of(
    rule: Binarization,
    case: PreparedCase,
    record: MapRecord,
    *,
    scoring_size: ScoringSize,
    sign: Sign,
    thresholds: Mapping[str, float],
    seed: int,
) -> dict[str, Any]:
    """Gather the keyword arguments for `binarize`; empty for a plain rule.

    Args:
        record: the case's map. A map of kind `binary` needs nothing, because it is its own mask.
        seed: the config's seed, from which LIME's superpixels are computed too.

    Returns:
        `reference`, `superpixels` or `threshold` (tuned, or of the class). If a case has no
        reference of the class, its reference is empty here; no metric scores its mask.

    Raises:
        InputError: the class has no threshold.
    """
    if record.map.kind == "binary":
        return {}
    needs = RULES[rule.method].needs
    found: dict[str, Any] = {}
    if rule.method == "fixed":
        found["threshold"] = threshold_of(rule.threshold, record.cls)
    if "reference" in needs:
        found["reference"] = (
            reference_in_frame(case, record.cls, scoring_size)
            if record.cls in case.references
            else np.zeros(frame_of(case, scoring_size).size, bool)
        )
    if "threshold" in needs:
        if record.cls not in thresholds:
            raise InputError(
                f"no threshold was tuned for the class {record.cls!r}",
                field="binarizations.method: tuned",
                remedy="Add an explained case of this class with a reference mask to the"
                " validation split",
            )
        found["threshold"] = thresholds[record.cls]
    if "superpixels" in needs:
        # Imported by name, as the rules are: the code of superpixels then counts only in that
        # rule's digest.
        module = import_module("fidelity.binarizations.superpixels")
        found["superpixels"] = module.superpixels_of(
            record.map,
            case,
            frame_of(case, scoring_size),
            sign,
            rule.superpixels,
            seed_for(seed, case.case, "lime", 0),
        )
    return found
