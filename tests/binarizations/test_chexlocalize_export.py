"""Masks of this project, exported for CheXlocalize: the file format and the published numbers."""

import csv
import json

import numpy as np
import pytest
from pycocotools import mask as coco

from export_chexlocalize import main
from fidelity.base.errors import InputError
from fidelity.binarizations import fixed
from fidelity.binarizations.chexlocalize import otsu as chexlocalize_otsu
from fidelity.binarizations.chexlocalize.export import export, image_id
from fidelity.datasets.cases import Case, write_cases
from fidelity.datasets.sources.chexpert.observation_names import PATHOLOGIES
from fidelity.explainers.imported import read_saliency
from fidelity.maps.saliency_map import render
from fidelity.masks.run_lengths import decode, encode, read_masks, write_masks
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import METRICS
from fidelity.settings.explainers import Imported
from tests.helpers import SHARED_DATA

SAMPLE = SHARED_DATA / "chexlocalize_sample"
PATH = "CheXpert-v1.0/valid/patient1/study2/view1_frontal.jpg"


def _case(name="a", image=PATH, split="val", size=(30, 40)):
    return Case(name, "p", split, ("Edema",), image, height=size[0], width=size[1], digest="0")


def _mask(size=(30, 40)):
    mask = np.zeros(size, bool)
    mask[3:9, 5:20] = True
    return mask


def test_image_ids():
    assert image_id(_case()) == "patient1_study2_view1_frontal"
    assert image_id(_case("own", "images/x.png")) == "own"


def test_the_file_is_what_chexlocalize_reads(tmp_path):
    cases = [_case("a"), _case("b", PATH.replace("patient1", "patient2")), _case("c", "x", "test")]
    write_cases(tmp_path / "cases.csv", cases)
    given = {"a": {"Lung Opacity": encode(_mask()), "Edema": encode(~_mask())}}
    write_masks(tmp_path / "masks.json", given)
    paths = (str(tmp_path / name) for name in ("masks.json", "cases.csv"))
    main(*paths, ["val", "test"], str(tmp_path / "out"))
    found = json.loads((tmp_path / "out/val.json").read_text())
    assert list(found) == ["patient1_study2_view1_frontal", "patient2_study2_view1_frontal"]
    for by_class in found.values():
        assert set(by_class) == set(PATHOLOGIES)
        for rle in by_class.values():
            assert rle["size"] == [30, 40]
            assert isinstance(rle["counts"], str)
            assert coco.decode(rle).shape == (30, 40)
    first = found["patient1_study2_view1_frontal"]
    assert np.array_equal(coco.decode(first["Airspace Opacity"]) > 0, _mask())
    assert np.array_equal(coco.decode(first["Edema"]) > 0, ~_mask())
    filled = set(PATHOLOGIES) - {"Airspace Opacity", "Edema"}
    assert not any(coco.decode(first[cls]).any() for cls in filled)
    assert list(json.loads((tmp_path / "out/test.json").read_text())) == ["c"]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="'COVID-19' is not one"):
        export({"a": {"COVID-19": encode(_mask())}}, [_case()])
    with pytest.raises(InputError, match="scoring_size: original"):
        export({"a": {"Edema": encode(_mask((15, 20)))}}, [_case()])


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the CheXlocalize sample (shared/data) is not here")
@pytest.mark.parametrize("rule", ["otsu", "tuned"])
def test_published_values_from_exported_masks(tmp_path, rule):
    """Pickle → imported map → mask → exported JSON → score gives CheXlocalize's own numbers."""
    rows = list(csv.DictReader((SAMPLE / "expected.csv").open()))
    rows = [r for r in rows if r["metric"] == "iou" and r["binarization"].startswith(rule)]
    assert rows
    tuned = csv.DictReader((SAMPLE / "tuning_results.csv").open())
    thresholds = {row["task"]: float(row["threshold"]) for row in tuned}
    truth = read_masks(SAMPLE / "gt_segmentations_val.json")
    maps = str(SAMPLE / "gradcam_maps_val")
    settings = Imported(folder=maps, format="chexlocalize", sign="signed")
    masks, cases = {}, {}
    for row in rows:
        name, cls = row["case"], row["class"]
        size = tuple(truth[name][cls]["size"])
        patient, study, view = name.split("_", 2)
        image = f"CheXpert-v1.0/valid/{patient}/{study}/{view}.jpg"
        cases[name] = _case(name, image, size=size)
        saliency = read_saliency(name, cls, size, (0, 0, *size), settings)
        map01 = render(saliency, (0, 0, *size), size)
        if rule == "otsu":
            mask, _ = chexlocalize_otsu.binarize(map01)
        else:
            mask, _ = fixed.binarize(map01, threshold=thresholds[cls])
        masks.setdefault(name, {})[cls] = encode(mask)
    write_masks(tmp_path / "val.json", export(masks, cases.values()))
    found = read_masks(tmp_path / "val.json")
    assert set(found) <= set(truth)
    for row in rows:
        name, cls = row["case"], row["class"]
        pair = MaskPair(decode(truth[name][cls]), decode(found[name][cls]))
        value = METRICS["iou"].function(pair, PROTOCOLS["chexlocalize"])
        assert value == pytest.approx(float(row["value"]), abs=1e-9)
