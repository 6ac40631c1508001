"""Units: packed tables come back to the bit, in files of limited size."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

import synthetic_results as made_up
from fidelity.errors import InputError
from fidelity.units.combine import check_agreement, combined_config, differences, find_units
from fidelity.units.tables import pack, unpack
from fidelity.units.unit import read_unit, restore, write_unit

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


def made(folder, results, name="net-s1", **changed):
    given = {
        "name": name,
        "dataset": "d",
        "own": {} if name == "none" else {"net": {"architecture": "resnet18", "seeds": [1, 2]}},
        "shared": {"seed": 1, "statistics": {"alpha": 0.05}, "dataset": {"source": "phantom"}},
        "code": {"explain lime": "abc", "score": "def"},
        "place": [0, int(name[-1]) if name[-1].isdigit() else 9],
    }
    paths = [path.relative_to(results).as_posix() for path in results.rglob("*.*")]
    return write_unit(folder / name, results, paths, **given | changed)


@pytest.fixture
def results(tmp_path):
    """Some results of one classifier."""
    folder = tmp_path / "results"
    for explainer in ("lime", "gradcam"):
        for protocol in ("default", "seed"):
            path = folder / f"d/net-s1/{explainer}/tuned/{protocol}/scores.parquet"
            path.parent.mkdir(parents=True)
            made_up.scores(0.4, 5).to_parquet(path)
        (folder / f"d/net-s1/{explainer}/tuned/thresholds.csv").write_text(
            "class,threshold\na,.5\n"
        )
        made_up.curves(0.4, 2).to_parquet(folder / f"d/net-s1/{explainer}/ranking.parquet")
        path = folder / f"d/faithfulness/net-s1/{explainer}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        made_up.curves(0.1, 2).to_parquet(path)
    return folder


def test_a_unit_restores_every_result(tmp_path, results):
    unit = made(tmp_path, results)
    assert unit == read_unit(tmp_path / "net-s1")
    assert set(unit.tables) == {"scores-lime", "scores-gradcam", "ranking", "faithfulness"}
    restore(unit, tmp_path / "back")
    before = sorted(path.relative_to(results) for path in results.rglob("*.*"))
    after = sorted(path.relative_to(tmp_path / "back") for path in (tmp_path / "back").rglob("*.*"))
    assert after == before
    for path in before:
        if path.suffix == ".parquet":
            pd.testing.assert_frame_equal(
                pd.read_parquet(tmp_path / "back" / path), pd.read_parquet(results / path)
            )
        else:
            assert (tmp_path / "back" / path).read_bytes() == (results / path).read_bytes()


def test_packing_again_gives_the_same_bytes(tmp_path, results):
    contents = []
    for _ in range(2):
        made(tmp_path, results)
        contents.append({p.name: p.read_bytes() for p in (tmp_path / "net-s1").iterdir()})
    assert contents[0] == contents[1]


def test_what_is_wrong_with_a_unit_is_said(tmp_path, results):
    unit = made(tmp_path, results)
    index = unit.folder / "unit.json"
    text = index.read_text()
    for old, new, match in (
        ('"format": 1', '"format": 99', "later version"),
        ('"alpha": 0.05', '"alpha": 0.5', "edited.*|shared"),
        ('"copies"', '"other"', "copies"),
    ):
        index.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=match):
            read_unit(unit.folder)
    index.write_text(text.replace("d/net-s1/lime/tuned/thresholds.csv", "d/../../thresholds.csv"))
    with pytest.raises(InputError, match="outside"):
        restore(read_unit(unit.folder), tmp_path / "back")
    index.write_text(text)
    next(unit.folder.glob("*.gz")).write_bytes(b"no")
    with pytest.raises(InputError, match=r"\.gz"):
        restore(unit, tmp_path / "back")
    with pytest.raises(InputError, match="cannot be read"):
        write_unit(
            tmp_path / "x", results, ["d/net-s1/training.csv"],
            name="net-s1", dataset="d", own={}, shared={}, code={},
        )  # fmt: skip


def test_units_combine_if_they_agree_with_each_other(tmp_path, results):
    for name in ("none", "net-s1", "net-s2"):
        made(tmp_path / "units", results, name)
    units = find_units(tmp_path / "units")
    assert [unit.name for unit in units] == ["net-s1", "net-s2", "none"]
    assert check_agreement(units, accept=False) == []
    config = combined_config(units)
    assert config["only_classifiers"] == ["net-s1", "net-s2"]
    assert config["classifiers"] == {"net": {"architecture": "resnet18", "seeds": [1, 2]}}
    assert config["datasets"] == {"d": {"source": "phantom"}}
    assert config["seed"] == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"shared": {"seed": 2, "statistics": {"alpha": 0.05}, "dataset": {}}}, "seed: 1 and 2"),
        ({"code": {"score": "new"}}, "code of score"),
        ({"own": {"net": {"architecture": "resnet18", "seeds": [1]}}}, "classifiers.net.seeds"),
    ],
)
def test_units_that_differ_are_refused_unless_accepted(tmp_path, results, changed, named):
    made(tmp_path / "units", results)
    made(tmp_path / "units", results, "net-s2", **changed)
    units = find_units(tmp_path / "units")
    with pytest.raises(InputError, match=rf"{named}[\s\S]*ACCEPT=1"):
        check_agreement(units, accept=False)
    assert any(named in line for line in check_agreement(units, accept=True))


def test_rules_that_only_one_unit_has_do_not_disagree(tmp_path, results):
    made(tmp_path / "units", results)
    made(tmp_path / "units", results, "none", code={"fit unet": "x", "score": "def"})
    assert differences(find_units(tmp_path / "units")) == []


def test_no_unit_and_two_of_one_name(tmp_path, results):
    with pytest.raises(InputError, match="no unit"):
        find_units(tmp_path)
    made(tmp_path / "a", results)
    made(tmp_path / "b", results)
    with pytest.raises(InputError, match="two units"):
        find_units(tmp_path)
