"""Every rule's digest covers what its script calls: else an edit would leave old results standing.

Rules are read as text, as Snakemake offers no way to ask a rule which modules it named.
"""

import ast
import re
from pathlib import Path

import pytest

from fidelity.base import digests
from tests.helpers import ROOT

BLOCK = r"^{} (\w+){}:\n((?:(?:    |#).*\n|\n)+)"
MODULE = re.compile(r'"([a-z_0-9]+(?:\.[a-z_0-9]+)*)"')


def _rules() -> dict[str, str]:
    texts = [path.read_text() for path in (ROOT / "rules").glob("*.smk")]
    return {
        name: body
        for text in texts
        for name, body in re.findall(BLOCK.format("rule", ""), text, re.M)
        if re.search(r"^    script:$", body, re.M)
    }


RULES = _rules()
FUNCTIONS = dict(
    re.findall(BLOCK.format("def", r"\(.*?\)"), (ROOT / "rules" / "inputs.smk").read_text(), re.M)
)


def _declared(body: str) -> set[str]:
    """Modules that the rule's digest names, itself or through a function of inputs.smk."""
    found = re.search(r"^        digest=(.*?)^    \w+:", body, re.M | re.S)
    if found is None:
        return set()
    text = found[1]
    text += "".join(code for name, code in FUNCTIONS.items() if re.search(rf"\b{name}\b", text))
    names = set(MODULE.findall(text))
    return {name for name in names if digests._path(f"fidelity.{name}").is_file()}


def _called(script: Path) -> set[str]:
    """Modules below fidelity whose functions or classes a script imports (constants left out)."""
    found = set()
    for node in digests._running_nodes(ast.parse(script.read_text())):
        if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fidelity")):
            continue
        for alias in node.names:
            child = f"{node.module}.{alias.name}"
            if digests._path(child).is_file():
                found.add(child)
            elif not alias.name.isupper():
                found.add(node.module)
    return found - digests.IGNORED - digests.REGISTRIES


@pytest.mark.parametrize("rule", RULES)
def test_digest_covers_the_script(rule):
    script = re.search(r'script:\n\s+"(.*?)"', RULES[rule])[1]
    declared = _declared(RULES[rule])
    covered = digests.dependencies(*declared) if declared else frozenset()
    missing = _called(ROOT / "rules" / script) - covered
    assert not missing, f"add to the digest of rule {rule}: {sorted(missing)}"


def test_rules_are_found():
    assert {"explain", "score", "compare", "verdict", "train"} <= set(RULES)
    assert _called(ROOT / "workflow_scripts" / "score.py") >= {"fidelity.scoring.mask_scores"}
    assert "explainers.runner" in _declared(RULES["explain"])
