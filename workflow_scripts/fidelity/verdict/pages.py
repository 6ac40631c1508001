"""Writers of a verdict: Markdown, a standalone HTML page, JSON."""

import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fidelity.verdict.structure import Chapter, Group, Outcome, Section, Sentence

SCHEMA = "fidelity-verdict-1"
# A sign beside the colour: readable in print and for colour-blind readers.
MARKS: dict[Outcome, tuple[str, str]] = {
    "better": ("▲", "shown: better"),
    "worse": ("▼", "shown: worse"),
    "equivalent": ("≈", "shown: equivalent"),
    "none_shown": ("○", "none shown"),
    "absent": ("–", "not compared"),
    "note": ("·", "note"),
    "warning": ("!", "mind"),
}
# More sentences than these are folded on the page.
UNFOLDED = 12
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:62em;padding:0 1.2em;color:#111}
h1{font-size:1.6em;margin-bottom:.2em}
h2{margin-top:2em;border-bottom:2px solid;padding-bottom:.15em}
h3{margin:1.4em 0 .3em}
h4{margin:.8em 0 .2em;font-weight:600}
p{color:#444;margin:.4em 0}
ul{list-style:none;padding:0;margin:.3em 0}
li{padding:.28em .6em .28em 2.1em;border-left:4px solid #ccc;margin:.25em 0;position:relative}
li::before{content:attr(data-mark);position:absolute;left:.7em;font-weight:700}
.better{border-color:#0072b2}.better::before{color:#0072b2}
.worse{border-color:#d55e00}.worse::before{color:#d55e00}
.equivalent{border-color:#009e73}.equivalent::before{color:#009e73}
.warning{border-color:#e69f00;background:#fff8e6}.warning::before{color:#9a6a00}
.none_shown,.absent{border-style:dashed}.none_shown,.absent{border-width:0 0 0 4px}
.short{background:#f4f6f8;padding:.6em 1em 1em;border-radius:6px}
.tag{font-size:.8em;color:#666;border:1px solid #ccc;border-radius:3px;padding:0 .35em}
summary{cursor:pointer;font-weight:600;margin:.4em 0}
nav ul{columns:2}nav li{border:0;padding:.1em 0;margin:0}nav li::before{content:none}
.key span{margin-right:1.2em;white-space:nowrap}
@media print{details>*{display:block}}
"""


def to_json(chapters: Sequence[Chapter]) -> str:
    """Write all sentences and numbers; what is undefined is null."""
    content = {"schema": SCHEMA, "chapters": [asdict(chapter) for chapter in chapters]}
    return json.dumps(_without_nan(content), indent=1, ensure_ascii=False) + "\n"


def to_markdown(chapters: Sequence[Chapter], title: str, reading: str) -> str:
    """Write GitHub Markdown, names escaped."""
    lines = [f"# {_markdown(title)}", "", _markdown(reading), "", _key(), ""]
    for chapter in chapters:
        lines += [f"## {_markdown(_name(chapter))}", "", _markdown(chapter.setting), ""]
        lines += ["### In short", "", *map(_bullet, chapter.headline), ""]
        for section in chapter.sections:
            lines += [f"### {_markdown(section.title)}", ""]
            lines += [_markdown(section.intro), ""] if section.intro else []
            for group in section.groups:
                lines += [f"**{_markdown(group.title)}**", ""] if group.title else []
                lines += [*map(_bullet, group.sentences), ""]
    return "\n".join(lines).rstrip() + "\n"


def to_html(chapters: Sequence[Chapter], title: str, reading: str) -> str:
    """Write one standalone page without scripts or outside resources."""
    keys = "".join(f"<span><b>{mark}</b> {name}</span>" for mark, name in MARKS.values())
    body = [f"<h1>{html.escape(title)}</h1>", f"<p>{html.escape(reading)}</p>"]
    body.append(f'<p class="key">{keys}</p>')
    if len(chapters) > 1:
        links = [
            f'<li><a href="#chapter-{number}">{html.escape(_name(chapter))}</a></li>'
            for number, chapter in enumerate(chapters)
        ]
        body.append(f"<nav><ul>{''.join(links)}</ul></nav>")
    for number, chapter in enumerate(chapters):
        body.append(f'<h2 id="chapter-{number}">{html.escape(_name(chapter))}</h2>')
        body.append(f"<p>{html.escape(chapter.setting)}</p>")
        body.append('<div class="short"><h3>In short</h3>')
        body += [_items(chapter.headline), "</div>"]
        body += map(_section, chapter.sections)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n'
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _name(chapter: Chapter) -> str:
    known = "no classifier" if chapter.classifier == "none" else chapter.classifier
    return f"{chapter.dataset}: {known}"


def _section(section: Section) -> str:
    lines = [f"<h3>{html.escape(section.title)}</h3>"]
    lines += [f"<p>{html.escape(section.intro)}</p>"] if section.intro else []
    lines += [_group(group) for group in section.groups]
    return "\n".join(lines)


def _group(group: Group) -> str:
    items = _items(group.sentences)
    if len(group.sentences) > UNFOLDED:
        count = f"{len(group.sentences)} sentences"
        title = f"{group.title}: {count}" if group.title else count
        return f"<details><summary>{html.escape(title)}</summary>\n{items}</details>"
    return (f"<h4>{html.escape(group.title)}</h4>\n" if group.title else "") + items


def _items(sentences: Sequence[Sentence]) -> str:
    lines = ["<ul>"]
    for sentence in sentences:
        tag = ' <span class="tag">secondary</span>' if sentence.family == "secondary" else ""
        mark, meaning = MARKS[sentence.outcome]
        lines.append(
            f'<li class="{sentence.outcome}" data-mark="{mark}" title="{meaning}">'
            f"{html.escape(sentence.text)}{tag}</li>"
        )
    return "\n".join([*lines, "</ul>"])


def _bullet(sentence: Sentence) -> str:
    tag = " *(secondary)*" if sentence.family == "secondary" else ""
    return f"- {MARKS[sentence.outcome][0]} {_markdown(sentence.text)}{tag}"


def _key() -> str:
    return "Signs: " + ", ".join(f"{mark} {meaning}" for mark, meaning in MARKS.values()) + "."


def _markdown(text: str) -> str:
    """Escape what Markdown or the HTML inside it would interpret."""
    # Only what starts a tag or an entity, so that "p < 0.001" stays readable as it is.
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("\n", " ")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return value.item() if hasattr(value, "item") else value
