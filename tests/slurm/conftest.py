"""One SLURM for all tests of this folder."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import cluster as slurm
from tests.slurm.slurm_study import SlurmStudy


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Cluster]:
    """A running SLURM of one node. Its folder has a short name: sockets lie in it."""
    with (
        tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder,
        slurm.running(Path(folder) / "c") as running,
    ):
        yield running


@pytest.fixture
def on_slurm(study, cluster) -> Iterator[SlurmStudy]:
    """A copy of the finished small study; what its heads leave running is ended."""
    copy = SlurmStudy(study.folder, cluster=cluster)
    yield copy
    for head in copy.heads:
        head.kill()
    cluster.run("scancel", "--user=root")
