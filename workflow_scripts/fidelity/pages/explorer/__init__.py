"""The explorer: a static page on which single cases are browsed; data in, a folder of files out."""

from pathlib import Path

# Code and style of the page.
STATIC = Path(__file__).parent / "static"
