"""Input that is made to do harm is refused with a clear error before it costs memory or time."""

import collections
import copy
import csv
import json
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import masks_png
from fidelity import settings as config_settings
from fidelity.base.errors import InputError
from fidelity.base.files import write_csv
from fidelity.base.formulas import escape_formulas, guard, restore_formulas, unguard
from fidelity.classifiers.weights.checkpoint import read_checkpoint
from fidelity.datasets.acquisition.listing import listing_digest
from fidelity.datasets.cases import Case, read_cases, write_cases
from fidelity.datasets.indexing.examine import check_inside
from fidelity.datasets.sources.table import table
from fidelity.maps import imported_files
from fidelity.maps.chexlocalize_pickles import read_map
from fidelity.masks.run_lengths import decode, encode, read_masks, write_masks
from fidelity.settings.binarizations import Binarization
from fidelity.settings.datasets import Dataset
from fidelity.settings.explainers import Explainer
from tests.helpers import ROOT
from tests.helpers.entries import dataset

FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
IDS = ["a/b", "=1+1", "-x", "@x", "'=x", "\"q\", 's'", "ünï 肺", "x" * 200, "肺" * 200, "<b>", ".."]


def only_input_errors(call, *arguments):
    """Run a function. It may raise InputError; any other exception is a bug."""
    with suppress(InputError):
        call(*arguments)


# ---- tables ----

CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["train", "a.png", "../x", "1" * 5000, "1e999", "nan", '"', "A|B", "x\0y"]),
)
COLUMNS = ["case", "split", "label", "image", "patient", "mask:A", "width", "spacing_row"]


@FUZZ
@given(content=st.binary(max_size=200))
def test_bytes_as_a_table(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    only_input_errors(
        lambda: list(table.find_cases(tmp_path, dataset("table", {"table": "t.csv"})))
    )


@FUZZ
@given(rows=st.lists(st.lists(CELLS, min_size=len(COLUMNS), max_size=len(COLUMNS)), max_size=3))
def test_cells_of_a_table(tmp_path, rows):
    with open(tmp_path / "t.csv", "w", encoding="utf-8", errors="replace", newline="") as handle:
        csv.writer(handle).writerows([COLUMNS, *rows])
    only_input_errors(
        lambda: list(table.find_cases(tmp_path, dataset("table", {"table": "t.csv"})))
    )


def test_ids_of_any_kind_come_back(tmp_path):
    cases = [Case(n, n, "test", ("=A",), f"{i}.png") for i, n in enumerate(IDS)]
    write_cases(tmp_path / "cases.csv", cases)
    assert read_cases(tmp_path / "cases.csv") == cases
    with open(tmp_path / "cases.csv", encoding="utf-8", newline="") as handle:
        cells = [cell for row in csv.reader(handle) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("name", ["x" * 501, "a\0b", "a\x1b[31m"])
def test_ids_that_no_file_could_have(tmp_path, name):
    write_cases(tmp_path / "cases.csv", [Case(name, "p", "test", (), "a.png")])
    with pytest.raises(InputError, match=r"cases.csv.*(500 characters|NUL)"):
        read_cases(tmp_path / "cases.csv")


@given(st.text(alphabet="'=+-@\ta1", max_size=6))
def test_formulas_are_guarded_without_loss(text):
    assert unguard(guard(text)) == text
    assert guard(text)[:1] not in ("=", "+", "-", "@", "\t", "\r") or not text


def test_negative_numbers_are_no_formulas():
    frame = pd.DataFrame({"name": ["=a", "'=b", "c"], "value": [-1.5, -2.0, 3.0]})
    escaped = escape_formulas(frame)
    assert escaped["name"].tolist() == ["'=a", "''=b", "c"]
    assert escaped["value"].tolist() == [-1.5, -2.0, 3.0]
    assert restore_formulas(escaped).equals(frame)


def test_every_csv_is_guarded_by_the_one_that_writes_it(tmp_path):
    frame = pd.DataFrame({"name": ["=1+1", "plain"], "value": [-1.5, 2.0]})
    write_csv(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "name,value\n'=1+1,-1.5\nplain,2\n"
    assert frame["name"].tolist() == ["=1+1", "plain"]


def test_masks_as_png_under_names_of_any_kind(tmp_path):
    cases = [Case(n, "p", "test", (), f"{i}.png") for i, n in enumerate(IDS)]
    write_cases(tmp_path / "cases.csv", cases)
    rle = encode(np.eye(4, dtype=bool))
    write_masks(tmp_path / "masks.json", {name: {"..": rle, "b/c": rle} for name in IDS})
    out = tmp_path / "out"
    masks_png.main(str(tmp_path / "masks.json"), str(tmp_path / "cases.csv"), str(out))
    found = {path for path in tmp_path.rglob("*.png")}
    assert len(found) == 2 * len(IDS)
    assert all(out / "test" in path.parents for path in found)


def test_two_cases_of_one_png(tmp_path):
    names = ["a/b", "a_b"]
    write_cases(tmp_path / "cases.csv", [Case(n, "p", "test", (), f"{n}.png") for n in names])
    rle = encode(np.eye(4, dtype=bool))
    write_masks(tmp_path / "masks.json", {name: {"c": rle} for name in names})
    with pytest.raises(InputError, match=r"'a/b' and 'a_b' would both be"):
        masks_png.main(
            str(tmp_path / "masks.json"), str(tmp_path / "cases.csv"), str(tmp_path / "out")
        )


# ---- links ----


def test_links_out_of_the_data_root(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "inside").mkdir(parents=True)
    outside.mkdir()
    for folder in (root / "inside", outside):
        (folder / "a.png").write_bytes(b"x")
    (root / "file.png").symlink_to(outside / "a.png")
    (root / "folder").symlink_to(outside)
    (root / "fine.png").symlink_to(root / "inside" / "a.png")
    (tmp_path / "data").symlink_to(root)  # the root itself may be a link
    check_inside(Case("c", "p", "test", (), "fine.png"), tmp_path / "data")
    for path in ("file.png", "folder/a.png"):
        for case in (
            Case("c", "p", "test", (), path),
            Case("c", "p", "test", (), "fine.png", lung_mask=path),
            Case("c", "p", "test", (), "fine.png", masks={"A": path}),
        ):
            with pytest.raises(
                InputError, match=rf"{path}.*outside_links.*a file outside the data root"
            ):
                check_inside(case, root)


def test_links_that_lead_round_in_circles_or_nowhere(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "nowhere").symlink_to("/nowhere")
    assert len(listing_digest(tmp_path)) == 16


# ---- run lengths and JSON ----


@FUZZ
@given(
    rle=st.fixed_dictionaries(
        {"size": st.lists(st.integers(1, 2**70), min_size=2, max_size=2), "counts": st.text()}
    )
)
def test_run_lengths_of_any_kind(rle):
    only_input_errors(decode, rle)


def test_run_lengths_that_claim_a_billion_pixels():
    """Seven characters took 40 seconds and gigabytes to decode."""
    with pytest.raises(InputError, match="claims 30000 x 30000 pixels"):
        decode({"size": [30_000, 30_000], "counts": "PPPhVk0"})


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":{"b":{"size":[1' + "0" * 5000 + ',1],"counts":""}}}', "{", "[]"],
    ids=["deep", "long number", "cut off", "list"],
)
def test_json_bombs(tmp_path, text):
    (tmp_path / "masks.json").write_text(text)
    with pytest.raises(InputError, match=r"masks.json"):
        read_masks(tmp_path / "masks.json")


@FUZZ
@given(
    content=st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=3), st.floats()),
        lambda part: st.one_of(
            st.lists(part, max_size=2),
            st.dictionaries(st.sampled_from(["a", "size", "counts"]), part, max_size=3),
        ),
        max_leaves=6,
    )
)
def test_any_json_as_masks(tmp_path, content):
    (tmp_path / "masks.json").write_text(json.dumps(content))
    only_input_errors(read_masks, tmp_path / "masks.json")


# ---- pickles and checkpoints ----


def published(**changes):
    content = {"map": torch.zeros(1, 1, 2, 2), "prob": 0.5, "task": "Edema", "cxr_dims": (9, 9)}
    return pickle.dumps(content | changes)


class _Beyond:
    """A tensor of 100 x 100 values whose storage holds only four."""

    def __reduce__(self):
        storage = torch.zeros(4).storage()
        arguments = (storage, 0, (1, 1, 100, 100), (10_000, 10_000, 100, 1), False)
        return torch._utils._rebuild_tensor_v2, (*arguments, collections.OrderedDict())


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    """Without the check, it was filled with arbitrary memory and scored."""
    (tmp_path / "x.pkl").write_bytes(published(map=_Beyond()))
    with pytest.raises(InputError, match=r"x.pkl.*does not fit its 4 stored values"):
        read_map(tmp_path / "x.pkl")


def test_a_memo_of_gigabytes_is_refused(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02]r\xff\xff\xff\x3f.")
    with pytest.raises(InputError, match=r"x.pkl.*refers to object number 1073741823"):
        read_map(tmp_path / "x.pkl")


@pytest.mark.parametrize(
    "changes", [{"cxr_dims": "ab"}, {"cxr_dims": None}, {"prob": []}, {"prob": None}]
)
def test_fields_of_another_kind(tmp_path, changes):
    (tmp_path / "x.pkl").write_bytes(published(**changes))
    with pytest.raises(InputError, match=r"x.pkl: prob or cxr_dims"):
        read_map(tmp_path / "x.pkl")


def damage(content, data):
    """Cut bytes off, or change some."""
    content = bytearray(content)
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    return bytes(content[: data.draw(st.integers(0, len(content)))]) if data.draw(CUT) else content


CUT = st.sampled_from([False, False, False, True])


# Create this once: equal objects may be pickled into different numbers of bytes.
PUBLISHED = published()


@FUZZ
@given(st.data())
def test_pickles_with_changed_bytes(tmp_path, data):
    (tmp_path / "x.pkl").write_bytes(damage(PUBLISHED, data))
    only_input_errors(read_map, tmp_path / "x.pkl")


STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2)}
VALUES = np.random.default_rng(0).random((6, 5))
# File suffix and writer of every supported kind of checkpoint and array.
CHECKPOINTS = {
    "zip.pt": lambda path: torch.save(STATE, path),
    "legacy.pt": lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
    "own.safetensors": lambda path: save_file(STATE, path),
}
ARRAYS = {
    "one.npy": lambda path: np.save(path, VALUES),
    "plain.npz": lambda path: np.savez(path, A=VALUES),
    "packed.npz": lambda path: np.savez_compressed(path, A=VALUES),
}


def read_array(path):
    return imported_files.read(path, path.suffix[1:], "A", "c", "map")


@FUZZ
@pytest.mark.parametrize("name", [*CHECKPOINTS, *ARRAYS])
@given(data=st.data())
def test_checkpoints_and_arrays_with_changed_bytes(tmp_path, name, data):
    """Unpickler, zipfile, zlib and numpy's header reader raise a dozen kinds of errors."""
    whole, damaged = tmp_path / name, tmp_path / f"damaged{Path(name).suffix}"
    if not whole.exists():
        (CHECKPOINTS | ARRAYS)[name](whole)
    damaged.write_bytes(damage(whole.read_bytes(), data))
    only_input_errors(read_checkpoint if name in CHECKPOINTS else read_array, damaged)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("packed.npz", lambda b: b[:80] + b"(" * 12 + b[92:], "is not a valid npy array"),  # zlib
        ("one.npy", lambda b: b[:50] + b"(" * 12 + b[62:], "is not a valid npy array"),  # tokenizer
        ("legacy.pt", lambda b: b[:18], "the checkpoint cannot be read"),  # struct
        ("legacy.pt", lambda b: b[:49], "the checkpoint cannot be read"),  # an index
    ],
)
def test_damage_that_had_a_traceback_for_an_answer(tmp_path, name, change, said):
    path = tmp_path / name
    (CHECKPOINTS | ARRAYS)[name](path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=rf"{name}.*{said}"):
        (read_checkpoint if name in CHECKPOINTS else read_array)(path)


def test_a_checkpoint_that_unpacks_to_much_more(tmp_path):
    plain, bomb = tmp_path / "plain.pt", tmp_path / "bomb.pt"
    torch.save({"w": torch.zeros(1_000_000)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(bomb, "w", 8) as packed:
        for name in source.namelist():
            packed.writestr(name, source.read(name))
    assert bomb.stat().st_size < 10_000
    assert read_checkpoint(plain).sets[""]["w"].numel() == 1_000_000
    with pytest.raises(InputError, match=r"bomb.pt.*compressed archive"):
        read_checkpoint(bomb)


# ---- config ----

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["lime", "plugin:x", "auto", "../..", "a\0b", "all", 10**400]),
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(["method", "source", "of", "layer", "training"]), st.integers(), st.none()
)
TREES = st.recursive(
    LEAVES,
    lambda part: st.one_of(
        st.lists(part, max_size=3), st.dictionaries(KEYS, part, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip
ENTRIES = [(base, name) for base in (Dataset, Explainer, Binarization) for name in base.kinds()]


@FUZZ
@given(st.data())
def test_configs_of_any_kind(data):
    demo = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    base, name = data.draw(st.sampled_from(ENTRIES))
    entry = data.draw(
        st.dictionaries(st.sampled_from(base.kinds()[name].key_names()), TREES, max_size=4)
    )
    entry |= {"annotated_classes": ["COVID-19"]} if base is Dataset else {}
    entry[base.chosen_by] = "plugin:f" if name == "plugin" else name
    config = copy.deepcopy(demo) | {f"{base.entry_name}s": {"x": entry}}
    only_input_errors(config_settings.load, config)
    key = data.draw(st.sampled_from(sorted(demo)))
    only_input_errors(config_settings.load, copy.deepcopy(demo) | {key: data.draw(TREES)})


def test_a_config_whose_keys_are_numbers_and_text():
    demo = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    layer = {7: {1: True}, "of": {None: 1.0}}
    demo["explainers"] = {"x": {"method": "eigengradcam", "layer": layer}}
    with pytest.raises(InputError, match=r"explainers\.x\.layer"):
        config_settings.load(demo)
