"""The list of prepared shards, which jobs that score maps read instead of every shard."""

import json

import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.prepared_list import listed, write_list


def _list(folder, shards, classes):
    (folder / "classes.json").write_text(json.dumps(classes))
    for name, content in shards.items():
        (folder / f"{name}.h5").write_bytes(content)
    paths = [folder / f"{name}.h5" for name in shards]
    write_list(paths, folder / "classes.json", folder / "explained.json")
    return (folder / "explained.json").read_bytes()


def test_it_names_the_shards_in_order_and_holds_the_classes(tmp_path):
    classes = {"classes": ["A"], "labels": {"a": "A"}, "task": "multiclass"}
    _list(tmp_path, {"val-000": b"1", "test-001": b"2", "test-000": b"3"}, classes)
    path = tmp_path / "explained.json"
    names = ("val-000", "test-001", "test-000")
    assert listed(path) == [str(tmp_path / f"{name}.h5") for name in names]
    found = json.loads(path.read_text())
    assert {key: found[key] for key in classes} == classes


def test_it_changes_with_a_shard_and_with_nothing_else(tmp_path):
    before = _list(tmp_path, {"val-000": b"1", "test-000": b"2"}, {"labels": {}})
    assert _list(tmp_path, {"val-000": b"1", "test-000": b"2"}, {"labels": {}}) == before
    assert _list(tmp_path, {"val-000": b"1", "test-000": b"9"}, {"labels": {}}) != before


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"shards": 3}', b"\xff"])
def test_a_damaged_list(tmp_path, content):
    (tmp_path / "explained.json").write_bytes(content)
    with pytest.raises(InputError, match="not a list of prepared shards"):
        listed(tmp_path / "explained.json")


def test_a_shard_that_was_deleted_is_told_with_what_makes_it_again(tmp_path):
    _list(tmp_path, {"val-000": b"1", "test-000": b"2"}, {"labels": {}})
    (tmp_path / "test-000.h5").unlink()
    with pytest.raises(InputError, match=r"explained\.json: .*test-000\.h5 is missing\. Delete it"):
        listed(tmp_path / "explained.json")
