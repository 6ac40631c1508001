"""Explain a lock of Snakemake on the folder: who holds it, and which command removes it."""

import os
import socket
from datetime import datetime
from pathlib import Path

import psutil

# Options of Snakemake that inspect a folder and compute nothing.
LOOKING = {"-n", "--dry-run", "--dryrun", "--unlock", "--report", "--lint"}


def told(folder: Path, unlock: str) -> str:
    """State who holds the lock of a folder, and what to do."""
    running = owners(folder)
    if running:
        listed = [
            f"Process {process.pid} is running in this folder since "
            f"{datetime.fromtimestamp(process.create_time()):%d %b %H:%M}."
            for process in running
        ]
        return "\n".join(
            [
                *listed,
                "Wait until it ends, or stop it with Ctrl-C in its terminal.",
                "To run two studies at the same time, clone the project into a second folder.",
            ]
        )
    return "\n".join(
        [
            f"No run of yours is active in this folder on {socket.gethostname()}: the lock was "
            "left by a run that was killed.",
            "If other computers share this folder, check that none of them runs it.",
            f"Then type: {unlock}",
            "and rerun your command. Finished results are kept.",
        ]
    )


def owners(folder: Path) -> list[psutil.Process]:
    """List the running Snakemake processes in this working folder, except for this process."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            names = [Path(word).name for word in line[:3]]
            if (
                process.pid != os.getpid()
                and "snakemake" in names
                and not LOOKING & set(line)
                and process.status() != psutil.STATUS_ZOMBIE
                and os.path.samefile(process.cwd(), folder)
            ):
                found.append(process)
        except (psutil.Error, OSError):  # process of another user, or ended meanwhile
            continue
    return found
