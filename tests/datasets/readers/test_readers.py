"""Several readers, from tables, folders, box tables and the phantom to one reference per case."""

import dataclasses
import logging
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.columns.localization import COMBO
from fidelity.analysis.coverage import check_coverage, cohort_of, unread_of
from fidelity.base.errors import InputError
from fidelity.base.files import content_hash
from fidelity.datasets.cases import Case, read_cases, write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import PreparedShard, write_prepared, write_references
from fidelity.datasets.prepared_list import listed, write_list
from fidelity.datasets.readers.folders import with_folders
from fidelity.datasets.readers.references import check_rule, refer
from fidelity.datasets.sources.phantom.phantom import generate
from fidelity.datasets.sources.phantom.published_layouts import write_as
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from fidelity.masks.boxes import fill_boxes
from fidelity.masks.run_lengths import decode
from tests.helpers.entries import dataset
from tests.helpers.small_data import grey_ramp, make_covid_layout, write_image

SIDE = 20
LEFT = {"a": 2, "b": 4, "c": 8}
SETTINGS = {
    "table": "t.csv",
    "annotated_classes": ["Nodule"],
    "lung_masks": "none",
    "image_size": 16,
}


def mask(left, width=6):
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[4:9, left : left + width] = 255
    return pixels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three readers saw x, two saw y, none saw z. Reader c never marked a nodule in y."""
    for number, name in enumerate("xyz"):
        write_image(tmp_path / f"{name}.png", grey_ramp(SIDE, number + 1))
    for reader, left in LEFT.items():
        write_image(tmp_path / f"{reader}.png", mask(left))
    write_image(tmp_path / "m.png", mask(0))
    (tmp_path / "t.csv").write_text(
        "case,split,label,image,mask:Nodule,mask@a:Nodule,mask@b:nodule,mask@c:Nodule\n"
        "x,train,Nodule,x.png,,a.png,b.png,c.png\n"
        "y,val,Nodule,y.png,,a.png,,none\n"
        "z,test,Nodule,z.png,m.png,,,\n"
    )
    return tmp_path


def prepared(root, **changes):
    settings = dataset("table", {**SETTINGS, **changes})
    cases, _, classes, *_ = index_cases(root, settings)
    write_cases(root / "cases.csv", cases)
    assert read_cases(root / "cases.csv") == cases
    (root / "prepared").mkdir(exist_ok=True)
    path = root / "prepared" / "s.h5"
    attrs = {"image_size": 16, "classes": classes["classes"]}
    write_prepared(path, prepare_cases(cases, root, settings), attrs)
    return path


def referred(path, rule):
    """Write a shard with the references of a rule and read it: {case id: case}."""
    output = path.parent / "references" / path.name
    output.parent.mkdir(exist_ok=True)
    with PreparedShard(path) as shard:
        write_references(output, path, refer(shard, rule))
    with PreparedShard(output) as shard:
        return {case.case: case for case in shard}


def columns(rle):
    return sorted(set(np.nonzero(decode(rle))[1].tolist()))


def test_columns_of_readers_reach_the_prepared_case(root):
    with PreparedShard(prepared(root)) as shard:
        cases = {case.case: case for case in shard}
    assert {name: sorted(case.readers) for name, case in cases.items()} == {
        "x": ["a", "b", "c"], "y": ["a", "c"], "z": [],
    }  # fmt: skip
    for reader, left in LEFT.items():
        assert columns(cases["x"].reading("Nodule", reader)) == list(range(left, left + 6))
    # Until a rule is chosen, the reference holds the pixels that most readers marked.
    assert columns(cases["x"].references["Nodule"]) == [4, 5, 6, 7, 8, 9]
    assert columns(cases["y"].references["Nodule"]) == []
    assert cases["z"].readers_of("Nodule") == ["first"]


@pytest.mark.parametrize(
    ("rule", "x", "y"),
    [
        ("union", range(2, 14), range(2, 8)),
        ("intersection", [], []),
        ("majority", range(4, 10), []),
        ("b", range(4, 10), None),
    ],
)
def test_the_rule_makes_the_reference(root, rule, x, y):
    cases = referred(prepared(root), rule)
    assert columns(cases["x"].references["Nodule"]) == list(x)
    if y is None:
        assert (cases["y"].references, cases["y"].unread) == ({}, ("Nodule",))
        assert cases["y"].explained == ("Nodule",)
    else:
        assert columns(cases["y"].references["Nodule"]) == list(y)
    # z has no named reader, so every rule keeps the mask as it was drawn.
    assert columns(cases["z"].references["Nodule"]) == list(range(6))


@pytest.mark.parametrize("rule", ["union", "a", "b", "c", "first"])
def test_what_the_chosen_reader_did_not_read_leaves_the_cohort(root, rule, caplog):
    made = referred(prepared(root), rule).values()
    cases = read_cases(root / "cases.csv")
    cohort = cohort_of(cases, ["Nodule"], ["train", "val", "test"])
    caplog.clear()
    with caplog.at_level(logging.INFO):
        unread = unread_of(cases, cohort, rule)
    assert unread == {(case.split, case.case, cls) for case in made for cls in case.unread}
    assert unread == {
        "b": {("val", "y", "Nodule")},
        "first": {("train", "x", "Nodule"), ("val", "y", "Nodule")},
    }.get(rule, set())
    assert (f"{len(unread)} of the 3 cases" in caplog.text) == bool(unread)
    assert all("/".join(key) in caplog.text for key in unread)

    def everything(keys):
        scores = pd.DataFrame(sorted(keys), columns=["split", "case", "class"])
        return scores.assign(**dict.fromkeys(COMBO, "x"))

    check_coverage(everything(cohort - unread), cohort, [], False, unread)
    # Other readers can still be compared on cases that the chosen reader did not read.
    check_coverage(everything(cohort), cohort, [], False, unread)


def test_each_reader_is_left_out_in_turn(root):
    case = referred(prepared(root), "union")["x"]
    assert {r: columns(of.masks["Nodule"]) for r, of in case.without.items()} == {
        "a": list(range(4, 14)),
        "b": list(range(2, 14)),
        "c": list(range(2, 10)),
    }
    assert columns(case.against("c").references["Nodule"]) == list(range(2, 10))
    assert case.against("nobody").references == {}
    assert case.against("nobody").explained == ("Nodule",)
    # `any` chooses one of the case's readers, always the same one.
    chosen = case.one_reader("Nodule")
    assert chosen in LEFT
    expected = case.against(chosen).references
    assert case.against("any").references == expected


def test_of_a_reader_s_own_reference_the_others_agree_by_majority(root):
    case = referred(prepared(root), "b")["x"]
    assert columns(case.without["b"].masks["Nodule"]) == []  # a and c do not overlap
    assert columns(case.without["a"].masks["Nodule"]) == list(range(4, 10))


def test_a_mask_without_a_name_is_the_first_reader_s(root):
    text = (root / "t.csv").read_text().replace("x.png,,a.png", "x.png,m.png,a.png")
    (root / "t.csv").write_text(text)
    path = prepared(root)
    case = referred(path, "union")["x"]
    assert case.readers_of("Nodule") == ["a", "b", "c", "first"]
    assert columns(case.references["Nodule"]) == list(range(14))
    assert columns(referred(path, "first")["x"].references["Nodule"]) == list(range(6))
    # Before a rule is chosen, the unnamed mask is the reference.
    with PreparedShard(path) as shard:
        assert columns(next(iter(shard)).references["Nodule"]) == list(range(6))


def test_the_list_names_the_shards_with_references(root):
    path = prepared(root)
    referred(path, "union")
    output = root / "prepared" / "explained.json"
    (root / "classes.json").write_text("{}")
    file = path.parent / "references" / "s.h5"
    write_list([file], root / "classes.json", output)
    assert listed(output) == [str(file)]
    before = output.read_text()
    referred(path, "majority")
    write_list([file], root / "classes.json", output)
    assert output.read_text() != before
    with PreparedShard(file) as shard, PreparedShard(path) as own:
        np.testing.assert_array_equal(shard.images, own.images)
        assert shard.attrs == {**own.attrs, "prepared": content_hash(path)}


def test_an_unknown_reader_is_no_rule(root):
    prepared(root)
    for rule in ("union", "staple", "first", "a"):
        check_rule(rule, root / "cases.csv")
    with pytest.raises(InputError, match=r"no reader of the data set is called 'aa'.*a"):
        check_rule("aa", root / "cases.csv")


def test_a_reader_without_a_mark_is_told(root, caplog):
    (root / "t.csv").write_text((root / "t.csv").read_text().replace("b.png,c.png", "b.png,none"))
    with caplog.at_level(logging.WARNING):
        index_cases(root, dataset("table", SETTINGS))
    told = [r.getMessage() for r in caplog.records if "marked it in none" in r.getMessage()]
    assert told == ["the reader c read 2 images for the class Nodule, and marked it in none"]


def test_readers_masks_of_other_sizes(root, caplog):
    for name in "bc":
        write_image(root / f"{name}.png", np.kron(mask(4), np.ones((2, 2), np.uint8)))
    with caplog.at_level(logging.WARNING):
        index_cases(root, dataset("table", SETTINGS))
    told = [r.getMessage() for r in caplog.records if "aspect ratio" in r.getMessage()]
    assert [one.split(" have")[0] for one in told] == [
        "1 masks of the reader b", "1 masks of the reader c",
    ]  # fmt: skip
    write_image(root / "c.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(InputError, match=r"c.png: the mask of the reader c is 30 x 20"):
        index_cases(root, dataset("table", SETTINGS))


@pytest.mark.parametrize("column", ["mask@a", "mask@union:Nodule", "mask@:Nodule"])
def test_columns_that_name_no_reader(root, column):
    text = (root / "t.csv").read_text().replace("mask@a:Nodule", column)
    (root / "t.csv").write_text(text)
    with pytest.raises(InputError, match="unknown column|cannot be the name of a reader"):
        index_cases(root, dataset("table", SETTINGS))


def test_folders_of_further_readers(tmp_path, caplog):
    root = make_covid_layout(tmp_path)
    settings = {"annotated_classes": ["COVID-19"], "image_size": 32, "near_duplicates": "off"}
    write_image(root / "b" / "Test COVID-19 (0).png".lower(), np.zeros((32, 32), np.uint8))
    keys = {**settings, "readers": {"b": "b"}}
    with pytest.raises(
        InputError, match=r"readers\.b': none of the 1 masks has the name of a case"
    ):
        index_cases(root, dataset("covid_qu_ex", keys))
    drawn = np.zeros((32, 32), np.uint8)
    drawn[10:14, 8:12] = 255
    write_image(root / "b" / "test COVID-19 (0).png", drawn)
    with caplog.at_level(logging.WARNING):
        cases = index_cases(root, dataset("covid_qu_ex", keys))[0]
    assert "1 of 2 masks of the reader b are of no case" in caplog.text
    np.save(root / "b" / "test COVID-19 (1).npy", drawn)
    caplog.clear()
    index_cases(root, dataset("covid_qu_ex", keys))
    assert "1 files are not read, because they are not images (first: test COVID" in caplog.text
    write_image(root / "b" / "test COVID-19 (0).bmp", drawn)
    with pytest.raises(InputError, match=r"\(0\)\.bmp and test .*\(0\)\.png are masks of one case"):
        index_cases(root, dataset("covid_qu_ex", keys))
    (root / "b" / "test COVID-19 (0).bmp").unlink()
    (read,) = [case for case in cases if case.readers]
    assert (read.case, list(read.masks)) == ("test COVID-19 (0)", ["COVID-19"])
    (case,) = prepare_cases([read], root, dataset("covid_qu_ex", settings))
    assert columns(next(refer([case], "intersection")).references["COVID-19"]) == [8, 9]
    with pytest.raises(InputError, match=r"readers\.b': the folder does not exist"):
        index_cases(root, dataset("covid_qu_ex", {**keys, "readers": {"b": "nowhere"}}))


def test_a_mask_whose_name_fits_two_images(tmp_path):
    cases = [Case(c, c, "test", (), f"{c}/1.png") for c in ("east", "west")]
    write_image(tmp_path / "b" / "1.png", np.zeros((8, 8), np.uint8))
    settings = dataset("covid_qu_ex", {"annotated_classes": ["COVID-19"], "readers": {"b": "b"}})
    with pytest.raises(InputError, match=r"readers\.b': '1' is the name of 2 images"):
        list(with_folders(cases, tmp_path, settings))
    (tmp_path / "b" / "1.png").rename(tmp_path / "b" / "west.png")
    found = list(with_folders(cases, tmp_path, settings))
    assert [list(case.readers) for case in found] == [[], ["b"]]


def test_readers_of_a_table_of_boxes(root):
    (root / "t.csv").write_text(
        "case,split,label,image\nx,train,Nodule,x.png\ny,val,Nodule,y.png\nz,test,Nodule,z.png\n"
    )
    (root / "boxes.csv").write_text(
        "case,class,reader,x0,y0,x1,y1\n"
        "x,Nodule,a,0,0,10,10\nx,Nodule,b,2,0,12,10\nx,Nodule,c,,,,\n"
        "y,Nodule,a,0,0,5,5\ny,Nodule,,1,0,6,5\nz,Nodule,,1,1,4,4\n"
    )
    path = prepared(root, boxes="boxes.csv")
    with PreparedShard(path) as shard:
        cases = {case.case: case for case in shard}
    # Before a rule is chosen, every box counts, as if the readers were not distinguished.
    assert len(cases["x"].reference_boxes["Nodule"]) == 2
    found = referred(path, "majority")
    assert found["x"].reference_boxes["Nodule"] == ((0, 1, 10, 11),)
    assert found["x"].reference_kind("Nodule") == "box"
    expected = fill_boxes([(0, 1, 10, 11)], (SIDE, SIDE))
    np.testing.assert_array_equal(decode(found["x"].references["Nodule"]), expected)
    assert found["x"].without["c"].boxes["Nodule"] == ((0, 1, 10, 11),)
    assert found["x"].without["a"].boxes["Nodule"] == ()
    # Unnamed boxes next to named ones belong to the reader `first`.
    assert found["y"].readers_of("Nodule") == ["a", "first"]
    assert found["y"].reference_boxes["Nodule"] == ((0, 0.5, 5, 5.5),)
    assert found["z"].reference_boxes["Nodule"] == ((1, 1, 4, 4),)
    assert referred(path, "intersection")["x"].reference_boxes["Nodule"] == ()
    # Pixels have no instances: the pixels that STAPLE marks get a new bounding box.
    assert len(referred(path, "staple")["x"].reference_boxes["Nodule"]) <= 1


def test_three_simulated_readers(tmp_path):
    keys = {"cases": {"train": 3, "val": 3, "test": 30}, "size": 64, "simulated_readers": 3}
    settings = dataset("phantom", {**keys, "annotated_classes": ["COVID-19"], "image_size": 32})
    generate(tmp_path, settings, 1)
    cases = index_cases(tmp_path, settings)[0]
    shown = [case for case in cases if "COVID-19" in case.labels]
    assert {tuple(case.readers) for case in shown} == {("r1", "r2", "r3")}
    assert all(case.masks == {} for case in shown)
    drawn = list(prepare_cases(shown, tmp_path, settings))
    overlaps: dict[str, list[float]] = {}
    for rule in ("r1", "r2", "r3", "majority"):
        for case in refer(drawn, rule):
            folder = f"Infection Segmentation Data/{case.split.capitalize()}/COVID-19"
            file = tmp_path / folder / "infection masks" / f"{case.case}.png"
            truth, found = cv2.imread(str(file), -1) > 0, decode(case.references["COVID-19"])
            overlaps.setdefault(rule, []).append((truth & found).sum() / (truth | found).sum())
    means = {rule: np.mean(values) for rule, values in overlaps.items()}
    assert all(0.5 < means[reader] < 0.95 for reader in ("r1", "r2", "r3"))
    # The majority of three readers is closer to the truth than a single reader.
    assert means["majority"] > np.mean([means[reader] for reader in ("r1", "r2", "r3")]) + 0.01


def test_cases_without_readers_have_the_bytes_they_had(root):
    """A shard of a data set without readers contains no fields of readers."""
    (root / "t.csv").write_text(
        "case,split,label,image,mask:Nodule\nx,train,Nodule,x.png,m.png\ny,val,Nodule,y.png,m.png\n"
        "z,test,Nodule,z.png,m.png\n"
    )
    import h5py

    with h5py.File(prepared(root)) as file:
        records = "".join(record.decode() for record in file["cases"][:])
    assert '"second_references": {}' in records
    fields = {"readers", "reader_boxes", "agreed", "unread", "without"}
    with PreparedShard(root / "prepared" / "s.h5") as shard:
        case = next(iter(shard))
    assert fields < {field.name for field in dataclasses.fields(case)}
    assert not any(f'"{name}"' in records for name in fields)


def test_vindr_keeps_its_readers(tmp_path):
    write_as("vindr", tmp_path, {"train": 6, "val": 3, "test": 3})
    keys = {"annotated_classes": ["Nodule/Mass"], "lung_masks": "none", "image_size": 32}

    def cases(**more):
        return index_cases(tmp_path, dataset("vindr", {**keys, "split_seed": 1, **more}))[0]

    found = cases()
    write_cases(tmp_path / "cases.csv", found)
    assert read_cases(tmp_path / "cases.csv") == found
    named = {case.split: sorted(case.reader_boxes) for case in found}
    # The test boxes are a consensus of readers without names.
    assert named == {"train": ["R10", "R8", "R9"], "val": ["R10", "R8", "R9"], "test": []}
    settings = dataset("vindr", keys)
    for rule in ("majority", "R9"):
        chosen = {case.case: case.boxes for case in cases(readers=rule)}
        for case in refer(prepare_cases(found, tmp_path, settings), rule):
            assert case.reference_boxes == chosen[case.case]
            assert len(case.without) == (3 if case.split != "test" else 0)


def test_a_reader_is_left_out_of_every_shard(root, tmp_path):
    path = prepared(root)
    output = tmp_path / "references" / path.name
    output.parent.mkdir()
    with PreparedShard(path) as shard:
        write_references(output, path, refer(shard, "union"))
    # z has no named reader, so it has no reference that leaves one out.
    drawn = [MapRecord("x", "Nodule", "", "ok", "", 0.1, {}, SaliencyMap("dense", np.eye(16)))]
    for number in range(2):
        write_maps(tmp_path / f"{number}.h5", drawn, {"unanswered": 2})
    maps = [tmp_path / f"{number}.h5" for number in range(2)]
    found = [case for case, _ in explained_cases(maps, [output] * 2, left_out="c")]
    assert [columns(case.references["Nodule"]) for case in found] == [list(range(2, 10))] * 2


def test_other_images_make_other_references(root):
    path = prepared(root)
    output = path.parent / "references" / path.name
    referred(path, "union")
    first = output.read_bytes()
    write_image(root / "x.png", grey_ramp(SIDE, 99))
    referred(prepared(root), "union")
    assert output.read_bytes() != first
