"""Sweeps over layers are expanded, and layers without hooks refused, when the config is read."""

import copy

import pytest
import yaml

from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.classifiers.cam_layers import choose
from fidelity.settings import loading
from fidelity.study.study import Study


@pytest.fixture
def config():
    return yaml.safe_load(
        """
        datasets: {demo: {source: phantom, annotated_classes: [COVID-19]}}
        classifiers: {net: {architecture: resnet18}}
        explainers: {cam: {method: gradcam, layer: all}, lime: {method: lime}}
        """
    )


def test_all_becomes_one_explainer_per_depth(config):
    found = settings.load(config, check_files=False).model_dump()["explainers"]
    assert {name: entry.get("layer") for name, entry in found.items()} == {
        "cam-depth1": "depth-1",
        "cam-depth2": "depth-2",
        "cam-depth3": "depth-3",
        "cam-depth4": "depth-4",
        "lime": None,
    }
    assert loading.DEPTHS == choose.DEPTHS


def test_a_taken_name_and_a_nested_sweep_are_refused(config):
    taken = copy.deepcopy(config)
    taken["explainers"]["cam-depth2"] = {"method": "lime"}
    with pytest.raises(InputError, match="cam-depth2"):
        settings.load(taken, check_files=False)
    config["explainers"] = {
        "cam": {"method": "random_weights", "of": {"method": "gradcam", "layer": "all"}}
    }
    with pytest.raises(InputError, match=r"cam\.of\.layer"):
        settings.load(config, check_files=False)


def test_cams_of_torchscript_are_refused_before_any_job(config):
    config["classifiers"]["script"] = {
        "architecture": "torchscript",
        "weights": "net.pt",
        "trusted": True,
        "training": None,
    }
    with pytest.raises(InputError, match="TorchScript, whose layers cannot be hooked"):
        settings.load(config, check_files=False)
    config["explainers"] = {"lime": {"method": "lime"}}
    settings.load(config, check_files=False)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"architecture": "resnet18", "outputs": {"COVID-19": "Pneumonia"}}, "outputs"),
        ({"architecture": "xrv:densenet121", "weights": "imagenet"}, "no ImageNet weights"),
    ],
)
def test_keys_of_torchxrayvision_that_do_not_fit(config, own, message):
    config["classifiers"] = {"net": own}
    with pytest.raises(InputError, match=message):
        settings.load(config, check_files=False)


def test_sweeps_are_named_by_depth(config):
    found = settings.load(config, check_files=False)
    assert Study(found).sweeps == {"cam": ["cam-depth1", "cam-depth2", "cam-depth3", "cam-depth4"]}
    config["explainers"]["cam"]["layer"] = "auto"
    assert Study(settings.load(config, check_files=False)).sweeps == {}
