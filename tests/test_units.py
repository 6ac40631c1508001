"""Units: packed tables come back to the bit, in files of limited size."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

import synthetic_results as made_up
from fidelity.errors import InputError
from fidelity.units.tables import pack, unpack

COLUMNS = [
    column("case", elements=st.text(max_size=5)),
    column("flag", dtype=bool),
    column("area", dtype=np.int64),
    column("iou", elements=st.floats(0, 1) | st.just(np.nan) | st.just(np.inf)),
]
SAME = st.lists(data_frames(COLUMNS, index=range_indexes(max_size=9)), min_size=1, max_size=3)


@settings(max_examples=30, deadline=None)
@given(SAME)
def test_tables_come_back_to_the_bit(tmp_path_factory, frames):
    folder = tmp_path_factory.mktemp("unit")
    # As the result files have them: text of one type, whatever the rows.
    tables = {str(n): table.astype({"case": "str"}) for n, table in enumerate(frames)}
    packed = pack(tables, folder / "scores")
    back = dict(unpack(packed, folder))
    assert list(back) == list(tables)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(back[name], table)


def test_tables_of_other_columns_and_nullable_types(tmp_path):
    one = made_up.scores(0.4, 5).astype({"correct": "boolean"})
    other = one.drop(columns="dice").assign(hd95=np.arange(len(one)) / 3)
    packed = pack({"a/default": one, "a/seed": other}, tmp_path / "lime")
    back = dict(unpack(packed, tmp_path))
    pd.testing.assert_frame_equal(back["a/default"], one)
    pd.testing.assert_frame_equal(back["a/seed"], other)


def test_files_stay_below_the_limit(tmp_path):
    table = pd.DataFrame({"case": "c", "x": np.random.default_rng(0).uniform(size=20_000)})
    packed = pack({"t": table}, tmp_path / "t", limit=50_000)
    sizes = [(tmp_path / name).stat().st_size for name in packed["files"]]
    assert len(sizes) > 3
    assert max(sizes) <= 50_000
    pd.testing.assert_frame_equal(dict(unpack(packed, tmp_path))["t"], table)


def test_equal_values_of_two_protocols_are_stored_once(tmp_path):
    table = pd.DataFrame({"case": "c", "x": np.random.default_rng(0).uniform(size=1000)})
    alone = pack({"default": table}, tmp_path / "one")
    both = pack({"default": table, "seed": table}, tmp_path / "two")
    size = [(tmp_path / packed["files"][0]).stat().st_size for packed in (alone, both)]
    assert size[1] < 1.4 * size[0]


def test_a_column_that_a_later_version_added(tmp_path):
    table = pd.DataFrame({"case": ["a"], "iou": [0.5]})
    packed = pack({"t": table}, tmp_path / "t")
    (name, found), *_ = unpack(packed, tmp_path, {"reference": "mask", "iou": 9})
    assert name == "t"
    assert found.to_dict("records") == [{"case": "a", "iou": 0.5, "reference": "mask"}]


def test_missing_and_damaged_files_are_named(tmp_path):
    packed = pack({"t": pd.DataFrame({"case": ["a"]})}, tmp_path / "t")
    with pytest.raises(InputError, match=r"t\.parquet.*'iou'"):
        list(unpack({**packed, "tables": [["t", ["iou"]]]}, tmp_path))
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"t\.parquet"):
        list(unpack(packed, tmp_path))
