from pathlib import Path

import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case, read_cases, write_cases
from fidelity.datasets.shards import shard_of, write_shards

CASES = [
    Case(
        'a,"b" (1) ü|\nx', "p", "train", ("A", "B"), "x y/ü.png", "l.png", {"A": "m.png"}, 3, 2, "d"
    ),
    Case("NA", "NA", "test", (), "n.png"),
]


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_cases_come_back_as_they_were_written_and_byte_identical(tmp_path):
    write_cases(tmp_path / "one.csv", CASES)
    write_cases(tmp_path / "two.csv", CASES)
    assert read_cases(tmp_path / "one.csv") == CASES
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("/etc/passwd", "absolute"),
        ("C:\\x.png", "absolute"),
        ("../x.png", "leaves the data root"),
        ("a/../../x.png", "leaves the data root"),
    ],
)
@pytest.mark.parametrize("column", ["image", "lung_mask", "mask:A"])
def test_paths_outside_the_root_are_refused(tmp_path, image, said, column):
    cells = {"case": "c", "split": "test", "label": "A", "image": "i.png", column: image}
    path = table(tmp_path / "t.csv", ",".join(cells), ",".join(cells.values()))
    with pytest.raises(InputError, match=said) as error:
        read_cases(path)
    assert str(path) in str(error.value)
    assert column in str(error.value)
    assert "line 2" in str(error.value)


def test_a_path_that_stays_inside_is_normalised(tmp_path):
    path = table(tmp_path / "t.csv", "case,split,label,image", "c,valid,A,a/../b.png")
    assert read_cases(path)[0].image == "b.png"
    assert read_cases(path)[0].split == "val"
    assert read_cases(path)[0].patient == "c"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["case,split,label", "c,test,A"], "'image' is missing"),
        (["case,split,label,image", "c,tset,A,i.png"], "unknown split 'tset'"),
        (["case,split,label,image", "c,test,A"], "fewer cells"),
        (["case,split,label,image", "c,test,A,i.png,more"], "more cells"),
        (["case,split,label,image", ",test,A,i.png"], "empty cell"),
        (["case,split,label,image,width", "c,test,A,i.png,-3"], "not a number of pixels"),
    ],
)
def test_bad_tables_are_refused_by_name(tmp_path, lines, said):
    path = table(tmp_path / "t.csv", *lines)
    with pytest.raises(InputError, match=said) as error:
        read_cases(path)
    assert error.value.file == path
    assert error.value.remedy


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("case;split;label;image\nc;test;A;a.png\n", "utf-8"),
        ("case,split,label,image\nc\u00e9,test,A,a.png\n", "cp1252"),
    ],
)
def test_what_a_spreadsheet_guess_would_read_is_refused(tmp_path, text, encoding):
    path = tmp_path / "cases.csv"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(InputError, match=r"cases.csv.*comma-separated text in UTF-8"):
        read_cases(path)


def test_missing_table(tmp_path):
    with pytest.raises(InputError, match=r"nothere.csv.*cannot be opened"):
        read_cases(tmp_path / "nothere.csv")


def many(count: int, split: str = "test") -> list[Case]:
    return [Case(f"c{i}", f"c{i}", split, ("A",), f"c{i}.png") for i in range(count)]


def test_shards_hold_each_case_once_and_may_be_empty(tmp_path):
    names = write_shards(many(40), {"train": 2, "val": 1, "test": 3}, tmp_path)
    assert names == ["train-000", "train-001", "val-000", "test-000", "test-001", "test-002"]
    parts = [read_cases(tmp_path / f"{name}.csv") for name in names]
    assert [len(part) for part in parts[:3]] == [0, 0, 0]
    assert sorted(c.case for part in parts for c in part) == sorted(c.case for c in many(40))


def test_a_new_case_changes_its_shard_alone(tmp_path):
    counts = {"train": 1, "val": 1, "test": 4}
    write_shards(many(40), counts, tmp_path / "before")
    write_shards(many(41), counts, tmp_path / "after")
    changed = [
        path.stem
        for path in sorted((tmp_path / "before").iterdir())
        if path.read_bytes() != (tmp_path / "after" / path.name).read_bytes()
    ]
    assert changed == [f"test-{shard_of('c40', 4):03d}"]


def test_the_shard_of_a_case_is_fixed_for_ever():
    assert [shard_of(f"covid_{i}", 7) for i in range(8)] == [5, 2, 2, 5, 5, 4, 0, 2]


@pytest.mark.parametrize("counts", [{"train": 0}, {"tset": 2}])
def test_impossible_shard_counts_are_refused(tmp_path, counts):
    with pytest.raises(InputError, match="number of shards") as error:
        write_shards([], counts, tmp_path)
    assert error.value.field == "shards"


def test_blanks_around_ids_do_not_make_two_patients(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("case,patient,split,label,image\n a ,p1,train,A,a.png\nb,p1 ,test,A,b.png\n")
    assert [(c.case, c.patient) for c in read_cases(path)] == [("a", "p1"), ("b", "p1")]


def test_the_longest_id_may_begin_like_a_formula(tmp_path):
    cases = [Case("=" + "x" * 499, "-" + "y" * 499, "test", (), "a.png")]
    write_cases(tmp_path / "cases.csv", cases)
    assert read_cases(tmp_path / "cases.csv") == cases
