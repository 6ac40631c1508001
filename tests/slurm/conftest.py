"""One SLURM for all tests of this folder."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import cluster as slurm
from tests.slurm.slurm_study import SlurmStudy


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Cluster]:
    """Start a SLURM of one node. Its folder has a short name, because it holds sockets."""
    with (
        tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder,
        slurm.running(Path(folder) / "c") as running,
    ):
        yield running


@pytest.fixture
def on_slurm(study, cluster) -> Iterator[SlurmStudy]:
    """Return a copy of the finished small study. At the end, stop what its heads left running."""
    copy = SlurmStudy(study.folder, cluster=cluster)
    yield copy
    for head in copy.heads:
        head.kill()
    cluster.run("scancel", "--user=root")
