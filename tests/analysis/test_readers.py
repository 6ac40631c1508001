"""Agreement between readers, and scores of explainers next to those of the reader left out."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.columns.readers import PAIR_CASES, READERS
from fidelity.analysis.readers import agreement, beside_readers
from fidelity.tables.checks.of_maps import check_tables

STATISTICS = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "margin": 0.05, "seed": 1}
NAMES = {"dataset": "d", "classifier": "net", "explainer": "cam", "binarization": "half"}
FAMILIES = {"cam": "cam"}


def scores(values, readers=("a", "b", "c"), cls="A"):
    """Return one row per case and reader: the value of the case plus a tenth per reader."""
    return pd.DataFrame(
        [
            {
                "reader": reader, "case": f"c{number:02}", "patient": f"p{number:02}",
                "split": "test", "class": cls, "empty_reference": False, "iou": value + place / 10,
            }
            for number, value in enumerate(values)
            for place, reader in enumerate(readers)
        ]
    )  # fmt: skip


def beside(own, theirs):
    return beside_readers([(NAMES, own)], theirs, "iou", STATISTICS).set_index("reader")


def test_a_case_s_mean_over_the_readers_who_are_left_out():
    rng = np.random.default_rng(0)
    values = rng.uniform(0.2, 0.4, 30)
    table = beside(scores(values), scores(values + 0.01))
    assert list(table.index) == ["a", "b", "c", "all"]
    assert table.loc["a", "mean"] == pytest.approx(values.mean())
    assert table.loc["all", "mean"] == pytest.approx(values.mean() + 0.1)
    assert table["difference"].to_numpy() == pytest.approx([-0.01] * 4)
    assert set(table["n"]) == {30}
    assert set(table["conclusion"]) == {"within"}  # worse, but by less than the margin of 0.05


@pytest.mark.parametrize(
    ("cases", "shift", "spread", "expected"),
    [
        (30, -0.2, 0.02, "below"),
        (30, 0.1, 0.02, "within"),
        (30, -0.06, 0.4, "none_shown"),
        (19, 0.1, 0.02, "few_cases"),
    ],
)
def test_conclusions(cases, shift, spread, expected):
    rng = np.random.default_rng(1)
    theirs = rng.uniform(0.4, 0.5, cases)
    own = theirs + shift + rng.normal(0, spread, cases)
    table = beside(scores(own), scores(theirs))
    assert set(table["conclusion"]) == {expected}


@pytest.mark.parametrize(("cluster", "expected"), [("patient", "few_cases"), ("case", "within")])
def test_units_of_analysis_are_counted_not_images(cluster, expected):
    own, theirs = (scores(np.linspace(low, low + 0.1, 38)) for low in (0.5, 0.4))
    for table in (own, theirs):
        table["patient"] = table["case"].str[1:].astype(int) // 2
    table = beside_readers([(NAMES, own)], theirs, "iou", {**STATISTICS, "cluster": cluster})
    assert set(table["n_patients"]) == {19}
    assert set(table["conclusion"]) == {expected}


def test_cases_that_only_one_side_has_are_left_out():
    values = np.full(25, 0.5)
    theirs = scores(values)
    theirs.loc[theirs["case"] == "c03", "iou"] = np.nan
    own = scores(values)[lambda t: t["case"] != "c04"]
    assert set(beside(own, theirs)["n"]) == {23}


def pairs(values, marked_b=True):
    rows = [
        (f"c{n}", f"p{n}", "test", "A", "a", "b", True, marked_b, value, value)
        for n, value in enumerate(values)
    ]
    return PAIR_CASES.frame(rows)


def test_agreement_of_a_pair():
    table = agreement(pairs([0.2, 0.4, np.nan]), "d", STATISTICS).set_index("metric")
    row = table.loc["iou"]
    assert (row["n"], row["n_undefined"], row["n_marked_a"]) == (3, 1, 3)
    assert row["mean"] == pytest.approx(0.3)
    assert row["ci_low"] <= 0.3 <= row["ci_high"]


def test_a_reader_who_marked_nothing_is_listed_with_0():
    table = agreement(pairs([0.0, 0.0], marked_b=False), "d", STATISTICS)
    assert set(table["n_marked_b"]) == {0}
    assert set(table["mean"]) == {0}


def test_all_pairs_are_a_case_s_mean():
    three = pd.concat([pairs([0.2, 0.4]), pairs([0.6, 0.8]).assign(reader_b="c")])
    table = agreement(three, "d", STATISTICS)
    pooled = table[(table["reader_a"] == "all") & (table["metric"] == "iou")].iloc[0]
    assert (pooled["n"], pooled["mean"]) == (2, pytest.approx(0.5))


def test_tables_list_pairs_and_explainers(tmp_path):
    agreement(pairs([0.2, 0.4]), "d", STATISTICS).to_csv(tmp_path / "reader_agreement.csv")
    values = np.linspace(0.2, 0.4, 30)
    table = beside_readers([(NAMES, scores(values))], scores(values), "iou", STATISTICS)
    READERS.frame(table.to_dict("records")).to_csv(tmp_path / "readers.csv", index=False)
    files = [tmp_path / "reader_agreement.csv", tmp_path / "readers.csv"]
    pair, own = check_tables(files, FAMILIES, 0.05)
    assert pair.rows[0][:5] == ["a and b", "2", "2", "2", "0"]
    assert [row[3] for row in own.rows] == ["all", "a", "b", "c"]
    assert {row[-1] for row in own.rows} == {"within"}
    assert check_tables(files, FAMILIES, 0.05, useless=["net"]) == [pair]
