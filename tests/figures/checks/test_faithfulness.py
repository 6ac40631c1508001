"""Faithfulness against localization: each explainer is at its two means, with repeatable bytes."""

import numpy as np
import pandas as pd
import pytest

import figure as figure_script
from fidelity.analysis.columns.checks import FAITHFULNESS
from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.figures.checks import faithfulness
from fidelity.figures.shared import style

FAMILIES = {"lime": "perturbation", "gradcam": "cam", "lung_mask": "baseline"}
IOU = {"lime": 0.36, "gradcam": 0.28, "lung_mask": 0.5}
FAITHFUL = {
    "deletion_auc": {"lime": 0.4, "gradcam": 0.3, "lung_mask": 0.6},
    "insertion_auc": {"lime": 0.7, "gradcam": 0.8, "lung_mask": 0.5},
    "infidelity": {"lime": 0.002, "gradcam": 12.0, "lung_mask": 0.5},
    "sensitivity_max": {"lime": 0.1, "gradcam": 0.2, "lung_mask": np.nan},
}


@pytest.fixture(autouse=True)
def _close():
    yield
    style.plt.close("all")


def tables():
    head = {"dataset": "demo", "split": "test", "class": "all"}
    measured = [
        {**head, "classifier": net, "explainer": name, "metric": metric, "mean": mean,
         "ci_low": mean * 0.9, "ci_high": mean * 1.2, "direction": "lower", "localization": "iou",
         "n": 8}
        for net in ("net", "other")
        for metric, of in FAITHFUL.items()
        for name, mean in of.items()
    ]  # fmt: skip
    found = [
        {**head, "classifier": "none" if name == "lung_mask" else net, "explainer": name,
         "metric": metric, "mean": mean + shift, "ci_low": mean - 0.1, "ci_high": mean + 0.2,
         "binarization": binarization, "protocol": protocol}
        for net in ("net", "other")
        for binarization, protocol, metric, shift in (
            ("tuned", "default", "iou", 0), ("half", "default", "iou", 9),
            ("tuned", "seed", "iou", 8), ("tuned", "default", "dice", 7),
        )
        for name, mean in IOU.items()
        if net == "net" or name != "lung_mask"
    ]  # fmt: skip
    return (
        pd.DataFrame(measured).reindex(columns=FAITHFULNESS.names),
        pd.DataFrame(found).reindex(columns=LOCALIZATION.names),
    )


def points(axis):
    """Return the positions of markers, in drawing order."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axis.get_lines()
        if line.get_marker() not in ("None", "|", "_", "") and len(line.get_xdata())
    ]


def test_each_point_is_an_explainer_s_two_means():
    measured, found = tables()
    measured = measured[measured.classifier == "net"]
    found = found[found.classifier.isin(["net", "none"])]
    fig = faithfulness.plot(measured, found, "tuned")
    panels = {axis.get_ylabel(): axis for axis in fig.axes if axis.get_ylabel()}
    assert len(panels) == 4
    for (title, axis), metric in zip(panels.items(), FAITHFUL, strict=True):
        expected = [(IOU[name], mean) for name, mean in FAITHFUL[metric].items()]
        np.testing.assert_allclose(points(axis), expected)
        assert ("higher" in title) == (metric == "insertion_auc")
    assert panels["Infidelity\n(lower is better)"].get_yscale() == "log"
    assert panels["Deletion AUC\n(lower is better)"].get_yscale() == "linear"
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == list(IOU)


def test_nothing_measured_is_said():
    measured, found = tables()
    fig = faithfulness.plot(measured.iloc[:0], found, "tuned")
    assert "No faithfulness" in fig.axes[0].texts[0].get_text()
    fig = faithfulness.plot(measured, found[found.metric == "dice"], "tuned")
    assert "There are no localization scores" in fig.axes[0].texts[0].get_text()


def test_the_script_draws_the_classifier_s_rows_byte_for_byte_alike(tmp_path):
    measured, found = tables()
    measured.to_csv(tmp_path / "faithfulness.csv", index=False)
    found.to_csv(tmp_path / "localization.csv", index=False)
    drawn = []
    for name in ("a.png", "b.png"):
        files = {
            "faithfulness": str(tmp_path / "faithfulness.csv"),
            "localization": str(tmp_path / "localization.csv"),
        }
        settings = {"dpi": 80, "classifier": "net", "binarization": "tuned"}
        figure_script.main("checks.faithfulness", files, settings, [str(tmp_path / name)])
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 5000
