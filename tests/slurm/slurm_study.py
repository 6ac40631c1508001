"""The small study run through sbatch, in a copy that a test can stop at chosen points."""

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

from tests.helpers.small_study import Study
from tests.slurm.cluster import Cluster

# Appended to the project's explainers/unfinished_shards.py. Each worker writes to `workers/` which
# SLURM job it is and which batches it has saved. After a batch it waits while `hold` exists, or for
# the number of seconds in `slow`.
WATCHED = """

def _watched(save):
    import json
    import os
    import time

    names = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
    task = "_".join(os.environ[name] for name in names if name in os.environ)
    job = task or os.environ.get("SLURM_JOB_ID")
    saved = []

    def note(waits):
        path = Path("workers") / f"{os.getpid()}.json"
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"job": job, "saved": saved, "waits": waits}))
        new.rename(path)

    def watched(self, index, records):
        save(self, index, records)
        saved.append(f"{self.folder.parent.name}/{index}")  # the folder is the fingerprint's
        while index == 0 and len(records) == 4 and Path("hold").exists():
            note(waits=True)
            time.sleep(0.1)
        note(waits=False)
        if Path("slow").exists():
            time.sleep(float(Path("slow").read_text()))

    return watched


PartialStore.save = _watched(PartialStore.save)
"""
GRADCAM = "small/net/gradcam"
MAPS = f"results/{GRADCAM}/maps"


@dataclass
class Head:
    """A Snakemake that submits jobs, in its own process."""

    process: subprocess.Popen
    log: IO[str]

    def printed(self) -> str:
        """Return the output so far."""
        return Path(self.log.name).read_text()

    def finish(self, expect: int = 0, seconds: float = 900) -> str:
        """Wait for the end of the process, and return its output."""
        code = self.process.wait(seconds)
        assert code == expect, self.printed()[-6000:]
        return self.printed()

    def kill(self) -> None:
        """Kill the process and its local jobs with SIGKILL, unless it has ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class SlurmStudy(Study):
    """A project folder in which Snakemake runs with profiles/slurm."""

    cluster: Cluster = field(kw_only=True)
    heads: list[Head] = field(default_factory=list)

    def start(self, *arguments: str) -> Head:
        """Start Snakemake with the project's profile, polling often because test jobs are short."""
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

    def watch(self) -> None:
        """Make the workers of explainers stoppable, and delete Grad-CAM's maps."""
        path = self.folder / "workflow_scripts/fidelity/explainers/unfinished_shards.py"
        path.write_text(path.read_text() + WATCHED)
        shutil.rmtree(self.folder / "results" / GRADCAM)

    def forget(self, part: str) -> None:
        """Remove a folder of results."""
        shutil.rmtree(self.folder / "results" / part)

    def workers(self) -> list[dict]:
        """Read the notes of the workers."""
        return [json.loads(p.read_text()) for p in (self.folder / "workers").glob("*.json")]

    def saved(self) -> list[str]:
        """List the computed batches of all runs as shard/number."""
        return sorted(batch for worker in self.workers() for batch in worker["saved"])

    def maps(self) -> dict[str, tuple[int, int]]:
        """List Grad-CAM's finished map files. A recomputed file has another inode or time."""
        found = sorted((self.folder / MAPS).glob("*.h5"))
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def finished_jobs(printed: str) -> list[str]:
    """Return the rules of the jobs that a head's log reports as finished."""
    return re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", printed, re.M)


def run_id(printed: str) -> str:
    """Return the name that all SLURM jobs of a run share."""
    return re.search(r"SLURM run ID: (\S+)", printed)[1]
