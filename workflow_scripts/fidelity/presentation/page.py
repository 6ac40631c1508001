"""Fill in templates: HTML, Markdown, LaTeX, and the plain notes under tables.

All values are escaped for the language of the template, because names come from users.
"""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fidelity.presentation import escaping

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
# Kind of template → function that escapes its values; Jinja itself escapes HTML.
ESCAPES = {"md": escaping.markdown, "tex": escaping.latex, "txt": str}
# LaTeX uses braces and percent signs itself.
_LATEX_SIGNS = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}


def render(template: str, **content: Any) -> str:
    """Fill in a template.

    Args:
        template: file below the folder `templates`; the suffix before `.j2` is its language.
    """
    return _templates(template.split(".")[-2]).get_template(template).render(**content)


def paragraphs(template: str, **content: Any) -> list[str]:
    """Fill in a plain text and split it at blank lines, each paragraph on one line."""
    parts = re.split(r"\n\s*\n", render(template, **content))
    return [" ".join(part.split()) for part in parts if part.strip()]


def templates_digest() -> str:
    """Hash templates and style sheet; see `folder_digest`."""
    return folder_digest(TEMPLATES)


@cache
def folder_digest(folder: Path) -> str:
    """Hash files that affect pages as code does: 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _templates(kind: str) -> "Environment":
    # Imported here, because Snakemake reads this module when it parses, and needs only the digest.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from fidelity.presentation import wording

    def safe(value: Any) -> Any:
        # The results of macros are already marked as escaped.
        return value if hasattr(value, "__html__") else Markup(ESCAPES[kind](str(value)))

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=safe if kind in ESCAPES else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **(_LATEX_SIGNS if kind == "tex" else {}),
    )
    environment.filters["set_value"] = wording.set_value
    environment.globals["wording"] = wording
    return environment
