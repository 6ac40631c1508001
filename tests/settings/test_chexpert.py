"""Configs of CheXpert and CheXlocalize that are refused before anything runs."""

import pytest
import yaml

from fidelity import settings
from fidelity.base.errors import InputError
from tests.helpers import ROOT
from tests.helpers.chexpert_data import write_chexpert

CONFIG = ROOT / "config" / "chexlocalize.yaml"
DATASET = ("datasets", "chexlocalize")
COUNTS = {"train": 2, "valid": 8, "test": 8}


@pytest.fixture
def config() -> dict:
    return yaml.safe_load(CONFIG.read_text())


def load(config, **changed):
    return settings.load(config, "study.yaml", **{"check_files": False, **changed})


def put(config, path, value):
    *parents, last = path
    for key in parents:
        config = config[key]
    config[last] = value


def test_both_names_of_an_opacity_are_one(config):
    expected = load(config)
    classes = config["datasets"]["chexlocalize"]["annotated_classes"]
    classes[classes.index("Airspace Opacity")] = "Lung Opacity"
    assert load(config) == expected
    config["datasets"]["chexlocalize"]["labels"] = {"Lung Opacity": "opacity"}
    loaded = load(config).model_dump()["datasets"]["chexlocalize"]
    assert loaded["labels"] == {"Airspace Opacity": "opacity"}
    classes.append("Airspace Opacity")
    with pytest.raises(InputError, match="are the same class"):
        load(config)


def test_there_is_no_lung_unless_asked_for(config):
    assert load(config).model_dump()["datasets"]["chexlocalize"]["lung_masks"] == "none"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*DATASET, "annotated_classes"), ["Edma"], r"no observation 'Edma'.*'Edema'"),
        ((*DATASET, "annotated_classes"), ["Pneumonia"], r"no masks of 'Pneumonia'"),
        ((*DATASET, "labels"), {"Fractur": None}, r"labels.*'Fracture'"),
        ((*DATASET, "uncertain"), "one", r"uncertain.*'ones'"),
        ((*DATASET, "views"), "pa", r"views"),
        ((*DATASET, "lung_masks"), "provided", r"lung_masks"),
        ((*DATASET, "input"), "lung_crop", r"input.*needs lung masks"),
        (("postprocess",), {"lung": True}, r"postprocess\.lung.*needs lung masks"),
        (("explainers", "lung"), {"method": "lung_mask"}, r"explainers\.lung.*needs lung masks"),
        (("explainers", "mean"), {"method": "mean_mask"}, r"explainers\.mean.*training split"),
        (("explainers", "u"), {"method": "unet"}, r"explainers\.u.*training split"),
        (("explainers", "r"), {"method": "second_reader"}, r"human_benchmark\.segmentations"),
        (("explain", "splits"), ["train", "test"], r"explain\.splits"),
        (("classifiers", "densenet121", "head"), "one_logit", r"head.*several labels"),
    ],
)
def test_mistakes_are_named(config, path, value, message):
    put(config, path, value)
    with pytest.raises(InputError, match=message):
        load(config)


def test_files_are_looked_for(config, tmp_path):
    root = write_chexpert(tmp_path / "data", COUNTS)
    config["data_root"], config["datasets"]["chexlocalize"]["root"] = str(tmp_path), "data"
    load(config, check_files=True)
    (root / "CheXpert-v1.0" / "train.csv").unlink()
    with pytest.raises(
        InputError, match=r"no label file was found for the split 'train'.*training: null"
    ):
        load(config, check_files=True)
    checkpoint = tmp_path / "model.pt"
    checkpoint.write_bytes(b"x")
    config["classifiers"]["densenet121"] |= {"training": None, "weights": str(checkpoint)}
    load(config, check_files=True)
    (root / "gt_segmentations_test.json").unlink()
    with pytest.raises(InputError, match="no file of segmentations was found for the split 'test'"):
        load(config, check_files=True)
    config["explain"]["splits"] = ["val"]
    load(config, check_files=True)
    config["datasets"]["chexlocalize"]["human_benchmark"] = {"points": "none.json"}
    with pytest.raises(InputError, match=r"human_benchmark\.points"):
        load(config, check_files=True)


def test_its_classes_do_not_exclude_each_other(config):
    config.setdefault("statistics", {})["least_accuracy"] = 0.8
    with pytest.raises(InputError, match=r"statistics\.least_accuracy"):
        load(config)
