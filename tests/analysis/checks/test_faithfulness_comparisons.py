"""Paired tests of faithfulness: against scipy, by direction, in tables and in the verdict."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from statsmodels.stats.multitest import multipletests

from fidelity.analysis.checks.faithfulness_comparisons import compare
from fidelity.analysis.columns.comparisons import FAITHFULNESS_COMPARISONS
from fidelity.presentation.page import render
from fidelity.tables.checks.of_maps import check_tables
from fidelity.verdict.evidence import Evidence, Study, Tables, collect
from fidelity.verdict.faithfulness import _standing, uses_what_they_show
from tests.helpers.run_script import run_script

STATISTICS = {
    "replicates": 500,
    "permutations": 2000,
    "alpha": 0.05,
    "cluster": "patient",
    "margin": 0.05,
    "primary": "iou",
    "primary_binarization": "tuned",
    "seed": 1,
}
FAMILIES = {"lime": "perturbation", "gradcam": "cam", "chance": "baseline", "lung": "baseline"}
METRICS = ["deletion_auc", "insertion_auc"]
# A low deletion AUC is good. By it, LIME is best, Grad-CAM equals chance, and the lung is worst.
LEVELS = {"lime": (0.3, 0.6), "gradcam": (0.5, 0.6), "chance": (0.5, 0.6), "lung": (0.7, 0.6)}


def cases(patients=24, seed=0, **changes):
    """Return rows of faithfulness_cases.csv. The last patient has two images."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.1, (patients + 1, 2))
    rows = []
    for explainer, level in {**LEVELS, **changes}.items():
        values = np.array(level) + shared + rng.normal(0, 0.02, shared.shape)
        rows += [
            {
                "dataset": "d",
                "classifier": "net",
                "explainer": explainer,
                "case": f"c{n:02d}",
                "patient": f"p{min(n, patients - 1):02d}",
                "split": "test",
                "class": "x",
                **dict(zip(METRICS, values[n], strict=True)),
            }
            for n in range(patients + 1)
        ]
    return pd.DataFrame(rows)


@pytest.fixture
def compared():
    return compare(cases(), METRICS, STATISTICS)


def test_the_tests_are_scipys_on_patients_means(compared):
    wide = cases().pivot_table(index="patient", columns="explainer", values="deletion_auc")
    row = compared.set_index(["metric", "explainer_a", "explainer_b"]).loc[
        ("deletion_auc", "lime", "gradcam")
    ]
    difference = wide["lime"] - wide["gradcam"]
    assert row["mean_difference"] == pytest.approx(difference.mean())
    assert row["p_value"] == pytest.approx(wilcoxon(difference).pvalue)
    assert (row["n"], row["n_patients"], row["unit_of_analysis"]) == (25, 24, "patient")
    # The correction covers the six pairs of one metric, not the twelve pairs of both.
    of_metric = compared[compared["metric"] == "deletion_auc"]
    assert of_metric["p_adjusted"].to_numpy() == pytest.approx(
        multipletests(of_metric["p_value"], method="holm")[1]
    )


def test_low_deletion_is_more_faithful_and_nothing_is_called_equivalent(compared):
    found = compared.set_index(["metric", "explainer_a", "explainer_b"])
    best = found.loc[("deletion_auc", "lime", "gradcam")]
    assert (best["direction"], best["conclusion"]) == ("lower", "b_higher")
    assert best["more_faithful"] == "lime"
    assert found.loc[("deletion_auc", "gradcam", "lung"), "more_faithful"] == "gradcam"
    alike = found.loc[("deletion_auc", "gradcam", "chance")]
    assert (alike["conclusion"], alike["more_faithful"]) == ("none_shown", "")
    # Tiny differences lie well inside ±.05, but no margin was agreed on.
    assert set(compared["conclusion"]) == {"b_higher", "none_shown"}


def test_high_insertion_is_more_faithful():
    table = compare(cases(lime=(0.3, 0.8)), METRICS, STATISTICS)
    rows = table[(table["metric"] == "insertion_auc") & (table["explainer_a"] == "lime")]
    assert list(rows["more_faithful"]) == ["lime"] * 3
    assert list(rows["conclusion"]) == ["a_higher"] * 3


def test_pairs_without_a_case_in_common_are_left_out():
    table = cases()
    table.loc[table["explainer"] == "lung", "insertion_auc"] = np.nan
    found = compare(table, METRICS, STATISTICS)
    pairs = found[found["metric"] == "insertion_auc"]
    assert "lung" not in {*pairs["explainer_a"], *pairs["explainer_b"]}
    assert len(pairs) == 3
    assert (found["metric"] == "deletion_auc").sum() == 6


def test_one_explainer_has_no_pair(tmp_path):
    alone = cases()
    alone[alone["explainer"] == "lime"].to_csv(tmp_path / "cases.csv", index=False)
    _compared(tmp_path / "cases.csv", METRICS, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().strip() == ",".join(FAITHFULNESS_COMPARISONS.names)
    assert check_tables([_named(tmp_path, alone[:0], [])], FAMILIES, 0.05) == []


def _compared(cases, metrics, output):
    settings = {"metrics": metrics, "statistics": STATISTICS, "seed": 1}
    run_script("compare_faithfulness", {"cases": cases}, [output], **settings)


def _named(folder, table, metrics):
    path = folder / "faithfulness_comparisons.csv"
    table.to_csv(folder / "cases.csv", index=False)
    _compared(folder / "cases.csv", metrics, path)
    return str(path)


def test_tables_say_who_is_shown_to_be_more_faithful(tmp_path):
    laid_out = check_tables([_named(tmp_path, cases(), METRICS)], FAMILIES, 0.05)
    nulls, pairs = laid_out
    assert nulls.header == ["Classifier", "Explainer", "Deletion AUC", "Insertion AUC"]
    assert [row[1:] for row in nulls.rows] == [
        ["lime", "2 more, 0 less, of 2", "0 more, 0 less, of 2"],
        ["gradcam", "1 more, 0 less, of 2", "0 more, 0 less, of 2"],
    ]
    assert pairs.header == ["Classifier", "A", "B", "Deletion AUC", "Insertion AUC"]
    (row,) = pairs.rows
    assert row[1:3] == ["lime", "gradcam"]
    assert row[3].startswith("−0.19")
    assert row[3].endswith(" (A)")
    assert row[4].endswith(" (not shown)")
    assert "−0.19" in render("tables.md.j2", tables=laid_out, dataset="d")
    path = _named(tmp_path, cases(lime=(0.9, 0.6)), METRICS)
    worse = check_tables([path], FAMILIES, alpha=0.01)
    assert "is below 0.01, and" in worse[0].notes[1]
    assert worse[0].rows[0][2] == "0 more, 2 less, of 2"
    assert worse[1].rows[0][3].endswith(" (B)")


def _evidence(faithfulness) -> Evidence:
    localization = pd.DataFrame(
        {"dataset": "d", "split": "test", "classifier": "net", "class": "x", "explainer": FAMILIES}
    )
    localization["explainer"] = list(FAMILIES)
    none = pd.DataFrame(columns=["dataset", "split", "classifier", "family"])
    tables = Tables(localization, none, none, faithfulness=faithfulness)
    (found,) = collect(tables, Study(STATISTICS, FAMILIES, {"net": "net"}))
    return found


def test_the_verdict_tells_what_was_shown(compared):
    section = uses_what_they_show(_evidence(compared))
    nulls, between = section.groups
    assert nulls.title == "Against the null baselines, class x"
    assert [sentence.text for sentence in nulls.sentences] == [
        "lime was shown to be more faithful than 2 of 2 null baselines (chance and lung) by "
        "Deletion AUC; it was not shown to differ from any null baseline by Insertion AUC.",
        "gradcam was shown to be more faithful than 1 of 2 null baselines (lung) by Deletion AUC; "
        "it was not shown to differ from any null baseline by Insertion AUC.",
    ]
    assert [sentence.outcome for sentence in nulls.sentences] == ["better", "better"]
    shown, not_shown = between.sentences
    assert shown.text.startswith(
        "lime is more faithful than gradcam by Deletion AUC, where lower is better: "
        "mean difference lime minus gradcam = −0.19"
    )
    assert not_shown.text.startswith("No difference was shown by Insertion AUC: mean difference ")
    assert "is better" not in not_shown.text
    assert shown.text.endswith("n = 24 patients, 25 cases).")
    assert (shown.outcome, shown.family) == ("better", "secondary")
    assert not_shown.outcome == "none_shown"
    assert shown.numbers["metric"] == "deletion_auc"


def test_the_verdict_says_where_a_null_is_more_faithful():
    table = compare(cases(lime=(0.9, 0.6)), METRICS, STATISTICS)
    nulls, between = uses_what_they_show(_evidence(table)).groups
    assert nulls.sentences[0].text.startswith(
        "lime was shown to be less faithful than 2 of 2 null baselines (chance and lung) by"
    )
    assert nulls.sentences[0].outcome == "worse"
    assert "lime is less faithful than gradcam by Deletion AUC" in between.sentences[0].text
    assert between.sentences[0].outcome == "worse"


def test_metrics_that_disagree_about_a_null_are_pointed_out():
    by_metric = {
        "deletion_auc": {"worse": ["chance"], "better": ["lung"]},
        "insertion_auc": {"better": ["chance"]},
    }
    told = _standing("lime", by_metric)
    assert told.text.endswith("So the metrics disagree about chance.")
    assert told.outcome == "note"
    assert "disagree" not in _standing("lime", {"deletion_auc": by_metric["deletion_auc"]}).text


def test_the_verdict_says_that_faithfulness_was_not_measured():
    section = uses_what_they_show(_evidence(None))
    assert "was not measured" in section.groups[0].sentences[0].text


def test_a_metric_of_few_units_is_a_warning():
    table = cases()
    # Only the first three patients have a value.
    table.loc[~table["case"].isin(["c00", "c01", "c02"]), "insertion_auc"] = np.nan
    found = compare(table, METRICS, STATISTICS)
    basis, _, _ = uses_what_they_show(_evidence(found)).groups
    (told,) = basis.sentences
    assert told.outcome == "warning"
    assert told.text.startswith("Insertion AUC was measured on 3 patients.")
    assert told.numbers == {"metric": "insertion_auc", "n_units": 3}


def test_tables_say_how_many_units_each_metric_has(tmp_path):
    table = cases()
    table.loc[~table["case"].isin(["c00", "c01", "c02"]), "insertion_auc"] = np.nan
    for laid_out in check_tables([_named(tmp_path, table, METRICS)], FAMILIES, 0.05):
        assert "Number of patients: 24 (Deletion AUC), 3 (Insertion AUC)." in laid_out.notes[1]


def test_a_class_that_only_another_table_has_hides_nothing(compared):
    evidence = _evidence(compared)
    other = evidence.localization.assign(**{"class": "all"})
    pooled = replace(evidence, classes=["x", "y", "all"], localization=other)
    assert pooled.pooled == "all"
    assert [group.title for group in uses_what_they_show(pooled).groups] == [
        "Against the null baselines, class x",
        "Between explainers, class x",
    ]


def test_small_infidelities_are_not_written_as_nothing():
    table = cases().rename(columns={"deletion_auc": "infidelity"})
    table["infidelity"] *= 1e-8
    found = compare(table, ["infidelity"], STATISTICS)
    (pair,) = uses_what_they_show(_evidence(found)).groups[-1].sentences
    said = "mean difference lime minus gradcam = −0.0000000020 ("
    assert said in pair.text


def test_every_class_has_its_answers():
    table = pd.concat([cases(), cases(seed=1, lime=(0.9, 0.6)).assign(**{"class": "y"})])
    found = compare(table, METRICS, STATISTICS)
    groups = {g.title: g.sentences for g in uses_what_they_show(_evidence(found)).groups}
    assert list(groups)[:2] == [
        "Against the null baselines, all classes",
        "Between explainers, all classes",
    ]
    assert groups["Against the null baselines, class x"][0].outcome == "better"
    assert groups["Against the null baselines, class y"][0].outcome == "worse"


def test_metrics_without_a_difference_are_joined_by_or():
    """“By A and by B” could mean that only both together show nothing."""
    found = _standing("lime", {name: {"none_shown": ["lung"]} for name in METRICS})
    assert found.text == (
        "lime was not shown to differ from any null baseline by Deletion AUC or by Insertion AUC."
    )


@pytest.mark.parametrize(("metric", "told"), [("comprehensiveness", True), ("deletion_auc", False)])
def test_empty_masks_are_told_where_a_metric_is_taken_at_them(metric, told):
    table = cases().rename(columns={"deletion_auc": metric})
    evidence = _evidence(compare(table, [metric], STATISTICS))
    rows = evidence.localization.assign(
        binarization="tuned", protocol="default", metric="iou", n=25,
        n_empty_prediction=[4, 0, 0, 0],
    )  # fmt: skip
    first = uses_what_they_show(replace(evidence, localization=rows)).groups[0]
    assert (first.title == "What they rest on") == told
    if told:
        assert "Empty masks are included: lime 4 of 25 cases" in first.sentences[0].text
