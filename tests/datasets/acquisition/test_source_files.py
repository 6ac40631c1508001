"""Annotation files are found by name below a data root, with as few folder listings as possible."""

import os
from types import SimpleNamespace

import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition import source_files
from fidelity.datasets.acquisition.source_files import TableFile, locate, locate_by_split
from fidelity.datasets.sources.containers import yolo
from fidelity.datasets.sources.nih import nih

FILES = ("Data_Entry_2017.csv", "BBox_List_2017.csv", "test_list.txt")


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Record all listings of a root that has NIH's files except an optional one."""
    for name in FILES:
        (tmp_path / "deep").mkdir(exist_ok=True)
        (tmp_path / "deep" / name).write_text("x\n")
    calls, below = [], source_files.files_below

    def counted(*arguments):
        calls.append(arguments)
        return below(*arguments)

    monkeypatch.setattr(source_files, "files_below", counted)
    return calls


def test_the_root_is_listed_once_for_all_files(tmp_path, listed):
    found = nih.tables(tmp_path, SimpleNamespace(entries=None, boxes=None))
    deep = tmp_path / "deep"
    assert found == [deep / FILES[0], deep / FILES[1], None, deep / FILES[2]]
    assert len(listed) == 1
    splits = {"train": ["BBox_List_2017.csv"], "val": ["absent.json"], "test": ["test_list.txt"]}
    assert locate_by_split(splits, "", tmp_path) == {
        "train": deep / FILES[1], "test": deep / FILES[2],
    }  # fmt: skip
    assert len(listed) == 2


def test_the_root_is_not_listed_if_the_config_names_all_files(tmp_path, listed):
    files = [TableFile(("any.csv",), "boxes")]
    settings = SimpleNamespace(boxes="deep/test_list.txt")
    assert locate(files, "", tmp_path, settings) == [tmp_path / settings.boxes]
    assert listed == []
    with pytest.raises(InputError, match=r"'boxes': the annotation file x\.csv was not found"):
        locate(files, "", tmp_path, SimpleNamespace(boxes="x.csv"))


def test_the_files_of_yolo_are_listed_once(tmp_path, monkeypatch):
    (tmp_path / "data.yaml").write_text("names: [Mass]")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("")
    walks, walk = [], os.walk
    monkeypatch.setattr(
        os, "walk", lambda *given, **how: walks.append(given) or walk(*given, **how)
    )
    found = yolo.tables(tmp_path, SimpleNamespace(names=None))
    assert found == [tmp_path / "labels" / "a.txt", tmp_path / "data.yaml"]
    assert len(walks) == 1


def test_two_files_of_one_name(tmp_path, listed):
    (tmp_path / FILES[1]).write_text("x\n")
    with pytest.raises(InputError, match=r"'boxes': several files could be meant.*boxes: BBox"):
        nih.tables(tmp_path, SimpleNamespace(entries=None, boxes=None))
