"""Class names that are the same name in two spellings."""

import pytest

from fidelity.datasets.label_names import folded


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("COVID-19", "covid 19"),
        ("COVID-19", "COVID\u201119"),  # hyphen as written by Word
        ("COVID-19", "Covid\u201319"),
        ("Non-COVID", "non_covid"),
        ("Normal", "Normal\u200b"),  # a character without width, from a web page
        ("1", "1.0"),  # as pandas writes a column with blank cells
    ],
)
def test_one_name(name, other):
    assert folded(name) == folded(other)


@pytest.mark.parametrize(
    ("name", "other"),
    [("-1", "1"), ("1-2", "12"), ("Grade -1", "Grade 1"), ("1.5", "15"), ("1.0", "10")],
)
def test_two_names(name, other):
    assert folded(name) != folded(other)
