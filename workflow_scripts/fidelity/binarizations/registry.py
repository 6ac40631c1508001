"""The binarization rules by name."""

from dataclasses import dataclass
from typing import Literal

Need = Literal["reference", "superpixels", "threshold"]


@dataclass(frozen=True)
class Rule:
    """A binarization rule.

    Attributes:
        module: where its `binarize` is.
        needs: what it is given by keyword beside the map and its parameters: `reference` (the
            reference mask), `superpixels` (of the image, with the map's weights), `threshold`
            (tuned for the class).
    """

    module: str
    needs: frozenset[Need] = frozenset()

    @property
    def uses_reference(self) -> bool:
        """Whether it has seen the reference mask.

        Such a rule is shown, but enters no verdict, rank or primary comparison.
        """
        return "reference" in self.needs


RULES: dict[str, Rule] = {
    "fixed": Rule("fidelity.binarizations.fixed"),
    "percentile": Rule("fidelity.binarizations.percentile"),
    "otsu": Rule("fidelity.binarizations.otsu"),
    "tuned": Rule("fidelity.binarizations.tuned", frozenset({"threshold"})),
    "area_matched": Rule("fidelity.binarizations.area_matched", frozenset({"reference"})),
    "oracle": Rule("fidelity.binarizations.oracle", frozenset({"reference"})),
    "superpixels": Rule("fidelity.binarizations.superpixels", frozenset({"superpixels"})),
    "boxes": Rule("fidelity.binarizations.boxes"),
    "chexlocalize_otsu": Rule("fidelity.binarizations.chexlocalize_otsu"),
}
