"""The first table of a study: which methods it compares, and what it concludes."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.chance import Measure, Quality
from fidelity.analysis.comparisons import compare
from fidelity.analysis.localization import load_scores, summarize
from fidelity.datasets.cases import Case
from fidelity.presentation.titles import showing
from fidelity.tables.inference import comparison_tables
from fidelity.tables.main_result import main_tables
from fidelity.tables.quality import quality_note
from fidelity.tables.results import Results
from fidelity.verdict.evidence import CaseTables, Study, Tables, collect
from tests.helpers.synthetic_results import FAMILIES, STATISTICS, study

NO_SEEDS = pd.DataFrame(
    columns=["metric", "n_seeds", "dataset", "split", "binarization", "protocol", "class"]
)


@pytest.fixture
def scored(tmp_path):
    levels = {"lime": 0.4, "gradcam": 0.2, "unet": 0.7, "lung_mask": 0.5, "centre_prior": 0.3}
    return load_scores(*study(tmp_path, levels))


def tables(scored, statistics=STATISTICS, families=FAMILIES, useless=()):
    means, comparisons = summarize(scored, statistics), compare(scored, statistics)
    quality = {("demo", name): Quality("below_chance", {}, "test", 9, 9, {}) for name in useless}
    settings = {"statistics": statistics, "families": families, "bases": {}}
    return main_tables(Results(means, comparisons, NO_SEEDS, None, quality, settings)), comparisons


def test_each_classifier_has_its_table_of_at_most_eight_columns(scored):
    found, comparisons = tables(scored)
    assert [table.name for table in found] == ["main-net-s1", "main-net-s2"]
    table = found[0]
    assert len(table.header) <= 8
    assert [row[0] for row in table.rows] == [
        "lime",
        "gradcam",
        "lung_mask",
        "centre_prior",
        "unet",
    ]
    assert table.headings == {0: "Explainers", 2: "Null baselines", 4: "Ceilings"}
    shown = {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    # The other methods are compared with the strongest null baseline.
    assert shown["lung_mask"]["Difference from lung_mask"] == "(this row)"
    pairs = comparisons.query(
        "classifier == 'net-s1' and family == 'primary' and `class` == 'all' and "
        "explainer_a in ('lime', 'lung_mask') and explainer_b in ('lime', 'lung_mask')"
    )
    (row,) = pairs.to_dict("records")
    sign = 1 if row["explainer_a"] == "lime" else -1
    low, high = sorted((sign * row["ci_low"], sign * row["ci_high"]))
    expected = f"{sign * row['mean_difference']:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")
    assert shown["lime"]["Difference from lung_mask"] == expected
    assert row["conclusion"] == ("b_higher" if sign > 0 else "a_higher")
    assert shown["lime"]["Conclusion"] == "lower"
    assert shown["unet"]["Conclusion"] == "higher"
    assert shown["lime"]["p (Holm)"] == "<0.001"


def test_no_conclusion_is_drawn_from_a_classifier_that_allows_none(scored):
    found, _ = tables(scored, useless={"net-s1"})
    conclusions = [{row[-1] for row in table.rows} for table in found]
    assert conclusions[0] == {"not drawn", "–"}
    assert "not drawn" not in conclusions[1]


def test_where_low_is_good_the_lowest_null_baseline_is_the_reference(scored):
    (table, _), _ = tables(scored, {**STATISTICS, "primary": "hausdorff_full"})
    means = {row[0]: float(row[2].split()[0]) for row in table.rows}
    assert means["lung_mask"] < means["centre_prior"]
    assert table.rows[2][4:] == ["(this row)", "–", "–"]
    assert table.header[3] == "Dice ↑"
    assert "Dice: mean without interval." in table.notes[0]
    # No margin of equivalence is agreed on for distances.
    assert not any("Equivalent" in note for note in table.notes)
    assert any("“Lower” is better." in note for note in table.notes)


def test_infinite_distances_are_explained(scored):
    statistics = {**STATISTICS, "primary": "hausdorff_full"}
    (table, _), _ = tables(scored, statistics)
    assert not any("∞" in note for note in table.notes)
    scored.loc[scored["explainer"] == "lime", "hausdorff_full"] = np.inf
    (table, _), _ = tables(scored, statistics)
    assert [note for note in table.notes if note.startswith("∞: some masks are empty")]


def test_a_null_baseline_without_values_is_no_reference(scored):
    scored.loc[scored["explainer"] == "lung_mask", "iou"] = np.nan
    (table, _), _ = tables(scored)
    shown = {row[0]: row[-3:] for row in table.rows}
    assert shown["centre_prior"] == ["(this row)", "–", "–"]
    # What could not be compared has no conclusion.
    assert shown["lung_mask"] == ["–", "–", "–"]


def test_images_with_several_classes_are_counted_once(scored):
    """Two rows, one per class, belong to each image; patients are not known."""
    scored["case"] = scored["patient"]
    compared = compare(scored, STATISTICS)
    table = comparison_tables(compared, STATISTICS, FAMILIES)[0]
    assert table.header[2] == "n images (cases)"
    assert table.rows[0][2] == "20 (39)"
    assert any("A case is one image with one class." in note for note in table.notes)
    (table, _), _ = tables(scored)
    assert any("average the cases of each image first" in note for note in table.notes)


@pytest.mark.parametrize(
    ("cluster", "patients", "unit"),
    [("patient", True, "patient"), ("patient", False, "image"), ("case", True, "image")],
)
def test_the_unit_of_one_explainer_is_that_of_several(scored, cluster, patients, unit):
    """Each patient has an image of each class, so no count within a class shows the patients."""
    statistics = {**STATISTICS, "cluster": cluster}
    if not patients:
        scored["patient"] = scored["case"]
    assert set(compare(scored, statistics)["unit_of_analysis"]) == {unit}
    alone = scored[scored["explainer"] == "lime"]
    cases = [
        Case(row.case, row.patient, row.split, (cls,), f"{row.case}.png", masks={cls: "mask.png"})
        for row, cls in zip(alone.itertuples(), alone["class"], strict=True)
    ]
    cases.append(Case("unused", cases[0].patient, "train", (), "unused.png"))
    means, none = summarize(alone, statistics), compare(alone, statistics)
    assert none.empty
    found = Results(means, none, NO_SEEDS, None, {}, {"statistics": statistics}, cases)
    assert found.unit == unit
    empty = pd.DataFrame()
    known = CaseTables(empty, empty, empty, False, empty, empty, cases)
    asked = Study(statistics, FAMILIES, {})
    for evidence in collect(Tables(means, none, empty, cases=known), asked):
        assert evidence.unit == unit


def test_the_note_on_classification_names_the_split():
    rated = Quality("unknown", {"accuracy": Measure(0.5, 0.4, 0.6, 0.5)}, "val", 9, 9, {})
    note = quality_note({("demo", "net"): rated}, "demo", ["net"])
    assert note.startswith("Classification of the val split: net accuracy 0.500")


def test_without_null_baselines_the_first_explainer_is_the_reference(scored):
    real = scored[scored["explainer"].isin(["lime", "gradcam"])]
    (table, _), _ = tables(real)
    assert table.rows[0][-3] == "(this row)"
    assert any("minus lime" in note for note in table.notes)


def test_one_explainer_alone_is_compared_with_none(scored):
    (table, _), _ = tables(scored[scored["explainer"] == "lime"])
    assert table.header == ["Method", "n", "IoU ↑", "Dice ↑"]
    assert not any("Difference" in note for note in table.notes)


def test_titles_and_order_are_those_of_the_study(scored):
    shown = {
        "datasets": {"demo": "Demonstration"},
        "classifiers": {"net-s1": "Net, seed 1"},
        "explainers": {"lime": "LIME", "lung_mask": "Whole lung (null)"},
        "families": {"lime": "perturbation", "lung_mask": "baseline"},
        "order": ["gradcam", "lime"],
    }
    with showing(shown):
        (table, _), _ = tables(scored)
    assert [row[0] for row in table.rows][:2] == ["gradcam", "LIME"]
    assert table.title.startswith("IoU on Demonstration, test split: explainers of Net, seed 1")
    # The heading names the kind of method, and so does the note.
    assert "Whole lung" in [row[0] for row in table.rows]
    assert any("minus Whole lung (the null baseline" in note for note in table.notes)


def test_empty_predictions_are_counted_in_a_note(scored):
    (table, _), _ = tables(scored)
    block = scored.query(
        "explainer == 'lime' and classifier == 'net-s1' and binarization=='fixed50'"
    )
    count = int((block["empty_prediction"] & ~block["empty_reference"]).sum())
    assert count
    assert any(f"lime ({count} of " in note for note in table.notes)


@pytest.mark.parametrize(("fewer", "told"), [(0, "12 patients]"), (3, "9 to 12 patients]")])
def test_a_reader_who_read_only_some_patients_changes_the_number_told(scored, fewer, told):
    means, comparisons = summarize(scored, STATISTICS), compare(scored, STATISTICS)
    means["n_patients"] = 12 - fewer * (means["explainer"] == "unet")
    settings = {"statistics": STATISTICS, "families": FAMILIES, "bases": {}}
    of_patients = comparisons.assign(unit_of_analysis="patient")
    results = Results(means, of_patients, NO_SEEDS, None, {}, settings)
    assert f"resamples of {told}" in str(main_tables(results)[0].notes)
