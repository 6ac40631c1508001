"""The number of cases behind the verdict, and the result without near-duplicates."""

import json

import numpy as np
import pandas as pd
import pytest

import verdict as script
from fidelity.analysis.checks.without_near_duplicates import cases_with_twins, primary_result
from fidelity.analysis.columns.cases import DATA_WARNINGS, NEAR_DUPLICATES
from fidelity.analysis.columns.comparisons import RANKS
from fidelity.analysis.comparisons import compare
from fidelity.analysis.localization import MEASURED, summarize
from fidelity.datasets.cases import Case, write_cases
from fidelity.tables.cases.case_counts import cases_table
from fidelity.verdict.chapters import build
from fidelity.verdict.evidence import CaseTables, Study, Tables
from tests.helpers.run_script import run_script
from tests.helpers.synthetic_results import combined

STATISTICS = {
    "primary": "iou",
    "primary_binarization": "fixed50",
    "compared": ["iou"],
    "alpha": 0.05,
    "margin": 0.05,
    "cluster": "patient",
    "replicates": 200,
    "permutations": 200,
    "seed": 1,
}
EXPLAINERS = {"lime": 0.5, "gradcam": 0.3}
FAMILIES = {"lime": "perturbation", "gradcam": "cam"}


def pairs(*rows) -> pd.DataFrame:
    """Return rows of near_duplicates.csv: case, its split, twin, its split, excluded."""
    return pd.DataFrame(
        [
            dict.fromkeys(NEAR_DUPLICATES.names, "A")
            | dict(zip(("case", "split", "twin", "twin_split", "excluded"), row, strict=True))
            | {"distance": 1, "correlation": 0.99}
            for row in rows
        ],
        columns=NEAR_DUPLICATES.names,
    )


def counts(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["split", "status", "cause", "n"])


@pytest.fixture(scope="module")
def scores():
    table = combined(EXPLAINERS, 40)
    table = table[table["binarization"] == "fixed50"].reset_index(drop=True)
    return table.assign(**{MEASURED: "iou dice"})


def facts(scores, near, how_many, searched=True, cases=(), told=()):
    """Return the numbers and outcomes of the sentences under "Cases" in the verdict."""
    twins = cases_with_twins(near)
    means, compared = primary_result(scores, twins, STATISTICS)
    tables = Tables(
        summarize(scores, STATISTICS),
        compare(scores, STATISTICS),
        pd.DataFrame(columns=RANKS.names),
        cases=CaseTables(
            how_many, DATA_WARNINGS.frame(told), near, searched, means, compared, cases
        ),
    )
    (chapter,) = build(tables, Study(STATISTICS, FAMILIES, {"resnet18": "resnet18"}))
    (group,) = [g for s in chapter.sections for g in s.groups if g.title == "Cases"]
    numbers = {}
    for sentence in group.sentences:
        numbers |= sentence.numbers
        for key, name in (("references", "told"), ("n_total", "size")):
            if key in sentence.numbers:
                numbers[name] = sentence.text
    return numbers, [sentence.outcome for sentence in group.sentences]


def test_the_verdict_says_how_many_of_how_many_cases_are_used(scores):
    lost = counts(
        ("test", "used", "", 38),
        ("test", "unusable", "the file has zero bytes", 2),
        ("test", "excluded", "limit", 10),
    )
    numbers, outcomes = facts(scores, pairs(), lost)
    assert (numbers["n"], numbers["n_total"]) == (38, 40)
    assert numbers["unusable"] == {"the file has zero bytes": 2}
    assert numbers["excluded"] == {"limit": 10}
    assert numbers["near_duplicate_pairs"] == 0
    assert outcomes == ["warning", "note"]
    assert facts(scores, pairs(), counts(("test", "used", "", 40)))[1] == ["note", "note"]
    for used, told in ((1, "The only image of the test split is used."), (2, "Both images of")):
        size = facts(scores, pairs(), counts(("test", "used", "", used)))[0]["size"]
        assert size.startswith(told)
    one = counts(("test", "used", "", 1), ("test", "unusable", "zero bytes", 1))
    assert facts(scores, pairs(), one)[0]["size"] == (
        "1 of 2 cases of the test split is used. The other one cannot be: zero bytes (1)."
    )
    few = [drawn(0), drawn(1, masks={"COVID-19": "mask.png"}), drawn(2, masks={"other": "m.png"})]
    told = facts(scores, pairs(), counts(("test", "used", "", 3)), cases=few)[0]["size"]
    assert told.endswith(
        "All 3 images of the test split are used. 1 has a reference and is scored."
    )
    (row,) = cases_table(lost, "demo").rows
    assert row[:3] == ["test", "38 of 40", "the file has zero bytes (2)"]


def test_the_verdict_lists_what_may_be_wrong_with_the_data(scores):
    whole = counts(("test", "used", "", 40))
    told = [("2 of 9 lung masks are empty (first: a.png)",)]
    assert facts(scores, pairs(), whole, told=told)[1] == ["note", "note", "warning"]


def drawn(number, split="test", **references):
    """Create a case; references are `masks` and `boxes` by class."""
    return Case(f"c{number}", f"p{number}", split, ("COVID-19",), "x.png", **references)


def test_the_verdict_says_what_the_references_were_drawn_as(scores):
    boxes = {"COVID-19": ((0.0, 0.0, 1.0, 1.0), (2.0, 2.0, 3.0, 3.0))}
    nothing = {"COVID-19": (), "Non-COVID": ()}
    masks = {"COVID-19": "mask.png"}
    used = counts(("test", "used", "", 40))
    cases = [
        drawn(0, masks=masks),
        drawn(1, boxes=boxes),
        drawn(2, boxes=nothing),
        # If a case has both, the mask is scored. Other splits and classes do not count.
        drawn(3, masks=masks, boxes=boxes),
        drawn(4, "val", boxes=boxes),
        drawn(5, boxes={"Mass": ()}),
    ]

    def told(cases):
        numbers, _ = facts(scores, pairs(), used, cases=cases)
        return numbers.get("references"), numbers.get("told")

    numbers, text = told(cases)
    assert numbers == {"split": "test", "masks": 2, "boxed": 3, "boxes": 2, "empty": 2}
    assert text == (
        "The test split has 2 reference masks, and 3 more references drawn as boxes (2 boxes in "
        "total; in 2 nothing was found). Metrics of masks compare with the filled boxes."
    )
    assert told(cases[:1])[1] == "The test split has 1 reference mask."
    assert told(cases[1:2])[1].startswith("The test split has 1 reference drawn as boxes (2 box")
    assert told([]) == (None, None)


def test_the_primary_result_is_given_without_near_duplicates_too(scores):
    """The twins' scores raise Grad-CAM's mean. Without them, it equals the mean of other cases."""
    twins = [f"case_{number:03d}" for number in (0, 3, 8)]
    lifted = scores.copy()
    theirs = lifted["case"].isin(twins)
    lifted.loc[theirs & (lifted["explainer"] == "gradcam"), "iou"] = 0.95
    near = pairs(
        ("t1", "train", twins[0], "test", "no"),
        ("t2", "train", twins[1], "test", "no"),
        ("v1", "val", twins[2], "test", "no"),
        ("t1", "train", "v1", "val", "no"),
        ("t3", "train", "case_010", "test", "yes"),  # solved by near_duplicates: exclude
    )
    numbers, outcomes = facts(lifted, near, counts(("test", "used", "", 40)))
    assert numbers["near_duplicate_pairs"] == 4
    assert numbers["by_splits"] == {"train–test": 2, "val–test": 1, "train–val": 1}
    assert (numbers["n_cases"], numbers["excluded_pairs"]) == (3, 1)
    for name in EXPLAINERS:
        own = lifted[(lifted["explainer"] == name) & ~lifted["empty_reference"]]
        rest = own[~own["case"].isin(twins)]
        told = numbers["without_near_duplicates"][name]
        assert told["n"] == len(rest)
        assert told["mean"] == pytest.approx(rest["iou"].mean())
        assert told["with_them"] == pytest.approx(own["iou"].mean())
    ((comparison),) = numbers["comparisons"]
    assert comparison["difference"] == pytest.approx(
        _patient_means(lifted[~theirs], "lime") - _patient_means(lifted[~theirs], "gradcam")
    )
    assert outcomes[1] == "warning"


def _patient_means(rows, name):
    own = rows[(rows["explainer"] == name) & ~rows["empty_reference"]]
    return own.groupby("patient")["iou"].mean().mean()


def test_cases_without_a_value_are_not_part_of_the_means_without_near_duplicates(scores):
    twin, *others = scores["case"].unique()
    near = pairs((twin, "test", "B", "train", ""))
    told = facts(scores, near, counts())[0]["without_near_duplicates"]
    fewer = scores.assign(iou=scores["iou"].where(scores["case"] != others[0]))
    found = facts(fewer, near, counts())[0]["without_near_duplicates"]
    assert {name: one["n"] + 1 for name, one in found.items()} == {
        name: one["n"] for name, one in told.items()
    }


def test_a_conclusion_that_the_near_duplicates_make_is_a_warning(scores):
    same = scores.copy()
    lime = same["explainer"] == "lime"
    same.loc[lime, "iou"] = same.loc[~lime, "iou"].to_numpy()
    cases = sorted(same["case"].unique())[:24]
    twinned = same["case"].isin(cases)
    same.loc[lime & twinned, "iou"] += 0.2
    near = pairs(*((f"t{i}", "train", case, "test", "no") for i, case in enumerate(cases)))
    numbers, outcomes = facts(same, near, counts(("test", "used", "", 40)))
    (comparison,) = numbers["comparisons"]
    assert comparison["outcome_with_them"] == "better"
    assert comparison["outcome"] != "better"
    assert outcomes[-1] == "warning"


def test_what_was_not_searched_for_is_not_said_to_be_absent(scores):
    used = counts(("test", "used", "", 40))
    assert facts(scores, pairs(), used, searched=False)[0]["near_duplicate_pairs"] is None
    everything = pairs(*((f"t{c}", "train", c, "test", "no") for c in scores["case"].unique()))
    numbers, outcomes = facts(scores, everything, used)
    assert numbers["without_near_duplicates"] == {}
    assert outcomes == ["note", "warning", "warning"]


def test_the_scripts_read_what_index_cases_writes(scores, tmp_path):
    names = ("counts", "pairs", "means", "tests", "told")
    files = {name: str(tmp_path / f"{name}.csv") for name in names}
    counts(("test", "used", "", 40)).to_csv(files["counts"], index=False)
    pairs(("'=t", "train", "case_000", "test", "no")).to_csv(files["pairs"], index=False)
    DATA_WARNINGS.frame([("one image is blank",)]).to_csv(files["told"], index=False)
    scored, combos = [], []
    for name, part in scores.groupby("explainer"):
        combos.append({"dataset": "demo", "classifier": "resnet18", "explainer": name})
        combos[-1] |= {"binarization": "fixed50", "protocol": "default"}
        scored.append(str(tmp_path / f"{name}.parquet"))
        part.drop(columns=[*combos[-1], MEASURED]).to_parquet(scored[-1])
    run_script(
        "without_twins",
        {"scores": scored, "near_duplicates": files["pairs"]},
        [files["means"], files["tests"]],
        combos=combos,
        statistics=STATISTICS,
        partial=[],
    )
    kept = pd.read_csv(files["means"])
    assert set(kept["metric"]) == {"iou"}
    paths = {}
    write_cases(tmp_path / "cases.csv", [drawn(0, masks={"COVID-19": "mask.png"})])
    for name, table in (
        ("localization", summarize(scores, STATISTICS)),
        ("comparisons", compare(scores, STATISTICS)),
        ("ranks", pd.DataFrame(columns=RANKS.names)),
    ):
        paths[name] = str(tmp_path / f"{name}.csv")
        table.to_csv(paths[name], index=False)
    script.main(
        {
            **paths,
            "counts": files["counts"],
            "cases": str(tmp_path / "cases.csv"),
            "near_duplicates": files["pairs"],
            "data_warnings": files["told"],
            "means_without_twins": files["means"],
            "comparisons_without_twins": files["tests"],
        },
        dataset="demo",
        families=FAMILIES,
        bases={"resnet18": "resnet18"},
        confounded={},
        statistics=STATISTICS,
        markdown=str(tmp_path / "v.md"),
        html=str(tmp_path / "v.html"),
        json=str(tmp_path / "v.json"),
        searched=True,
    )
    told = json.loads((tmp_path / "v.json").read_text())
    assert "Warning about the data: one image is blank." in (tmp_path / "v.md").read_text()
    numbers = [
        sentence["numbers"]
        for section in told["chapters"][0]["sections"]
        for group in section["groups"]
        for sentence in group["sentences"]
    ]
    (found,) = [n for n in numbers if "without_near_duplicates" in n]
    assert [n["references"]["masks"] for n in numbers if "references" in n] == [1]
    n = (scores["explainer"] == "lime") & ~scores["empty_reference"]
    assert found["without_near_duplicates"]["lime"]["n"] == int(np.sum(n)) - 1
