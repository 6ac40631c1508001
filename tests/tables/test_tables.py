"""Formatted tables: their content, and names that contain markup."""

import io
import re
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

import format_tables
import summary_over_datasets
from fidelity.analysis.chance import qualities
from fidelity.analysis.columns.classifiers import CLASSIFICATION as CLASSIFICATION_TABLE
from fidelity.analysis.columns.comparisons import MIXED_MODEL
from fidelity.analysis.columns.localization import COMBO
from fidelity.analysis.input_ablation import input_table
from fidelity.base.formulas import escape_formulas
from fidelity.explainers.registry import METHODS
from fidelity.presentation.protocols import MEANINGS
from fidelity.presentation.titles import Display, showing
from fidelity.tables.classification import classification_tables
from fidelity.tables.inference import model_tables
from fidelity.tables.input_ablation import input_tables
from tests.helpers.run_script import run_script
from tests.helpers.synthetic_results import FAMILIES, STATISTICS, scores, study, written_cohort

EVIL = "=1+1|<b>&_{%$#~^\\"
EMPTY = {"overlap_both": "one", "distance_both": "zero", "distance_prediction": "diagonal"}
BASES = {"net": "net", "net-s1": "net", "net-s2": "net"}
KINDS = {**FAMILIES, EVIL: "perturbation"}
CLASSIFICATION = pd.DataFrame(
    [
        ("demo", "test", "net", "all", "accuracy", 0.95, 0.9, 0.98, np.nan, 60, 30),
        ("demo", "test", "net", "COVID-19", "f1", 0.9, np.nan, np.nan, np.nan, 20, 10),
    ],
    columns=CLASSIFICATION_TABLE.names,
)


@pytest.fixture
def results(tmp_path):
    """Run the scripts on two explainers; the name of one is full of markup."""
    paths, combos = [], []
    for number, (name, classifier) in enumerate([(EVIL, "net"), ("lung_mask", "none")]):
        paths.append(str(tmp_path / f"{number}.parquet"))
        scores(0.3 + 0.1 * number, 20, number).to_parquet(paths[-1])
        combos.append(
            dict(zip(COMBO, ("demo", classifier, name, "fixed50", "default"), strict=True))
        )
    tabulated(tmp_path, paths, combos)
    return tmp_path


def tabulated(folder, paths, combos):
    """Run the scripts that write the tables."""

    def output(name):
        return str(folder / f"{name}.csv")

    def run(name, inputs, written, **params):
        run_script(name, inputs, [output(written)], statistics=STATISTICS, **params)

    cohort, scored = written_cohort(paths, output("cases")), {"scores": paths}
    files = {**scored, "cases": output("cases")}
    run("summarize", files, "localization", combos=combos, cohort=cohort)
    run("compare", scored, "comparisons", combos=combos, diagnostic=["area"], partial=[])
    run("ranks", scored, "ranks", combos=combos, families=KINDS, diagnostic=["area"])
    run("seeds", {"localization": output("localization")}, "seeds", bases=BASES)
    run("strata", {**scored, "told": []}, "strata", combos=combos)
    files = {**scored, "classification": []}
    run("mixed_model", files, "mixed_model", combos=combos, families=KINDS, bases=BASES)
    CLASSIFICATION.to_csv(folder / "classification.csv", index=False)


def formatted(folder, confounded=MappingProxyType({})):
    """Return tables.md, the LaTeX of all tables, and tables.html."""
    names = ("localization", "comparisons", "seeds", "strata", "mixed_model", "classification")
    settings = {
        "statistics": STATISTICS,
        "scoring_size": "original",
        "empty": EMPTY,
        "families": KINDS,
        "diagnostic": ["area"],
        "bases": BASES,
        "confounded": confounded,
    }
    outputs = [str(folder / name) for name in ("t.md", "tables.tex", "latex", "t.html")]
    files = {name: str(folder / f"{name}.csv") for name in (*names, "cases")}
    format_tables.main(files, "demo", settings, *outputs)
    listed = re.findall(r"\\input\{(.*)\}", (folder / "tables.tex").read_text())
    latex = "\n".join((folder / f"{name}.tex").read_text() for name in listed)
    return [(folder / "t.md").read_text(), latex, (folder / "t.html").read_text()]


def test_names_are_escaped_everywhere(results):
    markdown, latex, html = formatted(results)
    assert r" =1+1\|&lt;b>&\_{%<span>$</span>\#\~^\\" in markdown
    assert (
        r"=1+1\textbar{}\textless{}b\textgreater{}\&\_\{\%\$\#\textasciitilde{}\textasciicircum{}"
        r"\textbackslash{}"
    ) in latex
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    for name in ("localization", "comparisons", "ranks", "seeds", "strata", "mixed_model"):
        for line in (results / f"{name}.csv").read_text().splitlines():
            assert not any(cell.startswith("=") for cell in line.split(","))


def test_every_mean_stands_beside_its_counts_and_conventions(results):
    markdown, latex, html = formatted(results)
    assert "| **COVID-19, no classifier** |" in markdown
    assert "| lung\\_mask | null baseline |" in markdown
    for text in (markdown, html):
        assert text.count("Unit of analysis: patient") >= 5
        assert "overlap is 0 and distances are the image diagonal." in text
        assert "original image size" in text
        assert "empty pred." in text
        assert "zero maps" not in text
        assert ("Full sets: distances between all pixels" in text) == ("(full sets)" in text)
    floats = len(re.findall(r"\\begin\{table\*?\}", latex))
    assert floats == len(re.findall(r"\\end\{table\*?\}", latex)) == latex.count(r"\caption{")
    assert len(set(re.findall(r"\\label\{tab:demo-.*\}", latex))) == html.count("<table")
    assert r"\toprule" in latex
    columns = 0
    for line in latex.splitlines():
        if line.startswith(r"\begin{tabular}"):
            columns = len(re.findall(r"[lrp]", re.sub(r"\{\d+pt\}", "", line[15:])))
        if line.startswith(r"\relax"):
            assert line.replace(r"\&", "").count("&") == columns - 1


def test_a_study_with_seeds_shows_their_spread_and_marks_what_saw_the_reference(tmp_path):
    tabulated(
        tmp_path, *study(tmp_path, {"lime": 0.4, "gradcam": 0.2, "unet": 0.7, "lung_mask": 0.5})
    )
    markdown, _, html = formatted(tmp_path)
    seeds = pd.read_csv(tmp_path / "seeds.csv").query(
        "metric == 'iou' and explainer == 'lime' and binarization == 'fixed50'"
    )
    for spread in seeds["std_between_seeds"]:
        assert f"{spread:.3f} (2 seeds)" in markdown
    assert "area, protocol: default (the binarization uses the reference mask)" in html
    assert "fixed50, protocol: default<" in html
    assert f"default: {MEANINGS['default']}" in markdown
    assert "Scores of the maps themselves" in html
    assert "Primary comparisons on demo, test split (binarization: fixed50)" in html
    # Of four methods, the primary table shows all six pairs; the others show those of explainers.
    notes = re.findall(r"correction covers all (\d+) pairs of .*?Sign flips", html)
    assert notes == ["6", "6", "6"]
    assert html.count("This table does not show all of these pairs.") == 2
    # The ceiling and the baseline are in the primary comparisons, but not in the secondary table.
    secondary = html[html.rindex("Secondary comparisons of explainers") :]
    secondary = secondary[: secondary.index("</table>")]
    assert "gradcam" in secondary
    assert "unet" not in secondary
    lines = markdown[markdown.index("| **All classes, net-s1**") :].splitlines()
    order = [line.split("|")[1].strip() for line in lines[:9]]
    assert order == [
        "**All classes, net-s1**", "lime", "gradcam",
        "**All classes, net-s2**", "lime", "gradcam",
        "**All classes, no classifier**", "lung\\_mask", "unet",
    ]  # fmt: skip
    # Every table of the page has a title and can be collapsed.
    assert len(re.findall(r"<summary>[^<]+</summary>\n<div class=\"scroll\"><table", html)) == (
        html.count("<table")
    )
    # A training that allows no conclusion is not part of the spread; one training has none.
    guesses = ("demo", "test", "net-s2", "all", "macro_auc", 0.5, 0.4, 0.6, 0.5, 60, 30)
    rated = pd.DataFrame([guesses], columns=CLASSIFICATION.columns)
    rated.to_csv(tmp_path / "classification.csv", index=False)
    assert "SD over seeds" not in formatted(tmp_path)[0]


def test_the_classifiers_accuracy_stands_in_every_localization_table(results):
    extra = [
        ("demo", "test", "net", "all", "balanced_accuracy", 0.41, 0.36, 0.5, 1 / 3, 60, 30),
        ("demo", "test", "net", "all", "macro_auc", 0.77, 0.7, 0.8, 0.5, 60, 30),
    ]
    more = pd.DataFrame(extra, columns=CLASSIFICATION.columns)
    pd.concat([CLASSIFICATION, more]).to_csv(results / "classification.csv", index=False)
    told = "net accuracy 0.950 [0.900, 0.980], balanced 0.410 [0.360, 0.500], "
    told += "macro-AUC 0.770 [0.700, 0.800] (n = 60)"
    markdown, latex, html = formatted(results)
    plain = markdown.replace("\\", "")
    localized = len(re.findall(r"(?:Localization|More metrics|IoU) on demo|Maps without", plain))
    assert plain.count(told) == localized > 1
    assert told in latex
    assert "Chance: Balanced accuracy 0.333, Macro-AUC 0.500." in html
    assert "No conclusion" not in html
    assert told in html
    # The accuracy is not in the heading of a single class, because it covers all classes.
    assert "All classes, net<" in html
    assert "All classes, no classifier<" in html


def test_no_conclusion_of_a_classifier_that_is_no_better_than_chance(results, tmp_path):
    drawn = formatted(results)[0]
    assert "not drawn" not in drawn
    guesses = ("demo", "test", "net", "all", "macro_auc", 0.5, 0.4, 0.6, 0.5, 60, 30)
    more = pd.DataFrame([guesses], columns=CLASSIFICATION.columns)
    rated = str(results / "classification.csv")
    pd.concat([CLASSIFICATION, more]).to_csv(rated, index=False)
    markdown = formatted(results)[0]
    said = "No conclusion about explainers is drawn from net"
    tables = re.split(r"\n\n(?=\*\*|<details><summary>)", markdown)
    with_net = [t for t in tables if re.search(r"^(\||\*\*|<details>).*\bnet\b", t, re.M)]
    assert markdown.count(said) == len(with_net) > 3
    (primary,) = [t for t in tables if "Primary comparisons on" in t]
    rows = [line for line in primary.splitlines() if line.endswith("|")][2:]
    assert "| **net, All classes: IoU ↑** | | | | | | | |" in rows
    assert all(row.endswith(("| not drawn |", "| |")) for row in rows)
    # The mixed model leaves its scores out, but keeps those of another classifier.
    paths = [str(results / f"{number}.parquet") for number in range(2)]
    combos = [
        dict(zip(COMBO, ("demo", name, EVIL, "fixed50", "default"), strict=True))
        for name in ("net", "good")
    ]
    bases = {"net": "net", "good": "good"}
    output = str(tmp_path / "model.csv")
    settings = {"combos": combos, "statistics": STATISTICS, "families": KINDS, "bases": bases}
    files = {"scores": paths, "classification": []}
    run_script("mixed_model", files, [output], **settings)
    both = pd.read_csv(output)
    run_script("mixed_model", {**files, "classification": rated}, [output], **settings)
    good = pd.read_csv(output)
    assert good["n"].max() * 2 == both["n"].max()
    assert good["note"].str.contains("left out, no conclusion is drawn from them: net").all()


def test_infinite_differences_are_explained(results):
    assert "Wilcoxon's test ranks such a difference" not in formatted(results)[0]
    path = results / "comparisons.csv"
    table = pd.read_csv(path)
    table.loc[table["family"] == "primary", ["mean_difference"]] = -np.inf
    table.to_csv(path, index=False)
    for page in formatted(results):
        assert "test ranks such a difference above all others" in page


def test_what_is_not_treated_alike_is_marked(results):
    how = {"lung_mask": "explains another class", "fixed50": "has rules by explainer"}
    markdown, _, html = formatted(results, how)
    assert "lung_mask (confounded)" in html
    assert "protocol: default (confounded: a different binarization for each explainer)" in html
    assert "Confounded: lung_mask explains another class. So a difference" in html
    assert "onfounded" not in formatted(results)[0]


def test_n_of_a_protocol_that_scores_empty_references(results):
    path = results / "localization.csv"
    known = pd.read_csv(path)
    pd.concat([known, known.assign(protocol="seed")]).to_csv(path, index=False)
    markdown = formatted(results)[0].replace("\\", "")
    assert "n: cases with a reference, even if its mask is empty." in markdown
    assert "n: cases with a non-empty reference." in markdown


def test_maps_that_several_pointing_games_score_have_a_note(results):
    path, told = results / "localization.csv", "differ in how they treat tied maxima"
    rows = pd.read_csv(path).query("metric == 'iou'").assign(binarization="none")
    rows.assign(metric="hit_rate").to_csv(path, index=False)
    text = formatted(results)[0]
    assert told not in text
    # These metrics use maps and do not need a predicted mask.
    assert "zero maps" in text
    assert "empty pred." not in text
    both = [rows.assign(metric=name) for name in ("hit_rate", "pointing_game")]
    pd.concat(both).to_csv(path, index=False)
    assert told in formatted(results)[0]


def test_a_fit_that_does_not_hold_is_said_without_numbers():
    model = pd.DataFrame(
        [("demo", "test", "fixed50", "default", "all", "iou", "", *[np.nan] * 5, 40, 20)],
        columns=MIXED_MODEL.names[:-3],
    ).assign(status="singular", note="estimated as zero: variance: patient", reference="mask")
    (table,) = model_tables(model, STATISTICS, "patient")
    assert table.headings == {0: "All classes"}
    assert table.header[2] == "n scores"
    assert table.rows == [["–", "singular", "40", "20", "–", "–"]]


def test_the_intercept_of_a_fit_is_named():
    head = ("demo", "test", "fixed50", "default", "all", "iou")
    terms = ["Intercept", "explainer[T.gradcam]"]
    model = pd.DataFrame(
        [(*head, term, *[0.1] * 5, 40, 20) for term in terms], columns=MIXED_MODEL.names[:-3]
    ).assign(status="ok", note="the intercept is the mean of lime with net; x", reference="mask")
    with showing(Display(explainers={"lime": "LIME"}, classifiers={"net": "ResNet-18"})):
        (table,) = model_tables(model, STATISTICS, "patient")
    assert table.notes[-1] == "The intercept is the mean of LIME with ResNet-18; x."


def test_inputs_stand_side_by_side_by_source():
    rows = [
        ("crop", "test", "net", "lime", 0.3),
        ("whole", "test", "net", "lime", 0.2),
        ("other", "test", "net", "lime", 0.4),
    ]
    columns = ["dataset", "split", "classifier", "explainer", "mean"]
    localization = pd.DataFrame(rows, columns=columns).assign(
        binarization="fixed50", protocol="default", metric="iou", n=9, ci_low=0.1, ci_high=0.5
    )
    localization["class"] = "all"
    datasets = {
        "crop": {"source": "phantom", "input": "lung_crop"},
        "other": {"source": "table", "input": "full"},
        "whole": {"source": "phantom", "input": "full"},
    }
    table = input_table(localization, datasets, "iou", "fixed50")
    assert table["source"].tolist() == ["phantom", "table"]
    assert list(table.columns[6::4]) == ["whole: n", "crop: n", "other: n"]
    assert table["crop: mean"].tolist()[0] == 0.3
    assert np.isnan(table["other: mean"].tolist()[0])
    # The other source has one data set, so there is nothing to compare it with.
    (first,) = input_tables(table, datasets)
    assert first.header[1:] == ["whole (input full)", "crop (input lung_crop)"]
    assert first.headings == {0: "All classes, net"}
    assert first.rows == [["lime", "0.200 [0.100, 0.500]", "0.300 [0.100, 0.500]"]]
    rates = pd.DataFrame(
        [(name, "test", "net", "all", "macro_auc", auc, auc - 0.1, auc + 0.1, 0.5, 60, 30)
         for name, auc in (("crop", 0.5), ("whole", 0.9))],
        columns=CLASSIFICATION.columns,
    )  # fmt: skip
    (first,) = input_tables(table, datasets, qualities(rates))
    assert [note.split(":")[0] for note in first.notes[1:]] == ["crop"]
    alone = input_tables(table.assign(classifier="none"), datasets)[0]
    assert alone.headings == {0: "All classes, no classifier"}


def test_the_classification_table_leaves_blanks_where_a_measure_does_not_apply():
    other = ("demo", "test", "other", "all", "macro_auc", 0.8, 0.7, 0.9, 0.5, 60, 30)
    more = pd.DataFrame([other], columns=CLASSIFICATION.columns)
    together, by_class = classification_tables(pd.concat([CLASSIFICATION, more]), "95 % interval")
    assert together.header == ["Classifier", "n", "Accuracy", "Macro-AUC"]
    assert together.rows == [
        ["net", "60", "0.950 [0.900, 0.980]", "–"],
        ["other", "60", "–", "0.800 [0.700, 0.900]"],
    ]
    assert by_class.headings == {0: "net"}
    assert by_class.rows == [["COVID-19", "20", "0.900"]]


def test_formula_escaping_leaves_numbers_and_plain_names():
    table = pd.DataFrame({"name": ["=a", "+b", "-c", "@d", "e-f"], "value": [-1.0, 2, 3, 4, 5]})
    escaped = escape_formulas(table)
    assert escaped["name"].tolist() == ["'=a", "'+b", "'-c", "'@d", "e-f"]
    assert escaped["value"].tolist() == table["value"].tolist()


def test_names_that_look_like_missing_values_stay_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "classifier,class,value,ci_low,ci_high,chance,n,n_patients\nnone,NA,,,,,3,3\n001,null,0.5,,,,3,3\n"
    )
    table = CLASSIFICATION_TABLE.read(path)
    assert table["class"].tolist() == ["NA", "null"]
    assert table["classifier"].tolist() == ["none", "001"]
    assert table["value"].isna().tolist() == [True, False]


def test_results_are_the_same_bytes_on_a_rerun_and_join_over_data_sets(results):
    first = (results / "localization.csv").read_bytes()
    names = ("all.csv", "class.csv", "inputs.csv", "inputs.md")
    outputs = [results / name for name in names]
    summary_over_datasets.main(
        [str(results / "localization.csv")],
        [str(results / "classification.csv")],
        {"demo": {"source": "phantom", "input": "lung_masked"}},
        "iou",
        "fixed50",
        None,
        80,
        *map(str, outputs),
        [str(results / "f.png"), str(results / "f.pdf")],
    )
    joined = pd.read_csv(outputs[0])
    assert len(joined) == len(pd.read_csv(results / "localization.csv"))
    assert list(joined.columns[:2]) == ["dataset", "input"]
    assert set(joined["input"]) == {"lung_masked"}
    assert "no two data sets of this study have the same source" in outputs[3].read_text()
    assert (results / "f.pdf").stat().st_size > 0
    combos = [
        dict(zip(COMBO, ("demo", c, n, "fixed50", "default"), strict=True))
        for n, c in [(EVIL, "net"), ("lung_mask", "none")]
    ]
    paths = [str(results / f"{number}.parquet") for number in range(2)]
    cases, again = str(results / "cases.csv"), str(results / "again.csv")
    cohort = written_cohort(paths, cases)
    settings = {"combos": combos, "statistics": STATISTICS, "seed": 1, "cohort": cohort}
    run_script("summarize", {"scores": paths, "cases": cases}, [again], **settings)
    assert (results / "again.csv").read_bytes() == first


def test_no_family_reads_as_missing():
    """A family was once called `null`: pandas.read_csv gives nan, and groupby drops its rows."""
    families = sorted({method.family for method in METHODS.values()})
    text = "family\n" + "\n".join(families)
    assert pd.read_csv(io.StringIO(text))["family"].tolist() == families
