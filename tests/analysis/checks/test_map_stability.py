"""The table stability.csv: computed by hand, read from files, and without rows."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.checks.map_stability import stability_cases, summarize_stability
from fidelity.analysis.columns.checks import STABILITY
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from tests.helpers.run_script import run_script


def _record(case, status="ok", **extras):
    saliency = SaliencyMap("dense", np.ones((2, 2))) if status == "ok" else None
    return MapRecord(case, "a", "A", status, "", 1.0, extras, saliency)


def summary(*blocks):
    combos = [("net", explainer) for explainer, *_ in blocks]
    return summarize_stability("d", dict.fromkeys(combos), {"net": stability_cases(blocks)})


def test_by_hand():
    first = [_record("1", surrogate_r2=0.5, layer="x"), _record("2", surrogate_r2=0.9)]
    second = [
        _record("3", surrogate_r2=1.0, stability_iou=0.25, stability_rank=None),
        _record("4", "failed", surrogate_r2=0.0),
    ]
    other = ("gradcam", "test", [_record("1", layer="x")])
    table = summary(("lime", "test", first), ("lime", "test", second), other)
    assert table.columns.tolist() == STABILITY.names
    assert table["explainer"].tolist() == ["lime", "lime"]
    r2, iou = table.to_dict("records")
    assert (r2["quantity"], r2["n"], r2["median"]) == ("surrogate_r2", 3, 0.9)
    assert r2["mean"] == pytest.approx(0.8)
    assert (r2["min"], r2["max"]) == (0.5, 1.0)
    assert (iou["quantity"], iou["n"], iou["mean"]) == ("stability_iou", 1, 0.25)


def test_files_and_none(tmp_path):
    path, output = str(tmp_path / "maps.h5"), str(tmp_path / "stability.csv")
    write_maps(path, [_record("1", stability_iou=0.5), _record("2", stability_iou=1.0)], {})
    reported = str(tmp_path / "reported.parquet")
    blocks = [("lime", "test"), ("lime", "val")]
    run_script("stability_cases", {"maps": [path, path]}, [reported], blocks=blocks)
    settings = {"classifiers": ["=net"], "combos": [("=net", "lime")], "dataset": "d"}
    run_script("stability", {"reported": [reported]}, [output], **settings)
    for row, split in zip(pd.read_csv(output).to_dict("records"), ("test", "val"), strict=True):
        assert (row["split"], row["n"], row["mean"]) == (split, 2, 0.75)
        assert row["classifier"] == "'=net"
    run_script("stability", {"reported": []}, [output], classifiers=[], combos=[], dataset="d")
    assert pd.read_csv(output).columns.tolist() == STABILITY.names


def test_superpixels_are_counted_where_the_map_has_some():
    def record(count):
        segments = np.arange(16).reshape(4, 4) % count
        return MapRecord(
            "c", "a", "A", "ok", "", 1.0, {}, SaliencyMap("superpixels", np.ones(count), segments)
        )

    table = summary(("lime", "test", [record(4), record(6), _record("1", surrogate_r2=1.0)]))
    counted = table[table["quantity"] == "superpixels"]
    assert counted[["n", "mean", "min", "max"]].to_numpy().tolist() == [[2, 5.0, 4.0, 6.0]]
