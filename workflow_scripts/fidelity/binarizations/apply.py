"""Apply a binarization rule by its name in the config."""

from importlib import import_module
from typing import Any

import numpy as np

from fidelity.binarizations.registry import RULES
from fidelity.settings.binarizations import Binarization

# A binary map holds 0 and 1, so any threshold between them gives the map itself.
BINARY_THRESHOLD = 0.5


def binarize(
    map01: np.ndarray, kind: str, settings: Binarization, **given: Any
) -> tuple[np.ndarray, float]:
    """Turn a rendered map into a mask, boolean (H, W), and its threshold in the map's own scale.

    Args:
        map01: float32 (H, W) in [0, 1].
        kind: kind of the map. A `binary` map (such as a lung mask) is its own mask under every
            rule.
        given: further inputs of the rule (see `rule_inputs.inputs_of`). They override parameters of
            the same name.

    Raises:
        InputError: a parameter is out of its range.
        ValueError: an input that the rule needs is missing.
    """
    method = settings.method
    if kind == "binary":
        return map01 > BINARY_THRESHOLD, BINARY_THRESHOLD
    if missing := RULES[method].needs - given.keys():
        raise ValueError(f"the binarization {method!r} needs {', '.join(sorted(missing))}")
    parameters = {key: value for key, value in settings if key not in ("method", "title")}
    taken = RULES[method].needs | parameters.keys()
    given = {key: value for key, value in given.items() if key in taken}
    return import_module(RULES[method].module).binarize(map01, **{**parameters, **given})
