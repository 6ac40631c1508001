"""A data set without annotated classes is classified, but masks are not studied."""

import copy

from fidelity.datasets.sources.phantom import phantom
from tests.helpers.entries import dataset
from tests.helpers.small_study import CONFIG, Study, copy_project, phantom_settings

LUNGS = {"source": "covid_qu_ex", "part": "lung", "root": "lungs", "annotated_classes": []}
MASKS = {"explain", "binarize", "score", "summarize", "verdict", "provenance"}


def test_the_lung_part_alone_and_beside_a_study(tmp_path):
    study = Study(tmp_path / "project")
    copy_project(study.folder)
    (study.folder / "lungs").mkdir()
    config = copy.deepcopy(CONFIG)
    config["datasets"] = {"lungs": {**LUNGS, "image_size": 64}}
    study.write(config)
    alone = study.plan()
    assert alone["evaluate"] == alone["train"] == alone["figure_confusion"] == 1
    assert MASKS.isdisjoint(alone)
    phantom.generate(study.folder / "data", dataset("phantom", phantom_settings()), 1)
    study.write(CONFIG)
    without = study.plan()
    assert set(without) >= MASKS
    config["datasets"]["small"] = CONFIG["datasets"]["small"]
    study.write(config)
    both = study.plan()
    assert {rule: both[rule] for rule in MASKS} == {rule: without[rule] for rule in MASKS}
    assert both["evaluate"] == 2
