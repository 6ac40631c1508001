"""Scores of a layer sweep: joined with their layers, and drawn against depth."""

import json

import numpy as np
import pandas as pd
import pytest

import figure as figure_script
from fidelity.analysis.columns.localization import LAYERS, LOCALIZATION
from fidelity.analysis.layer_depth import by_depth
from fidelity.base.errors import InputError
from fidelity.figures import layer_depth as figure
from tests.helpers.run_script import run_script

SWEEPS = {"cam": [f"cam-depth{depth}" for depth in range(1, 5)]}
ARCHITECTURES = {
    "net": {
        "layers": {
            f"cam-depth{depth}": {"layer": f"layer{depth}", "size": [32 // depth, 16 // depth]}
            for depth in range(1, 5)
        }
    }
}


@pytest.fixture
def localization():
    rows = []
    for depth in range(1, 5):
        for metric, rule in (("iou", "half"), ("iou", "other"), ("roc_auc", "none")):
            mean = depth / 10 + (0.5 if rule == "other" else 0)
            rows.append(
                dict.fromkeys(LOCALIZATION.names, 1)
                | {"dataset": "demo", "split": "test", "classifier": "net", "class": "all"}
                | {"explainer": f"cam-depth{depth}", "binarization": rule, "protocol": "default"}
                | {"metric": metric, "unit": "", "mean": mean}
                | {"ci_low": mean - 0.02, "ci_high": mean + 0.05}
            )
    return pd.DataFrame([{**rows[0], "explainer": "lime"}, *rows])


def test_each_row_says_its_layer_and_size(localization):
    found = by_depth(localization, SWEEPS, ARCHITECTURES)
    assert list(found.columns) == LAYERS.names
    assert set(found["explainer"]) == set(SWEEPS["cam"])
    assert len(found) == 12
    third = found[found["depth"] == 3].iloc[0]
    assert (third["layer"], third["height"], third["width"]) == ("layer3", 10, 5)
    assert third["explainer"] == "cam-depth3"
    assert third["sweep"] == "cam"
    assert by_depth(localization, {}, {}).columns.to_list() == LAYERS.names
    with pytest.raises(InputError, match="cam-depth1"):
        by_depth(localization, SWEEPS, {"net": {"layers": {}}})


def test_figure_draws_the_primary_rule_over_depth(localization):
    table = by_depth(localization, SWEEPS, ARCHITECTURES)
    fig = figure.plot(table, ["iou", "dice", "roc_auc"], "other")
    iou, auc = fig.axes
    line = iou.containers[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(orig=False), [0.6, 0.7, 0.8, 0.9])
    np.testing.assert_allclose(
        auc.containers[0].lines[0].get_ydata(orig=False), [0.1, 0.2, 0.3, 0.4]
    )
    low, high = iou.containers[0].lines[2][0].get_segments()[0][:, 1]
    np.testing.assert_allclose([low, high], [0.58, 0.65])
    # The panels share their axis; the last panel names the layers.
    assert [label.get_text() for label in auc.get_xticklabels()][1] == "layer2\n16 × 8"


def test_scripts_write_the_table_and_the_figure(localization, tmp_path):
    source, known = tmp_path / "localization.csv", tmp_path / "architecture.json"
    localization.to_csv(source, index=False)
    known.write_text(json.dumps(ARCHITECTURES["net"]))
    table = tmp_path / "layers.csv"
    files = {"localization": source, "architectures": [known]}
    run_script("layers", files, [table], classifiers=["net"], sweeps=SWEEPS)
    assert len(pd.read_csv(table)) == 12
    outputs = [str(tmp_path / f"layers.{suffix}") for suffix in ("png", "pdf")]
    settings = {"dpi": 60, "families": None, "classifier": "net", "binarization": "half"}
    settings |= {"metrics": ["iou", "roc_auc"]}
    figure_script.main("layer_depth", {"layers": str(table)}, settings, outputs)
    assert all((tmp_path / f"layers.{suffix}").stat().st_size > 2000 for suffix in ("png", "pdf"))
