"""A copy of the project and a small study, for the tests that run the real Snakemake."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.helpers import ROOT, warm

PARTS = ("Snakefile", "rules", "workflow_scripts", "config", "envs", "profiles", "notebooks")
# All rules that run explainers count as one.
RULE = r"(explain|\w+)(?:_without_network|_on_cpu)?"
CASES = {"train": 24, "val": 9, "test": 18}

CONFIG = {
    "seed": 1,
    "datasets": {
        "small": {
            "source": "covid_qu_ex",
            "root": "data",
            "image_size": 64,
            "annotated_classes": ["COVID-19", "Non-COVID"],
            "shards": {"train": 2, "val": 1, "test": 3},
        }
    },
    "classifiers": {"net": {"architecture": "resnet18", "training": {"epochs": 1}}},
    "explainers": {
        "lime": {"method": "lime", "samples": 20},
        "gradcam": {"method": "gradcam"},
        "lung": {"method": "lung_mask"},
        "noise": {"method": "random_superpixels"},
    },
    "explain": {"splits": ["test"]},
    "binarizations": {"half": {"method": "fixed", "threshold": 0.5}},
    "statistics": {"replicates": 200},
    "figures": {"gallery_cases": 1, "dpi": 60},
    "compute": {"threads": 1, "batch": 4},
}

# The smallest possible network, in a file as a user would write it.
TWO_LAYERS = """
import torch


def two_layers(outputs):
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, 4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(4, outputs),
    )
"""


@dataclass
class Study:
    """A project folder in which Snakemake is run.

    Attributes:
        folder: the project's folder.
        printed: output of the run from nothing, if a fixture kept it.
    """

    folder: Path
    printed: str = ""

    def write(self, config: dict, name: str = "study.yaml") -> None:
        """Write the config that the next run uses."""
        (self.folder / name).write_text(yaml.safe_dump(config, sort_keys=False))

    def snakemake(self, *arguments: str, expect: int = 0, fresh: bool = False) -> str:
        """Run Snakemake with the study's config and return its output.

        Snakemake and its jobs are forks of a process that has imported the libraries. If `fresh`,
        they are new processes.
        """
        command = ["-m", "snakemake", "--cores", "2"]
        command += ["--configfile", "study.yaml", "--nolock", *arguments]
        # Snakemake looks for jupyter-nbconvert on the PATH.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path}
        run = in_fresh_process if fresh else warm.run
        result = run(command, self.folder, environment)
        printed = result.stdout + result.stderr
        assert result.returncode == expect, printed[-6000:]
        return printed

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Run the study and count the finished jobs by rule."""
        printed = self.snakemake(*arguments)
        done = re.findall(rf"^Finished jobid: \d+ \(Rule: {RULE}\)", printed, re.M)
        # Fail if the log's format changed: a test of "nothing ran" must not pass for that reason.
        assert done or "Nothing to be done" in printed, printed[-3000:]
        return {rule: done.count(rule) for rule in set(done) - {"all", "tables", "figures"}}

    def plan(self, *arguments: str) -> dict[str, int]:
        """Plan a run without running it, and count the planned jobs by rule."""
        printed = self.snakemake("--dry-run", *arguments)
        table = re.search(r"^job +count\n-+ +-+\n((?:\w+ +\d+\n)+)", printed, re.M)
        assert table or "Nothing to be done" in printed, printed[-3000:]
        found: dict[str, int] = {}
        for rule, count in re.findall(rf"^{RULE} +(\d+)$", table[1], re.M) if table else []:
            found[rule] = found.get(rule, 0) + int(count)
        left_out = {"all", "tables", "figures", "notebooks", "total"}
        return {rule: count for rule, count in found.items() if rule not in left_out}

    def read(self, path: str) -> bytes:
        """Read a result file."""
        return (self.folder / "results" / path).read_bytes()


def in_fresh_process(
    arguments: list[str], cwd: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in a new process."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, env=environment
    )


def copy_project(folder: Path) -> None:
    """Copy the parts of the project that Snakemake needs, with bytecode. File times are kept."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            # Leave out temporary files that another process may be writing now.
            ignore = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy2(source, folder / part)


def phantom_settings() -> dict:
    """Return the settings of the small study's phantom."""
    shortcut = {"class": None, "probability": 0, "distractor": 0}
    return {"cases": CASES, "size": 96, "contrast": 1.0, "shortcut": shortcut}
