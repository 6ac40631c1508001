"""A real SLURM on this machine: munged, slurmctld and one slurmd, all in their own folder.

Nothing outside the folder is written: it contains the key, the sockets and slurm.conf, which the
commands find by SLURM_CONF. The cluster runs without systemd, cgroups and an accounting database.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "scancel", "squeue", "scontrol")
# Debian's folder of daemons, which is not on every user's PATH.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
CPUS = 4
# MB that the node reports; nothing reserves them. Four jobs of `explain` fit at once. Otherwise, a
# test might not end, depending on the order of submission.
MEMORY = 32000
DEVICES = ("null", "zero", "full", "random")  # devices of every Linux, presented as GPUs
WAIT = 20.0  # seconds within which a daemon must respond

CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
# Without cgroups the only way that a job's memory is limited: looked at each second.
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
# Finished jobs stay visible to squeue: there is no accounting to ask.
MinJobAge=600
KillWait=2
OverTimeLimit=0
MaxArraySize=1001
AccountingStorageType=accounting_storage/none
# GPUs in name only: counted and given to jobs.
GresTypes=gpu
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} \
RealMemory={memory} Gres=gpu:4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=1-0 DefaultTime=10 State=UP
"""


def reason_against() -> str | None:
    """Return the reason why SLURM cannot be started here, or None if it can."""
    if os.geteuid() != 0:
        return "SLURM's daemons want to be root"
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if missing:
        return f"{', '.join(missing)} not found: apt-get install munge slurm-wlm"
    return None


@dataclass
class Cluster:
    """A running SLURM."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str) -> str:
        """Run a SLURM command and return its output."""
        result = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, timeout=60
        )
        assert result.returncode == 0, f"{command}: {result.stderr}"
        return result.stdout

    def jobs(self, *states: str) -> dict[str, str]:
        """List the jobs in these states (default: all) as {id: Snakemake's comment on the job}."""
        wanted = ",".join(states) or "all"
        lines = self.run("squeue", "-h", "-t", wanted, "-o", "%i|%k").splitlines()
        return dict(line.split("|", 1) for line in lines)

    def wait_for(self, what: Callable[[], object], seconds: float = 60) -> object:
        """Wait until a condition holds, and return its value."""
        return wait_for(what, seconds)


def wait_for(what: Callable[[], object], seconds: float) -> object:
    """Call a function until its result is true, and return the result. Fail after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.1)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Start a SLURM in an empty folder. At the end, stop it and everything that it runs.

    Args:
        folder: receives configuration, key, sockets, state and logs. Its path must be short,
            because a socket's path may have at most 107 characters.

    Yields:
        The cluster, once its node is idle.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    text = CONFIG.format(
        folder=folder,
        host=socket.gethostname().split(".")[0],
        controller_port=_free_port(),
        node_port=_free_port(),
        cpus=CPUS,
        memory=MEMORY,
    )
    (folder / "slurm.conf").write_text(text)
    lines = [f"NodeName=localhost Name=gpu File=/dev/{name}\n" for name in DEVICES]
    (folder / "gres.conf").write_text("".join(lines))
    # The job step removes all SLURM_ variables before it calls srun.
    srun = folder / "bin" / "srun"
    srun.parent.mkdir()
    real = shutil.which("srun", path=PATH)
    srun.write_text(f'#!/bin/sh\nSLURM_CONF="{folder}/slurm.conf" exec {real} "$@"\n')
    srun.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{srun.parent}:{PATH}",
        "SLURM_CONF": str(folder / "slurm.conf"),
    }
    cluster = Cluster(folder, environment)
    try:
        # --force: the parents of the folder may be writable by others (/tmp).
        munged = ["munged", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
        munged += [f"--{name}-file={folder}/munged.{name}" for name in ("pid", "log", "seed")]
        _start(munged, cluster)
        _start(["slurmctld"], cluster)
        _start(["slurmd", "-N", "localhost"], cluster)
        wait_for(lambda: _idle(cluster), WAIT)
        yield cluster
    finally:
        _stop(cluster)


def _start(command: list[str], cluster: Cluster) -> None:
    result = subprocess.run(
        command, env=cluster.environment, capture_output=True, text=True, timeout=WAIT
    )
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"


def _idle(cluster: Cluster) -> bool:
    command = ["sinfo", "-h", "-N", "-o", "%T"]
    result = subprocess.run(command, env=cluster.environment, capture_output=True, text=True)
    return result.stdout.strip() == "idle"


def _stop(cluster: Cluster) -> None:
    """Cancel the jobs (they outlive slurmd), then end the daemons by their pid files."""
    with contextlib.suppress(Exception):
        cluster.run("scancel", "--user=root")
        wait_for(lambda: not cluster.jobs("running", "completing", "pending"), 15)
    for name in ("slurmd", "slurmctld", "munged"):
        pid_file = cluster.folder / f"{name}.pid"
        if pid_file.exists():
            _end(int(pid_file.read_text()), name)


def _end(pid: int, name: str) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not _alive(pid, name):
            return
        os.kill(pid, sign)
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not _alive(pid, name), 10)


def _alive(pid: int, name: str) -> bool:
    try:
        # The second field is the name in brackets, the third is the state. Z means that it has
        # ended.
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return f"({name})" in stat and stat.rsplit(")", 1)[1].split()[0] != "Z"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
