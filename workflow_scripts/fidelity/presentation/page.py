"""HTML pages from templates: one frame, one style sheet, no scripts and no outside resources."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **content: Any) -> str:
    """Write a page; texts are escaped.

    Args:
        template: file in the folder `templates`, which extends `base.html.j2`.
        **content: `title`, and what else the template uses.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return pages.get_template(template).render(**content)


def templates_digest() -> str:
    """Hash templates and style sheet; see `folder_digest`."""
    return folder_digest(TEMPLATES)


@cache
def folder_digest(folder: Path) -> str:
    """Hash files that decide pages like code: 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()
