"""Pages and texts from templates: HTML, Markdown, LaTeX, and the plain notes under tables.

A value is escaped for the language of its template, whatever it is: names come from users.
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
# Kind of template → what escapes its values; HTML is Jinja's own.
ESCAPES = {"md": escaping.markdown, "tex": escaping.latex, "txt": str}
# Braces and percent signs are LaTeX's own.
_LATEX_SIGNS = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}


def render(template: str, **content: Any) -> str:
    """Fill a template in.

    Args:
        template: file below the folder `templates`; the ending before `.j2` is its language.
    """
    return _templates(template.split(".")[-2]).get_template(template).render(**content)


def paragraphs(template: str, **content: Any) -> list[str]:
    """Fill a plain text in, and part it at its blank lines: each paragraph as one line."""
    parts = re.split(r"\n\s*\n", render(template, **content))
    return [" ".join(part.split()) for part in parts if part.strip()]


def templates_digest() -> str:
    """Hash templates and style sheet; see `folder_digest`."""
    return folder_digest(TEMPLATES)


@cache
def folder_digest(folder: Path) -> str:
    """Hash files that decide pages like code: 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _templates(kind: str) -> "Environment":
    # Imported here: Snakemake reads this module when it parses, and needs the digest alone.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from fidelity.presentation.wording import set_value

    def safe(value: Any) -> Any:
        # What macros return is marked as escaped.
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
    environment.filters["set_value"] = set_value
    return environment
