"""Comparison of two real finished studies, with the files and records that a run writes."""

import pandas as pd

import compare_studies as script
from fidelity.pages.comparison.columns import COMPARED, DIFFERING


def test_a_study_is_compared_with_a_changed_copy(finished, study, tmp_path):
    changed = study.folder / "results/small/net/lime/half/default/scores.parquet"
    rows = pd.read_parquet(changed)
    changed.unlink()  # other folders may have it as a hard link
    rows.assign(iou=rows["iou"] / 2).to_parquet(changed)
    out = tmp_path / "out"
    names = {"A": "first", "B": "second"}
    script.compare(finished.folder, study.folder / "results", out, names)
    table = COMPARED.read(out / COMPARED.file)
    assert set(table["design"]) == {"paired"}
    different = table[table["n_different"] > 0]
    assert set(different["explainer"]) == {"lime"}
    assert set(different["metric"]) == {"iou"}
    assert set(different["protocol"]) == {"default"}
    assert set(table["explainer"]) == {"lime", "gradcam", "lung", "noise"}
    assert DIFFERING.read(out / DIFFERING.file).empty
    page = (out / script.PAGE).read_text(encoding="utf-8")
    assert page.count(": no difference.") == 2
