"""Freed memory is kept. The test counts pages that the kernel had to map, in a new process."""

import platform
import subprocess
import sys

import pytest

# Allocate, write and free 64 MB twice. Print how many pages were mapped the second time.
BLOCK = """
import resource, sys
import numpy as np
from fidelity.base import memory

print(memory.keep_freed() if sys.argv[1] == "kept" else False)
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 2**26 // 4096


def mapped(how: str) -> tuple[str, int]:
    """Return whether glibc accepted the setting, and the pages mapped for the second block."""
    command = [sys.executable, "-c", BLOCK, how]
    path = {"PYTHONPATH": "workflow_scripts", "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=path)
    taken, pages = found.stdout.split()
    return taken, int(pages)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told so")
def test_a_freed_block_is_used_again():
    taken, pages = mapped("kept")
    assert taken == "True"
    assert pages < PAGES // 100
    assert mapped("given back")[1] > pages
