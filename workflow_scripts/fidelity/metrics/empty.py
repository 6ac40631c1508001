"""Scores of empty masks: declared as data, never left to a formula by accident."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Family = Literal["overlap", "distance"]
Word = Literal["one", "zero", "nan", "inf", "diagonal", "formula"]

_NUMBERS = {"one": 1.0, "zero": 0.0, "nan": math.nan, "inf": math.inf}


@dataclass(frozen=True)
class EmptyPolicy:
    """Scores where the reference, the prediction or both have no pixel.

    The word "nan" is left out of means and counted as undefined. The word "diagonal" is the
    diagonal of the scored image in the metric's own unit. The word "formula" is the result of the
    metric's formula, where 0/0 is NaN.

    The defaults are the project's own protocol. An empty prediction is right if the reference is
    empty, and gets the worst value if it is not. A prediction on an empty reference is not a matter
    of localization; `false_positive_share` reports it.

    Attributes:
        overlap_both: shares (IoU, Dice, …, normalised surface Dice) if both are empty;
            `_prediction` and `_reference` are for a pair in which only this one is empty.
        distance_both: distances if both are empty, and so on.
        exceptions: metric name without unit to its own three words (both, prediction, reference).
            An empty prediction rejects every pixel outside the reference, so specificity is
            computed by its formula.
    """

    overlap_both: Word = "one"
    overlap_prediction: Word = "zero"
    overlap_reference: Word = "nan"
    distance_both: Word = "zero"
    distance_prediction: Word = "diagonal"
    distance_reference: Word = "nan"
    exceptions: Mapping[str, tuple[Word, Word, Word]] = field(
        default_factory=lambda: {"specificity": ("formula", "formula", "nan")}
    )

    def word(
        self, family: Family, *, reference_empty: bool, prediction_empty: bool, metric: str = ""
    ) -> Word:
        """Find the word for a pair with at least one empty mask.

        Raises:
            ValueError: neither mask is empty.
        """
        if not (reference_empty or prediction_empty):
            raise ValueError("neither mask is empty")
        cases = ("both", "prediction", "reference")
        index = 0 if reference_empty and prediction_empty else 1 if prediction_empty else 2
        if metric in self.exceptions:
            return self.exceptions[metric][index]
        return getattr(self, f"{family}_{cases[index]}")

    def value(
        self,
        family: Family,
        *,
        reference_empty: bool,
        prediction_empty: bool,
        shape: tuple[int, int],
    ) -> float:
        """Find the score of a pair with at least one empty mask; see `word`.

        Returns:
            The declared score, distances in pixels; NaN where it is undefined.

        Raises:
            ValueError: neither mask is empty.
        """
        word = self.word(family, reference_empty=reference_empty, prediction_empty=prediction_empty)
        return number(word, math.hypot(*shape))


def number(word: Word, diagonal: float) -> float:
    """Return the value of a word other than `formula`; `diagonal` in the metric's unit."""
    return diagonal if word == "diagonal" else _NUMBERS[word]
