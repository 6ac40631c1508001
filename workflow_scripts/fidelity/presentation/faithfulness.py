"""Explain in one sentence what each faithfulness metric measures, for pages and tables."""

from collections.abc import Iterable

from fidelity.faithfulness.registry import METRICS
from fidelity.presentation.wording import better

# The title, and which values are better, are added by `explained`.
MEANINGS = {
    "deletion_auc": "area under the curve of the probability while pixels are removed, the most "
    "relevant first",
    "insertion_auc": "area under the curve of the probability while pixels are put back, the "
    "most relevant first",
    "road": "probability without the least relevant pixels, minus that without the most relevant",
    "comprehensiveness": "drop of the probability if the predicted mask is removed",
    "sufficiency": "drop of the probability if everything outside the predicted mask is removed",
    "infidelity": "error of the map in predicting how the output changes if squares are removed",
    "infidelity_relative": "infidelity as a share of that of a map of zeros",
    "sensitivity_max": "largest relative change of the map under small noise in the image",
}


def explained(metrics: Iterable[str]) -> str:
    """Explain metrics in one sentence each: "Deletion AUC: area under … (lower is better)."."""
    return " ".join(
        f"{METRICS[name].title}: {MEANINGS[name]} ({better(METRICS[name].direction)})."
        for name in metrics
    )
