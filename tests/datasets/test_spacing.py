"""Pixel spacing, from the table or the data set's setting to the prepared case."""

import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case, read_cases, write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import PreparedShard, write_prepared
from fidelity.scoring.mask_scores import spacing_pair
from tests.helpers.entries import dataset
from tests.helpers.small_data import grey_ramp, write_image

SETTINGS = {
    "table": "t.csv",
    "annotated_classes": ["A"],
    "lung_masks": "none",
    "image_size": 16,
}


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate("ab"):
        write_image(tmp_path / f"{name}.png", grey_ramp(20, number))
    write_image(tmp_path / "m.png", np.eye(20, dtype=np.uint8))
    (tmp_path / "t.csv").write_text(
        "case,split,label,image,mask:A,spacing_row,spacing_column\n"
        "a,train,A,a.png,m.png,0.143, 0.2\nb,val,A,b.png,m.png,,\n"
    )
    return tmp_path


def spacings(root, tmp_path):
    write_cases(tmp_path / "c.csv", index_cases(root, dataset("table", SETTINGS))[0])
    prepared = prepare_cases(read_cases(tmp_path / "c.csv"), root, dataset("table", SETTINGS))
    write_prepared(tmp_path / "s.h5", prepared, {"image_size": 16, "classes": []})
    with PreparedShard(tmp_path / "s.h5") as shard:
        return {case.case: case.spacing for case in shard}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [(None, None), (0.5, (0.5, 0.5)), (1, (1.0, 1.0)), ([0.1, 0.3], (0.1, 0.3))],
)
def test_the_setting_is_one_number_or_two(setting, expected):
    assert spacing_pair(setting) == expected


def test_the_case_s_own_spacing_reaches_the_shard(root, tmp_path):
    assert spacings(root, tmp_path) == {"a": (0.143, 0.2), "b": None}


@pytest.mark.parametrize("cells", ["0.1,", ",0.1", "0,0.1", "-1,1", "0.1,inf", "0.1,x", "nan,1"])
def test_half_a_spacing_or_none_above_zero_is_refused(tmp_path, cells):
    path = tmp_path / "t.csv"
    path.write_text(f"case,split,label,image,spacing_row,spacing_column\nc,test,A,i.png,{cells}\n")
    with pytest.raises(
        InputError, match=r"spacing_(row|column)'.*line 2.*not a distance in mm.*both"
    ):
        read_cases(path)


def test_columns_stand_only_where_something_is_in_them(tmp_path):
    plain = Case("c", "c", "test", ("A",), "i.png", masks={"A": "m.png"})
    write_cases(tmp_path / "plain.csv", [plain])
    header = (tmp_path / "plain.csv").read_text().splitlines()[0]
    assert header == "case,patient,split,label,image,lung_mask,mask:A,width,height,digest"


def test_shards_of_before_are_read(tmp_path):
    """Files without the newer fields give cases without them."""
    import json

    import h5py

    from fidelity.datasets.prepared import PreparedCase

    case = PreparedCase(
        "c", "c", "test", (), np.zeros((16, 16), np.uint8), None, (16, 16), (0, 0, 16, 16), {},
        None, "d",
    )  # fmt: skip
    write_prepared(tmp_path / "s.h5", [case], {"image_size": 16, "classes": []})
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        record = json.loads(file["cases"].asstr()[0])
        del record["spacing"], record["second_references"]
        file["cases"][0] = json.dumps(record)
    with PreparedShard(tmp_path / "s.h5") as shard:
        (found,) = shard
    assert found.spacing is None
    assert found.readers == {}
