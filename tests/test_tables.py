"""Formatted tables: contents, and names that try to be markup."""

import pandas as pd
import pytest

import compare as compare_script
import format_tables
import summarize as summarize_script
import summary_over_datasets
from fidelity import tables
from fidelity.summary import COMBO
from synthetic_results import STATISTICS, scores

EVIL = "=1+1|<b>&_{%$#~^\\"
EMPTY = {"overlap_both": "one", "distance_prediction": "diagonal"}
CLASSIFICATION = pd.DataFrame(
    [
        ("demo", "test", "net", "all", "accuracy", 0.95, 60),
        ("demo", "test", "net", "COVID-19", "f1", 0.9, 20),
    ],
    columns=["dataset", "split", "classifier", "class", "metric", "value", "n"],
)


@pytest.fixture
def results(tmp_path):
    """Run the scripts on two explainers, one of them with a name full of markup."""
    paths, combos = [], []
    for number, (name, classifier) in enumerate([(EVIL, "net"), ("lung_mask", "none")]):
        paths.append(str(tmp_path / f"{number}.parquet"))
        scores(0.3 + 0.1 * number, 20, number).to_parquet(paths[-1])
        combos.append(
            dict(zip(COMBO, ("demo", classifier, name, "fixed50", "default"), strict=True))
        )
    arguments = (paths, combos, STATISTICS, 1)
    summarize_script.main(*arguments, str(tmp_path / "localization.csv"))
    compare_script.main(*arguments, str(tmp_path / "comparisons.csv"))
    CLASSIFICATION.to_csv(tmp_path / "classification.csv", index=False)
    return tmp_path


def formatted(folder):
    outputs = [str(folder / name) for name in ("t.md", "t.tex", "t.html")]
    format_tables.main(
        str(folder / "localization.csv"),
        str(folder / "classification.csv"),
        STATISTICS,
        "original",
        EMPTY,
        *outputs,
    )
    return [(folder / name).read_text() for name in ("t.md", "t.tex", "t.html")]


def test_names_are_escaped_everywhere(results):
    markdown, latex, html = formatted(results)
    assert r"'=1+1\|&lt;b&gt;&amp;\_{%$#\~^\\" in markdown
    assert (
        r"'=1+1|\textless{}b\textgreater{}\&\_\{\%\$\#\textasciitilde{}\textasciicircum{}"
        r"\textbackslash{}"
    ) in latex
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    for name in ("localization.csv", "comparisons.csv"):
        for line in (results / name).read_text().splitlines():
            assert not any(cell.startswith("=") for cell in line.split(","))


def test_every_mean_stands_beside_its_counts_and_conventions(results):
    markdown, latex, html = formatted(results)
    assert "null baseline | lung\\_mask" in markdown
    for text in (markdown, html):
        assert "unit of resampling: patient" in text
        assert "overlap both: one" in text
        assert "original image size" in text
        assert "empty pred." in text
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 2
    assert r"\toprule" in latex
    for line in latex.splitlines():
        if line.startswith(r"\relax"):
            assert line.replace(r"\&", "").count("&") in (9, 4)


def test_the_classification_table_leaves_blanks_where_a_measure_does_not_apply():
    table = tables.classification_table(CLASSIFICATION)
    assert table.rows == [
        ["net", "all", "60", "0.950", "–"],
        ["net", "COVID-19", "20", "–", "0.900"],
    ]


def test_formula_escaping_leaves_numbers_and_plain_names():
    table = pd.DataFrame({"name": ["=a", "+b", "-c", "@d", "e-f"], "value": [-1.0, 2, 3, 4, 5]})
    escaped = tables.escape_formulas(table)
    assert escaped["name"].tolist() == ["'=a", "'+b", "'-c", "'@d", "e-f"]
    assert escaped["value"].tolist() == table["value"].tolist()


def test_names_that_look_like_missing_values_stay_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("classifier,class,value,n\nnone,NA,,3\n001,null,0.5,3\n")
    table = tables.read_results(path, tables.CLASSIFICATION_NUMBERS)
    assert table["class"].tolist() == ["NA", "null"]
    assert table["classifier"].tolist() == ["none", "001"]
    assert table["value"].isna().tolist() == [True, False]


def test_results_are_the_same_bytes_on_a_rerun_and_join_over_data_sets(results):
    first = (results / "localization.csv").read_bytes()
    outputs = [results / "all.csv", results / "class.csv"]
    summary_over_datasets.main(
        [str(results / "localization.csv")] * 2,
        [str(results / "classification.csv")] * 2,
        "iou",
        80,
        *map(str, outputs),
        [str(results / "f.png"), str(results / "f.pdf")],
    )
    assert len(pd.read_csv(outputs[0])) == 2 * len(pd.read_csv(results / "localization.csv"))
    assert (results / "f.pdf").stat().st_size > 0
    combos = [
        dict(zip(COMBO, ("demo", c, n, "fixed50", "default"), strict=True))
        for n, c in [(EVIL, "net"), ("lung_mask", "none")]
    ]
    paths = [str(results / f"{number}.parquet") for number in range(2)]
    summarize_script.main(paths, combos, STATISTICS, 1, str(results / "again.csv"))
    assert (results / "again.csv").read_bytes() == first
