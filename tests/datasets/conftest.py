"""Fixtures of the data-set tests."""

import gzip
import importlib.util
import zipfile
from pathlib import Path

import pytest

from fidelity.datasets.sources.covid_qu_ex import covid_qu_ex
from tests.helpers import SHARED_DATA
from tests.helpers.small_data import CLASSES, make_covid_layout

SAMPLE = SHARED_DATA / "covid_qu_ex_sample"


@pytest.fixture
def covid(tmp_path: Path) -> Path:
    return make_covid_layout(tmp_path / "data set")


@pytest.fixture
def small_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the numbers of the tiny data set as the published numbers."""
    counts = {cls: {"train": 2, "val": 2, "test": 2} for cls in CLASSES}
    monkeypatch.setattr(covid_qu_ex, "INFECTION_COUNTS", counts)


@pytest.fixture
def settings() -> dict:
    return {
        "source": "covid_qu_ex",
        "input": "full",
        "image_size": 16,
        "annotated_classes": ["COVID-19"],
        "labels": {},
        "lung_masks": "provided",
        "limit": None,
        "strict": False,
        "duplicates": "error",
    }


@pytest.fixture
def sample() -> Path:
    if not SAMPLE.is_dir():
        pytest.skip("the real sample (../shared/data) is not here")
    return SAMPLE


@pytest.fixture(scope="session")
def xrv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the annotation files of the installed package torchxrayvision."""
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None:
        pytest.skip("torchxrayvision, whose annotation files are read, is not installed")
    packed, folder = Path(spec.origin).parent / "data", tmp_path_factory.mktemp("xrv")
    for name in (
        "BBox_List_2017.csv",
        "Data_Entry_2017_v2020.csv",
        "siim-pneumothorax-train-rle.csv",
        "vinbigdata-train.csv",
    ):
        (folder / name).write_bytes(gzip.decompress((packed / f"{name}.gz").read_bytes()))
    zipfile.ZipFile(packed / "kaggle_stage_2_train_labels.csv.zip").extractall(folder)
    return folder


@pytest.fixture(scope="session")
def shared_boxes() -> Path:
    """Return the folder of real annotation files and images, next to the repository."""
    folder = SHARED_DATA / "boxes"
    if not folder.is_dir():
        pytest.skip("the real annotation files (../shared/data/boxes) are not here")
    return folder


@pytest.fixture(scope="session")
def four_formats(shared_boxes: Path) -> dict[str, Path]:
    """Return the paths of the same boxes in four formats."""
    folder = shared_boxes / "four_formats" / "annotated_data"
    return {
        "coco": next(folder.glob("COCO/*.json")),
        "yolo": next(path for path in folder.glob("YOLO/*") if path.is_dir()),
        "voc": next(folder.glob("VOC/*.xml")),
        "table": next(folder.glob("CSV/*.csv")),
    }
