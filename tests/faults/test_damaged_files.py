"""Results that are cut off, changed, mixed up or incomplete are refused, never used as valid."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from torch import nn

from fidelity.analysis.columns.localization import COMBO
from fidelity.analysis.coverage import check_coverage, cohort_of
from fidelity.analysis.localization import load_scores
from fidelity.base import files
from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.predictions import read_predictions
from fidelity.classifiers.weights import own_format
from fidelity.datasets.cases import Case
from fidelity.datasets.prepared import PreparedCase, PreparedShard, write_prepared
from fidelity.explainers.unfinished_shards import PartialStore
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, read_maps, write_maps
from fidelity.masks.run_lengths import encode
from fidelity.scoring.mask_scores import read_status
from tests.helpers.synthetic_results import scores

NAMES = [f"case {i}" for i in range(4)]


def record(case, cls="a"):
    return MapRecord(case, cls, "", "ok", "", 0.1, {}, SaliencyMap("dense", np.eye(32)))


@pytest.fixture
def maps(tmp_path):
    path = tmp_path / "maps.h5"
    write_maps(path, map(record, NAMES), {"unanswered": 0})
    return path


@pytest.fixture
def prepared(tmp_path):
    def case(name):
        mask = encode(np.eye(32, dtype=bool))
        return PreparedCase(
            name, name, "test", ("a",), np.eye(32, dtype=np.uint8), None, (32, 32), (0, 0, 32, 32),
            {"a": mask}, None, "d",
        )  # fmt: skip

    path = tmp_path / "prepared.h5"
    write_prepared(path, map(case, NAMES), {"image_size": 32, "classes": ["a"]})
    return path


def pairs(maps, prepared):
    return [record.case for _, record in explained_cases([maps], [prepared])]


def read_shard(path):
    with PreparedShard(path) as shard:
        return list(shard), shard.images


def test_sound_files_are_read(maps, prepared):
    assert pairs(maps, prepared) == NAMES


def test_files_cut_off_anywhere(maps, prepared):
    for path, read in ((maps, lambda at: list(read_maps(at))), (prepared, read_shard)):
        whole = path.read_bytes()
        for length in (0, 1, 100, 2000, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(InputError, match=f"{path.name}.*Delete"):
                read(path)
        path.write_bytes(whole)
        read(path)


def _edit(path, change):
    with h5py.File(path, "a") as file:
        change(file)


def _without_values(file):
    del file["000001"]["values"]


def _no_json(file):
    file["000001"].attrs["record"] = "{"


def _not_finite(file):
    file["000001"]["values"][:] = np.nan


def _foreign(file):
    file.attrs["schema"] = "fidelity-maps-9"


@pytest.mark.parametrize("change", [_without_values, _no_json, _not_finite, _foreign])
def test_maps_with_a_damaged_record(maps, change):
    _edit(maps, change)
    with pytest.raises(InputError, match=r"maps.h5.*Delete"):
        list(read_maps(maps))


@pytest.mark.parametrize("name", ["images", "lungs", "cases"])
def test_a_prepared_shard_that_lost_a_part(prepared, name):
    def shorten(file):
        file[name].resize(3, axis=0)

    _edit(prepared, shorten)
    with pytest.raises(InputError, match=r"prepared.h5.*differ in number.*Delete"):
        read_shard(prepared)


def test_maps_that_lost_a_record(maps, prepared):
    def lose(file):
        del file["000002"]

    _edit(maps, lose)
    with pytest.raises(InputError, match=r"maps.h5: has 3 of 4 maps"):
        pairs(maps, prepared)


def test_maps_that_never_had_a_case(maps, prepared):
    write_maps(maps, map(record, NAMES[:3]), {"unanswered": 0})
    with pytest.raises(InputError, match=r"case 3/a.*1 cases of .*prepared.h5 have none"):
        pairs(maps, prepared)
    # Here, a case is missing intentionally: the reader did not read it.
    write_maps(maps, map(record, NAMES[:3]), {"unanswered": 1})
    assert pairs(maps, prepared) == NAMES[:3]


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ([*NAMES, "case 2"], "two maps of the same case"),
        (["of another shard"], "the case is not in"),
    ],
)
def test_maps_of_other_cases(maps, prepared, cases, said):
    write_maps(maps, map(record, cases), {"unanswered": 0})
    with pytest.raises(InputError, match=said):
        pairs(maps, prepared)


def test_a_batch_that_lost_a_record_is_made_again(tmp_path, caplog):
    stored = PartialStore(tmp_path, "f")
    stored.save(0, [record("x"), record("y")])
    assert len(stored.load(0)) == 2

    def lose(file):
        del file["000001"]

    _edit(stored.folder / "000000.h5", lose)
    assert stored.load(0) is None
    assert "1 of 2 maps" in caplog.text


@pytest.fixture
def model(tmp_path, monkeypatch):
    def two_layers(*_, **__):
        return nn.Sequential(nn.Flatten(), nn.Linear(12, 2))

    monkeypatch.setattr(own_format, "build", two_layers)
    classifier = Classifier(
        two_layers(), "net", ("A", "B"), "softmax", 3, (0.5,) * 3, (0.5,) * 3, 2
    )
    own_format.save(classifier, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_one_changed_bit_of_the_weights(model):
    own_format.load(model)
    content = bytearray(model.read_bytes())
    content[-5] ^= 1
    model.write_bytes(content)
    with pytest.raises(
        InputError, match=r"model.safetensors: the weights .* differ from what was saved"
    ):
        own_format.load(model)


def test_a_model_cut_off_or_of_another_kind(model):
    whole = model.read_bytes()
    for content in (b"", whole[:20], whole[:-1], b"no model at all" * 10):
        model.write_bytes(content)
        with pytest.raises(InputError, match=r"model.safetensors.*cannot be read"):
            own_format.load(model)


def test_weights_without_a_checksum_are_refused(model):
    meta, saved = own_format._read_saved(model)
    tensors = {name: value.clone() for name, value in saved.items()}
    text = json.dumps({k: v for k, v in meta.items() if k != "checksum"})
    model.write_bytes(own_format.to_bytes(tensors, metadata={"fidelity": text}))
    with pytest.raises(InputError, match="checksum"):
        own_format.load(model)


READERS = {
    "scores.parquet": lambda path: load_scores([path], [dict.fromkeys(COMBO, "x")]),
    "predictions.csv": read_predictions,
    "masks_status.csv": read_status,
    "classes.json": files.read_json,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff\xfe\x00", b'a,b\n"1', b"[" * 5000])
def test_tables_that_are_none(tmp_path, name, content):
    path = tmp_path / name
    with pytest.raises(InputError, match=name):
        READERS[name](path)
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}.*Delete the file"):
        READERS[name](path)


def test_scores_cut_off_or_without_a_column(tmp_path):
    path = tmp_path / "scores.parquet"
    table = scores(0.5, 10)
    table.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"scores.parquet.*Delete"):
        READERS["scores.parquet"](path)
    table.drop(columns="patient").to_parquet(path)
    with pytest.raises(InputError, match=r"scores.parquet, 'patient'.*Delete"):
        READERS["scores.parquet"](path)


def cohort_and_scores(explainers):
    cases = [Case(n, n, "test", ("a",), f"{n}.png", masks={"a": f"{n}.png"}) for n in NAMES]
    cases.append(Case("not explained", "x", "train", ("a",), "x.png", masks={"a": "x.png"}))
    cases.append(Case("not annotated", "y", "test", ("b",), "y.png"))
    rows = [
        {
            **dict.fromkeys(COMBO, "x"),
            "explainer": name,
            "split": "test",
            "case": case,
            "class": "a",
        }
        for name, found in explainers.items()
        for case in found
    ]
    return pd.DataFrame(rows), cohort_of(cases, ["a"], ["test"])


def test_means_of_a_part_of_the_cohort_are_refused_unless_told_so(caplog):
    table, cohort = cohort_and_scores({"lime": NAMES, "gradcam": NAMES[:3]})
    said = r"partial_cohort.*x/gradcam/x/x has no scores for 1 of the 4 .*case 3"
    with pytest.raises(InputError, match=said):
        check_coverage(table, cohort, [], partial=False)
    check_coverage(table, cohort, ["gradcam"], partial=False)
    assert caplog.text == ""
    check_coverage(table, cohort, [], partial=True)
    assert "has no scores for 1 of the 4" in caplog.text


def test_scores_of_cases_that_the_table_has_not(caplog):
    table, cohort = cohort_and_scores({"lime": [*NAMES, "of another data set"]})
    with pytest.raises(InputError, match=r"of another data set.*Delete"):
        check_coverage(table, cohort, ["lime"], partial=True)


def test_no_case_is_lost_between_the_table_and_the_cohort():
    _, cohort = cohort_and_scores({})
    assert cohort == {("test", name, "a") for name in NAMES}
