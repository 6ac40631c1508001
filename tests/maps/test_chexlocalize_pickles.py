"""CheXlocalize's published numbers, starting from its pickles; and pickles that run code."""

import collections
import csv
import json
import os
import pickle

import numpy as np
import pytest
import torch

from fidelity.base.errors import InputError
from fidelity.binarizations import fixed
from fidelity.binarizations.chexlocalize import otsu as chexlocalize_otsu
from fidelity.maps.chexlocalize_pickles import read_map
from fidelity.maps.saliency_map import SaliencyMap, render
from fidelity.masks.run_lengths import decode
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.metrics.map_metrics import MapPair
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import METRICS
from tests.helpers import SHARED_DATA

SAMPLE = SHARED_DATA / "chexlocalize_sample"
NEEDS_SAMPLE = pytest.mark.skipif(
    not SAMPLE.is_dir(), reason="the CheXlocalize sample (shared/data) is not here"
)


def _rows(name):
    path = SAMPLE / name
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


@NEEDS_SAMPLE
@pytest.mark.parametrize("row", _rows("expected.csv"), ids=lambda row: "-".join(row.values())[:60])
def test_published_values_are_met(row):
    published = read_map(SAMPLE / "gradcam_maps_val" / f"{row['case']}_{row['class']}_map.pkl")
    assert published.task == row["class"]
    segmentations = json.loads((SAMPLE / "gt_segmentations_val.json").read_text())
    reference = decode(segmentations[row["case"]][row["class"]])
    size = published.size
    map01 = render(SaliencyMap("grid", published.values), (0, 0, *size), size, "signed")
    if row["metric"] == "hit_rate":
        found = METRICS["hit_rate"].function(MapPair(map01, reference))
    else:
        if row["binarization"] == "otsu":
            mask, _ = chexlocalize_otsu.binarize(map01)
        else:
            tuned = {r["task"]: float(r["threshold"]) for r in _rows("tuning_results.csv")}
            mask, _ = fixed.binarize(map01, threshold=tuned[row["class"]])
        found = METRICS[row["metric"]].function(
            MaskPair(reference, mask), PROTOCOLS["chexlocalize"]
        )
    assert found == pytest.approx(float(row["value"]), abs=1e-9)


def _content(**changes):
    return {
        "map": torch.arange(6.0).reshape(1, 1, 2, 3),
        "prob": 0.25,
        "task": "Edema",
        "gt": 1,
        "cxr_img": torch.zeros(1),
        "cxr_dims": (30, 20),
    } | changes


def _written(path, content, protocol=3):
    """Write the file as CheXlocalize did: a plain pickle of tensors."""
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def test_what_a_file_says(tmp_path):
    found = read_map(_written(tmp_path / "x.pkl", _content()))
    assert (found.probability, found.task, found.size) == (0.25, "Edema", (20, 30))
    assert np.array_equal(found.values, [[0, 1, 2], [3, 4, 5]])
    assert found.values.dtype == np.float32


class _Shell:
    def __reduce__(self):
        return os.system, ("touch pwned",)


class _Storage:
    """Hides the command in bytes that torch would unpickle without a check."""

    def __reduce__(self):
        return torch.storage._load_from_bytes, (pickle.dumps(_Shell()),)


@pytest.mark.parametrize(
    ("evil", "complaint"), [(_Shell(), "system"), (_Storage(), "pickle"), (np.zeros(2), "numpy")]
)
def test_pickles_run_no_code(tmp_path, monkeypatch, evil, complaint):
    monkeypatch.chdir(tmp_path)
    path = _written(tmp_path / "evil.pkl", _content(task=evil))
    with pytest.raises(InputError, match=complaint) as caught:
        read_map(path)
    assert "evil.pkl" in str(caught.value)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (collections.OrderedDict(map=1), "prob"),
        ([1, 2], "map"),
        (_content(map=torch.zeros(2, 3)), "shape"),
    ],
)
def test_other_contents_are_refused(tmp_path, content, complaint):
    with pytest.raises(InputError, match=complaint):
        read_map(_written(tmp_path / "x.pkl", content))


def test_damaged_files_are_refused(tmp_path):
    path = _written(tmp_path / "x.pkl", _content())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="pickle"):
        read_map(path)
