"""The workflow on a real SLURM of one node: killed jobs, a killed head, time, memory, results."""

import re

import cluster as slurm
import h5py
import pytest
from slurm_study import MAPS, TABLE, finished_jobs, new_study, one_explainer, run_id
from small_study import CONFIG

REASON = slurm.reason_against()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(REASON is not None, reason=f"SLURM: {REASON}")]
ALIVE = ("pending", "running", "completing")
SHARDS = [f"{MAPS}/test-00{number}.h5" for number in range(3)]


def _values(path):
    with h5py.File(path) as file:
        return {name: file[name][()].tolist() for name in _datasets(file) if "second" not in name}


def _datasets(file):
    names = []
    file.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names


def test_a_cancelled_job_and_a_killed_head_cost_what_was_unfinished(trained, local):
    """Three shards as one array: one done, one stopped by scancel, one outlives its head."""
    study, cluster = trained, trained.cluster
    (study.folder / "hold").touch()
    head = study.start("--retries", "0", *SHARDS)
    waiting = cluster.wait_for(
        lambda: (w := [worker for worker in study.workers() if worker["waits"]])[1:] and w, 240
    )
    # One array: the same SLURM job, three tasks.
    assert len({worker["job"].split("_")[0] for worker in study.workers()}) == 1
    (done,) = cluster.wait_for(study.maps, 120).items()
    cluster.wait_for(lambda: "explain" in finished_jobs(head.printed()), 60)

    cancelled, orphan = waiting[0]["job"], waiting[1]["job"]
    cluster.run("scancel", cancelled)
    cluster.wait_for(lambda: re.search(rf"'{cancelled}' failed.*CANCELLED", head.printed()), 60)
    head.kill()
    assert orphan in cluster.jobs("running")  # SLURM goes on without Snakemake
    cluster.run("scancel", "--name", run_id(head.printed()))
    cluster.wait_for(lambda: not cluster.jobs(*ALIVE), 60)
    (study.folder / "hold").unlink()

    assert "--unlock" in study.start(*SHARDS).finish(expect=1)
    study.start("--unlock").finish()
    printed = study.start(*SHARDS).finish()
    assert finished_jobs(printed).count("explain") == 2
    # What was done stayed as it was, and the two stopped shards went on after their first batch.
    assert study.maps()[done[0]] == done[1]
    assert study.made() == local.made() == 12
    for path in SHARDS:
        assert _values(study.folder / path) == _values(local.folder / path)

    # From SLURM's maps to the same table, to the byte; and nothing is left to do.
    study.snakemake(f"results/{TABLE}")
    assert study.read(TABLE) == local.read(TABLE)
    assert study.plan(f"results/{TABLE}") == {}


@pytest.mark.long
def test_a_job_past_its_time_limit_goes_on_with_more(trained, local):
    """72 s of maps in a minute: stopped by SLURM, submitted again with two, resumed."""
    study = trained
    (study.folder / "slow").touch()
    study.write(one_explainer(1))
    target = f"{MAPS}/test-000.h5"
    study.start("results/small/net/model.safetensors").finish()  # shards made anew
    head = study.start("--set-resources", "explain:runtime=attempt", target)
    printed = head.finish()
    assert re.search("failed, SLURM status is: 'TIMEOUT'", printed)
    assert finished_jobs(printed).count("explain") == 1
    first, second = study.workers_in_order()
    assert first["made"] >= 2
    assert study.made() < 12 + 2  # at most the batch under way is made twice
    assert second["made"] < 12
    study.snakemake(f"results/{TABLE}")
    assert study.read(TABLE) == local.read(TABLE)


@pytest.mark.long
def test_a_job_past_its_memory_is_given_more(trained, local):
    """PyTorch does not fit beside two Snakemakes in 500 MB; the retry has eight times as much."""
    study = trained
    before = study.identity("results/small/net/model.safetensors")
    head = study.start("--set-resources", "explain:mem_mb=500*attempt**3", *SHARDS)
    printed = head.finish()
    # Without cgroups SLURM looks at the memory itself, and says FAILED.
    assert len(re.findall(r"failed, SLURM status is: '(?:FAILED|OUT_OF_MEMORY)'", printed)) >= 1
    asked = study.cluster.run("squeue", "-h", "-t", "all", "-o", "%k|%m").splitlines()
    memory = {line.split("|")[1] for line in asked if line.startswith("rule_explain")}
    assert len(memory) >= 2
    assert study.identity("results/small/net/model.safetensors") == before
    study.snakemake(f"results/{TABLE}")
    assert study.read(TABLE) == local.read(TABLE)


@pytest.mark.long
def test_a_whole_study_gives_the_same_tables(cluster, tmp_path):
    """From nothing to the last table and figure, by sbatch and by this machine alone."""
    study = new_study(tmp_path / "slurm", CONFIG, cluster)
    printed = study.start().finish(seconds=3000)
    assert "100%" in printed
    submitted = re.findall(r"Job \d+ has been submitted|Submitted array job", printed)
    assert len(submitted) >= 8
    assert "Nothing to be done" in study.start().finish()
    alone = new_study(tmp_path / "alone", CONFIG, cluster)
    alone.snakemake()
    tables = sorted((alone.folder / "results/small/tables").glob("*.csv"))
    assert len(tables) >= 9
    for path in tables:
        name = f"small/tables/{path.name}"
        assert study.read(name) == path.read_bytes(), name
