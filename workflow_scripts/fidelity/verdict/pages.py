"""Writers of a verdict: Markdown, a standalone HTML page, JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fidelity.presentation.page import render
from fidelity.presentation.wording import markdown
from fidelity.verdict.structure import Chapter, Outcome, Sentence

SCHEMA = "fidelity-verdict-1"
# A sign beside the colour: readable in print and for colour-blind readers.
MARKS: dict[Outcome, tuple[str, str]] = {
    "better": ("▲", "shown: better"),
    "worse": ("▼", "shown: worse"),
    "equivalent": ("≈", "shown: equivalent"),
    "none_shown": ("○", "none shown"),
    "absent": ("–", "not compared"),
    "note": ("·", "note"),
    "warning": ("!", "warning"),
}
# More sentences than these are folded on the page.
UNFOLDED = 12


def to_json(chapters: Sequence[Chapter]) -> str:
    """Write all sentences and numbers; what is undefined is null."""
    content = {"schema": SCHEMA, "chapters": [asdict(chapter) for chapter in chapters]}
    return json.dumps(_without_nan(content), indent=1, ensure_ascii=False) + "\n"


def to_markdown(chapters: Sequence[Chapter], title: str, reading: str) -> str:
    """Write GitHub Markdown, names escaped."""
    lines = [f"# {markdown(title)}", "", markdown(reading), "", _key(), ""]
    for chapter in chapters:
        lines += [
            f"## {markdown(_name(chapter))}",
            "",
            markdown(chapter.setting),
            "",
        ]
        lines += ["### In short", "", *map(_bullet, chapter.headline), ""]
        for section in chapter.sections:
            lines += [f"### {markdown(section.title)}", ""]
            lines += [markdown(section.intro), ""] if section.intro else []
            for group in section.groups:
                lines += [f"**{markdown(group.title)}**", ""] if group.title else []
                lines += [*map(_bullet, group.sentences), ""]
    return "\n".join(lines).rstrip() + "\n"


def to_html(chapters: Sequence[Chapter], title: str, reading: str) -> str:
    """Write one standalone page without scripts or outside resources."""
    return render(
        "verdict.html.j2",
        title=title,
        reading=reading,
        chapters=chapters,
        names=[*map(_name, chapters)],
        marks=MARKS,
        unfolded=UNFOLDED,
    )


def _name(chapter: Chapter) -> str:
    known = "no classifier" if chapter.classifier == "none" else chapter.classifier
    return f"{chapter.dataset}: {known}"


def _bullet(sentence: Sentence) -> str:
    tag = " *(secondary)*" if sentence.family == "secondary" else ""
    return f"- {MARKS[sentence.outcome][0]} {markdown(sentence.text)}{tag}"


def _key() -> str:
    return "Signs: " + ", ".join(f"{mark} {meaning}" for mark, meaning in MARKS.values()) + "."


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return value.item() if hasattr(value, "item") else value
