"""The table stability.csv: by hand, from files, and empty."""

import numpy as np
import pandas as pd
import pytest

import stability as script
from fidelity.maps import MapRecord, SaliencyMap, write_maps
from fidelity.stability import STABILITY, summarize_stability

HEAD = {"dataset": "d", "split": "test", "classifier": "net", "explainer": "lime"}


def _record(case, status="ok", **extras):
    saliency = SaliencyMap("dense", np.ones((2, 2))) if status == "ok" else None
    return MapRecord(case, "a", "A", status, "", 1.0, extras, saliency)


def test_by_hand():
    first = [_record("1", surrogate_r2=0.5, layer="x"), _record("2", surrogate_r2=0.9)]
    second = [
        _record("3", surrogate_r2=1.0, stability_iou=0.25, stability_rank=None),
        _record("4", "failed", surrogate_r2=0.0),
    ]
    other = {**HEAD, "explainer": "gradcam"}
    table = summarize_stability([(HEAD, first), (HEAD, second), (other, [_record("1", layer="x")])])
    assert table.columns.tolist() == STABILITY
    assert table["explainer"].tolist() == ["lime", "lime"]
    r2, iou = table.to_dict("records")
    assert (r2["quantity"], r2["n"], r2["median"]) == ("surrogate_r2", 3, 0.9)
    assert r2["mean"] == pytest.approx(0.8)
    assert (r2["min"], r2["max"]) == (0.5, 1.0)
    assert (iou["quantity"], iou["n"], iou["mean"]) == ("stability_iou", 1, 0.25)


def test_files_and_none(tmp_path):
    path, output = str(tmp_path / "maps.h5"), str(tmp_path / "stability.csv")
    write_maps(path, [_record("1", stability_iou=0.5), _record("2", stability_iou=1.0)], {})
    script.main([path], [{**HEAD, "classifier": "=net"}], output)
    (row,) = pd.read_csv(output).to_dict("records")
    assert (row["classifier"], row["n"], row["mean"]) == ("'=net", 2, 0.75)
    script.main([], [], output)
    assert pd.read_csv(output).columns.tolist() == STABILITY


def test_superpixels_are_counted_where_the_map_has_some():
    def record(count):
        segments = np.arange(16).reshape(4, 4) % count
        return MapRecord(
            "c", "a", "A", "ok", "", 1.0, {}, SaliencyMap("superpixels", np.ones(count), segments)
        )

    table = summarize_stability([(HEAD, [record(4), record(6), _record("1", surrogate_r2=1.0)])])
    counted = table[table["quantity"] == "superpixels"]
    assert counted[["n", "mean", "min", "max"]].to_numpy().tolist() == [[2, 5.0, 4.0, 6.0]]
