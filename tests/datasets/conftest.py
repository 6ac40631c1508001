"""Fixtures of the data-set tests."""

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
    """Let the numbers of the tiny data set be the published ones."""
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
