"""Unpack an archive once, completely or not at all, and write nothing outside the folder."""

import io
import stat
import threading
import zipfile
from pathlib import Path

import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.archive import unpack
from tests.helpers.small_data import make_covid_layout


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """Zip a tiny data set as Kaggle does. The first folder occurs twice in its path."""
    root = make_covid_layout(tmp_path / "source" / "Infection Segmentation Data", per_class=1)
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(root.rglob("*.png")):
            out.write(file, file.relative_to(tmp_path / "source"))
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path


def test_the_contents_are_those_of_the_archive(zipped, tmp_path):
    assert files_below(unpack(zipped, tmp_path / "store")) == files_below(tmp_path / "source")


def test_unpacked_once_even_if_the_archive_is_moved_or_touched(zipped, tmp_path):
    folder = unpack(zipped, tmp_path / "store")
    (folder / "mine").write_text("left alone")
    moved = zipped.rename(tmp_path / "source" / "archive.zip")
    moved.touch()
    assert unpack(moved, tmp_path / "store") == folder
    assert (folder / "mine").read_text() == "left alone"


def test_an_archive_of_other_contents_gets_another_folder(tmp_path):
    one = unpack(write_zip(tmp_path / "a.zip", {"x": b"1"}), tmp_path / "store")
    two = unpack(write_zip(tmp_path / "a.zip", {"x": b"2"}), tmp_path / "store")
    assert one != two
    assert (one / "x").read_bytes() == b"1"


def test_a_broken_unpacking_leaves_nothing_that_looks_whole(zipped, tmp_path, monkeypatch):
    done = []
    real = zipfile.ZipFile.open

    def breaks(self, name, *args, **kwargs):
        if len(done) == 4:
            raise OSError(28, "No space left on device")
        done.append(name)
        return real(self, name, *args, **kwargs)

    monkeypatch.setattr(zipfile.ZipFile, "open", breaks)
    with pytest.raises(InputError, match=r"archive\.zip, 'archive': cannot be unpacked \(No space"):
        unpack(zipped, tmp_path / "store")
    assert len(done) == 4
    assert all(path.name.startswith(".") for path in (tmp_path / "store").iterdir())
    monkeypatch.undo()
    folder = unpack(zipped, tmp_path / "store")
    assert files_below(folder) == files_below(tmp_path / "source")
    assert not list((tmp_path / "store").glob("*.partial"))


def test_two_jobs_at_once_share_one_folder(zipped, tmp_path):
    found = []
    jobs = [
        threading.Thread(target=lambda: found.append(unpack(zipped, tmp_path / "store")))
        for _ in range(4)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert files_below(found[0]) == files_below(tmp_path / "source")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/Windows/x", "absolute"),
        ("a\\..\\x", "backslash"),
        ("../x", r"'\.\.'"),
        ("a/../../x", r"'\.\.'"),
    ],
)
def test_names_that_leave_the_folder_are_refused(tmp_path, name, said):
    archive = write_zip(tmp_path / "bad.zip", {"good.png": b"1", name: b"2"})
    with pytest.raises(InputError, match=rf"bad\.zip, 'archive': the member .*{said}.*Nothing was"):
        unpack(archive, tmp_path / "inner" / "store")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [archive]


def test_links_are_refused(tmp_path):
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as out:
        entry = zipfile.ZipInfo("images")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(entry, "/etc")
    with pytest.raises(InputError, match="'images' is a link"):
        unpack(path, tmp_path / "store")


def test_one_name_twice_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("a.png", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            out.writestr("a.png", b"2")
    (tmp_path / "twice.zip").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="'a.png' is in the archive twice"):
        unpack(tmp_path / "twice.zip", tmp_path / "store")


def test_contents_above_the_limit_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("fidelity.datasets.acquisition.archive.MAX_BYTES", 10**6)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros", bytes(10**7))
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError, match=r"would unpack to 1 files and 0\.01 GB \(at most"):
        unpack(path, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_damaged_archive_is_named(zipped, tmp_path):
    data = zipped.read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    flipped = bytearray(data)
    flipped[200] ^= 0xFF  # within the first member's data
    (tmp_path / "flipped.zip").write_bytes(flipped)
    for name in ("cut.zip", "flipped.zip"):
        with pytest.raises(InputError, match=rf"{name}, 'archive': the archive is damaged.*again"):
            unpack(tmp_path / name, tmp_path / "store")
    assert not [p for p in (tmp_path / "store").iterdir() if not p.name.startswith(".")]


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.zip, 'archive'.*No such file.*Check the path"):
        unpack(tmp_path / "no.zip", tmp_path / "store")
