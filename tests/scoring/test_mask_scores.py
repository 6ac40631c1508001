"""From maps to scores through the scripts, on cases small enough to check by hand."""

import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

import binarize
import masks_png
import score
import sweep
from fidelity.base.errors import InputError
from fidelity.classifiers.predictions import answers_of
from fidelity.datasets.cases import Case, write_cases
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from fidelity.masks.run_lengths import decode, encode, read_masks, write_masks
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.metrics.curves import SHARES
from fidelity.metrics.registry import select
from fidelity.scoring.mask_scores import score_mask, spacing_in_frame
from tests.helpers import entries

NATIVE, WORKING = (24, 32), 16
POSTPROCESS = {"sign": "positive", "lung": False, "median": 0, "min_component": 0}
METRICS = ["iou", "dice", "hausdorff_full", "hd95_boundary"]
SETTINGS = {
    "metrics": [*METRICS, "precision", "recall"],
    "empty": {},
    "scoring_size": "original",
    "surface_tolerance": 2,
}

CURVES = {
    "thresholds": 3, "scoring_size": "original", "sign": "positive", "lung": False, "empty": {},
}  # fmt: skip


def _square(y0, x0, y1, x1, shape=NATIVE):
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


REFERENCE = _square(4, 6, 12, 18)
LUNG = _square(2, 2, 20, 14)


def _case(name, split="test", reference=REFERENCE, lung=LUNG, box=(0, 0, *NATIVE)):
    return PreparedCase(
        case=name,
        patient=f"p-{name}",
        split=split,
        labels=("COVID-19",),
        image=np.zeros((WORKING, WORKING), np.uint8),
        lung=None if lung is None else np.ones((WORKING, WORKING), bool),
        native_size=NATIVE,
        box=box,
        references={} if reference is None else {"COVID-19": encode(reference)},
        lung_native=None if lung is None else encode(lung),
        digest="0",
    )


def _record(name, values=None, kind="dense", target="COVID"):
    if values is None:
        return MapRecord(name, "COVID-19", target, "failed", "no layer", 0.1)
    saliency = SaliencyMap(kind, values.astype(np.float32))
    return MapRecord(name, "COVID-19", target, "ok", "", 0.1, {}, saliency)


@pytest.fixture
def cohort(tmp_path):
    """Write two shards: a perfect, an empty and a failed map, an empty reference, and Normal."""
    shards = [
        [
            (_case("perfect"), _record("perfect", REFERENCE)),
            (_case("empty"), _record("empty", np.zeros(NATIVE))),
            (_case("failed"), _record("failed")),
        ],
        [
            (_case("none", reference=~np.ones(NATIVE, bool)), _record("none", REFERENCE)),
            (_case("a-val", split="val"), _record("a-val", REFERENCE)),
            (_case("normal", reference=None), _record("normal", REFERENCE)),
        ],
    ]
    return _written(tmp_path, shards)


def _written(folder, shards):
    maps, prepared = [], []
    for index, pairs in enumerate(shards):
        maps.append(str(folder / f"maps-{index}.h5"))
        prepared.append(str(folder / f"prepared-{index}.h5"))
        write_maps(maps[-1], [record for _, record in pairs], {})
        attrs = {"image_size": WORKING, "classes": ["COVID", "Normal"]}
        write_prepared(prepared[-1], [case for case, _ in pairs], attrs)
    classes = {
        "classes": ["COVID", "Normal"],
        "task": "multiclass",
        "annotated": ["COVID-19"],
        "labels": {"COVID-19": "COVID", "Normal": "Normal"},
    }
    (folder / "classes.json").write_text(json.dumps(classes))
    return maps, prepared


def _predictions(folder, names):
    rows = []
    for index, name in enumerate(names):
        covid = 0.9 if index % 2 == 0 else 0.2
        for cls, probability in (("COVID", covid), ("Normal", 1 - covid)):
            rows.append((name, f"p-{name}", "test", cls, int(cls == "COVID"), 0.0, probability))
    columns = ["case", "patient", "split", "class", "label", "logit", "probability"]
    path = folder / "predictions.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return str(path)


def _scores(folder, maps, prepared, *, size="original", predictions=None, postprocess=POSTPROCESS):
    masks, status = str(folder / "masks.json"), str(folder / "status.csv")
    own = entries.rule({"method": "fixed", "threshold": 0.5}), entries.steps(postprocess)
    binarize.main(maps, prepared, *own, size, masks, status)
    output = str(folder / "scores.parquet")
    settings = SETTINGS | {"scoring_size": size, "outputs": {"default": output}}
    classes = str(folder / "classes.json")
    score.main(masks, status, prepared, predictions, classes, **settings)
    return pd.read_parquet(output)


def test_scores_by_hand(tmp_path, cohort):
    maps, prepared = cohort
    names = ["perfect", "empty", "failed", "none", "a-val", "normal"]
    table = _scores(tmp_path, maps, prepared, predictions=_predictions(tmp_path, names))
    assert table["case"].tolist() == ["a-val", "empty", "failed", "none", "perfect"]
    rows = table.set_index("case")
    assert rows.loc["perfect", METRICS].tolist() == [1, 1, 0, 0]
    diagonal = math.hypot(*NATIVE)
    assert rows.loc["empty", METRICS].tolist() == [0, 0, diagonal, diagonal]
    assert rows.loc["none", METRICS].isna().all()
    assert rows.loc["none", "false_positive_share"] == REFERENCE.mean()
    assert rows.loc["failed", METRICS].isna().all()
    assert rows["status"].to_dict()["failed"] == "failed"
    assert rows["empty_prediction"].to_dict() == {
        "a-val": False, "empty": True, "failed": False, "none": False, "perfect": False,
    }  # fmt: skip
    assert rows["empty_reference"].sum() == 1
    assert rows["reference_area"].to_dict()["perfect"] == REFERENCE.sum()
    assert rows["reference_area"].to_dict()["none"] == 0
    assert (rows["image_area"] == REFERENCE.size).all()
    assert math.isnan(rows.loc["empty", "iou_nan"])
    assert (rows["target_class"] == "COVID").all()
    assert rows.loc["perfect", ["target_is_predicted", "probability", "correct"]].tolist() == [
        True, 0.9, True,
    ]  # fmt: skip
    assert rows.loc["empty", ["target_is_predicted", "probability", "correct"]].tolist() == [
        False, 0.2, False,
    ]  # fmt: skip


def test_without_a_classifier_the_target_is_the_references_own(tmp_path):
    shards = [[(_case("007"), _record("007", REFERENCE, "binary", target=""))]]
    table = _scores(tmp_path, *_written(tmp_path, shards))
    assert table.loc[0, "case"] == "007"
    assert table.loc[0, "target_class"] == "COVID"
    assert table.loc[0, "iou"] == 1
    assert table[["target_is_predicted", "probability", "correct"]].isna().all(axis=None)
    assert str(table["correct"].dtype) == "boolean"


def test_shards_and_their_order_change_no_byte(tmp_path, cohort):
    maps, prepared = cohort
    _scores(tmp_path, maps, prepared)
    before = [(tmp_path / name).read_bytes() for name in ("masks.json", "scores.parquet")]
    _scores(tmp_path, maps[::-1], prepared[::-1])
    assert [(tmp_path / name).read_bytes() for name in ("masks.json", "scores.parquet")] == before


def test_no_case_at_all_gives_an_empty_table(tmp_path):
    table = _scores(tmp_path, *_written(tmp_path, [[]]))
    assert len(table) == 0
    assert {"case", "iou", "false_positive_share"} <= set(table.columns)


def test_at_working_size_the_reference_is_what_the_classifier_saw(tmp_path):
    box = (4, 0, 20, 16)
    case = _case("crop", box=box)
    shown = cv2.resize(
        REFERENCE[4:20, 0:16].astype(np.uint8),
        (WORKING, WORKING),
        interpolation=cv2.INTER_NEAREST_EXACT,
    )
    maps, prepared = _written(tmp_path, [[(case, _record("crop", shown))]])
    assert _scores(tmp_path, maps, prepared, size="working").loc[0, "iou"] == 1
    masks = read_masks(tmp_path / "masks.json")
    assert masks["crop"]["COVID-19"]["size"] == [WORKING, WORKING]
    original = _scores(tmp_path, maps, prepared)
    assert original.loc[0, "iou"] == (REFERENCE[4:20, 0:16].sum() / REFERENCE.sum())


def test_masks_are_restricted_to_the_lung(tmp_path, cohort):
    maps, prepared = cohort
    rows = _scores(tmp_path, maps, prepared, postprocess={**POSTPROCESS, "lung": True})
    expected = (REFERENCE & LUNG).sum() / REFERENCE.sum()
    assert rows.set_index("case").loc["perfect", "iou"] == expected


def test_a_missing_lung_mask_is_named(tmp_path):
    maps, prepared = _written(tmp_path, [[(_case("a", lung=None), _record("a", REFERENCE))]])
    settings = CURVES | {"lung": True}
    with pytest.raises(InputError, match=r"postprocess\.lung"):
        sweep.main(maps, prepared, **settings, output=str(tmp_path / "curves.parquet"))
    with pytest.raises(InputError, match=r"postprocess\.lung"):
        _scores(tmp_path, maps, prepared, postprocess={**POSTPROCESS, "lung": True})


@pytest.mark.parametrize("lung", [False, True])
def test_curves_pass_through_the_scores(tmp_path, lung):
    values = np.random.default_rng(5).random(NATIVE) ** 2
    maps, prepared = _written(tmp_path, [[(_case("a"), _record("a", values))]])
    settings = CURVES | {"thresholds": 11, "lung": lung}
    output = tmp_path / "curves.parquet"
    sweep.main(maps, prepared, **settings, output=str(output))
    curves = pd.read_parquet(output)
    assert len(curves) == 11
    scores = _scores(tmp_path, maps, prepared, postprocess={**POSTPROCESS, "lung": lung})
    assert curves.loc[5, ["threshold", *SHARES]].tolist() == [
        0.5, *scores.loc[0, [*SHARES]],
    ]  # fmt: skip


def test_sweep_leaves_out_failed_and_unannotated_cases(tmp_path, cohort):
    sweep.main(*cohort, **CURVES, output=str(tmp_path / "curves.parquet"))
    curves = pd.read_parquet(tmp_path / "curves.parquet")
    assert list(dict.fromkeys(curves["case"])) == ["a-val", "empty", "none", "perfect"]
    assert curves.groupby("case")["reference_empty"].all()["none"]


def test_masks_and_status_must_agree(tmp_path, cohort):
    maps, prepared = cohort
    _scores(tmp_path, maps, prepared)
    write_masks(tmp_path / "masks.json", {})
    with pytest.raises(InputError, match="do not agree"):
        score.main(
            str(tmp_path / "masks.json"),
            str(tmp_path / "status.csv"),
            prepared,
            None,
            str(tmp_path / "classes.json"),
            **SETTINGS,
            outputs={"default": str(tmp_path / "x.parquet")},
        )


def test_millimetres_are_there_where_a_case_has_a_spacing(tmp_path):
    known, unknown = replace(_case("known"), spacing=(0.2, 0.2)), _case("unknown")
    maps = REFERENCE ^ _square(4, 6, 6, 18)
    maps, prepared = _written(tmp_path, [[(c, _record(c.case, maps)) for c in (known, unknown)]])
    _scores(tmp_path, maps, prepared)
    settings = SETTINGS | {"metrics": ["assd_mm", "hausdorff_full", "hausdorff_full_mm"]}
    paths = [str(tmp_path / name) for name in ("classes.json", "mm.parquet")]
    masks = [str(tmp_path / name) for name in ("masks.json", "status.csv")]
    score.main(*masks, prepared, None, paths[0], **settings, outputs={"default": paths[1]})
    rows = pd.read_parquet(paths[1]).set_index("case")
    assert rows.loc["known", "hausdorff_full_mm"] == pytest.approx(0.4)
    assert rows.loc["known", "hausdorff_full"] == 2
    assert math.isnan(rows.loc["unknown", "assd_mm"])
    write_prepared(prepared[0], [unknown, replace(known, spacing=None)], {
        "image_size": WORKING, "classes": ["COVID", "Normal"],
    })  # fmt: skip
    score.main(*masks, prepared, None, paths[0], **settings, outputs={"default": paths[1]})
    assert "assd_mm" not in pd.read_parquet(paths[1])


def test_the_working_image_has_pixels_of_another_size():
    case = replace(_case("a", box=(2, 4, 18, 28)), spacing=(0.2, 0.3))
    assert spacing_in_frame(case, "original") == pytest.approx((0.2, 0.3))
    assert spacing_in_frame(case, "working") == pytest.approx((0.2, 0.3 * 24 / 16))
    assert spacing_in_frame(_case("a"), "working") is None


def test_multilabel_answers_look_at_each_class():
    table = pd.DataFrame(
        [("a", "X", 1, 0.7), ("a", "Y", 1, 0.4), ("a", "Z", 0, 0.6)],
        columns=["case", "class", "label", "probability"],
    )
    said = answers_of(table, "multilabel")
    assert [said["a", cls].target_is_predicted for cls in "XYZ"] == [True, False, True]
    assert [said["a", cls].correct for cls in "XYZ"] == [True, False, False]
    assert answers_of(table, "multiclass")["a", "Y"].correct is True


def test_failing_size_is_named():
    with pytest.raises(ValueError, match="shape"):
        score_mask(REFERENCE, np.zeros((3, 3), bool), select(["iou"]), PROTOCOLS["default"])


def _listed(name, image, split="test"):
    return Case(name, name, split, ("COVID-19",), image, None, {}, 32, 24, "0")


def test_png_masks_lie_in_the_data_sets_layout(tmp_path):
    cases = [
        _listed("covid_1", "Test/COVID-19/images/covid_1.png"),
        _listed("b", "scans/b.jpg", split="val"),
        _listed("two", "Test/COVID-19/images/two.png"),
    ]
    write_cases(tmp_path / "cases.csv", cases)
    rle = encode(REFERENCE)
    write_masks(
        tmp_path / "masks.json",
        {"covid_1": {"COVID-19": rle}, "b": {"A": rle}, "two": {"A": rle, "B": rle}},
    )
    masks_png.main(str(tmp_path / "masks.json"), str(tmp_path / "cases.csv"), str(tmp_path / "o"))
    written = sorted(str(p.relative_to(tmp_path / "o")) for p in (tmp_path / "o").rglob("*.png"))
    assert written == [
        "Test/COVID-19/predicted masks/covid_1.png",
        "test/A/two.png",
        "test/B/two.png",
        "val/A/b.png",
    ]
    pixels = cv2.imread(str(tmp_path / "o" / written[0]), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(pixels, decode(rle) * np.uint8(255))


def test_png_masks_stay_in_their_folder(tmp_path):
    write_cases(tmp_path / "cases.csv", [_listed("x", "../../images/x.png")])
    write_masks(tmp_path / "masks.json", {"x": {"COVID-19": encode(REFERENCE)}})
    with pytest.raises(InputError, match="leaves the data root"):
        masks_png.main(
            str(tmp_path / "masks.json"), str(tmp_path / "cases.csv"), str(tmp_path / "o")
        )
