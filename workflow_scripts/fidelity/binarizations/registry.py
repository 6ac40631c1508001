"""The binarization rules by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A binarization rule.

    Attributes:
        module: where its `binarize` is.
        uses_reference: whether it has seen the reference mask: such a rule is shown, but enters no
            verdict, rank or primary comparison.
    """

    module: str
    uses_reference: bool = False


RULES: dict[str, Rule] = {
    "fixed": Rule("fidelity.binarizations.fixed"),
    "percentile": Rule("fidelity.binarizations.percentile"),
    "otsu": Rule("fidelity.binarizations.otsu"),
}
