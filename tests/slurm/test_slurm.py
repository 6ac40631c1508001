"""The workflow on a real SLURM of one node: killed jobs, a killed head, time, memory, results."""

import re
from pathlib import Path

import h5py
import pytest

from tests.slurm import cluster as slurm
from tests.slurm.slurm_study import GRADCAM, MAPS, finished_jobs, run_id

REASON = slurm.reason_against()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(REASON is not None, reason=f"SLURM: {REASON}")]
ALIVE = ("pending", "running", "completing")
SHARDS = [f"{MAPS}/test-00{number}.h5" for number in range(3)]
# Twelve cases in three shards, in batches of four.
BATCHES = ["test-000/0", "test-000/1", "test-001/0", "test-001/1", "test-002/0"]
SCORES = f"{GRADCAM}/half/default/scores.parquet"


def _content(path: Path) -> dict[str, list]:
    """Read a whole map file, except the seconds that each map took."""
    found = {}

    def read(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and "seconds" not in name:
            found[name] = item[()].tolist()

    with h5py.File(path) as file:
        file.visititems(read)
    assert found
    return found


def _same_as_local(study, finished) -> None:
    """Check that SLURM's maps, and the scores computed from them, equal the local run's exactly."""
    for path in SHARDS:
        assert _content(study.folder / path) == _content(finished.folder / path)
    study.snakemake(f"results/{SCORES}")
    assert study.read(SCORES) == finished.read(SCORES)
    assert study.plan(f"results/{SCORES}") == {}


def test_a_cancelled_job_and_a_killed_head_cost_what_was_unfinished(on_slurm, finished):
    """Three shards: one is finished, one is stopped by scancel, and one outlives its head."""
    study, cluster = on_slurm, on_slurm.cluster
    study.watch()
    (study.folder / "hold").touch()
    head = study.start("--retries", "0", *SHARDS)
    cluster.wait_for(lambda: sum(w["waits"] for w in study.workers()) == 2, 300)
    cluster.wait_for(lambda: "explain" in finished_jobs(head.printed()), 120)
    done = study.maps()
    assert list(done) == ["test-002.h5"]

    cancelled, orphan = (worker["job"] for worker in study.workers() if worker["waits"])
    cluster.run("scancel", cancelled)
    cluster.wait_for(lambda: re.search(rf"'{cancelled}' failed.*CANCELLED", head.printed()), 120)
    head.kill()
    assert orphan in cluster.jobs("running")  # SLURM goes on without Snakemake
    cluster.run("scancel", "--name", run_id(head.printed()))
    cluster.wait_for(lambda: not cluster.jobs(*ALIVE), 120)
    (study.folder / "hold").unlink()

    assert "--unlock" in study.start(*SHARDS).finish(expect=1)
    study.start("--unlock").finish()
    printed = study.start(*SHARDS).finish()
    assert finished_jobs(printed) == ["explain", "explain"]
    assert study.maps()["test-002.h5"] == done["test-002.h5"]
    assert study.saved() == BATCHES  # none was computed twice
    _same_as_local(study, finished)


@pytest.mark.long
def test_a_job_past_its_time_limit_goes_on_with_more(on_slurm, finished):
    """Two batches of 60 s in one minute: SLURM stops the job, and it resumes with two minutes."""
    study = on_slurm
    study.watch()
    (study.folder / "slow").write_text("60")
    # Targets come first, because `--set-resources` reads everything after it.
    head = study.start(*SHARDS[:1], "--set-resources", "explain:runtime=attempt")
    printed = head.finish()
    assert re.search("failed, SLURM status is: 'TIMEOUT'", printed)
    assert finished_jobs(printed) == ["explain"]
    assert study.saved() == BATCHES[:2]
    (study.folder / "slow").unlink()
    study.start(*SHARDS).finish()
    assert study.saved() == BATCHES
    _same_as_local(study, finished)


@pytest.mark.long
def test_a_job_past_its_memory_is_given_more(on_slurm, finished):
    """PyTorch and two Snakemakes do not fit in 500 MB. The retry has eight times as much."""
    study = on_slurm
    study.watch()
    printed = study.start(*SHARDS, "--set-resources", "explain:mem_mb=500*attempt**3").finish()
    # Without cgroups, SLURM checks the memory itself and reports FAILED.
    assert re.search("failed, SLURM status is: '(FAILED|OUT_OF_MEMORY)'", printed)
    assert finished_jobs(printed) == ["explain"] * 3
    assert study.saved() == BATCHES
    _same_as_local(study, finished)


@pytest.mark.long
def test_a_whole_study_gives_the_same_tables(on_slurm, finished):
    """Run all from the images to the last table and figure, by sbatch and on this machine alone."""
    study = on_slurm
    for part in ("small", "summary"):
        study.forget(part)
    printed = study.start().finish(seconds=3000)
    assert "(100%) done" in printed
    assert len(re.findall("has been submitted with SLURM jobid", printed)) >= 8
    assert {"prepare", "train", "explain", "compare"} <= set(finished_jobs(printed))
    tables = sorted((finished.folder / "results/small/tables").glob("*.csv"))
    tables = [path for path in tables if path.name != "cost.csv"]  # job times, which differ
    assert len(tables) >= 9
    for path in tables:
        assert study.read(f"small/tables/{path.name}") == path.read_bytes(), path.name
    assert "Nothing to be done" in study.start().finish()
