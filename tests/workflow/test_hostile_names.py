"""Names made to do harm pass through the whole DAG, to tables, pages, pictures and mask files."""

import copy
import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fidelity.base.formulas import guard, unguard
from tests.helpers.html_page import Page
from tests.helpers.small_study import TWO_LAYERS, Study, copy_project

pytestmark = pytest.mark.slow

SIDE = 32
# A class is a column name, an output of the network, and a text in tables and pictures.
CLASSES = ["=1+1", "<script>alert(1)</script>", "a/../\"b\", 'c' & $x^{", "NA", "ünï 肺" * 40]
IDS = [
    "=cmd|' /C calc'!A0", "@SUM(1)", "-1", "'=x", "<img src=x onerror=alert(1)>", "\"q\", 's'; --",
    "../../../outside", "/etc/x", "..", "x" * 200, "肺" * 200, "NA", "007", "7", "two  spaces",
    "$y_{",
]  # fmt: skip
FOLDERS = ["=1+1", "<b> & 'c'", 'ünï "肺" ' + "y" * 200, "images"]
CONFIG = {
    "seed": 1,
    "datasets": {
        "hostile": {
            "source": "table",
            "root": "data",
            "table": "cases.csv",
            "image_size": SIDE,
            "annotated_classes": CLASSES,
            "lung_masks": "none",
            "near_duplicates": "off",
            "shards": {"train": 1, "val": 1, "test": 1},
        }
    },
    "plugins": ["mine.py"],
    "classifiers": {"net": {"architecture": "plugin:two_layers", "training": {"epochs": 1}}},
    "explainers": {"mine": {"method": "plugin:noise"}, "centre": {"method": "centre_prior"}},
    "explain": {"splits": ["test"]},
    "binarizations": {"half": {"method": "fixed", "threshold": 0.5}},
    "statistics": {"replicates": 100, "primary_binarization": "half"},
    "figures": {"gallery_cases": 1, "dpi": 50},
    "compute": {"threads": 1, "batch": 16},
}
PLUGIN = """
import numpy as np


def noise(classifier, image, target, seed):
    return np.random.default_rng(seed).random((4, 4))
"""
MASKS = "results/hostile/net/mine/half/png"
TARGETS = (
    "tables",
    "results/hostile/provenance.json",
    MASKS,
    "results/hostile/figures/net/gallery-half.png",
)


def write_data(root: Path) -> None:
    """Write a table with one image per id and split, whose classes alternate."""
    rng = np.random.default_rng(0)
    columns = ["case", "image", "split", "patient", "label", *(f"mask:{c}" for c in CLASSES)]
    rows = []
    for split in ("train", "val", "test"):
        for number, name in enumerate(IDS):
            own = CLASSES[number % len(CLASSES)]
            folder = f"{FOLDERS[number % len(FOLDERS)]}/{split}"
            if FOLDERS[number % len(FOLDERS)] == "images":
                folder = f"{split}/images"
            (root / folder).mkdir(parents=True, exist_ok=True)
            mask = np.zeros((SIDE, SIDE), np.uint8)
            y, x = rng.integers(0, SIDE - 8, 2)
            mask[y : y + 8, x : x + 8] = 255
            image, reference = f"{folder}/=x {number}.png", f"{folder}/<i>'{number}' mask.png"
            cv2.imwrite(str(root / image), rng.integers(0, 255, (SIDE, SIDE)).astype(np.uint8))
            cv2.imwrite(str(root / reference), mask)
            patient = f"=p{name[:300]}"
            # Ids must be unique over splits. In the test split, they equal the names.
            case = name if split == "test" else f"{name} {split}"
            masks = [reference if cls == own else "" for cls in CLASSES]
            rows.append([case, image, split, f"{patient} {split}", own, *masks])
    with open(root / "cases.csv", "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([columns, *rows])


def new_study(folder: Path) -> Study:
    """Create a study that has not been run."""
    study = Study(folder)
    copy_project(folder)
    (folder / "mine.py").write_text(TWO_LAYERS + PLUGIN)
    (folder / "data").mkdir()
    write_data(folder / "data")
    study.write(CONFIG)
    return study


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[Study, set[Path]]:
    """Run the study from nothing. Return it with the files that it wrote outside its results."""
    above = tmp_path_factory.mktemp("hostile")
    study = new_study(above / "a" / "b" / "project")
    before = set(above.rglob("*"))
    study.snakemake(*TARGETS)
    return study, {
        path
        for path in set(above.rglob("*")) - before
        if path.is_file()
        and not path.is_relative_to(study.folder / "results")
        and not path.is_relative_to(study.folder / ".snakemake")
        and path.name != "__pycache__"
        and path.suffix != ".pyc"
    }


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_nothing_is_written_outside_the_results(hostile):
    _, outside = hostile
    assert not outside


def test_no_table_holds_a_cell_that_a_spreadsheet_would_run(hostile):
    study, _ = hostile
    tables = [path for path in (study.folder / "results").rglob("*.csv") if path.is_file()]
    assert len(tables) > 12
    risky = []
    for path in tables:
        with open(path, encoding="utf-8", newline="") as handle:
            cells = [cell for row in csv.reader(handle) for cell in row]
        starts = tuple("=+-@\t\r")
        risky += [(path.name, c) for c in cells if c.startswith(starts) and not is_number(c)]
    assert not risky


def test_every_name_comes_through_to_the_tables(hostile):
    study, _ = hostile
    folder = study.folder / "results/hostile"
    scores = pd.read_parquet(folder / "net/mine/half/default/scores.parquet")
    assert sorted(scores["case"]) == sorted(map(unguard, IDS))
    assert set(scores["class"]) == set(CLASSES)
    assert scores["target_class"].equals(scores["class"])
    localization = pd.read_csv(folder / "tables/localization.csv", keep_default_na=False)
    assert {guard(name) for name in CLASSES} <= set(localization["class"])
    classification = pd.read_csv(folder / "tables/classification.csv", keep_default_na=False)
    assert {guard(name) for name in CLASSES} <= set(classification["class"])
    chapters = json.loads((folder / "tables/verdict.json").read_text())["chapters"]
    assert [chapter["classifier"] for chapter in chapters] == ["net"]
    sentences = [x for s in chapters[0]["sections"] for g in s["groups"] for x in g["sentences"]]
    (cases,) = [x["numbers"] for x in sentences if "n_total" in x["numbers"]]
    assert (cases["split"], cases["n"], cases["n_total"]) == ("test", len(IDS), len(IDS))


@pytest.mark.parametrize("name", ["tables/tables.html", "tables/verdict.html", "provenance.html"])
def test_pages_show_names_as_text(hostile, name):
    study, _ = hostile
    page = Page((study.folder / "results/hostile" / name).read_text(encoding="utf-8"))
    elements = {tag for tag, _ in page.tags}
    assert elements & {"table", "li"}
    assert not elements & {"script", "img", "i", "iframe", "object"}
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    if name != "tables/verdict.html":  # the verdict has no names of classes
        assert any(CLASSES[1] in text for text in page.data)


@pytest.mark.parametrize("in_file", [False, True])
def test_the_family_of_a_plugin_decides_who_is_compared_and_no_map(hostile, in_file):
    study, _ = hostile
    config, plugin = copy.deepcopy(CONFIG), study.folder / "mine.py"
    before = plugin.read_text()
    if in_file:
        plugin.write_text(f'family = "gradient"\n{before}')
    else:
        config["explainers"]["mine"]["family"] = "gradient"
    study.write(config)
    try:
        planned = study.plan("tables")
    finally:
        plugin.write_text(before)
        study.write(CONFIG)
    assert {"ranks", "mixed_model", "verdict", "format_tables"} <= set(planned)
    recomputed = {"acquire", "train", "predict", "explain", "binarize", "score", "rank"}
    assert not recomputed & set(planned)


def test_masks_as_png_stay_in_their_folder(hostile):
    study, _ = hostile
    found = list((study.folder / MASKS).rglob("*.png"))
    assert len(found) == len(IDS)
    assert all((study.folder / MASKS).resolve() in path.resolve().parents for path in found)


def test_what_is_not_allowed_is_refused_with_file_row_and_remedy(tmp_path):
    study = new_study(tmp_path / "a" / "project")
    table = study.folder / "data" / "cases.csv"
    with open(table, encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    rows[3][rows[0].index("image")] = "../../outside.png"
    with open(table, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows(rows)
    printed = study.snakemake("results/hostile/cases.csv", expect=1)
    assert re.search(
        r"acquire: \S+data/cases\.csv, 'image, line 4': the path '\.\./\.\./outside\.png' leaves"
        r" the data root\. Choose a root that contains",
        printed[printed.index("1 failed job") :],
    )
    assert not (study.folder / "results/hostile").exists()
