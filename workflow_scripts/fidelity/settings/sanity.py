"""What a schema cannot check of sensitivity and sanity checks: whom they can be asked of."""

from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.explainers.registry import depends_on_training, method_of


def checkable(config: dict[str, Any]) -> list[str]:
    """Name the explainers whose maps depend on what a classifier has learnt."""
    return [name for name, entry in config["explainers"].items() if depends_on_training(entry)]


def check_sanity(config: dict[str, Any], source: str) -> None:
    """Check that what is asked can be answered.

    Args:
        config: resolved.
        source: file it came from, for errors.

    Raises:
        InputError: sensitivity of explainers that cannot explain a changed image, or sanity checks
            of explainers that no classifier has a part in.
    """
    methods = [method_of(entry["method"]) for entry in config["explainers"].values()]
    asked = "sensitivity_max" in config["faithfulness"]["metrics"]
    if asked and all(method.given for method in methods):
        raise InputError(
            "sensitivity_max explains changed images, and all explainers of this config read maps"
            " made elsewhere",
            file=source,
            field="faithfulness.metrics",
            remedy="Leave sensitivity_max out, or add an explainer that is computed here",
        )
    if not config["sanity"]["cases"]:
        return
    able = checkable(config)
    for name in config["sanity"]["explainers"] or []:
        if name not in config["explainers"]:
            raise InputError(
                f"{name!r} is no explainer of this config",
                file=source,
                field="sanity.explainers",
                remedy=suggestion(name, able, "Those that explain a classifier"),
            )
        if name not in able:
            raise InputError(
                f"{name!r} does not depend on what a classifier has learnt, so there is nothing to"
                " randomise",
                file=source,
                field="sanity.explainers",
                remedy=suggestion(name, able, "Those that explain a classifier"),
            )
    if not able:
        raise InputError(
            "no explainer of this config explains a trained classifier, so there is nothing to"
            " randomise",
            file=source,
            field="sanity.cases",
            remedy="Set it to 0, or add an explainer such as {method: gradcam}",
        )
