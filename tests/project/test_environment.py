"""Lock files, conda environment and container recipes agree, and every rule uses them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fidelity.figures.registry import FIGURES
from fidelity.settings.config import Compute
from tests.helpers import ROOT

ENVS = ROOT / "envs"


def _pins(name: str) -> list[str]:
    return [line for line in (ENVS / name).read_text().splitlines() if line.strip()]


def _names(lines: list[str]) -> set[str]:
    return {re.split(r"[=<>; ]", line, maxsplit=1)[0].lower() for line in lines}


def test_lock_files_hold_names_and_exact_versions_only():
    for name in ("requirements.lock", "requirements-dev.lock"):
        for line in _pins(name):
            assert re.fullmatch(r'[a-z0-9-]+==[\w.]+( ; sys_platform == "linux")?', line), line


def test_everything_asked_for_is_locked():
    asked = [line for line in _pins("requirements.in") if not line.startswith("#")]
    assert _names(asked) <= _names(_pins("requirements.lock"))
    asked = [line for line in _pins("requirements-dev.in") if not line.startswith("#")]
    both = _pins("requirements.lock") + _pins("requirements-dev.lock")
    assert _names(asked) <= _names(both)


def test_conda_installs_the_locked_versions():
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == _pins("requirements.lock")


def _recipe(name: str, base: str, install: str) -> tuple[str, set[str], bool]:
    """Read a container recipe: base image, Debian packages, whether it installs the lock file."""
    text = (ENVS / name).read_text()
    (image,) = re.findall(rf"^{base} ?(\S+)$", text, re.M)
    (packages,) = re.findall(r"apt-get install --yes --no-install-recommends ([\w -]+)", text)
    copied = re.search(
        rf"^ *{install} *envs/requirements\.lock /opt/requirements\.lock$", text, re.M
    )
    installed = "pip install --no-cache-dir --requirement /opt/requirements.lock" in text
    return image, set(packages.split()), bool(copied) and installed


def test_both_container_recipes_make_the_same_image_of_the_lock_file():
    podman = _recipe("Containerfile", "FROM", "COPY")
    apptainer = _recipe("apptainer.def", "From:", "")
    assert podman == apptainer
    assert podman[2]


def test_all_environments_have_one_python():
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    (python,) = [e for e in environment["dependencies"] if str(e).startswith("python=")]
    version = python.removeprefix("python=")
    assert _recipe("Containerfile", "FROM", "COPY")[0].startswith(f"python:{version}-")
    target = re.search(r'target-version = "py(\d)(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert version == f"{target[1]}.{target[2]}"


def test_no_registry_or_mirror_is_named():
    for path in ENVS.iterdir():
        if path.suffix != ".sif" and path.is_file():
            text = path.read_text()
            assert "://" not in text, path.name
            assert not re.search(r"^(FROM|From:) \S*\.\S*/", text, re.M), path.name


LOOP = "_in_a_loop"


def _named(path: Path) -> str:
    """Name the rule that is created in a loop, and move it out of the loop."""
    start, rule, rest = path.read_text().partition("    rule:\n")
    named = rule.replace(":", f" {path.stem}{LOOP}:")
    return start + re.sub(r"^    ", "", named + rest, flags=re.M)


def _rules() -> dict[str, str]:
    """Find all rules that run something: name → text."""
    found = {}
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for name, body in re.findall(
            r"^(?:rule|checkpoint) (\w+):\n((?:(?:    |#).*\n|\n)+)",
            _named(path),
            re.M,
        ):
            if re.search(r"^    (script|notebook|shell|run):", body, re.M):
                found[name] = body
    return found


RULES = _rules()


@pytest.mark.parametrize("name", RULES)
def test_every_rule_says_what_it_does_and_needs(name):
    for directive in ("message", "resources"):
        assert re.search(rf"^    {directive}:", RULES[name], re.M), directive


# The environment files that `--sdm conda` uses for each rule.
ENVIRONMENTS = """
import json
from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, ResourceSettings, WorkflowSettings

with SnakemakeApi(OutputSettings(quiet=set())) as api:
    plan = api.workflow(resource_settings=ResourceSettings(cores=1)).dag()
    rules = plan.workflow_api._workflow.rules
    found = {r.name: r.conda_env and str(r.basedir.join(r.conda_env).path) for r in rules}
    logs = {r.name: [bool(r.script), *map(str, (r.benchmark, *r.log))] for r in rules}
    print("FOUND" + json.dumps([found, logs]))
"""


def test_every_rule_has_an_environment_and_each_script_a_benchmark_next_to_its_log():
    """Progress and cost need benchmarks. For a notebook, Snakemake times other processes too."""
    command = [sys.executable, "-c", ENVIRONMENTS]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found, logs = json.loads(re.search("^FOUND(.*)$", printed, re.M)[1])
    looped = {f"figure_{name}" for name in FIGURES} | {"summarize", "stability_cases"}
    expected = {name for name in RULES if not name.endswith(LOOP)} | looped
    assert {name for name, environment in found.items() if environment} >= expected
    (environment,) = {environment for environment in found.values() if environment}
    assert Path(environment).samefile(ENVS / "environment.yaml")
    scripts = {name: files for name, (script, *files) in logs.items() if script}
    assert len(scripts) > 60
    assert all(log for name, (_, _, *log) in logs.items() if found[name])
    for name, (benchmark, log) in scripts.items():
        place = log.removeprefix("results/logs/").removesuffix(".log")
        assert benchmark == f"results/benchmarks/{place}.tsv", name
    assert not [
        name for name, (script, benchmark, *_) in logs.items() if not script and benchmark != "None"
    ]


def test_every_rule_has_a_container():
    common = (ROOT / "rules" / "common.smk").read_text()
    # A global directive applies only to later rules, so common.smk must be included first.
    assert re.search(r"^container: cfg\.compute\.container$", common, re.M)
    includes = re.findall(r'^include: "(.*)"', (ROOT / "Snakefile").read_text(), re.M)
    assert includes[0] == "rules/common.smk"
    assert len(RULES) > 30
    default = Compute().container
    text = (ENVS / "apptainer.def").read_text()
    assert f"apptainer build {default} envs/apptainer.def" in text
