"""The binarization rules by name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fidelity.digests.markers import Description

Need = Literal["reference", "superpixels", "threshold"]


@dataclass(frozen=True)
class Rule:
    """A binarization rule.

    Attributes:
        title: name in figures, tables and pages, with the rule's keys in braces.
        needs: further keyword arguments: `reference` (the reference mask), `superpixels` (of the
            image, with the map's weights), `threshold` (tuned for the class).
    """

    module: str
    title: "Description"
    needs: frozenset[Need] = frozenset()

    @property
    def uses_reference(self) -> bool:
        """Whether the rule uses the reference mask.

        The results of such a rule are shown, but are not part of verdicts, ranks or the primary
        comparison.
        """
        return "reference" in self.needs


RULES: dict[str, Rule] = {
    "fixed": Rule("fidelity.binarizations.fixed", "Threshold {threshold}"),
    "percentile": Rule("fidelity.binarizations.percentile", "Percentile {percentile}"),
    "otsu": Rule("fidelity.binarizations.otsu", "Otsu"),
    "tuned": Rule("fidelity.binarizations.tuned", "Tuned threshold", frozenset({"threshold"})),
    "area_matched": Rule(
        "fidelity.binarizations.area_matched", "Area of the reference", frozenset({"reference"})
    ),
    "oracle": Rule(
        "fidelity.binarizations.oracle", "Best threshold per image", frozenset({"reference"})
    ),
    "superpixels": Rule(
        "fidelity.binarizations.superpixels", "Top {top} superpixels", frozenset({"superpixels"})
    ),
    "boxes": Rule("fidelity.binarizations.boxes", "Boxes above {threshold}"),
    "chexlocalize_otsu": Rule("fidelity.binarizations.chexlocalize.otsu", "CheXlocalize's Otsu"),
}
