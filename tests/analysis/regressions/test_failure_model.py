"""Models of why localization fails, on data whose coefficients are known by construction."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.regressions.failure_model import failure_model
from fidelity.figures.failure_model import plot
from fidelity.tables.failure_model import failure_tables
from tests.helpers.synthetic_results import STATISTICS
from tests.helpers.synthetic_results import scores as scores_of

FAMILIES = {"lime": "perturbation", "gradcam": "cam", "lung": "baseline"}
BASES = {"net-s1": "net", "net-s2": "net", "other": "other"}


def study(cases=120, patients=True, classifiers=("net-s1", "net-s2", "other")):
    """Let LIME's IoU rise with the lesion's size, and Grad-CAM's IoU fall with its elongation."""
    rng = np.random.default_rng(0)
    base = scores_of(0.4, cases)
    base = base[~base["empty_reference"]].reset_index(drop=True)
    if not patients:
        base = base.assign(patient=base["case"])
    count = len(base)
    facts = base[["case", "patient", "split", "class"]].assign(
        lesions=rng.integers(1, 5, count),
        size=np.exp(rng.normal(-3, 0.5, count)),
        elongation=np.exp(rng.normal(0.5, 0.4, count)),
        contrast=rng.normal(0.1, 0.05, count),
        height=rng.uniform(0.3, 0.9, count),
        from_midline=rng.uniform(0, 1, count),
    )
    size = np.log(facts["size"])
    stretch = np.log(facts["elongation"])
    of_case = dict(zip(base["case"], rng.normal(0, 0.03, count), strict=True))
    of_patient = {name: rng.normal(0, 0.03) for name in base["patient"].unique()}
    own = base["case"].map(of_case) + base["patient"].map(of_patient)
    parts = []
    for classifier in classifiers:
        for explainer in FAMILIES:
            effect = 0.1 * (size + 3) if explainer == "lime" else -0.1 * stretch
            noise = rng.normal(0, 0.03, count)
            part = base.assign(iou=0.5 + effect + own + noise, classifier=classifier)
            part = part.assign(probability=rng.uniform(0.4, 1, count), explainer=explainer)
            parts.append(part.assign(dataset="demo", binarization="fixed50", protocol="default"))
    views = {name: ("frontal", "lateral")[n % 2] for n, name in enumerate(base["case"])}
    return pd.concat(parts, ignore_index=True), facts, views


def test_coefficients_are_those_the_scores_were_made_with():
    scores, facts, views = study()
    table = failure_model(scores, facts, views, STATISTICS, FAMILIES, BASES)
    assert set(table["explainer"]) == {"lime", "gradcam"}  # null baselines are left out
    assert set(table["status"]) == {"ok"}
    pooled = table[table["class"] == "all"].set_index(["explainer", "term"])
    # Per standard deviation: .1 times .5 and −.1 times .4.
    row = pooled.loc[("lime", "size")]
    assert row["estimate"] == pytest.approx(0.05, abs=0.01)
    assert row["ci_low"] > 0
    assert pooled.loc[("gradcam", "elongation"), "estimate"] == pytest.approx(-0.04, abs=0.01)
    for name, term in (("lime", "elongation"), ("gradcam", "size"), ("lime", "confidence")):
        assert abs(pooled.loc[(name, term), "estimate"]) < 0.015
    assert pooled.loc[("lime", "variance: patient"), "estimate"] > 0
    assert ("lime", "C(view)[T.lateral]") in pooled.index
    assert ("lime", "C(classifier)[T.other]") in pooled.index
    # Seeds of one classifier are averaged: each case has two rows, one per classifier.
    assert pooled.loc[("lime", "size"), "n"] == 2 * len(facts)
    left_out = failure_model(scores, facts, views, STATISTICS, FAMILIES, BASES, ["other"])
    assert left_out["n"].max() == len(facts)
    (laid_out,) = failure_tables(table, FAMILIES)
    assert [row[0] for row in laid_out.rows][:2] == ["Number of lesions (log)", "Size (log)"]
    labels = plot(table).axes[0].get_yticklabels()
    assert labels[1].get_text() == "Size (log)"


def test_without_repeats_there_is_nothing_random():
    scores, facts, _ = study(patients=False, classifiers=("other",))
    table = failure_model(scores, facts, {}, STATISTICS, FAMILIES, BASES)
    row = table[(table["explainer"] == "lime") & (table["term"] == "size")].iloc[-1]
    assert row["estimate"] == pytest.approx(0.05, abs=0.01)
    assert "least squares" in row["note"]
    assert not table["term"].str.contains("variance|view").any()


def test_few_cases_have_no_fit():
    scores, facts, _ = study(cases=10)
    table = failure_model(scores, facts, {}, STATISTICS, FAMILIES, BASES)
    assert set(table["status"]) == {"too_few"}
    assert table["estimate"].isna().all()
    (laid_out,) = failure_tables(table, FAMILIES)
    assert laid_out.rows == []
    assert "could be fitted" in plot(table).axes[0].texts[0].get_text()
