"""The explorer: a static page to browse single cases, written as a folder of files."""

from pathlib import Path

# Folder with the code and style of the page.
STATIC = Path(__file__).parent / "static"
