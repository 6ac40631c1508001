"""Each metric of faithfulness is explained with its results, in one short sentence."""

from fidelity.faithfulness.registry import METRICS
from fidelity.presentation.faithfulness import MEANINGS, explained


def test_each_metric_has_one_short_sentence():
    assert {*MEANINGS} == {*METRICS}
    for name in METRICS:
        assert len(explained([name]).split()) <= 25


def test_only_the_measured_ones_are_explained():
    assert explained(["sufficiency"]) == (
        "Sufficiency: drop of the probability if everything outside the predicted mask is removed "
        "(lower is better)."
    )
