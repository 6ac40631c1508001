"""Give advice on a target that is neither a rule nor a file of the study."""

import re
from collections.abc import Iterable
from pathlib import PurePath

from fidelity.base.suggestions import did_you_mean, nearest, suggestion

# Start of the message of Snakemake's MissingRuleException.
TARGET = re.compile(r"No rule to produce (\S+)")
WILDCARD = re.compile(r"\{[^}]*\}")


def told(message: str, rules: Iterable[str], parts: Iterable[str]) -> str:
    """Suggest what the unknown target in Snakemake's message may have meant, and where to look.

    Args:
        message: text of a MissingRuleException.
        rules: names of the rules that can be targets.
        parts: names of folders and files in this study's paths, some with `{wildcards}`.
    """
    found = TARGET.search(message)
    target = found[1] if found else ""
    if "/" not in target:
        return f"{target!r} is not a target of this study. {suggestion(target, rules, 'Targets')}"
    parts = list(parts)
    names = [part for part in parts if "{" not in part]
    # Includes "gallery-{binarization}.png", but not "{dataset}", which would match every name.
    texts = (WILDCARD.split(part) for part in parts)
    known = re.compile("|".join(".+".join(map(re.escape, text)) for text in texts if any(text)))
    meant = [
        part if known.fullmatch(part) else next(iter(nearest(part, names)), part)
        for part in PurePath(target).parts
    ]
    path = target if PurePath(target).is_absolute() else str(PurePath(*meant))
    near = did_you_mean([path] if path != target else [], "")
    return (
        f"No step of this study writes {target!r}. {near}\n"
        "docs/outputs.md lists the files. Some are written only if the config requests them."
    )
