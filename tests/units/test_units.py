"""Units: packed tables are restored exactly, from files of limited size."""

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from fidelity.base.errors import InputError
from fidelity.settings import load
from fidelity.settings.config import Config
from fidelity.settings.explainers import Imported
from fidelity.settings.reading import load_file
from fidelity.study import paths
from fidelity.study.study import Study
from fidelity.units import combine, unit
from fidelity.units.combine import (
    check_agreement,
    combined_config,
    differences,
    find_units,
    groups,
    with_box_scores,
)
from fidelity.units.config_entries import own_entries, place_of, shared_entries, shown_entries
from fidelity.units.packing import pack, unpack
from fidelity.units.unit import Unit, read_unit, restore, write_unit
from fidelity.units.unit_provenance import read_cost, write_cost
from tests.helpers import ROOT
from tests.helpers import synthetic_results as made_up
from tests.scoring.test_box_scores import _right, _scored

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
    # Result files have one text type, whatever the rows.
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


def test_boxes_come_back_to_the_bit(tmp_path):
    """Cells are missing, or lists of numbers of any length."""
    tables = {}
    for name in ("right", "wrong"):
        (tmp_path / name).mkdir()
        _scored(tmp_path / name, _right)
        tables[name] = pd.read_parquet(tmp_path / name / "box_scores.parquet")
    assert tables["right"]["wsol_inside"].isna().any()
    back = dict(unpack(pack(tables, tmp_path / "box_scores"), tmp_path))
    for name, table in tables.items():
        pd.testing.assert_frame_equal(back[name], table)


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
    assert size[1] < 1.1 * size[0]


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
    plugins = changed.pop("plugins", {})
    return write_unit(Unit(folder / name, **given | changed), results, paths, plugins)


@pytest.fixture
def results(tmp_path):
    """Write some results of one classifier."""
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


def test_units_without_box_scores_are_known(tmp_path, results):
    before = made(tmp_path / "units", results)
    for path in results.rglob("ranking.parquet"):
        shutil.copy(path, path.with_name("box_scores.parquet"))
    after = made(tmp_path / "units", results, "net-s2")
    assert with_box_scores([after]) == ["d"]
    assert with_box_scores([before]) == with_box_scores([before, after]) == []
    # A unit without explainers never has box scores, so it does not count.
    assert with_box_scores([after, replace(after, name="none", tables={})]) == ["d"]


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
            Unit(tmp_path / "x", "net-s1", "d", {}, {}, {}), results, ["d/net-s1/training.csv"]
        )


def test_plugins_travel_with_the_unit(tmp_path, results):
    mine = tmp_path / "mine.py"
    mine.write_text("family = 'cam'\n")
    read = made(tmp_path, results, plugins={"plugins/0-mine.py": str(mine)})
    mine.unlink()
    restore(read, tmp_path / "back/results")
    assert (tmp_path / "back/plugins/0-mine.py").read_text() == "family = 'cam'\n"


def test_units_combine_if_they_agree_with_each_other(tmp_path, results):
    for name in ("none", "net-s1", "net-s2"):
        made(tmp_path / "units", results, name)
    units = find_units(tmp_path / "units")
    assert [unit.name for unit in units] == ["net-s1", "net-s2", "none"]
    assert groups(units) == [units]
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
        ({"own": {"net": {"architecture": "vgg11", "seeds": [1, 2]}}}, "net.architecture"),
    ],
)
def test_units_that_differ_are_refused_unless_accepted(tmp_path, results, changed, named):
    for name in ("none", "net-s1"):
        made(tmp_path / "units", results, name)
    made(tmp_path / "units", results, "net-s2", **changed)
    units = find_units(tmp_path / "units")
    with pytest.raises(InputError, match=rf"{named}[\s\S]*ACCEPT=1"):
        check_agreement(units, accept=False)
    assert any(named in line for line in check_agreement(units, accept=True))


def test_units_of_other_images_do_not_combine(tmp_path, results):
    for name, cases in (("none", "a"), ("net-s1", "a"), ("net-s2", "")):
        made(tmp_path / "units", results, name, cases=cases)
    assert differences(find_units(tmp_path / "units")) == []
    made(tmp_path / "units", results, "net-s1", cases="b")
    (line,) = differences(find_units(tmp_path / "units"))
    assert line == "cases, images or masks (d: net-s1 / none)"


def test_a_seed_that_was_added_later_changes_no_other_training(tmp_path, results):
    for name in ("none", "net-s1", "net-s2"):
        made(tmp_path / "units", results, name)
    net = {"architecture": "resnet18"}
    made(tmp_path / "units", results, "net-s3", own={"net": {**net, "seeds": [1, 2, 3]}})
    units = find_units(tmp_path / "units")
    assert check_agreement(units, accept=False) == []
    config = combined_config(units)
    assert config["classifiers"]["net"]["seeds"] == [1, 2, 3]
    assert config["only_classifiers"] == ["net-s1", "net-s2", "net-s3"]
    # A unit of the agreement between seeds covers only its own seeds, so this one does not fit.
    made(tmp_path / "units", results, "net", own={"net": {**net, "seeds": [1, 2]}})
    assert differences(find_units(tmp_path / "units")) != []
    # This unit is neither a training of `net` nor the agreement between its seeds.
    made(tmp_path / "units", results, "other", own={"net": {**net, "seeds": [1, 2]}})
    with pytest.raises(InputError, match="'other' is not one of the trainings"):
        combined_config(find_units(tmp_path / "units"))


def test_a_key_that_is_newer_than_a_unit_has_its_default(monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    units = units_of(load_file(CONFIGS / "config.yaml", check_files=False))
    shared = copy.deepcopy(dict(units[0].shared))
    assert shared["statistics"].pop("least_accuracy", "absent") is None
    units[0] = replace(units[0], shared=shared)
    assert differences(units) == []
    shared["statistics"]["least_accuracy"] = 0.5
    assert any("least_accuracy" in line for line in differences(units))


def test_rules_that_only_one_unit_has_do_not_disagree(tmp_path, results):
    made(tmp_path / "units", results)
    made(tmp_path / "units", results, "none", code={"fit unet": "x", "score": "def"})
    assert differences(find_units(tmp_path / "units")) == []


@pytest.mark.parametrize("entry", [{"training": {"guidance": {"weight": 1}}}, {"weights": "a.pt"}])
def test_trainings_that_need_other_code_agree(tmp_path, results, entry):
    """Only some trainings use the code for guidance and checkpoints."""
    made(tmp_path / "units", results, "none")
    made(tmp_path / "units", results, "net-s1", code={"train": "plain"})
    for seed in (1, 2):
        own = {"other": {"architecture": "resnet18", "seeds": [1, 2], **entry}}
        made(tmp_path / "units", results, f"other-s{seed}", own=own, code={"train": "more"})
    assert differences(find_units(tmp_path / "units")) == []
    made(tmp_path / "units", results, "other-s2", own=own, code={"train": "newer"})
    (line,) = differences(find_units(tmp_path / "units"))
    assert line == "code of train (d: other-s1 / other-s2)"


def test_no_unit_and_two_of_one_name(tmp_path, results):
    with pytest.raises(InputError, match="no unit"):
        find_units(tmp_path)
    made(tmp_path / "a", results)
    made(tmp_path / "b", results)
    with pytest.raises(InputError, match="exists twice"):
        find_units(tmp_path)


def test_the_unit_none_is_asked_for_by_name(tmp_path, results):
    made(tmp_path / "units", results)
    with pytest.raises(
        InputError, match="'none' of the data set 'd'.*make unit UNIT=none DATASET=d"
    ):
        find_units(tmp_path / "units")


def test_data_sets_need_not_agree_with_each_other(tmp_path, results):
    """Another classifier of the same name, other entries and other code give two analyses."""
    for name in ("none", "net-s1", "net-s2"):
        made(tmp_path / "a", results, name)
    other = {"dataset": "e", "code": {"score": "new"}, "place": [0, 0]}
    other["shared"] = {"seed": 2, "dataset": {"source": "table"}}
    made(tmp_path / "b", results, "none", **other)
    made(tmp_path / "b", results, "net-s1", **other, own={"net-s1": {"seeds": [0]}})
    units = find_units(tmp_path)
    assert check_agreement(units, accept=False) == []
    configs = [combined_config(group) for group in groups(units)]
    assert [list(config["datasets"]) for config in configs] == [["d"], ["e"]]
    assert [list(config["classifiers"]) for config in configs] == [["net"], ["net-s1"]]
    assert configs[1]["datasets"]["e"]["root"] == "."


def units_of(config, leave_out=()):
    """Return the units of a config, with its entries but without tables."""
    found = [
        Unit(
            Path(dataset, name), name, dataset, own_entries(config, name),
            shared_entries(config, dataset), {}, {}, {}, place=place_of(config, dataset, name),
            shown=shown_entries(config, dataset, name),
        )
        for dataset in config.datasets
        for name in Study(config).units
        if name not in leave_out
    ]  # fmt: skip
    return sorted(found, key=combine._order)


CONFIGS = ROOT / "config"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_units_of_a_config_make_up_that_config(path, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    config = load_file(path, check_files=False)
    units = units_of(config)
    # Use the values that JSON restores.
    units = [
        replace(u, **{k: json.loads(json.dumps(getattr(u, k))) for k in ("shared", "shown")})
        for u in units
    ]
    (group,) = groups(units)
    found = load(combined_config(group), check_files=False)
    elsewhere = {"data_root", "figures", "only_classifiers", "plugins"}
    keys = set(Config.model_fields) - elsewhere
    ours, theirs = found.recorded(), config.recorded()
    # The place of the files may differ too.
    assert {entry.pop("root", ".") for entry in ours["datasets"].values()} <= {None, "."}
    for entry in theirs["datasets"].values():
        entry.pop("root", None)
    assert [k for k in keys if ours[k] != theirs[k]] == []
    for key in ("datasets", "classifiers", "explainers", "binarizations"):
        assert list(getattr(found, key)) == list(getattr(config, key))
    assert list(Study(found).classifiers) == list(Study(config).classifiers)


def test_titles_of_units_do_not_collide(monkeypatch):
    """Two hospitals ran one config with their own keys, and gave both data sets the same title."""
    monkeypatch.chdir(CONFIGS.parent)
    units = units_of(load_file(CONFIGS / "boxes.yaml", check_files=False))
    for one in units:
        one.shown["titles"]["datasets"][one.dataset] = "Our hospital"
    found = load(combined_config(units), check_files=False)
    assert [entry.title for entry in found.datasets.values()] == ["Our hospital", None, None]


def test_the_full_study_is_analysed_in_one_go(monkeypatch):
    """Ten trainings on the full image, four on masked images and three on a hundred images."""
    monkeypatch.chdir(CONFIGS.parent)
    units = [
        unit
        for name in ("full_study", "full_study_hundred", "full_study_masked")
        for unit in units_of(load_file(CONFIGS / f"{name}.yaml", check_files=False))
    ]
    assert check_agreement(units, accept=False) == []
    found = [load(combined_config(group), check_files=False) for group in groups(units)]
    sizes = {name: len(Study(config).classifiers) for config in found for name in config.datasets}
    assert sizes == {"covid_full": 10, "covid_masked": 4, "covid_hundred": 3}


def test_entries_of_what_is_not_there_are_left_out(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    phantom = {"source": "phantom", "annotated_classes": ["COVID-19"]}
    config = load(
        {
            "datasets": {
                "lungs": {
                    "source": "covid_qu_ex",
                    "part": "lung",
                    "root": ".",
                    "annotated_classes": [],
                },
                "small": {**phantom, "lung_masks": "predicted", "lung_from": "lungs"},
            },
            "classifiers": {"net": {"architecture": "resnet18"}, "b": {"architecture": "resnet34"}},
            "explainers": {
                "cam": {"method": "gradcam", "layer": {"net": "layer3", "b": "layer2"}},
                "lung": {"method": "lung_mask"},
            },
        },
        check_files=False,
    )
    units = [unit for unit in units_of(config, ["b"]) if unit.dataset == "small"]
    shared = copy.deepcopy(units[0].shared)
    (group,) = groups(units)
    found = load(combined_config(group), check_files=False)
    assert found.explainers["cam"].layer == {"net": "layer3"}
    assert found.datasets == {name: config.datasets[name] for name in ("small", "lungs")}
    assert units[0].shared == shared
    with pytest.raises(
        InputError, match="explainer cam needs a classifier, but there is no unit of a classifier"
    ):
        combined_config([unit for unit in units if unit.name == "none"])


def test_paths_outside_the_project_stay_on_the_machine(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = load_file(CONFIGS / "config.yaml", check_files=False)
    config.classifiers["resnet18"].weights = "/home/somebody/w.pt"
    config.explainers["lime"] = Imported(folder="/home/somebody/maps", format="npy")
    told = json.dumps([own_entries(config, "resnet18"), shared_entries(config, "demo")])
    assert "somebody" not in told


def test_cost_holds_the_jobs_of_one_unit_that_were_timed(tmp_path):
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    folder = tmp_path / "results/benchmarks"
    for name, row in {
        "d/net-s1/lime/explain/test-000": "2.5\t0:00:02\t300.5\t2.25",
        "d/net-s1/lime/explain/test-001": "1.5\t0:00:01\t-\tNA",
        "d/net-s2/lime/explain/test-000": "9\t0:00:09\t1\t9",
        "d/prepare/test-000": "1\t0:00:01\t10\t1",
        "e/prepare/test-000": "1\t0:00:01\t10\t1",
    }.items():
        path = folder / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{header}{row}\n")
    part = r"results/benchmarks/(?P<dataset>\w+)/"
    patterns = {
        "explain": part
        + r"(?P<classifier>[\w-]+)/(?P<explainer>lime)/explain/(?P<shard>[\w-]+)\.tsv",
        "prepare": part + r"prepare/(?P<shard>[\w-]+)\.tsv",
        "train": part + r"(?P<classifier>[\w-]+)/train\.tsv",
    }
    for name in ("net-s1", "none"):
        (tmp_path / name).mkdir()
        write_cost(tmp_path / name, name, patterns, {"dataset": ["d"]}, tmp_path)
    rows = pd.read_csv(tmp_path / "net-s1/cost.csv")
    assert rows.shard.tolist() == ["test-000", "test-001"]
    assert rows.seconds.tolist() == [2.5, 1.5]
    assert rows.cpu_seconds.isna().tolist() == [False, True]
    (prepared,) = read_cost(tmp_path / "none", "d", "none")
    assert (prepared["rule"], prepared["seconds"]) == ("prepare", 1)
    first, second = read_cost(tmp_path / "net-s1", "d", "net-s1")
    assert first["wildcards"] == {
        "dataset": "d", "classifier": "net-s1", "explainer": "lime", "shard": "test-000",
    }  # fmt: skip
    assert (second["cpu_seconds"], second["peak_memory_mb"]) == (None, None)
    write_cost(tmp_path, "other", patterns, {"dataset": ["d"]}, tmp_path)
    assert read_cost(tmp_path, "d", "other") == []


@pytest.mark.parametrize("pattern", [paths.LESIONS, paths.READER_PAIRS, paths.READERS_WITHOUT])
def test_tables_beside_the_folders_of_explainers_are_packed(pattern):
    path = pattern.format(dataset="demo").removeprefix("results/")
    assert unit._group(path) == PurePosixPath(path).stem
    hidden = paths.HIDING.format(dataset="demo", classifier="net").removeprefix("results/")
    assert unit._group(hidden) == "hiding"
