"""The benchmarks call the workflow's scripts with the parameters that these have now."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

from fidelity.classifiers.weights import own_format
from tests.helpers import browser, small_explorer

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Give the folder in which every step of benchmarks/scaling.py has run on four images."""
    folder = tmp_path_factory.mktemp("scaling")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(BENCHMARKS)
        for step in runpy.run_path(str(BENCHMARKS / "scaling.py"))["STEPS"].values():
            step(folder, 4)
    return folder


def test_the_steps_end_in_a_table_of_means(measured):
    means = pd.read_csv(measured / "localization.csv").query("metric == 'iou'")
    assert means["n"].sum() > 0
    assert means["mean"].between(0, 1).all()


def test_the_tolerance_of_a_map_to_itself_is_zero(measured, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from one_case import trial_classifier

    model, prepared = tmp_path / "model.safetensors", measured / "prepared" / "test-000.h5"
    classifier = trial_classifier({"architecture": "resnet18"}, 64, [])
    classifier.classes = ("COVID-19", "Non-COVID", "Normal")
    own_format.save(classifier, model)
    tolerance = runpy.run_path(str(BENCHMARKS / "tolerance.py"))
    assert set(tolerance["explainers"]("bfloat16")) == {"lime", "occlusion"}
    monkeypatch.setitem(tolerance["STUDY"], "explainers", {"cam": {"method": "gradcam"}})
    tolerance["explain"]("reference", model, prepared, [], tmp_path)
    found = tolerance["scores_of"](tmp_path / "cam.h5", prepared)
    assert len(found) > 0
    assert set(tolerance["differences"](found, found).values()) == {(0.0, 0.0)}


@pytest.mark.skipif(browser.REASON is not None, reason=str(browser.REASON))
def test_the_benchmark_of_the_explorer_ends_at_the_last_case(monkeypatch, capsys):
    monkeypatch.setattr(small_explorer, "WORKING", small_explorer.WORKING)  # restored afterwards
    benchmark = runpy.run_path(str(BENCHMARKS / "explorer.py"))
    for name in set(benchmark["EXPLAINERS"]) - {"grid_0", "binary_0"}:
        del benchmark["EXPLAINERS"][name]
    monkeypatch.setattr("sys.argv", ["explorer.py", "--cases", "2"])
    benchmark["main"]()
    assert "a case: median" in capsys.readouterr().out
