"""Metrics are judged by classifiers whose reasons are known."""

import numpy as np
import pandas as pd
import pytest

from fidelity.analysis.checks.controls import (
    NOT_SEPARATED,
    doubts,
    judge_metrics,
    summarize_hiding,
)
from fidelity.presentation.titles import showing
from fidelity.tables.checks.controls import control_tables, hiding_tables
from tests.helpers.synthetic_results import scores as scores_of

KINDS = {kind: [f"{kind}-s1", f"{kind}-s2"] for kind in ("aligned", "plain", "misaligned")}
STATISTICS = {"replicates": 300, "alpha": 0.05, "cluster": "patient", "seed": 1}
FAMILIES = {"lime": "perturbation", "gradcam": "cam", "chance": "baseline"}
LEVELS = {"aligned": 0.5, "plain": 0.35, "misaligned": 0.2}


def hidden(gain: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = scores_of(0.4)[["case", "patient", "split", "class", "target_class"]]
    return table.assign(
        lesion_share=0.1,
        probability=0.9,
        drop_lesion=gain + rng.normal(0, 0.02, len(table)),
        drop_elsewhere=rng.normal(0, 0.02, len(table)),
    )


def of_study(levels=LEVELS) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return scores of three explainers: LIME and Grad-CAM follow the guidance, chance does not."""
    parts, hiding = [], {}
    for kind, names in KINDS.items():
        for place, name in enumerate(names):
            hiding[name] = hidden(levels[kind] / 2, place)
            for number, explainer in enumerate(FAMILIES):
                level = 0.3 if explainer == "chance" else levels[kind]
                part = scores_of(level, seed=number * 10 + place)
                head = {"dataset": "demo", "classifier": name, "explainer": explainer}
                part = part.assign(**head, binarization="fixed50", protocol="default")
                parts.append(part.assign(blind=0.5, outside=1 - part["iou"]))
    return pd.concat(parts, ignore_index=True), hiding


def judged(table: pd.DataFrame) -> pd.DataFrame:
    table = table[table["class"] == "all"]
    return table.set_index(["explainer", "metric"])


def test_metrics_that_follow_the_reasons_pass():
    scores, hiding = of_study()
    table = judge_metrics(scores, hiding, KINDS, FAMILIES, "", STATISTICS)
    found = judged(table)
    assert list(dict.fromkeys(table["explainer"])) == ["none", "all", *FAMILIES]
    assert found.loc[("none", "hiding_difference"), "passes"] == "yes"
    for explainer in ("all", "lime", "gradcam"):
        assert found.loc[(explainer, "iou"), "passes"] == "yes"
        # Lower distances are better, so the sign of the difference is reversed.
        row = found.loc[(explainer, "hausdorff_full")]
        assert row["direction"] == "lower"
        assert row["aligned"] < row["plain"]
        assert row["aligned_over_plain_low"] > 0
        assert row["passes"] == "yes"
        # A metric that never changes fails. So does a metric that is read with the wrong direction.
        assert found.loc[(explainer, "blind"), "passes"] == "no"
        row = found.loc[(explainer, "outside")]
        assert row["passes"] == "no"
        assert row["aligned_over_plain_high"] < 0
        assert row["signs_aligned_over_plain"] == "- -"
    assert found.loc[("chance", "iou"), "passes"] == "no"
    assert "false_positive_share" not in table["metric"].tolist()
    (laid_out,) = control_tables(table, FAMILIES)
    assert [row[2] for row in laid_out.rows][:2] == ["Drop of hiding", "IoU ↑"]
    assert any("These fail: blind" in note for note in laid_out.notes)


def test_doubts_are_shown_with_titles():
    scores, hiding = of_study({"aligned": 0.5, "plain": 0.35, "misaligned": 0.2})
    note = "accuracy below 0.8: plain-s1, plain-s2; no use of the lesion: aligned-s1"
    table = judge_metrics(scores, hiding, KINDS, FAMILIES, note, STATISTICS)
    named = {"plain-s1": "Plain (seed 1)", "plain-s2": "B", "aligned-s1": "C"}
    with showing({"classifiers": named}):
        (laid_out,) = control_tables(table, FAMILIES)
    shown = "accuracy below 0.8: Plain (seed 1), B; no use of the lesion: C."
    assert any(shown in note for note in laid_out.notes)


def test_controls_that_hiding_does_not_separate_are_in_doubt():
    scores, hiding = of_study()
    note = "accuracy below 0.8: plain-s1"
    assert set(judge_metrics(scores, hiding, KINDS, FAMILIES, note, STATISTICS)["note"]) == {note}
    swapped = {name: hiding[name.replace("mis", "")] for name in hiding}
    table = judge_metrics(scores, swapped, KINDS, FAMILIES, note, STATISTICS)
    assert set(table["note"]) == {f"{note}; {NOT_SEPARATED}"}
    (laid_out,) = control_tables(table, FAMILIES)
    assert any("plain-s1; hiding the lesion does not" in line for line in laid_out.notes)


def test_both_steps_must_be_shown_and_seeds_have_their_sign():
    scores, hiding = of_study({"aligned": 0.5, "plain": 0.2, "misaligned": 0.35})
    row = judged(judge_metrics(scores, hiding, KINDS, FAMILIES, "", STATISTICS)).loc[("all", "iou")]
    assert row["aligned_over_plain_low"] > 0 > row["plain_over_misaligned_high"]
    assert row["passes"] == "no"
    assert (row["signs_aligned_over_plain"], row["signs_plain_over_misaligned"]) == ("+ +", "- -")


def test_the_difference_is_within_case_and_seed():
    scores, hiding = of_study()
    lime = scores[(scores["explainer"] == "lime") & (scores["class"] == "COVID-19")]
    lime = lime[~lime["empty_reference"]]
    wide = lime.pivot_table(index="case", columns="classifier", values="iou")
    by_hand = np.mean([wide[f"aligned-s{s}"] - wide[f"plain-s{s}"] for s in (1, 2)])
    table = judge_metrics(scores, hiding, KINDS, FAMILIES, "", STATISTICS)
    table = table[(table["class"] == "COVID-19") & (table["metric"] == "iou")]
    row = table.set_index("explainer").loc["lime"]
    assert row["aligned_over_plain"] == pytest.approx(by_hand)
    assert row["n"] == len(wide)
    assert row["n_seeds"] == 2
    assert row["n_undefined"] == 0


def test_hiding_names_classifiers_that_do_not_use_the_lesion():
    _, hiding = of_study({"aligned": 0.5, "plain": 0.35, "misaligned": 0.2})
    hiding["aligned-s2"] = hidden(0, 3)
    accuracies = dict.fromkeys(hiding, 0.9) | {"plain-s1": 0.7}
    table = summarize_hiding(hiding, KINDS, accuracies, "demo", STATISTICS)
    assert len(table) == 6 * 3
    used = table[table["class"] == "all"].set_index("classifier")["uses_lesion"]
    assert used["aligned-s1"] == "yes"
    assert used["aligned-s2"] == "no"
    said = doubts(table, 0.8)
    assert "accuracy below 0.8: plain-s1" in said
    assert "not shown to use the lesion more than other places: aligned-s2" in said
    assert doubts(table[table["classifier"] == "aligned-s1"], 0.8) == ""
    (laid_out,) = hiding_tables(table, FAMILIES)
    assert len(laid_out.rows) == 6
