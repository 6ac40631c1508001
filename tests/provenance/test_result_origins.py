"""The list of what produced the results: exact, without local paths, safe to take over."""

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidelity.base.errors import InputError
from fidelity.provenance import result_origins
from fidelity.provenance.records import Records, mark_running, take_over, write_listings
from fidelity.provenance.result_origins import Places
from fidelity.study.paths import RESTORED

TABLE = "results/demo/tables/ranks.csv"
MAPS = "results/demo/net/lime/maps/test-000.h5"
PATTERNS = [re.compile(r"results/(demo)/tables/\w+\.csv"), re.compile(r"results/(demo)/.+\.h5")]
RAW = {"demo": "results/raw/table-0123456789ab"}
PLACES = Places(["/home/jo/data", "inside/it"])
CODE, OTHER = "'0123456789abcdef'", "'fedcba9876543210'"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Write two results with their records, and list them."""
    monkeypatch.chdir(tmp_path)
    for path, settings in ((TABLE, "{'replicates': 200}"), (MAPS, "{'root': '/home/jo/data'}")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(path)
        record = {
            "rule": "explain" if path == MAPS else "ranks",
            "params": sorted([CODE, settings]),
            "input": ["/home/jo/data/a.csv"],
            "input_checksums": {"/home/jo/data/a.csv": "sha256:1"},
            "record_format_version": 6,
            "software_stack_hash": "abc",
            "endtime": result_origins.made_at(path),
        }
        Records().write(path, record)
    write_listings(RAW, PLACES)
    return tmp_path


def _take_over(raw=RAW, places=PLACES):
    return take_over(raw, PATTERNS, places)


def _listing():
    return result_origins.read(result_origins.listing_of("demo"))


def test_code_and_settings_are_told_apart():
    settings, code = result_origins.split([CODE, "1", "{'mine.py': '0123456789abcdef'}", "'lime'"])
    assert code == [CODE, CODE]
    assert settings == sorted(["1", "{'mine.py': code}", "'lime'"])
    # The digest of a folder of imported maps counts as data.
    assert result_origins.split(["{'listing': '0123456789abcdef'}"])[1] == []


@given(st.lists(st.sampled_from(["/home/jo/data", "/home/jo", "'", "x", "../up", " "]), max_size=8))
def test_places_come_back_for_a_config_that_has_them(parts):
    places = Places(["/home/jo/data", "/home/jo", "../up"])
    text = "".join(parts)
    hidden = places.hide(text)
    assert "/home" not in hidden
    if not hidden.startswith("<text "):
        assert places.show(hidden) == text


def test_the_listing_names_rule_digests_and_no_place(study):
    text = result_origins.listing_of("demo").read_text()
    assert "/home" not in text
    entry = json.loads(text)["results"][TABLE]
    assert entry["rule"] == "ranks"
    assert entry["code"] == result_origins.digest([CODE])
    assert entry["size"] == len(TABLE)


def test_moved_records_are_the_same_and_are_taken_over_once(study):
    before = {path: Records().read(path) for path in (TABLE, MAPS)}
    shutil.rmtree(study / ".snakemake")
    assert any("how 2 results were made are read from" in note for note in _take_over())
    for path, record in before.items():
        found = Records().read(path)
        assert {key: found[key] for key in record} == record
    assert _take_over() == []


def test_another_data_root_is_no_match(study):
    shutil.rmtree(study / ".snakemake")
    _take_over(places=Places(["/home/eve/data"]))
    assert "{'root': '/home/jo/data'}" not in Records().read(MAPS)["params"]
    assert "{'replicates': 200}" in Records().read(TABLE)["params"]


def test_results_of_another_clone_replace_own_ones(study):
    """Records exist, but they belong to other results than the copied ones."""
    foreign = {**Records().read(TABLE), "params": [OTHER], "endtime": 1.7e9}
    Records().write(TABLE, foreign)
    (study / ".snakemake/made_of/demo").write_text("of an own run")
    _take_over()
    assert Records().read(TABLE)["params"] == sorted([CODE, "{'replicates': 200}"])


def test_times_that_a_copy_lost_are_put_back(study):
    made = result_origins.made_at(TABLE)
    shutil.rmtree(study / ".snakemake")
    for path in (TABLE, MAPS):
        result_origins.set_made_at(path, made + 5000)
    assert any("how 2 results were made are read from" in note for note in _take_over())
    assert result_origins.made_at(TABLE) == pytest.approx(made, abs=1e-3)


def test_a_copy_without_times_of_a_killed_run_is_refused(study):
    mark_running(RAW)
    shutil.rmtree(study / ".snakemake")
    for path in (TABLE, MAPS):
        result_origins.set_made_at(path, 1.7e9)
    with pytest.raises(InputError, match="cp -a"):
        _take_over()


@pytest.mark.parametrize("change", ["time", "unlisted"])
def test_what_the_listing_does_not_describe_is_recomputed(study, change):
    shutil.rmtree(study / ".snakemake")
    path = TABLE
    if change == "time":
        result_origins.set_made_at(TABLE, 1.7e9)
    else:
        path = "results/demo/tables/new.csv"
        (study / path).write_text("x")
    (note,) = [note for note in _take_over() if "recomputed" in note]
    assert path in note
    assert Records().read(path)["params"] == ["'not known'"]


def _edit(path):
    """Replace a result by an older file of the same size."""
    Path(path).write_text("x" * Path(path).stat().st_size)
    result_origins.set_made_at(path, 1.7e9)


@pytest.fixture
def chained(study):
    """Let a third result be made of the other two."""
    verdict = "results/demo/tables/verdict.csv"
    (study / verdict).write_text("x")
    record = {"rule": "verdict", "input": [TABLE, MAPS], "endtime": result_origins.made_at(verdict)}
    Records().write(verdict, record)
    write_listings(RAW, PLACES)
    return verdict


def test_an_edited_result_that_others_read_is_recomputed(chained):
    assert _take_over() == []
    _edit(chained)
    assert _take_over() == []  # no result depends on it
    _edit(TABLE)
    (note,) = _take_over()
    assert TABLE in note
    assert Records().read(TABLE)["params"] == ["'not known'"]
    assert Records().read(MAPS)["params"] != ["'not known'"]


def test_results_of_an_unfinished_run_elsewhere_are_recomputed(chained, study):
    """They were copied over finished results, with the former listing."""
    mark_running(RAW)
    new = "results/demo/tables/new.csv"
    (study / new).write_text("x")
    _edit(MAPS)
    (note,) = _take_over()
    assert new in note
    assert MAPS in note


def test_results_of_an_own_killed_run_stay(chained):
    mark_running(RAW)
    for path in (TABLE, MAPS):
        result_origins.set_made_at(path, 1.7e9)
        Records().write(path, {**Records().read(path), "endtime": 1.7e9})
    assert _take_over() == []


def test_a_copied_project_that_lost_its_times_gets_them_back(chained):
    made = result_origins.made_at(TABLE)
    for path in (TABLE, MAPS, chained):
        result_origins.set_made_at(path, made + 5000)
    assert _take_over() == []
    assert result_origins.made_at(TABLE) == pytest.approx(made, abs=1e-3)


def test_results_without_any_record_are_refused(study):
    result_origins.listing_of("demo").unlink()
    assert _take_over() == []
    shutil.rmtree(study / ".snakemake")
    with pytest.raises(InputError, match="no record shows how the 2 results") as error:
        _take_over()
    assert str(error.value.file) == "results/demo"
    # A file marks results that were restored from units, which have their own records.
    Path(RESTORED).touch()
    assert _take_over() == []


def test_what_was_accepted_stays_until_it_is_computed_again(study):
    write_listings(RAW, PLACES, {TABLE: "abcd"})
    write_listings(RAW, PLACES)
    (entry,) = result_origins.accepted_in(_listing())
    assert entry == {
        "rule": "ranks",
        "file": TABLE,
        "computed_by": "abcd",
        "accepted_for": result_origins.digest([CODE]),
    }
    result_origins.set_made_at(TABLE, 1.7e9)
    assert result_origins.accepted_in(_listing()) == []
    Records().write(TABLE, {**Records().read(TABLE), "endtime": 1.7e9})
    write_listings(RAW, PLACES)
    assert "computed_by" not in _listing()["results"][TABLE]
