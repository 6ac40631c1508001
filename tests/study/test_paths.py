"""Only one module contains the paths below results/."""

import ast
import re
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from fidelity.settings.cross_checks.meaning import RESERVED, RESERVED_FOLDERS
from fidelity.study import paths
from tests.helpers import ROOT

PATTERNS = {
    name: value
    for name, value in vars(paths).items()
    if name.isupper() and isinstance(value, str) and value.startswith("results/")
}
# Names of files and folders that belong to only one result.
FIXED = {
    part
    for value in PATTERNS.values()
    for part in PurePosixPath(value).parts[1:]
    if "{" not in part
}
FILES = {name for name in FIXED if "." in name.lstrip(".")}
# It occurs in an error message.
ELSEWHERE = {"fidelity/analysis/layer_depth.py: 'architecture.json'"}


def _strings(path: Path) -> list[str]:
    """List the text literals of a module or rule file, except docstrings and sentences."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # A job's log and benchmark are named after its rule, so these texts are not paths below
        # results/.
        code = re.sub(r'"""(?:.|\n)*?"""|#.*|\b(?:log|benchmark)_of\(".*?"\)', "", text)
        found = re.findall(r'"([^"\n]*)"', code)
    else:
        tree = ast.parse(text)
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented
        ]
    return [v for v in found if " " not in v.strip() and not v.startswith("../")]


SOURCES = [
    ROOT / "Snakefile",
    *sorted((ROOT / "rules").glob("*.smk")),
    *sorted((ROOT / "workflow_scripts").rglob("*.py")),
]


def test_no_other_file_spells_a_path_of_a_result():
    found = []
    for source in SOURCES:
        name = source.relative_to(ROOT).as_posix().removeprefix("workflow_scripts/")
        if name.startswith("fidelity/study/"):
            continue
        for value in _strings(source):
            parts = value.strip("/").split("/")
            if "results/" in value or (len(parts) > 1 and set(parts) & FIXED) or value in FILES:
                found.append(f"{name}: {value!r}")
    assert set(found) == ELSEWHERE


def test_the_search_finds_what_it_looks_for(tmp_path):
    module = tmp_path / "x.py"
    module.write_text('"""results/a"""\ndef f(d):\n    return d / "maps/x.h5", f"{d}/results/"\n')
    assert set(_strings(module)) == {"maps/x.h5", "/results/"}
    assert {"scores.parquet", "model.safetensors", "cases.csv", "maps", "tables"} <= FIXED


def test_patterns_are_filled_by_wildcards_and_names():
    job = SimpleNamespace(dataset="demo", classifier="net")
    assert paths.fill(paths.MODEL, job) == "results/demo/net/model.safetensors"
    assert paths.fill(paths.MODEL, job, classifier="b") == "results/demo/b/model.safetensors"
    with pytest.raises(AttributeError, match="explainer"):
        paths.fill(paths.CURVES, job)


def test_benchmarks_and_logs_of_a_job_are_in_the_same_place():
    log, benchmark = paths.log_of("{dataset}/train"), paths.benchmark_of("{dataset}/train")
    assert log == "results/logs/{dataset}/train.log"
    assert benchmark == "results/benchmarks/{dataset}/train.tsv"


def test_the_log_of_a_rule_is_in_folders_of_its_wildcards():
    assert paths.log_of_rule("prepare", {"shard", "dataset"}) == (
        "results/logs/{dataset}/prepare/{shard}.log"
    )
    names = {"binarization", "explainer", "dataset", "classifier"}
    assert paths.log_of_rule("tune", names) == (
        "results/logs/{dataset}/{classifier}/{explainer}/{binarization}/tune.log"
    )


def test_data_set_of_a_result():
    assert paths.dataset_of("results/demo/cases.csv", ["demo"]) == "demo"
    assert paths.dataset_of("results/other/cases.csv", ["demo"]) is None
    assert paths.dataset_of("elsewhere/demo/cases.csv", ["demo"]) is None
    assert paths.dataset_of("results/demo", ["demo"]) is None


def test_no_name_of_a_config_hides_a_folder():
    """A data set or classifier of such a name would overwrite other results."""
    second = {PurePosixPath(value).parts[1] for value in PATTERNS.values()} - {"{dataset}"}
    assert {name for name in second if "." not in name} | {paths.SUMMARY} == (
        RESERVED["datasets"] - RESERVED_FOLDERS
    )
    third = {
        parts[2]
        for value in [*PATTERNS.values(), paths.table("x"), paths.figure("x")]
        if len(parts := PurePosixPath(value).parts) > 3 and parts[1] == "{dataset}"
    }
    fixed = {name for name in third if "{" not in name} - {paths.NONE}
    assert fixed - RESERVED_FOLDERS <= {"lung_model", "units"}
