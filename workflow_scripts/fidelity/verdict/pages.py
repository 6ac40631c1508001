"""Write a verdict as Markdown, a standalone HTML page, or JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from fidelity.analysis.localization import NO_CLASSIFIER
from fidelity.presentation import titles
from fidelity.presentation.page import render
from fidelity.presentation.wording import confidence
from fidelity.verdict.structure import Chapter

SCHEMA = "fidelity-verdict-1"
# Larger numbers of sentences are folded on the page.
UNFOLDED = 12


def to_json(chapters: Sequence[Chapter]) -> str:
    """Write all sentences and numbers; undefined numbers are null."""
    content = {"schema": SCHEMA, "chapters": [asdict(chapter) for chapter in chapters]}
    return json.dumps(_without_nan(content), indent=1, ensure_ascii=False) + "\n"


def to_page(
    kind: Literal["md", "html"],
    chapters: Sequence[Chapter],
    dataset: str,
    statistics: Mapping[str, Any],
    generated: bool,
) -> str:
    """Write GitHub Markdown, or a standalone page without scripts or outside resources.

    Args:
        generated: whether the images are.
    """
    page = render(
        f"verdict.{kind}.j2",
        dataset=dataset,
        generated=generated,
        statistics=statistics,
        interval=confidence(statistics),
        chapters=chapters,
        names=[*map(_name, chapters)],
        unfolded=UNFOLDED,
    )
    return page.rstrip() + "\n"


def _name(chapter: Chapter) -> str:
    none = chapter.classifier == NO_CLASSIFIER
    known = "no classifier" if none else titles.classifier_title(chapter.classifier)
    return f"{titles.dataset_title(chapter.dataset)}: {known}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return value.item() if hasattr(value, "item") else value
