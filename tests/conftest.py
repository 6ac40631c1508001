"""Settings for all tests. The small study runs once, and each test gets a copy of it."""

import copy
import fcntl
import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

from fidelity.base import memory
from fidelity.datasets.sources.phantom import phantom
from tests.helpers import warm
from tests.helpers.entries import dataset
from tests.helpers.skip_hooks import pytest_sessionfinish  # noqa: F401
from tests.helpers.small_study import CONFIG, Study, copy_project, phantom_settings

# A job keeps its freed memory until it ends. A process that runs thousands of tests would only grow
# (3 GB).
memory.keep_freed = lambda: False

# No test may fail only because the machine is busy.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


def pytest_unconfigure() -> None:
    """End the process that small studies are forked from."""
    warm.end()


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Study:
    """Run the small study from nothing, once. Tests work on copies of it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # shared by all workers: the first that needs the study runs it
    study = Study(folder / "finished" / "project")
    study.folder.parent.mkdir(exist_ok=True)
    printed = study.folder.with_name("printed.txt")
    with printed.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            assert not study.folder.exists(), "another worker could not run the small study"
            copy_project(study.folder)
            phantom.generate(study.folder / "data", dataset("phantom", phantom_settings()), 1)
            study.write(CONFIG)
            printed.write_text(study.snakemake(fresh=True))
    study.printed = printed.read_text()
    return study


@pytest.fixture
def study(finished, tmp_path) -> Study:
    """Return a copy of the finished study that a test may change. File times are kept."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    for link in (folder / "results" / "raw").glob("*/data"):
        target = folder / "data"
        stat = link.lstat()
        link.unlink()
        link.symlink_to(target, target_is_directory=True)
        os.utime(link, ns=(stat.st_atime_ns, stat.st_mtime_ns), follow_symlinks=False)
        parent = finished.folder / link.parent.relative_to(folder)
        shutil.copystat(parent, link.parent)
    return Study(folder)


@pytest.fixture
def config() -> dict:
    """Return a copy of the small study's config, which a test may change."""
    return copy.deepcopy(CONFIG)
