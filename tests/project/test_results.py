"""docs/results.md: every number is recomputed from the scores of the cases."""

import json
import re
import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.formula.api as smf
from statsmodels.stats.multitest import multipletests

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "docs" / "studies" / "covid_qu_ex" / "units"
sys.path.insert(0, str(ROOT / "docs"))

import write_results  # noqa: E402
from write_results import Results, Value  # noqa: E402

from tests.helpers.unit_scores import DRAWS, interval, packed  # noqa: E402

NUMBER = re.compile(r"[+−-]?(?:\d+\.\d+|\.\d+|\d+)")


class FromCases(Results):
    """Compute the page's numbers from nothing but the scores of the images."""

    def __init__(self, part="full"):
        super().__init__(part)
        self.part = part
        self.adjusted = cache(self.adjust)
        self.fitted = cache(self.fit)

    def finished(self):
        return {file.parent.name for file in UNITS.glob(f"{self.part}/*/*--predictions.csv.gz")}

    def accuracy(self, training, split="test"):
        file = f"{self.dataset}--{training}--predictions.csv.gz"
        rows = pd.read_csv(UNITS / self.part / training / file)
        rows = rows[rows["split"] == split].sort_values(["case", "class"])
        right = rows.groupby("case").apply(
            lambda r: r["label"].to_numpy()[r["probability"].argmax()] == 1, include_groups=False
        )
        return Value(right.mean(), *interval(right.astype(float)), len(right))

    def table(self, unit, table, path):
        """Read one of the tables that a unit has packed, test images only."""
        return packed(UNITS / self.part / unit, table)[f"{self.dataset}/{path}.parquet"]

    def scores(self, training, explainer, rule):
        """Read the scores by the protocol `default`, one row per image."""
        unit = self.unit_of(training, explainer)
        path = f"{unit}/{explainer}/{rule}/default/scores"
        return self.table(unit, f"scores-{explainer}", path)

    def values(self, training, explainer, rule, metric="iou"):
        return self.scores(training, explainer, rule)[metric]

    def mean(self, training, explainer, rule="tuned", metric="iou"):
        found = self.values(training, explainer, rule, metric)
        return Value(found.mean(), *interval(found), len(found))

    def adjust(self, training, rule):
        """Run Wilcoxon's test for all pairs of the study's explainers, with Holm's correction."""
        told = json.loads((UNITS / self.part / training / "unit.json").read_text())
        names = list(told["shared"]["explainers"])
        table = pd.DataFrame({e: self.values(training, e, rule) for e in names})
        pairs = list(combinations(names, 2))
        raw = [scipy.stats.wilcoxon(table[a] - table[b]).pvalue for a, b in pairs]
        found = multipletests(raw, method="holm")[1]
        return {frozenset(pair): p for pair, p in zip(pairs, found, strict=True)}

    def difference(self, training, a, b, rule="tuned"):
        found = self.values(training, a, rule) - self.values(training, b, rule)
        p = self.adjusted(training, rule)[frozenset((a, b))]
        signed = found[found != 0]
        ranks = signed.abs().rank() * np.sign(signed)
        low, high = interval(found)
        agree = np.sign(ranks.sum()) == np.sign(found.mean())
        claimed = bool(p < 0.05 and not low <= 0 <= high and agree)
        return Value(found.mean(), low, high, len(found), p, claimed)

    def fit(self, explainer):
        """Regress the IoU on facts about lesion and case, with a random intercept per image."""
        rows = []
        for training in self.trainings:
            own = self.by_case(training, explainer)[["iou", "probability"]].reset_index()
            rows.append(own.assign(network=self.study.bases[training]))
        data = pd.concat(rows).groupby(["case", "network"]).mean().reset_index()
        lesions = pd.read_csv(write_results.LESIONS).set_index("case")
        logs = ["lesions", "size", "elongation"]
        lesions[logs] = np.log(lesions[logs])
        data = data.rename(columns={"probability": "confidence"}).join(lesions, on="case")
        facts = list(write_results.KNOWN)
        data[facts] = (data[facts] - data[facts].mean()) / data[facts].std()
        formula = f"iou ~ {' + '.join(facts)} + C(network)"
        return smf.mixedlm(formula, data, groups="case").fit(reml=True), len(data)

    def by_case(self, training, explainer, rule="tuned"):
        return self.scores(training, explainer, rule)

    def mean_of(self, values):
        return Value(values.mean(), *interval(values), len(values))

    def coefficient(self, explainer, fact):
        found, n = self.fitted(explainer)
        return Value(found.params[fact], *found.conf_int().loc[fact], n, found.pvalues[fact])

    def faithfulness(self, training, explainer, metric):
        path = f"faithfulness/{training}/{explainer}"
        found = self.table(training, "faithfulness", path)[metric].dropna()
        return Value(found.mean(), *interval(found), len(found))

    def within(self, training, explainer, metric):
        path = f"faithfulness/{training}/{explainer}"
        found = self.table(training, "faithfulness", path)[metric]
        return found.corr(self.by_case(training, explainer)["iou"], method="spearman")

    def randomised(self, training, explainer):
        rows = self.table(training, "sanity", f"{training}/{explainer}/sanity")
        rows = rows[(rows["test"] == "parameters") & (rows["depth"] == rows["depth"].max())]
        found = rows["spearman"].dropna()
        return Value(found.mean(), *interval(found), len(found))


def test_every_number_of_the_page_follows_from_the_cases():
    printed = write_results.PAGE.read_text(encoding="utf-8")
    again = write_results.render(FromCases(), FromCases("masked"), FromCases("hundred"))
    # The words are the same, including those that depend on numbers. Lines may break elsewhere,
    # because intervals depend on random draws.
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", again).split()
    parts = zip(re.split(r"(\[[^\]]*\])", printed), re.split(r"(\[[^\]]*\])", again), strict=True)
    compared = 0
    for mine, theirs in parts:
        a, b = (
            [float(x.replace("−", "-")) for x in NUMBER.findall(text)] for text in (mine, theirs)
        )
        if mine.startswith("[") and len(a) == 2:
            assert a == pytest.approx(b, abs=max(0.001, DRAWS * (b[1] - b[0]))), (mine, theirs)
        else:
            assert a == b, (mine, theirs)
        compared += len(a)
    assert compared > 200


def test_the_readme_repeats_the_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = readme.split("## What came out")[1].split("\n## ")[0]
    page = write_results.PAGE.read_text(encoding="utf-8")
    numbers = re.findall(r"\.\d{3}\b", told)
    assert len(numbers) > 10
    assert not [number for number in numbers if number not in page]


def test_committed_tables_follow_from_the_cases():
    """Means of localization.csv; differences and p of comparisons.csv."""
    results, tables = FromCases(), write_results.TEXTS / "tables"
    units = {name: name for name in results.trainings} | {"none": results.trainings[0]}
    means = pd.read_csv(tables / "localization.csv")
    assert set(means["classifier"]) == set(units)
    for row in means.itertuples():
        found = results.mean(units[row.classifier], row.explainer)
        assert (row.mean, row.n) == (pytest.approx(found.value, abs=1e-9), found.n)
    pairs = pd.read_csv(tables / "comparisons.csv").query("classifier in @results.trainings")
    assert len(pairs) > 100
    for row in pairs.itertuples():
        found = results.difference(row.classifier, row.explainer_a, row.explainer_b)
        assert row.mean_difference == pytest.approx(found.value, abs=1e-9)
        assert row.p_adjusted == pytest.approx(found.p, rel=1e-6)


def test_each_network_counts_once(monkeypatch):
    """Differences of .1 and .3 in two trainings of one network, .6 in the other: (.2 + .6) / 2."""
    lime = {"lite0-s1": 0.1, "lite0-s2": 0.3, "resnet18-s1": 0.6}
    monkeypatch.setattr(FromCases, "trusted", list(lime))
    monkeypatch.setattr(
        FromCases,
        "by_case",
        lambda _, training, explainer, rule: pd.DataFrame(
            {"iou": [0.2 + lime[training] * (explainer == "lime")] * 3}
        ),
    )
    assert FromCases().over_networks("lime", "gradcam").value == pytest.approx(0.4)


def test_the_marked_share_leaves_out_masks_that_miss(monkeypatch):
    """Three masks: a hit of 20 of 100 × 100 pixels, a miss, and an empty mask."""
    rows = pd.DataFrame(
        {
            "precision": [0.5, 0.0, np.nan],
            "recall": [0.1, 0.0, 0.0],
            "reference_area": 200,
            "image_area": 10000,
            "empty_prediction": [False, False, True],
        }
    )
    monkeypatch.setattr(FromCases, "by_case", lambda *_: rows)
    assert FromCases().marked("lite0-s1", "lime") == pytest.approx((40 / 10000 + 0) / 2)
