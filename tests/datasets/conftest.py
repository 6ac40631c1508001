"""Fixtures of the data-set tests."""

from pathlib import Path

import pytest
from small_data import make_covid_layout

SAMPLE = Path(__file__).parents[2].parent / "shared" / "data" / "covid_qu_ex_sample"


@pytest.fixture
def covid(tmp_path: Path) -> Path:
    return make_covid_layout(tmp_path / "data set")


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
