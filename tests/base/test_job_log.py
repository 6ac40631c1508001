"""What a failed job leaves in its log: one sentence for bad input, else traceback and case."""

import logging
import sysconfig
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from snakemake.iocontainers import Namedlist

from fidelity.base.errors import InputError, at_case
from fidelity.base.job_log import job_log, run_job
from fidelity.datasets.cases import Case
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from fidelity.masks.run_lengths import encode
from fidelity.scoring.map_scores import score_maps
from fidelity.scoring.score_rows import Targets
from tests.helpers.entries import dataset


def _case(name: str) -> PreparedCase:
    lung = np.ones((8, 8), bool)
    mask = encode(lung)
    return PreparedCase(
        case=name,
        patient=name,
        split="test",
        labels=("A",),
        image=np.zeros((8, 8), np.uint8),
        lung=lung,
        native_size=(8, 8),
        box=(0, 0, 8, 8),
        references={"A": mask},
        lung_native=mask,
        digest="",
    )


def _failed(path, raising) -> str:
    with pytest.raises(SystemExit) as ended, job_log(path):
        raising()
    assert ended.value.code == 1
    return path.read_text()


def test_bad_input_is_one_sentence(tmp_path):
    def raising():
        raise InputError("is empty", file="cases.csv", remedy="Fill it in")

    text = _failed(tmp_path / "a.log", raising)
    assert "cases.csv: is empty. Fill it in" in text
    assert "Traceback" not in text


def test_anything_else_has_its_traceback_and_the_case_in_hand(tmp_path):
    def raising():
        with at_case("patient 7/view 2"):
            return 1 / 0

    text = _failed(tmp_path / "a.log", raising)
    assert "the job failed (case 'patient 7/view 2')" in text
    assert "Traceback" in text
    assert "ZeroDivisionError" in text


def test_the_next_job_of_a_process_forgets_the_case(tmp_path):
    with at_case("old"):
        pass
    text = _failed(tmp_path / "a.log", lambda: 1 / 0)
    assert "old" not in text


def test_whoever_reads_maps_names_the_case(tmp_path):
    """A metric fails at the second map. The log names that case."""
    cases = [_case(name) for name in ("one", "two", "three")]
    write_prepared(tmp_path / "p.h5", cases, {"image_size": 8, "classes": ["A"]})
    values = SaliencyMap("dense", np.ones((8, 8), np.float32))
    records = [MapRecord(case.case, "A", "A", "ok", "", 0.1, {}, values) for case in cases]
    write_maps(tmp_path / "m.h5", records, {"method": "gradcam", "seed": "1"})

    def raising():
        results = iter([1.0])
        metric = SimpleNamespace(name="m", function=lambda _: next(results))
        explained = explained_cases([tmp_path / "m.h5"], [tmp_path / "p.h5"])
        size = {"scoring_size": "working", "sign": "positive"}
        score_maps(explained, Targets(None, {}), [metric], tolerance=0, **size)

    assert "the job failed (case 'two')" in _failed(tmp_path / "a.log", raising)


def test_preparing_names_the_case_whatever_thread_it_failed_in(tmp_path):
    settings = {"input": "full", "image_size": 8, "annotated_classes": [], "lung_masks": "none"}
    case = Case("lost", "lost", "test", ("A",), "gone.png", width=8, height=8)
    text = _failed(
        tmp_path / "a.log",
        lambda: list(prepare_cases([case], tmp_path, dataset("table", settings))),
    )
    assert "gone.png" in text
    assert "case 'lost'" in text


def test_libraries_are_heard_only_when_they_warn(tmp_path):
    library = logging.getLogger("some.library")
    installed = f"{sysconfig.get_path('purelib')}/some/library.py"
    with job_log(tmp_path / "a.log"):
        logging.getLogger("mine").info("of a plugin")
        for level, text in ((logging.INFO, "chatter"), (logging.WARNING, "a warning")):
            record = library.makeRecord("some.library", level, installed, 1, text, (), None)
            library.handle(record)
    text = (tmp_path / "a.log").read_text()
    assert "of a plugin" in text
    assert "a warning" in text
    assert "chatter" not in text


def test_a_script_gets_what_its_rule_names(tmp_path):
    job = SimpleNamespace(
        input=Namedlist(fromdict={"maps": "a.h5", "model": Namedlist()}),
        output=Namedlist(fromdict={"masks": "m.json"}),
        params=Namedlist(fromdict={"seed": 1, "paths": {"x": 2}, "digest": "0"}),
        wildcards=Namedlist(fromdict={"dataset": "demo"}),
        log=[str(tmp_path / "job.log")],
    )
    got = {}

    def main(maps, seed, dataset, output, name, size, model=None, missing="there"):
        got.update(locals())

    run_job(main, job, name="dataset", size=lambda job: job.params.paths["x"])
    expected = {"maps": "a.h5", "seed": 1, "dataset": "demo", "output": "m.json", "name": "demo"}
    expected |= {"size": 2, "model": None, "missing": "there"}
    assert {key: got[key] for key in expected} == expected


def test_tables_that_a_script_returns_are_written_to_its_outputs(tmp_path):
    tables = pd.DataFrame({"name": ["=1"]}), pd.DataFrame({"value": [0.5]})
    job = SimpleNamespace(
        input=Namedlist(),
        output=Namedlist([str(tmp_path / "a.csv"), str(tmp_path / "b.parquet")]),
        params=Namedlist(),
        wildcards=Namedlist(),
        log=[str(tmp_path / "job.log")],
    )
    run_job(lambda: tables, job)
    assert (tmp_path / "a.csv").read_text() == "name\n'=1\n"
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "b.parquet"), tables[1])
    with pytest.raises(SystemExit):  # two outputs, one table
        run_job(lambda: tables[0], job)
