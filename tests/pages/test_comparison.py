"""Comparison of two finished studies: values against pandas and scipy, and names by users."""

import copy
import json
import re

import numpy as np
import pandas as pd
import pytest
import scipy
import yaml
from statsmodels.stats.multitest import multipletests

import compare_studies as script
from fidelity.base.errors import InputError
from fidelity.pages.comparison.columns import COMPARED, DIFFERING, SHARED_CASES
from fidelity.provenance import result_origins
from fidelity.study import paths
from tests.helpers.finished_study import CONFIG, LEVELS, RECORD, written
from tests.helpers.html_page import Page

EVIL = "</script><script>alert(1)</script>\"'`&amp; $x$"
NAMES = {"A": "one", "B": "two"}
PRIMARY = "binarization == 'fixed50' and metric == 'iou' and `class` == 'all'"


def changed(**more):
    """Return a copy of the config with changed sections."""
    return {**copy.deepcopy(CONFIG), **more}


def noisy(rows, explainer):
    """Change the scores, and drop the last cases."""
    rows = rows[rows["case"] < "case_034"].reset_index(drop=True)
    if "iou" in rows and explainer != "lung_mask":
        shift = {"lime": -0.1, "gradcam": 0.12}[explainer]
        noise = np.random.default_rng(len(explainer)).normal(shift, 0.08, len(rows))
        rows["iou"] = (rows["iou"] + noise).clip(0, 1)
    return rows


def renamed(rows, _):
    """Rename cases and patients, so that none are shared."""
    return noisy(rows, _).assign(case="x" + rows["case"], patient="x" + rows["patient"])


def run(a, b, out, **how):
    script.compare(a, b, out, NAMES, **how)
    page = (out / script.PAGE).read_text(encoding="utf-8")
    tables = (COMPARED, SHARED_CASES, DIFFERING)
    return page, *(table.read(out / table.file) for table in tables)


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paired")
    a, b = written(folder / "a"), written(folder / "b", change=noisy)
    return a, b, *run(folder / "a", folder / "b" / "results", folder / "out")


@pytest.fixture(scope="module")
def unpaired(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpaired")
    a, b = written(folder / "a"), written(folder / "b", change=renamed)
    return a, b, *run(folder / "a", folder / "b", folder / "out")


def stored(dataset, explainer):
    """Read the primary scores that a study stored, without empty references."""
    classifier = "none" if explainer == "lung_mask" else "net"
    rows = pd.read_parquet(dataset / classifier / explainer / "fixed50/default/scores.parquet")
    return rows[~rows["empty_reference"]]


def by_patient(rows, column):
    return rows.groupby("patient")[column].mean().dropna().to_numpy()


@pytest.mark.parametrize("explainer", list(LEVELS))
def test_shared_cases_are_compared_in_pairs(paired, explainer):
    a, b, _, table, *_ = paired
    (row,) = table.query(f"{PRIMARY} and explainer == @explainer").to_dict("records")
    both = stored(a, explainer).merge(stored(b, explainer), on=["case", "class"])
    both = both.assign(patient=both["patient_x"], d=both["iou_x"] - both["iou_y"]).dropna(
        subset="d"
    )
    values = by_patient(both, "d")
    assert row["design"] == "paired"
    assert row["family"] == "primary"
    assert row["n_a"] == row["n_b"] == len(both) < 40
    assert row["n_patients_a"] == row["n_patients_b"] == len(values) == 17
    assert row["n_different"] == (both["d"] != 0).sum()
    assert row["mean_a"] == pytest.approx(by_patient(both, "iou_x").mean())
    assert row["mean_b"] == pytest.approx(by_patient(both, "iou_y").mean())
    assert row["mean_difference"] == pytest.approx(values.mean())
    if explainer == "lung_mask":
        assert (row["n_different"], row["p_value"], row["mean_difference"]) == (0, 1, 0)
        return
    assert row["p_value"] == pytest.approx(scipy.stats.wilcoxon(values).pvalue)
    rng = np.random.default_rng(5)
    flipped = (rng.choice([-1, 1], (20_000, len(values))) * values).mean(axis=1)
    p = np.mean(np.abs(flipped) >= abs(values.mean()) - 1e-12)
    assert row["p_permutation"] == pytest.approx(p, abs=0.015)
    drawn = rng.choice(values, (20_000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert row["ci_low"] == pytest.approx(low, abs=0.004)
    assert row["ci_high"] == pytest.approx(high, abs=0.004)


def test_p_is_corrected_over_the_explainers(paired):
    rows = paired[3].query(PRIMARY)
    assert len(rows) == len(LEVELS)
    expected = multipletests(rows["p_value"], method="holm")[1]
    assert rows["p_adjusted"].to_numpy() == pytest.approx(expected)
    found = rows.set_index("explainer")["conclusion"]
    assert found["lime"] == "a_higher"
    assert found["lung_mask"] == "equivalent"


@pytest.mark.parametrize("explainer", ["lime", "gradcam"])
def test_other_cases_are_compared_unpaired_and_it_says_so(unpaired, explainer):
    a, b, page, table, *_ = unpaired
    assert set(table["design"]) == {"unpaired"}
    (row,) = table.query(f"{PRIMARY} and explainer == @explainer").to_dict("records")
    rows = stored(a, explainer), stored(b, explainer)
    one, other = (by_patient(part, "iou") for part in rows)
    assert (row["n_a"], row["n_b"]) == tuple(part["iou"].notna().sum() for part in rows)
    assert (row["n_patients_a"], row["n_patients_b"]) == (len(one), len(other))
    assert row["mean_difference"] == pytest.approx(one.mean() - other.mean())
    assert row["p_value"] == pytest.approx(scipy.stats.mannwhitneyu(one, other).pvalue)
    assert np.isnan([row["p_permutation"], row["n_different"]]).all()
    rng = np.random.default_rng(5)
    drawn = [rng.choice(part, (20_000, len(part))).mean(axis=1) for part in (one, other)]
    low, high = np.quantile(drawn[0] - drawn[1], [0.025, 0.975])
    assert row["ci_low"] == pytest.approx(low, abs=0.008)
    assert row["ci_high"] == pytest.approx(high, abs=0.008)
    text = words(page)
    assert "Not paired: no case of the test split is in both studies." in text
    assert "All 40 cases of A are compared with all 34 cases of B." in text
    assert "p (Mann-Whitney)" in text


def test_the_cases_are_listed_with_both_values(paired):
    a, b, _, _, cases, _ = paired
    rows = cases.query("explainer == 'lime' and case == 'case_003'")
    (row,) = rows.to_dict("records")
    for dataset, name in ((a, "value_a"), (b, "value_b")):
        (value,) = stored(dataset, "lime").query("case == 'case_003'")["iou"]
        assert row[name] == pytest.approx(value)
    assert row["difference"] == pytest.approx(row["value_a"] - row["value_b"])
    assert cases["case"].nunique() == 34


def words(text):
    return Page(text).text


def test_the_page_says_what_was_found(paired):
    _, _, page, table, *_ = paired
    text = words(page)
    assert "IoU of 2 explainers: 1 better in A and 1 better in B." in text
    row = table.query(f"{PRIMARY} and explainer == 'lime'").iloc[0]
    means = f"mean IoU {row['mean_a']:.3f} in A, {row['mean_b']:.3f} in B"
    difference = f"difference +{row['mean_difference']:.3f}, 95 % interval {row['ci_low']:.3f} to "
    assert f"LIME is better in A than in B: {means} ({difference}" in text
    assert "34 cases of the test split are in both studies. They are compared in pairs." in text
    assert "The others are left out: A has 40 cases, B has 34." in text
    assert "identical" in text
    for key in ("lung_mask", "fixed50", "gradcam"):
        assert key not in text.split("What differs")[0]


def test_lower_is_better_for_distances(tmp_path):
    def further(rows, explainer):
        if "hausdorff_full" in rows and explainer == "lime":
            rows["hausdorff_full"] += np.arange(len(rows)) % 7 + 10
        return rows

    config = changed(statistics={**CONFIG["statistics"], "primary": "hausdorff_full"})
    written(tmp_path / "a", config)
    written(tmp_path / "b", config, change=further)
    page, *_ = run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert "LIME is better in A than in B: mean Hausdorff" in words(page)
    assert "1 better in A and 1 identical in each case. Best mean: LIME in both." in words(page)


def test_scores_without_a_new_record_are_named(tmp_path, capsys):
    """Settings on the page come from provenance.json, which `TARGETS=tables` does not write."""
    written(tmp_path / "a")
    b = written(tmp_path / "b")
    made = {f"{b.name}/provenance.json": 2.0, f"{b.name}/net/lime/ranking.parquet": 1.0}

    def told() -> str:
        results = {f"results/{path}": {"made": time} for path, time in made.items()}
        listing = {"schema": result_origins.SCHEMA, "results": results, "texts": []}
        (b / "tables/made_of.json").write_text(json.dumps(listing))
        run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
        return capsys.readouterr().err

    assert told() == ""
    made[f"{b.name}/net/lime/half/default/scores.parquet"] = 3.0
    assert f"{b}: scores are newer than provenance.json" in told()


def test_files_that_changed_are_other_cases_unless_accepted(tmp_path):
    written(tmp_path / "a")
    b = written(tmp_path / "b")
    listed = pd.read_csv(b / "cases.csv")
    listed.loc[3:, "digest"] = "changed"
    listed.to_csv(b / "cases.csv", index=False)
    page, table, *_ = run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert table["n_a"].max() == 3  # from two patients
    assert "37 case ids are in both studies with other image or mask files." in words(page)
    listed.loc[1:, "digest"] = "changed"
    listed.to_csv(b / "cases.csv", index=False)
    page, table, *_ = run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert set(table["design"]) == {"unpaired"}
    assert "Not paired: only 1 case of the test split is in both studies." in words(page)
    page, table, *_ = run(tmp_path / "a", tmp_path / "b", tmp_path / "out", accept=True)
    assert set(table["design"]) == {"paired"}
    assert "IoU of 2 explainers: 2 identical in each case." in words(page)


def test_without_a_test_split_one_split_is_shown(tmp_path):
    def parted(rows, _):
        return rows.assign(split=["train" if i % 4 < 2 else "val" for i in range(len(rows))])

    written(tmp_path / "a", change=parted)
    written(tmp_path / "b", change=lambda rows, name: noisy(parted(rows, name), name))
    page, table, *_ = run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert set(table["split"]) == {"train", "val"}
    text = words(page)
    assert "IoU, val split" in text
    assert "16 cases of the val split are in both studies." in text
    assert "18 cases of the train split are in both studies." in text


def test_what_differs_is_listed_and_nothing_else(tmp_path):
    explainers = {**CONFIG["explainers"], "lime": {"method": "lime", "samples": 77}}
    record = copy.deepcopy(RECORD)
    record["code"]["version"] = "0.2.0"
    record["environment"]["packages"]["numpy"] = "2.1.0"
    record["seeds"]["training"] = {"other_net": 8}
    record["classifiers"] = {"other_net": {"digest": "0"}}
    config = changed(
        explainers={**explainers, "rise": {"method": "rise"}},
        classifiers={"other_net": {"architecture": "resnet34"}},
        datasets={"elsewhere": CONFIG["datasets"]["demo"]},
    )
    a = written(tmp_path / "a")
    b = written(tmp_path / "b", config, record=record)
    page, _, _, table = run(a, b, tmp_path / "out")
    found = table.set_index(["part", "key"])[["value_a", "value_b"]]
    rise = found.loc[("config", "explainers.rise")]
    assert rise["value_a"] == "–"
    assert rise["value_b"].startswith("method: rise, ")
    assert {key: tuple(row) for key, row in found.iterrows() if "rise" not in key[1]} == {
        ("config", "classifiers.net.architecture"): ("resnet18", "resnet34"),
        ("config", "explainers.lime.samples"): ("128", "77"),
        ("seeds", "training.net"): ("7", "8"),
        ("code", "version"): ("0.1.0", "0.2.0"),
        ("environment", "packages.numpy"): ("2.0.0", "2.1.0"),
    }
    text = words(page)
    assert "Classifier: ResNet-18 (A) and ResNet-34 (B)." in text
    assert "Two studies compared: Demo (A) and Elsewhere (B)" in text
    assert "Only in B, so not compared: explainer rise" not in text  # rise has no scores


def test_names_of_users_are_text(tmp_path):
    config = changed()
    for section, key in (
        ("datasets", "demo"),
        ("classifiers", "net"),
        ("explainers", "lime"),
        ("binarizations", "fixed50"),
    ):
        config[section][key]["title"] = EVIL
    written(tmp_path / "a", config)
    written(tmp_path / "b", config, change=noisy)
    out = tmp_path / "out"
    script.compare(tmp_path / "a", tmp_path / "b", out, {"A": EVIL, "B": EVIL})
    page = (out / script.PAGE).read_text(encoding="utf-8")
    tags = Page(page).tags
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags}
    for _, attributes in tags:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert not re.match(r"\w+:", attributes.get("href", ""))
    assert "</script><script>alert(1)</script>" in "".join(Page(page).data)


def test_data_sets_and_classifiers_may_be_named(tmp_path):
    a = written(tmp_path / "a")
    b = written(tmp_path / "b", changed(datasets={"elsewhere": CONFIG["datasets"]["demo"]}))
    with pytest.raises(
        InputError, match=r"no data set with the same name \(A: demo; B: elsewhere\)"
    ):
        run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    _, table, *_ = run(a, b, tmp_path / "out")
    assert set(table["dataset_b"]) == {"elsewhere"}
    two = {"x": {"architecture": "resnet18"}, "y": {"architecture": "resnet34"}}
    c = written(tmp_path / "c", changed(classifiers=two))
    with pytest.raises(
        InputError, match=r"no classifier with the same name \(A: net; B: x and y\)"
    ):
        run(a, c, tmp_path / "out")
    _, table, *_ = run(a, c / "y", tmp_path / "out")
    assert set(table["classifier_b"]) == {"y"}
    page, table, *_ = run(c / "x", c / "y", tmp_path / "out")
    assert (set(table["classifier_a"]), set(table["classifier_b"])) == ({"x"}, {"y"})
    assert "ResNet-18 (A) and ResNet-34 (B)" in words(page)


def test_studies_without_a_classifier_and_re_analyses_are_compared(tmp_path):
    config = changed(classifiers={}, explainers={"lung_mask": {"method": "lung_mask"}})
    written(tmp_path / "a", config, {"lung_mask": 0.4})
    b = written(tmp_path / "b", config, {"lung_mask": 0.4}, change=noisy)
    (b / "provenance.json").unlink()
    (tmp_path / "b" / paths.RESTORED).write_text("{}")
    (tmp_path / "b" / "config.yaml").write_text(yaml.safe_dump(config))
    page, table, *_ = run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert set(table["classifier_a"]) == {"none"}
    assert "B comes from a re-analysis, which records no versions" in words(page)
    assert "no explainer of a classifier" in words(page)


def test_the_record_of_another_version_is_read_with_keys_for_titles(tmp_path):
    written(tmp_path / "a")
    b = written(tmp_path / "b")
    record = json.loads((b / "provenance.json").read_text())
    record["config"]["from_the_future"] = 1
    (b / "provenance.json").write_text(json.dumps(record))
    page, *_, table = run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert "The config of B has settings that this version does not know." in words(page)
    assert "from_the_future" in set(table["key"])


@pytest.mark.parametrize(
    ("config", "words_of_error"),
    [
        (
            changed(explainers={"rise": {"method": "rise"}}),
            r"share no explainer \(A: lime, gradcam and lung_mask; B: rise\). Rerun one",
        ),
        (
            changed(binarizations={"half": {"method": "fixed", "threshold": 0.4}}),
            r"share no binarization \(A: fixed50 and otsu; B: half\). Rerun one",
        ),
    ],
)
def test_nothing_in_common_is_said_with_a_remedy(tmp_path, config, words_of_error):
    a = written(tmp_path / "a")
    b = written(tmp_path / "b", config, {name: 0.3 for name in config["explainers"]})
    with pytest.raises(InputError, match=words_of_error) as found:
        run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert f"{a} and {b}" in str(found.value)
    assert "\n" not in str(found.value)
    assert not (tmp_path / "out").exists()


def test_the_primary_comparison_must_be_in_both(tmp_path):
    def lacking(rows, _):
        return rows.drop(columns="iou", errors="ignore")

    written(tmp_path / "a")
    config = changed(statistics={**CONFIG["statistics"], "primary": "dice"})
    written(tmp_path / "b", config, change=lacking)
    page, table, *_ = run(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert set(table.query("family == 'primary'")["metric"]) == {"dice"}
    assert "Dice of 2 explainers" in words(page)
    written(tmp_path / "c", change=lacking)
    with pytest.raises(
        InputError, match="neither study has the primary comparison .*'fixed50'.*Rerun one"
    ):
        run(tmp_path / "a", tmp_path / "c", tmp_path / "out")


def test_folders_that_are_no_finished_study_are_refused(tmp_path):
    a = written(tmp_path / "a")
    b = written(tmp_path / "b")
    (tmp_path / "unfinished" / "results" / "demo").mkdir(parents=True)
    for folder, problem in (
        (tmp_path / "nothing", "'B': the folder does not exist. Name the results"),
        (tmp_path / "unfinished", "contains no finished study: provenance.json is neither"),
        (tmp_path / "unfinished" / "results" / "demo", "Finish the study with `make run`"),
        (b / "tables", "is neither a data set nor a classifier of 'demo'. Classifiers there: net"),
        (a, "is given as both A and B"),
    ):
        with pytest.raises(InputError) as found:
            run(a, folder, tmp_path / "out")
        assert problem in str(found.value)
        assert str(folder) in str(found.value)
    (b / "net/lime/otsu/default/scores.parquet").unlink()
    with pytest.raises(InputError, match=r"a file is missing: net/lime/otsu.*Copy"):
        run(a, b, tmp_path / "out")
    (b / "tables/localization.csv").unlink()
    with pytest.raises(InputError, match="has no scores of explanations"):
        run(a, b, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_files_of_an_earlier_comparison_are_replaced(tmp_path):
    a, b = written(tmp_path / "a"), written(tmp_path / "b", change=noisy)
    out = tmp_path / "out"
    out.mkdir()
    (out / script.PAGE).write_text("mine")
    with pytest.raises(InputError, match="holds files that a comparison could replace.*OUT="):
        run(a, b, out)
    assert (out / script.PAGE).read_text() == "mine"
    (out / script.PAGE).unlink()
    run(a, b, out)
    (out / "notes.txt").write_text("mine")
    before = (out / COMPARED.file).read_bytes()
    run(a, b, out)
    assert (out / COMPARED.file).read_bytes() == before
    assert (out / "demo-net.png").exists()
    other = changed(classifiers={"other": {"architecture": "resnet34"}})
    run(written(tmp_path / "c", other), b, out)
    names = {path.name for path in out.glob("demo-*")}
    assert names == {"demo-other.png", "demo-other.pdf"}
    assert (out / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder"):
        run(a, b, tmp_path / "file")


def test_the_command_prints_where_the_page_is(tmp_path, capsys, monkeypatch):
    a, b = written(tmp_path / "a"), written(tmp_path / "b", change=noisy)
    arguments = ["x", str(a), str(b), "--output", str(tmp_path / "out"), "--name-a", "Site 1"]
    monkeypatch.setattr("sys.argv", arguments)
    assert script.main() == 0
    assert str(tmp_path / "out" / script.PAGE) in capsys.readouterr().out
    text = words((tmp_path / "out" / script.PAGE).read_text())
    assert "A: Site 1 . B: results/demo ." in text
    assert str(tmp_path) not in text
    assert script.main() == 0
    monkeypatch.setattr("sys.argv", ["x", str(a), str(tmp_path / "nothing")])
    assert script.main() == 1
    assert "the folder does not exist" in capsys.readouterr().err
