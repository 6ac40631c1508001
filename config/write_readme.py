"""Write the key tables of config/README.md and the JSON schema of the config from the models.

Run by `make docs`; a test fails when a file on disk is out of date.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.settings import documentation  # noqa: E402

README = ROOT / "config" / "README.md"
SCHEMA = ROOT / "config" / "schemas" / "config.schema.json"
MARK = "<!-- keys: written by config/write_readme.py from fidelity/settings -->"


def render(text: str) -> str:
    """Replace the tables in the README's text."""
    tables = re.sub(r"[ ]+\n", "\n", documentation.tables())
    return f"{text.split(MARK)[0]}{MARK}\n\n{tables}"


def schema() -> str:
    """Give the JSON schema, for editors: a line for each section."""
    whole = documentation.json_schema()
    lines = [f"{json.dumps(name)}: {_line(part)}" for name, part in whole.pop("$defs").items()]
    definitions = ",\n".join(lines)
    return f'{_line(whole)[:-1]}, "$defs": {{\n{definitions}\n}}}}\n'


def _line(part: object) -> str:
    return json.dumps(part, ensure_ascii=False)


if __name__ == "__main__":
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
