"""Describe code, packages and machine, without the name of the machine or of a user."""

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import fidelity
from fidelity.digests.modules import ROOT

PROJECT = ROOT.parents[1]
# What affects results: the workflow, but not its tests and documents.
CODE = ("Snakefile", "rules", "workflow_scripts")


def code_version(project: Path = PROJECT) -> dict[str, Any]:
    """Describe the code that ran.

    Returns:
        `version` of the package; git's `commit` and whether tracked files differ from it (`dirty`),
        both None if the project is not under git; `digest` of all code, which distinguishes
        versions without git too.
    """
    commit = dirty = None
    if _git(project, "ls-files", "--error-unmatch", "Snakefile") is not None:
        commit = _git(project, "rev-parse", "HEAD")
        dirty = bool(_git(project, "status", "--porcelain", "--untracked-files=no", "--", "."))
    return {
        "version": fidelity.__version__,
        "commit": commit,
        "dirty": dirty,
        "digest": _code_digest(project),
    }


def environment() -> dict[str, Any]:
    """Return the versions of Python, the system, and every locked package that is installed."""
    lock = (PROJECT / "envs" / "requirements.lock").read_text(encoding="utf-8")
    names = re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.M)
    return {
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": dict(_installed(sorted(names, key=str.lower))),
    }


def hardware() -> dict[str, Any]:
    """Describe the machine: model of the CPU, cores, memory in GiB, GPUs."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        memory = None
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": None if memory is None else round(memory, 1),
        "gpus": _gpus(),
    }


def _installed(names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _git(project: Path, *arguments: str) -> str | None:
    """Run git; None if git is missing or the project is not under git."""
    try:
        result = subprocess.run(
            ["git", "-C", str(project), *arguments], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _code_digest(project: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in CODE:
        path = project / part
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        for file in sorted(files, key=lambda p: p.relative_to(project).as_posix()):
            if "__pycache__" not in file.parts:
                name = file.relative_to(project).as_posix()
                digest.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.M)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _gpus() -> list[str]:
    """Ask the driver, because the job that calls this does not import torch."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in result.stdout.splitlines() if result.returncode == 0]
