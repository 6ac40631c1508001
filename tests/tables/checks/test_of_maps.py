"""Stability, faithfulness, sanity and repeatability in tables.md: content, notes, missing rows."""

import pandas as pd
import pytest

from fidelity.analysis.checks.faithfulness import GIVEN, join, summarize
from fidelity.analysis.columns.checks import FAITHFULNESS, REPEATABILITY, SANITY, STABILITY
from fidelity.analysis.columns.readers import READERS
from fidelity.base.errors import InputError
from fidelity.faithfulness.registry import METRICS
from fidelity.presentation.page import render
from fidelity.tables.checks.of_maps import check_tables
from fidelity.tables.writers import to_latex

FAMILIES = {"lime": "perturbation", "reader": "ceiling", "chance": "baseline"}
STATISTICS = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}


def written(folder, name, rows, columns):
    path = folder / f"{name}.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return str(path)


def faithfulness(primary="iou"):
    """Return the table of two explainers. The reader's maps are read and have no sensitivity."""
    cases = [f"c{n}" for n in range(6)]
    values = [0.1 * n for n in range(6)]
    table = pd.DataFrame(
        {"case": cases, "patient": cases, "split": "test", "class": "x", "status": "ok"}
        | {"infidelity": values[::-1]}
    )
    scores = pd.DataFrame(
        {"case": cases, "class": "x", "split": "test", primary: values, "empty_reference": False}
    )
    moved = pd.DataFrame(
        {"case": cases[:3], "class": "x", "split": "test", "sensitivity_max": [0.5, 1.0, None]}
    )
    parts = [
        (
            {"dataset": "d", "classifier": "net", "explainer": name},
            join(table, scores, primary, other),
        )
        for name, other in (("lime", moved), ("reader", None))
    ]
    names = ["infidelity", "sensitivity_max"]
    return summarize(parts, names, primary, STATISTICS, ["reader"])


def test_sensitivity_is_summarized_over_the_cases_it_was_asked_of():
    table = faithfulness().set_index(["explainer", "metric"])
    lime, reader = (table.loc[(name, "sensitivity_max")] for name in ("lime", "reader"))
    assert (lime["n"], lime["n_undefined"], lime["mean"]) == (3, 1, 0.75)
    assert lime["note"] == ""
    assert (reader["n"], reader["note"]) == (0, GIVEN)
    assert pd.isna(reader["mean"])
    assert table.loc[("lime", "infidelity"), "spearman"] == pytest.approx(1)


def test_a_correlation_with_a_distance_is_turned(tmp_path):
    """A small distance is good, so maps that are faithful where it is large correlate below 0."""
    table = faithfulness("hausdorff_full")
    found = table.set_index(["explainer", "metric"]).loc[("lime", "infidelity"), "spearman"]
    assert found == pytest.approx(-1)
    path = written(tmp_path, "faithfulness", table, FAITHFULNESS.names)
    note = check_tables([path], FAMILIES, 0.05)[1].notes[0]
    assert "(Infidelity, Sensitivity-max and Hausdorff (full sets)), the sign is" in note


def test_all_four_are_laid_out(tmp_path):
    sanity = [
        ("d", "test", "net", "lime", test, depth, layer, 0.1, name, 8, 8, 0, mean, 0, 1, mean)
        for test, depth, layer, mean in (
            ("parameters", 1, "fc", 0.75),
            ("parameters", 2, "layer1", 0.55),
            ("parameters", 3, "conv1", -0.25),
            ("logit", 0, "", 0.35),
        )
        for name in ("spearman", "ssim")
    ]
    repeat = [
        ("d", "test", "net", "lime", "half", cls, name, 3, 9, 9, 0, mean, 0.1, 0.9, mean)
        for cls, mean in (("x", 0.11), ("all", 0.625))
        for name in ("spearman", "mask_iou")
    ]
    stability = [
        ("d", split, "net", "lime", "surrogate_r2", 9, mean, mean, 0.5, 0.9)
        for split, mean in (("val", 0.111), ("test", 0.777))
    ]
    paths = [
        written(tmp_path, "stability", stability, STABILITY.names),
        written(tmp_path, "faithfulness", faithfulness(), FAITHFULNESS.names),
        written(tmp_path, "sanity", sanity, SANITY.names),
        written(tmp_path, "repeatability", repeat, REPEATABILITY.names),
    ]
    tables = check_tables(paths, FAMILIES, 0.05)
    titles = [table.title for table in tables]
    assert titles[0] == "Fit of the explainers on d, test split"
    assert titles[2].startswith("Rank correlation of faithfulness and localization (IoU)")
    by_title = {title.split(" on ")[0]: table for title, table in zip(titles, tables, strict=True)}
    stable = by_title["Fit of the explainers"]
    assert stable.rows[0][-1] == "0.777 (0.500 to 0.900)"
    assert "how well the surrogate fits" in stable.notes[0]
    # Neither of these is in the table.
    assert "Seeds are" not in stable.notes[0]
    assert "Half width" not in stable.notes[0]
    faithful = by_title["Faithfulness of the maps"]
    assert [row[1:3] for row in faithful.rows] == [["lime", "perturbation"], ["reader", "ceiling"]]
    assert faithful.header[-1] == "Sensitivity-max ↓"
    assert "under small noise in the image (lower is better)." in faithful.notes[0]
    assert faithful.rows[1][-1] == "–"
    assert any("Sensitivity-max of reader is missing" in note for note in faithful.notes)
    assert tables[2].rows[0][3] == "1.00 (n = 6)"
    turned = "Where lower is better (Infidelity and Sensitivity-max), the sign is already changed."
    assert turned in tables[2].notes[0]
    checks = by_title["Sanity checks"]
    shown = dict(zip(checks.header, checks.rows[0], strict=True))
    assert shown["last layer random: Spearman"] == "0.75"
    assert shown["all layers random: SSIM"] == "−0.25"
    assert shown["another class: Spearman"] == "0.35"
    assert "0.62 [0.10, 0.90]" in by_title["Agreement between training seeds"].rows[0]
    latex = "\n".join(to_latex(tables, "d").values())
    pages = (
        render("tables.md.j2", tables=tables, dataset="d"),
        latex,
        render("tables.html.j2", tables=tables, dataset="d"),
    )
    for page in pages:
        assert "0.62 " in page
        assert "0.11" not in page.replace("0.111", "")  # pooled, not a single class


@pytest.mark.parametrize(
    ("value", "digits"),
    [(0.000043, 6), (0.52, 2), (43.2, 0), (4300.0, 0), (0.0, 3), (float("nan"), 3)],
)
def test_squared_logits_have_two_significant_digits(value, digits):
    assert METRICS["infidelity"].digits(value) == digits
    assert METRICS["road"].digits(value) == 3


def test_a_table_without_rows_is_left_out_and_a_broken_one_refused(tmp_path):
    assert check_tables([written(tmp_path, "stability", [], STABILITY.names)], FAMILIES, 0.05) == []
    broken = written(tmp_path, "sanity", [], SANITY.names[:-1])
    with pytest.raises(InputError, match="median"):
        check_tables([broken], FAMILIES, 0.05)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("iou", "lies above minus the margin of equivalence. Below: it lies below 0."),
        ("assd", "Lower is better. Within: the interval of the difference lies below 0. Below:"),
    ],
)
def test_the_note_on_readers_follows_the_direction(tmp_path, metric, said):
    row = {"dataset": "d", "split": "test", "classifier": "net", "explainer": "lime"}
    row |= {"binarization": "half", "class": "x", "metric": metric, "reader": "all", "n": 30}
    row |= {"n_patients": 30, "conclusion": "within"}
    path = written(tmp_path, "readers", [row], READERS.names)
    (table,) = check_tables([path], FAMILIES, 0.05)
    assert said in " ".join(table.notes)
