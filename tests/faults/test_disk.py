"""A full or read-only disk gives one clear sentence, no partial file and no crash.

The tests use a small tmpfs. If it cannot be mounted, they limit the size of files.
"""

import errno
import os
import resource
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from fidelity.base import files
from fidelity.base.errors import InputError
from fidelity.base.hdf5 import atomic_hdf5
from fidelity.base.job_log import job_log
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.explainers.unfinished_shards import PartialStore
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps

LITTLE = 256 * 1024
RANDOM = np.random.default_rng(0)


def records():
    maps = (SaliencyMap("dense", RANDOM.random((128, 128))) for _ in range(20))
    return [MapRecord(f"c{i}", "a", "", "ok", "", 0.1, {}, m) for i, m in enumerate(maps)]


def prepared():
    for i in range(80):
        image = RANDOM.integers(0, 255, (96, 96)).astype(np.uint8)
        box = (0, 0, 96, 96)
        yield PreparedCase(f"c{i}", "p", "test", ("a",), image, None, (96, 96), box, {}, None, "d")


def write_parquet(path):
    with files.atomic_path(path) as temporary:
        pd.DataFrame({"a": RANDOM.random(100_000)}).to_parquet(temporary)


WRITERS = {
    "maps.h5": lambda path: write_maps(path, records(), {}),
    "prepared.h5": lambda path: write_prepared(
        path, prepared(), {"image_size": 96, "classes": ["a"]}
    ),
    "scores.parquet": write_parquet,
    "table.csv": lambda path: files.write_csv(pd.DataFrame({"a": RANDOM.random(50_000)}), path),
    "masks.json": lambda path: files.write_text(path, "x" * 10**6),
    "000000.h5": lambda path: PartialStore(path.parent, "f").save(0, records()),
}


@pytest.fixture
def small_disk(tmp_path):
    """Provide a folder of 256 kB. If no disk can be mounted, limit the size of files instead."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", f"size={LITTLE}", "tmpfs", str(folder))
    if mounted:
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        return
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LITTLE, limits[1]))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def _mount(*arguments) -> bool:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_told_and_leaves_nothing(small_disk, name):
    """Without the fix, HDF5 crashed the process here and left a partial file."""
    with pytest.raises(InputError, match=rf"{name}: cannot be written: .*(space|large).*Make room"):
        WRITERS[name](small_disk / name)
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []


def test_the_log_of_a_job_on_a_full_disk(small_disk, capsys):
    """The file has no room for the message, so it appears on the screen, without a traceback."""
    fill = os.open(small_disk / "fill", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(fill, bytes(4096)):
            pass
    os.close(fill)
    with pytest.raises(SystemExit) as ended, job_log(small_disk / "job.log"):
        files.write_text(small_disk / "result.txt", "x" * LITTLE)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "result.txt: cannot be written" in said
    assert "Traceback" not in said
    assert "Logging error" not in said


def test_a_read_only_folder(tmp_path):
    folder = tmp_path / "results"
    (folder / "demo").mkdir(parents=True)
    files.check_writable(folder)
    files.check_writable(folder / "not" / "yet")
    if _mount("--bind", str(folder), str(folder)):
        assert _mount("-o", "remount,ro,bind", str(folder))
    elif os.geteuid() != 0:
        folder.chmod(0o500)
    else:
        pytest.skip("root writes anywhere, and may not mount here")
    try:
        for call in (files.check_writable, lambda at: files.write_text(at / "x.txt", "x")):
            with pytest.raises(InputError, match="results.*cannot be written"):
                call(folder)
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True)
        folder.chmod(0o700)


def test_only_folders_of_this_study_need_be_writable(tmp_path):
    (tmp_path / "results/demo").mkdir(parents=True)
    (tmp_path / "results/other").write_text("no folder")
    files.check_writable(tmp_path / "results", ["demo", "not_yet"])
    with pytest.raises(InputError, match="other: is not a folder"):
        files.check_writable(tmp_path / "results", ["demo", "other"])


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "results").write_text("no folder")
    with pytest.raises(InputError, match="results: is not a folder"):
        files.check_writable(tmp_path / "results")


def test_other_errors_are_not_called_a_full_disk(tmp_path):
    assert files.disk_error(FileNotFoundError(errno.ENOENT, "no"), tmp_path / "x") is None
    unreadable = PermissionError(errno.EACCES, "no", str(tmp_path / "elsewhere" / "image.png"))
    assert files.disk_error(unreadable, tmp_path / "results" / "x.h5") is None


def test_hdf5_through_the_sink_holds_what_was_written(tmp_path):
    """Values, attributes and chunks that grow or are overwritten equal those written by h5py."""

    def fill(file):
        file.attrs["a"] = "b" * 1000
        data = file.create_dataset(
            "x", (0, 50), maxshape=(None, 50), chunks=(7, 50), compression="gzip", dtype="f4"
        )
        for step in range(1, 9):
            data.resize(step * 11, axis=0)
            data[(step - 1) * 11 :] = np.full((11, 50), step)
        data[:5] = -1

    with atomic_hdf5(tmp_path / "sink.h5") as file:
        fill(file)
        file.check()
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        fill(file)
    with h5py.File(tmp_path / "sink.h5") as one, h5py.File(tmp_path / "plain.h5") as other:
        assert np.array_equal(one["x"], other["x"])
        assert one.attrs["a"] == other.attrs["a"]


def test_what_killed_jobs_left_is_removed_after_a_day(tmp_path):
    def left(name, days):
        path = tmp_path / name
        path.touch()
        when = time.time() - days * 86_400
        os.utime(path, (when, when))
        return path

    old = left(".maps.123.unfinished.h5", 2)
    kept = [left(".maps.124.unfinished.h5", 0.5), left(".mine.123.h5", 9), left("unfinished.h5", 9)]
    files.write_text(tmp_path / "x.txt", "x")
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_a_name_as_long_as_the_file_system_permits(tmp_path):
    name = "ü" * 120 + ".txt"
    files.write_text(tmp_path / name, "x")
    assert [path.name for path in Path(tmp_path).iterdir()] == [name]
