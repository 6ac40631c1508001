"""A small study run through sbatch, with an explainer that a test can stop where it wants."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cluster import Cluster
from small_study import CONFIG, Study, copy_project

from fidelity.datasets import phantom

# Each worker says in `workers/` which SLURM job it is and how many maps it has made. All but the
# first wait before their third map while the file `hold` is there; `slow` makes each map take 6 s.
PLUGIN = """
import json
import os
import time
from pathlib import Path

import numpy as np

JOB = "_".join(
    os.environ[name] for name in ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID") if name in os.environ
) or os.environ.get("SLURM_JOB_ID", "local")
MADE = []


def note(waits):
    folder = Path("workers")
    folder.mkdir(exist_ok=True)
    path = folder / f"{os.getpid()}.json"
    text = json.dumps({"job": JOB, "made": len(MADE), "waits": waits})
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def first():
    try:
        os.close(os.open("first-worker", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


FIRST = first()


def stopped(classifier, image, target, seed):
    if Path("slow").exists():
        time.sleep(6)
    while len(MADE) == 2 and not FIRST and Path("hold").exists():
        note(waits=True)
        time.sleep(0.1)
    MADE.append(seed)
    note(waits=False)
    return np.random.default_rng(seed).random((4, 4))
"""
MAPS = "results/small/net/mine/maps"
TABLE = "small/tables/localization.csv"


def one_explainer(shards: int) -> dict:
    """Give a config whose only explainer is the plugin: three maps or more in each shard."""
    small = {**CONFIG["datasets"]["small"], "shards": {"train": 1, "val": 1, "test": shards}}
    return {
        **CONFIG,
        "datasets": {"small": small},
        "plugins": ["mine.py"],
        "explainers": {"mine": {"method": "plugin:stopped"}},
        "scores": {"ranking": []},
        "compute": {"threads": 1, "batch": 2},
    }


@dataclass
class Head:
    """A Snakemake that submits jobs, as a process of its own."""

    process: subprocess.Popen
    log: IO[str]

    def printed(self) -> str:
        """Give what it has printed so far."""
        return Path(self.log.name).read_text()

    def finish(self, expect: int = 0, seconds: float = 600) -> str:
        """Wait for its end, and give what it has printed."""
        code = self.process.wait(seconds)
        assert code == expect, self.printed()[-6000:]
        return self.printed()

    def kill(self) -> None:
        """Kill it, and the local jobs it has started, with SIGKILL; nothing if it has ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class SlurmStudy(Study):
    """A project folder in which Snakemake runs with profiles/slurm."""

    cluster: Cluster
    heads: list[Head] = field(default_factory=list)

    def start(self, *arguments: str) -> Head:
        """Start Snakemake with the project's profile, looking often: jobs of a test are short."""
        command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm"]
        command += ["--configfile", "study.yaml", "--latency-wait", "10"]
        command += ["--slurm-init-seconds-before-status-checks", "1"]
        command += ["--seconds-between-status-checks", "1", *arguments]
        log = (self.folder / f"head-{len(self.heads)}.log").open("w")
        environment = {**self.cluster.environment, "OMP_NUM_THREADS": "1"}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.heads.append(Head(process, log))
        return self.heads[-1]

    def workers(self) -> list[dict]:
        """Read what the plugin's workers have noted."""
        return [json.loads(p.read_text()) for p in sorted((self.folder / "workers").glob("*.json"))]

    def workers_in_order(self) -> list[dict]:
        """Read the same by the time of the last note."""
        paths = (self.folder / "workers").glob("*.json")
        return [json.loads(p.read_text()) for p in sorted(paths, key=lambda p: p.stat().st_mtime)]

    def made(self) -> int:
        """Count the maps that were made, all runs together."""
        return sum(worker["made"] for worker in self.workers())

    def identity(self, path: str) -> tuple[int, int, int]:
        """Say which file this is: a file made anew has another inode or time."""
        stat = (self.folder / path).stat()
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def maps(self) -> dict[str, tuple[int, int, int]]:
        """List the finished map files of the plugin."""
        folder = self.folder / MAPS
        return {p.name: self.identity(f"{MAPS}/{p.name}") for p in sorted(folder.glob("*.h5"))}

    def forget_maps(self) -> None:
        """Remove the maps and what was made of them; the trained classifier stays."""
        for part in ("net/mine", "tables"):
            shutil.rmtree(self.folder / "results/small" / part)
        for left in ("workers", "first-worker"):
            path = self.folder / left
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def finished_jobs(printed: str) -> list[str]:
    """Give the rules of the jobs that a head's log reports as finished."""
    return re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", printed, re.M)


def run_id(printed: str) -> str:
    """Give the name that all SLURM jobs of a run carry."""
    return re.search(r"SLURM run ID: (\S+)", printed)[1]


def new_study(folder: Path, config: dict, cluster: Cluster) -> SlurmStudy:
    """Put the project, a phantom and a config into a folder."""
    copy_project(folder)
    (folder / "mine.py").write_text(PLUGIN)
    shortcut = {"class": None, "probability": 0, "distractor": 0}
    cases = {"train": 24, "val": 9, "test": 18}
    settings = {"cases": cases, "size": 96, "contrast": 1.0, "shortcut": shortcut}
    phantom.generate(folder / "data", settings, 1)
    study = SlurmStudy(folder, cluster)
    study.write(config)
    return study
