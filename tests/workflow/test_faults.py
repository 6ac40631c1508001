"""Faults of a user's machine: full or read-only disks, Ctrl-C, kill -9, lost images.

All tests use one tiny study (a network of two layers, twelve test images).
"""

import copy
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.small_study import TWO_LAYERS, Study, copy_project

pytestmark = pytest.mark.slow

MAPS = "results/tiny/net/gated/maps/test-000.h5"
TABLE = "results/tiny/tables/localization.csv"
BATCH = 2
CONFIG = {
    "seed": 1,
    "datasets": {
        "tiny": {
            "source": "phantom",
            "cases": {"train": 6, "val": 3, "test": 12},
            "size": 64,
            "image_size": 64,
            "annotated_classes": ["COVID-19", "Non-COVID"],
            "shards": {"train": 1, "val": 1, "test": 1},
        }
    },
    "plugins": ["mine.py"],
    "classifiers": {"net": {"architecture": "plugin:two_layers", "training": {"epochs": 1}}},
    "explainers": {"gated": {"method": "plugin:gated"}},
    "explain": {"splits": ["test"]},
    "binarizations": {"half": {"method": "fixed", "threshold": 0.5}},
    "statistics": {"replicates": 100},
    "compute": {"threads": 1, "batch": BATCH},
}
# Before the map whose number is in the file `gate`, `gated` waits until that file is deleted.
PLUGIN = """
import time
from pathlib import Path

import numpy as np


def gated(classifier, image, target, seed):
    made, gate = Path("made"), Path("gate")
    count = len(made.read_text()) if made.exists() else 0
    if gate.exists() and count == int(gate.read_text()):
        Path("waiting").touch()
        while gate.exists():
            time.sleep(0.05)
    with made.open("a") as handle:
        handle.write("x")
    return np.random.default_rng(seed).random((4, 4))


def broken(classifier, image, target, seed):
    raise RuntimeError("a user's mistake")
"""
REFUSING = "#!/bin/sh\necho 'sbatch: error: Invalid account' >&2\nexit 1\n"
SLURM = ("--executor", "slurm", "--jobs", "2", "--default-resources", "slurm_account=x")
PRIVATE = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
SHM = "mount -t tmpfs -o size=4k tmpfs /dev/shm && ! cat /dev/zero > /dev/shm/full 2>/dev/null"
# Run with room for only some of the maps, then with more. Keep the files of the first run.
SMALL_DISK = """
mv results kept && mkdir results && mount -t tmpfs -o size=64m tmpfs results
cp -a kept/. results/
mount -o remount,size=$(($(df -k --output=used results | tail -1) + 24))k results
"$@" > full.log 2>&1; echo $? > full.status
cp -a results left
mount -o remount,size=64m results
"$@" > room.log 2>&1; echo $? > room.status
cp -a results after
"""
READ_ONLY = "mount --bind results results && mount -o remount,ro,bind results"
NO_MOUNT = "this kernel lets nobody mount a file system of their own (unshare --mount)"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Run the study from nothing, with a full /dev/shm if the kernel permits that."""
    folder = tmp_path_factory.mktemp("tiny") / "project"
    copy_project(folder)
    (folder / "mine.py").write_text(TWO_LAYERS + PLUGIN)
    study = Study(folder)
    study.write(CONFIG)
    full = mounts(SHM)
    if full:
        result = privately(study, f'{SHM}; exec "$@"', *command(TABLE))
        assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    else:
        study.snakemake(TABLE)
    return study, full


@pytest.fixture
def study(tiny, tmp_path):
    """Return a copy that a test may damage. File times are kept."""
    folder = tmp_path / "project"
    shutil.copytree(tiny[0].folder, folder, symlinks=True)
    return Study(folder)


def mounts(script):
    """Return whether a shell script that mounts file systems may run here."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*PRIVATE, script], capture_output=True).returncode == 0


def privately(study, script, *arguments):
    """Run a shell script in the study's folder. Its mounts disappear when it ends."""
    return subprocess.run(
        [*PRIVATE, script, "sh", *arguments],
        cwd=study.folder, env=environment(), capture_output=True, text=True,
    )  # fmt: skip


def files_of(folder):
    """Return the content of all files by path, without logs and benchmarks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("logs", "benchmarks")
    }


def forget_maps(study):
    """Remove the maps and all results computed from them."""
    shutil.rmtree(study.folder / "results/tiny/net/gated")
    (study.folder / TABLE).unlink()


def command(*arguments):
    return [
        sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--configfile", "study.yaml"
    ]  # fmt: skip


def environment():
    found = {**os.environ, "OMP_NUM_THREADS": "1"}
    found.pop("MAKELEVEL", None)  # the variable of `make test`
    return found


def started(study, gate):
    """Start a run in its own session, as a terminal does. Return when it waits at the gate."""
    (study.folder / "gate").write_text(str(gate))
    (study.folder / "waiting").unlink(missing_ok=True)
    with (study.folder / "run.log").open("w") as out:
        run = subprocess.Popen(
            command(TABLE), cwd=study.folder, env=environment(), stdout=out, stderr=out,
            start_new_session=True,
            # If a shell runs pytest in the background, SIGINT would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
    until(lambda: (study.folder / "waiting").exists() or run.poll() is not None)
    assert run.poll() is None, (study.folder / "run.log").read_text()[-6000:]
    return run


def until(condition, seconds=240):
    """Wait for a condition that holds at once on an idle machine."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def workers(study):
    """List the processes that run this study's scripts."""
    found = subprocess.run(
        ["ps", "-ww", "-eo", "pid,stat,args"], capture_output=True, text=True
    ).stdout
    lines = [line for line in found.splitlines() if f"{study.folder}/.snakemake/scripts" in line]
    return [line for line in lines if line.split()[1][0] != "Z"]


def batches(study):
    return sorted(p.name for p in (study.folder / MAPS).parent.glob(".partial/test-000/*/*"))


def explain_log(study):
    return (study.folder / "results/logs/tiny/net/gated/explain/test-000.log").read_text()


def test_a_full_shared_memory_stops_nothing(tiny):
    study, full = tiny
    if not full:
        pytest.skip(NO_MOUNT)
    assert (study.folder / TABLE).stat().st_size > 1000


def test_interrupted_and_killed_runs_resume_and_end_in_the_same_tables(study):
    """Ctrl-C comes during map 4, and `kill -9` of Snakemake during map 7. Each map is saved."""
    expected, maps = (
        study.read("tiny/tables/localization.csv"),
        len((study.folder / "made").read_text()),
    )
    assert maps == 8
    (study.folder / "made").unlink()
    forget_maps(study)

    run = started(study, 3)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(240) != 0
    assert "interrupted; run again to continue" in explain_log(study)
    assert "Traceback" not in explain_log(study)
    assert batches(study) == [f"00000{number}.h5" for number in range(3)]

    run = started(study, 6)
    second = subprocess.run(
        command(TABLE), cwd=study.folder, env=environment(), capture_output=True, text=True
    )
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout + second.stderr
    assert f"Process {run.pid} is running in this folder" in second.stdout + second.stderr
    run.kill()
    run.wait()
    until(lambda: not workers(study))  # a worker that survived would work for nothing
    assert "the process that started this job (Snakemake) has ended" in explain_log(study)
    assert batches(study) == [f"00000{number}.h5" for number in range(6)]
    assert not (study.folder / MAPS).exists()
    assert not list((study.folder / "results/tiny").rglob("*.unfinished.*"))

    (study.folder / "gate").unlink()
    killed = subprocess.run(
        command(TABLE), cwd=study.folder, env=environment(), capture_output=True, text=True
    )
    assert killed.returncode != 0
    assert "Then type: snakemake --unlock --configfile " in killed.stdout + killed.stderr
    unlocked = subprocess.run(
        command("--unlock"), cwd=study.folder, env=environment(), capture_output=True
    )
    assert unlocked.returncode == 0
    study.snakemake(TABLE)
    assert "resumed: 6 of 8 maps" in explain_log(study)
    assert len((study.folder / "made").read_text()) == maps  # none was computed twice
    assert study.read("tiny/tables/localization.csv") == expected


def test_settings_that_fail_cost_nothing_of_what_was_finished(study, tmp_path, monkeypatch):
    """A failing plugin, another training and a refused submission; then the former config again."""
    expected = study.read("tiny/tables/localization.csv")
    made = (study.folder / "made").read_text()
    model = study.read("tiny/net/model.safetensors")
    changed = copy.deepcopy(CONFIG)
    changed["explainers"]["gated"]["method"] = "plugin:broken"
    changed["classifiers"]["net"]["training"]["epochs"] = 2
    study.write(changed)
    assert "a user's mistake" in study.snakemake(TABLE, expect=1)
    assert not (study.folder / MAPS).exists()
    assert study.read("tiny/net/model.safetensors") != model

    study.write(CONFIG)
    assert study.jobs(TABLE)["explain"] == 1
    assert "result reused from" in explain_log(study)
    assert "result reused from" in (study.folder / "results/logs/tiny/net/train.log").read_text()

    (tmp_path / "bin").mkdir()
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.write_text(REFUSING)
    sbatch.chmod(0o755)
    changed["classifiers"]["net"]["training"]["epochs"] = 1
    study.write(changed)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
        study.snakemake(MAPS, *SLURM, expect=1)
    assert not (study.folder / MAPS).exists()  # Snakemake deletes outputs of unstarted jobs

    study.write(CONFIG)
    study.snakemake(TABLE)
    assert (study.folder / "made").read_text() == made
    assert study.read("tiny/net/model.safetensors") == model
    assert study.read("tiny/tables/localization.csv") == expected


def test_an_image_that_is_damaged_after_it_was_indexed_is_named(study):
    (image,) = (study.folder / "results/raw").glob("*/data/*/Test/*/images/covid_test_00001.png")
    image.write_bytes(image.read_bytes()[:100])
    prepared = "results/tiny/prepared/test-000.h5"
    (study.folder / prepared).unlink()
    shutil.rmtree((study.folder / prepared).parent / ".kept")  # otherwise it would be restored
    printed = study.snakemake(prepared, expect=1)
    assert re.search(rf"ERROR .*{re.escape(image.name)}: the image is damaged or cut off", printed)
    assert not (study.folder / prepared).exists()


def test_maps_that_have_lost_a_case_are_recomputed(study):
    import h5py

    expected = study.read("tiny/tables/localization.csv")
    with h5py.File(study.folder / MAPS, "a") as file:
        del file[sorted(file)[2]]
    printed = study.snakemake(TABLE)
    assert re.search(rf"recomputed: {re.escape(MAPS)}", printed)
    assert study.read("tiny/tables/localization.csv") == expected


def test_a_full_disk_is_told_and_leaves_nothing_half_written(study):
    """With more room, the same command continues and gives tables with the same bytes."""
    if not mounts(SHM):
        pytest.skip(NO_MOUNT)
    expected = study.read("tiny/tables/localization.csv")
    forget_maps(study)
    before = files_of(study.folder / "results")
    result = privately(study, SMALL_DISK, *command(TABLE))
    assert result.returncode == 0, result.stderr
    said, then = ((study.folder / f"{name}.log").read_text() for name in ("full", "room"))
    assert (study.folder / "full.status").read_text() == "1\n", said[-6000:]
    # The job names the file; the end of the output has reason and fix. The log may not fit either.
    failure = r"results/tiny/net/gated/maps/\S+\.h5: cannot be written"
    reason = r": no space left on device\. Make room on the disk"
    assert re.search(rf"ERROR {failure}{reason}", said)
    end = said[said.index("1 failed job") :]
    assert re.search(rf"explain: ({failure}|nothing in its log){reason}", end)
    assert "Traceback" not in said
    # Only finished cases were added: no final map file, and nothing unfinished. The mark of a run
    # that could not list its results remains, so that the next run notices.
    left = files_of(study.folder / "left")
    mark = "tiny/tables/.made_of.running"
    assert mark in left
    added = sorted(set(left) - set(before) - {mark})
    assert 0 < len(added) < 8
    (batches,) = {Path(path).parent for path in added}
    assert batches.parent == Path("tiny/net/gated/maps/.partial/test-000")
    assert [Path(path).name for path in added] == [f"00000{n}.h5" for n in range(len(added))]
    assert all(left[path] == content for path, content in before.items())

    assert (study.folder / "room.status").read_text() == "0\n", then[-6000:]
    after = study.folder / "after"
    log = (after / "logs/tiny/net/gated/explain/test-000.log").read_text()
    assert f"resumed: {len(added)} of 8 maps" in log
    assert (after / "tiny/tables/localization.csv").read_bytes() == expected


def test_results_that_may_not_be_written_to_are_told_before_any_work(study):
    """Permissions deny access. For root, who ignores them, the file system is read-only."""
    forget_maps(study)
    results = study.folder / "results"
    before = files_of(results)
    if mounts(SHM):
        result = privately(study, f'{READ_ONLY} && exec "$@"', *command(TABLE))
    elif os.geteuid() == 0:
        pytest.skip(NO_MOUNT)
    else:
        results.chmod(0o500)
        try:
            result = subprocess.run(
                command(TABLE), cwd=study.folder, env=environment(), capture_output=True, text=True
            )
        finally:
            results.chmod(0o700)
    said = result.stdout + result.stderr
    assert result.returncode == 1, said[-3000:]
    assert said.count("results: the folder cannot be written to. Fix its permissions, or") == 1
    assert "--directory <folder>" in said
    assert "Traceback" not in said
    assert "Reason:" not in said  # no job was started
    assert files_of(results) == before
