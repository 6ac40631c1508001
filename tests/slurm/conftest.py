"""One SLURM for all tests of this folder, and a small study that was run without it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cluster as slurm
import pytest
from slurm_study import TABLE, SlurmStudy, new_study, one_explainer


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Cluster]:
    """A running SLURM of one node. Its folder is short-named: sockets lie in it."""
    with (
        tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder,
        slurm.running(Path(folder) / "c") as running,
    ):
        yield running


@pytest.fixture(scope="session")
def local(cluster, tmp_path_factory) -> SlurmStudy:
    """The small study with the plugin's maps, run on this machine as ever."""
    study = new_study(tmp_path_factory.mktemp("local") / "project", one_explainer(3), cluster)
    study.snakemake(f"results/{TABLE}")
    return study


@pytest.fixture
def trained(local, tmp_path) -> Iterator[SlurmStudy]:
    """A copy of it whose maps are still to be made; what the heads left running is ended."""
    folder = tmp_path / "project"
    shutil.copytree(local.folder, folder, symlinks=True)
    study = SlurmStudy(folder, local.cluster)
    study.forget_maps()
    yield study
    for head in study.heads:
        head.kill()
    local.cluster.run("scancel", "--user=root")
