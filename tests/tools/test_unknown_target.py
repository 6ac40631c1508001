"""A misspelt target: the suggested target, and the list of targets."""

import subprocess
from pathlib import Path

import pytest

from fidelity.tools.unknown_target import told

ROOT = Path(__file__).parents[2]
MESSAGE = "MissingRuleException:\nNo rule to produce {} (if you use input functions make sure)."
RULES = ["tables", "figures", "all"]
PARTS = [
    *("results", "{dataset,demo}", "{dataset}", "demo", "resnet18", "tables", "figures"),
    *("ranks.csv", "reader_agreement.csv", "agreement-{classifier}.csv", "model.safetensors"),
]


def test_a_misspelt_rule_is_answered_with_the_nearest_and_all_of_them():
    assert told(MESSAGE.format("tabels"), RULES, PARTS) == (
        "'tabels' is not a target of this study. Did you mean 'tables'? "
        "Targets: tables, figures, all"
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("results/demo/tables/rank.csv", "results/demo/tables/ranks.csv"),
        ("results/dmo/resnet81/model.safetensors", "results/demo/resnet18/model.safetensors"),
        ("results/dataset/tables/rank.csv", "results/dataset/tables/ranks.csv"),
        ("results/demo/table/agreement-vgg.csv", "results/demo/tables/agreement-vgg.csv"),
    ],
)
def test_a_misspelt_file_is_answered_with_the_nearest_path(given, meant):
    said = told(MESSAGE.format(given), RULES, PARTS)
    assert f"No step of this study writes {given!r}. Did you mean {meant!r}?" in said


@pytest.mark.parametrize("target", ["results/demo/ranks.csv", "/home/u/results/dmo/study.html"])
def test_known_names_and_absolute_paths_get_no_suggestion(target):
    said = told(MESSAGE.format(target), RULES, PARTS)
    assert "Did you mean" not in said
    assert "docs/outputs.md" in said


def test_snakemake_prints_the_advice_below_its_own_message():
    run = subprocess.run(
        ["snakemake", "--dry-run", "--cores", "1", "results/dmo/tables/rank.csv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    said = run.stdout + run.stderr  # a dry run prints its messages to stdout
    assert run.returncode == 1, said
    assert "Did you mean 'results/demo/tables/ranks.csv'?" in said
    assert "Traceback" not in said
