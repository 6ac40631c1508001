"""List what the checks inspect: all explainers and rules of a config, including nested ones."""

from collections.abc import Collection, Iterator

from pydantic import MISSING

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.binarizations.registry import RULES
from fidelity.settings.binarizations import Binarization, PerExplainer, Postprocess
from fidelity.settings.config import Config
from fidelity.settings.explainers import Explainer


def all_explainers(config: Config) -> Iterator[tuple[str, Explainer]]:
    """Yield every explainer with its path; an inner one (`of`) comes right after its outer one."""
    for key, entry in config.explainers.items():
        path, part = f"explainers.{key}", entry
        while part is not None:
            yield path, part
            path, part = f"{path}.of", getattr(part, "of", None)


def all_rules(config: Config) -> Iterator[tuple[str, Binarization, Postprocess | None]]:
    """Yield every simple rule with its path and, if it has one, its own post-processing."""
    for key, entry in config.binarizations.items():
        path = f"binarizations.{key}"
        if not isinstance(entry, PerExplainer):
            yield path, entry, None
            continue
        for where, part in entry.parts().items():
            own = None if part.postprocess is MISSING else part.postprocess
            yield f"{path}.{where}", part.binarization, own


def fair_binarizations(config: Config) -> list[str]:
    """List the binarizations that use the reference mask for no explainer."""
    seeing = {
        path.split(".")[1]
        for path, rule, _ in all_rules(config)
        if RULES[rule.method].uses_reference
    }
    return [key for key in config.binarizations if key not in seeing]


def check_name(name: str, known: Collection[str], field: str, what: str | None = None) -> None:
    """Check that a name is known.

    Raises:
        InputError: the error names the field, the unknown name and a similar known one.
    """
    if name not in known:
        problem = f"is not among the {what}s of this config" if what else "is not in this config"
        raise InputError(f"{name!r} {problem}", field=field, remedy=suggestion(name, known))
