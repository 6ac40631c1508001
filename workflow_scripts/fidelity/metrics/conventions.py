"""What a score is worth where a mask is empty: declared as data, never left to a formula.

A protocol of the literature differs here in nothing but the six words of an `EmptyPolicy`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from fidelity.errors import InputError

Family = Literal["overlap", "distance"]
Word = Literal["one", "zero", "nan", "inf", "diagonal"]

_NUMBERS = {"one": 1.0, "zero": 0.0, "nan": math.nan, "inf": math.inf}
_WORDS = {"overlap": ("one", "zero", "nan"), "distance": ("zero", "nan", "inf", "diagonal")}


@dataclass(frozen=True)
class EmptyPolicy:
    """Values given where the reference, the prediction or both have no pixel.

    "nan" is left out of means and counted as undefined; "diagonal" is the diagonal of the scored
    image, sqrt(height² + width²) px. The defaults are the project's own protocol: to find nothing
    where nothing is, is right; to find nothing where something is, is as wrong as can be; to find
    something where nothing is, is no question of localization (`false_positive_share` reports it).

    Attributes:
        overlap_both: IoU, Dice, precision and recall if both are empty.
        overlap_prediction: the same if the prediction alone is empty.
        overlap_reference: the same if the reference alone is empty.
        distance_both: distances if both are empty.
        distance_prediction: distances if the prediction alone is empty.
        distance_reference: distances if the reference alone is empty.
    """

    overlap_both: Word = "one"
    overlap_prediction: Word = "zero"
    overlap_reference: Word = "nan"
    distance_both: Word = "zero"
    distance_prediction: Word = "diagonal"
    distance_reference: Word = "nan"

    def value(
        self,
        family: Family,
        *,
        reference_empty: bool,
        prediction_empty: bool,
        shape: tuple[int, int],
    ) -> float:
        """Look up the score of a pair with at least one empty mask.

        Args:
            family: `overlap` or `distance`.
            reference_empty: whether the reference has no pixel.
            prediction_empty: whether the prediction has no pixel.
            shape: (height, width) of the scored image.

        Returns:
            The declared score; NaN where it is undefined.

        Raises:
            ValueError: if neither mask is empty.
        """
        if not (reference_empty or prediction_empty):
            raise ValueError("neither mask is empty")
        if reference_empty and prediction_empty:
            which = "both"
        else:
            which = "prediction" if prediction_empty else "reference"
        word = getattr(self, f"{family}_{which}")
        return math.hypot(*shape) if word == "diagonal" else _NUMBERS[word]


# Named protocols: the first is the project's own.
PROTOCOLS: dict[str, EmptyPolicy] = {"default": EmptyPolicy()}


def policy_for(protocol: str, changes: Mapping[str, Word] | None = None) -> EmptyPolicy:
    """Look up a protocol's policy and apply the config's changes to it.

    Args:
        protocol: a key of PROTOCOLS.
        changes: the config's `scores.empty`, {attribute: word}; what it leaves out stays.

    Returns:
        The policy.

    Raises:
        InputError: unknown protocol or key, or a word the key cannot have.
    """
    if protocol not in PROTOCOLS:
        raise InputError(
            f"unknown protocol {protocol!r}",
            field="protocols",
            remedy=f"Known are {', '.join(PROTOCOLS)}",
        )
    known = [field.name for field in fields(EmptyPolicy)]
    for key, word in (changes or {}).items():
        if key not in known:
            raise InputError(
                "unknown empty-mask setting",
                field=f"scores.empty.{key}",
                remedy=f"Known are {', '.join(known)}",
            )
        words = _WORDS[key.split("_")[0]]
        if word not in words:
            raise InputError(
                f"{word!r} is not a value for an empty mask",
                field=f"scores.empty.{key}",
                remedy=f"Use one of {', '.join(words)}",
            )
    return replace(PROTOCOLS[protocol], **(changes or {}))
