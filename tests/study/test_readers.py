"""Several readers in a config: what their rule affects, and what it does not."""

import copy
import inspect
from types import SimpleNamespace

import pytest

import known_truth_scores
import rank
import score
import sweep
import tune
from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.study import paths, targets
from fidelity.study.job_files import JobFiles
from fidelity.study.job_settings import JobSettings
from fidelity.study.study import Study
from fidelity.study.unit_files import UnitFiles

CONFIG = {
    "datasets": {
        "three": {
            "source": "phantom",
            "annotated_classes": ["COVID-19"],
            "simulated_readers": 3,
            "reference": "majority",
        },
    },
    "classifiers": {"net": {"architecture": "resnet18"}},
    "explainers": {
        "cam": {"method": "gradcam"},
        "unet": {"method": "unet"},
        "one": {"method": "second_reader", "reader": "r1"},
        "any": {"method": "second_reader", "reader": "any"},
    },
    "binarizations": {"half": {"method": "fixed", "threshold": 0.5}},
}
JOB = SimpleNamespace(dataset="three", classifier="net", explainer="cam", binarization="half")


def loaded(config=CONFIG, **changes):
    config = copy.deepcopy(config)
    config["datasets"]["three"] |= changes
    return Study(settings.load(config, check_files=False))


def decided(study):
    """Return all settings that decide results up to the maps, and the scores of one explainer."""
    of = JobSettings(study)
    return {
        "acquire": of.acquisition("three"),
        "index": of.index("three"),
        "prepare": of.prepare(JOB),
        "explain": of.explainer(JOB),
        "explain readers": of.explainer(SimpleNamespace(**{**vars(JOB), "explainer": "any"})),
        "score": of.score(JOB),
        "rank": of.rank(JOB),
    }


def test_another_rule_explains_nothing_again():
    before, after = decided(loaded()), decided(loaded(reference="staple"))
    assert before == after
    # Maps depend on the prepared shards. Steps that score or train read the references.
    study = loaded()
    files = JobFiles(study)
    assert study.with_readers == {"three": "majority"}
    assert files.shards(paths.PREPARED)(JOB)[0] == "results/three/prepared/val-000.h5"
    assert files.referenced()(JOB)[0] == "results/three/prepared/references/val-000.h5"


def test_the_first_rule_explains_nothing_again_either():
    config = copy.deepcopy(CONFIG)
    for name in ("one", "any"):
        del config["explainers"][name]
    config["explainers"]["any"] = {"method": "lung_mask"}
    assert decided(loaded(config)) == decided(loaded(config, reference=None))


def test_a_study_without_readers_has_no_new_params():
    config = copy.deepcopy(CONFIG)
    config["datasets"]["three"] = {
        "source": "phantom", "annotated_classes": ["COVID-19"], "second_reader": True,
    }  # fmt: skip
    config["explainers"] = {"cam": {"method": "gradcam"}, "any": {"method": "second_reader"}}
    study = Study(settings.load(config, check_files=False))
    assert not {"readers", "reference", "simulated_readers"} & {*str(decided(study)).split("'")}
    assert study.config.model_dump()["explainers"]["any"] == {"method": "second_reader"}
    assert "left_out" not in decided(study)["score"]
    assert JobFiles(study).referenced()(JOB) == JobFiles(study).shards(paths.PREPARED)(JOB)
    assert study.check_tables("three") == ["stability"]
    assert not any("reader" in path for path in targets.tables(study))


def test_readers_are_scored_against_the_others():
    study = loaded()
    of = JobSettings(study)
    for explainer, reader in {"one": "r1", "any": "any"}.items():
        job = SimpleNamespace(**{**vars(JOB), "explainer": explainer})
        for params, script in (
            (of.score(job), score),
            (of.rank(job), rank),
            (of.sweep(job), sweep),
            (of.tune(job), tune),
            (of.known_truth(job), known_truth_scores),
        ):
            assert params["left_out"] == reader
            assert "left_out" in inspect.signature(script.main).parameters
    assert "left_out" not in of.score(JOB)
    assert study.beside_readers == [("net", "cam"), ("none", "unet")]
    assert "results/three/tables/readers.csv" in targets.tables(study)


@pytest.mark.parametrize(
    ("changes", "reader", "problem"),
    [
        ({"reference": None}, "r1", r"explainers\.one\.reader'?: selects one of several readers"),
        ({}, "r4", r"needs the masks of the reader r4, but datasets\.three has none"),
        ({"readers": {"union": "x"}}, "r1", r"'union' cannot be the name of a reader"),
    ],
)
def test_mistakes(changes, reader, problem):
    config = copy.deepcopy(CONFIG)
    config["explainers"]["one"]["reader"] = reader
    with pytest.raises(InputError, match=problem):
        loaded(config, **changes)


def test_a_table_names_its_readers(tmp_path):
    config = copy.deepcopy(CONFIG)
    config["data_root"] = str(tmp_path.parent)
    config["datasets"]["three"] = {
        "source": "table", "root": tmp_path.name, "table": "t.csv", "reference": "staple",
        "annotated_classes": ["A"],
    }  # fmt: skip
    head = "case,split,label,image,lung_mask"
    (tmp_path / "t.csv").write_text(f"{head},mask@r1:A,mask@r2:A\n")
    settings.load(config)
    (tmp_path / "t.csv").write_text(f"{head},mask@r2:A,mask:A\n")
    with pytest.raises(
        InputError, match=r"explainers\.one needs masks of the reader r1, but .*mask@r1"
    ):
        settings.load(config)


def test_vindr_keeps_its_key_of_readers():
    config = copy.deepcopy(CONFIG)
    config["datasets"]["three"] = {
        "source": "vindr", "root": "x", "annotated_classes": ["Cardiomegaly"],
        "readers": "majority", "reference": "staple", "lung_masks": "none",
    }  # fmt: skip
    config["explainers"] = {"any": {"method": "second_reader", "reader": "any"}}
    config["classifiers"] = {}
    study = Study(settings.load(config, check_files=False))
    assert JobSettings(study).index("three")["readers"] == "majority"
    assert JobSettings(study).acquisition("three")["readers"] == "majority"


def test_a_unit_holds_what_readers_are_compared_by():
    study = loaded()
    units = UnitFiles(study, JobFiles(study), JobSettings(study))
    of_none, of_net = (
        units.results(SimpleNamespace(dataset="three", unit=name)) for name in ("none", "net")
    )
    assert {"three/reader_pairs.parquet", "three/readers_left_out.parquet"} <= {*of_none}
    assert "three/none/unet/reader_scores.parquet" in of_none
    assert "three/net/cam/reader_scores.parquet" in of_net
    assert not any("one/reader_scores" in path for path in (*of_none, *of_net))
    steps = units.steps(SimpleNamespace(dataset="three", unit="net"))
    assert "three/prepared/references/val-000.h5" in steps
