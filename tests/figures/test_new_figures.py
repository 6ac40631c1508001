"""Sensitivity, ranks, lesion size, agreement and tuned curves: correct, with repeatable bytes."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import figure
from fidelity.analysis.columns.checks import AGREEMENT
from fidelity.analysis.columns.comparisons import RANKS
from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.threshold_curves import mean_curves
from fidelity.base.errors import InputError
from fidelity.figures import (
    critical_difference,
    lesion_size,
    mask_agreement,
    rank_by_protocol,
    threshold_curves,
)
from fidelity.figures.shared import style
from fidelity.presentation.titles import Display, showing
from tests.helpers import synthetic_results as made_up

FAMILIES = {"lime": "perturbation", "gradcam": "cam", "lung_mask": "baseline", "unet": "ceiling"}
LEVELS = {"lime": 0.36, "gradcam": 0.28, "lung_mask": 0.5, "unet": 0.7}
MANY = {f"explainer_{number:02d}": "cam" for number in range(12)}


@pytest.fixture(autouse=True)
def _shown():
    with showing(Display(families=FAMILIES, order=list(FAMILIES))):
        yield
    style.plt.close("all")


def localization(means, metric="iou"):
    """Return rows of localization.csv from {(protocol, binarization): {explainer: mean}}."""
    head = {"dataset": "demo", "split": "test", "class": "all", "metric": metric}
    rows = [
        {
            **head,
            "classifier": "resnet18" if FAMILIES.get(name) in ("perturbation", "cam") else "none",
            "explainer": name,
            "binarization": binarization,
            "protocol": protocol,
            "mean": mean,
        }
        for (protocol, binarization), of in means.items()
        for name, mean in of.items()
    ]
    return pd.DataFrame(rows).reindex(columns=LOCALIZATION.names)


SETTINGS = localization(
    {
        ("default", "tuned"): LEVELS,
        ("default", "top20"): {**LEVELS, "gradcam": 0.4},
        ("monai", "tuned"): LEVELS,
        ("default", "oracle"): {**LEVELS, "gradcam": 0.9},
    }
)
DISTANCE = localization(
    {("default", "tuned"): {name: 100 - 90 * mean for name, mean in LEVELS.items()}},
    "hausdorff_full",
)
OTHER_DISTANCE = localization(
    {("monai", "tuned"): {name: 90 * mean for name, mean in LEVELS.items()}}, "hausdorff_boundary"
)


def ranked(ranks, difference, cls="all"):
    head = {"dataset": "demo", "split": "test", "classifier": "resnet18", "binarization": "tuned"}
    head |= {"protocol": "default", "class": cls, "metric": "iou", "n_patients": 60}
    return pd.DataFrame(
        [
            {**head, "explainer": name, "mean_rank": rank, "critical_difference": difference}
            for name, rank in ranks.items()
        ]
    ).reindex(columns=RANKS.names)


def sized(level, cases=80, seed=0):
    rng = np.random.default_rng(7)
    area = np.exp(rng.normal(6, 1, cases)).astype(int) + 1
    return made_up.scores(level, cases, seed).assign(reference_area=area, image_area=128 * 128)


def agreed(names):
    head = {"dataset": "demo", "split": "test", "classifier": "resnet18", "binarization": "tuned"}
    return pd.DataFrame(
        [
            {**head, "class": "all", "explainer_a": a, "explainer_b": b, "n": 60, "mean_iou": 0.3}
            for a, b in combinations(names, 2)
        ],
        columns=AGREEMENT.names,
    )


def thresholds(value=0.31):
    row = {"metric": "iou", "threshold": value, "mean": 0.3, "n": 9}
    return pd.DataFrame([{"class": cls, **row} for cls in made_up.CLASSES])


def drawn(name):
    if name == "sensitivity":
        return rank_by_protocol.plot(pd.concat([SETTINGS, DISTANCE]), primary_binarization="tuned")
    if name == "ranks":
        return critical_difference.plot(ranked({"lime": 1.6, "gradcam": 1.4}, 0.3), 0.05)
    if name == "lesion_size":
        tables = {key: sized(level) for key, level in LEVELS.items()}
        return lesion_size.plot(tables, alpha=0.05, replicates=100)
    if name == "agreement":
        return mask_agreement.plot(agreed(LEVELS), list(LEVELS))
    tables = {key: made_up.curves(level, 6) for key, level in LEVELS.items()}
    return threshold_curves.plot(
        mean_curves(tables, made_up.STATISTICS),
        list(LEVELS),
        tuned={"lime": thresholds()},
    )


FIGURES = ["sensitivity", "ranks", "lesion_size", "agreement", "curves"]


@pytest.mark.parametrize("name", FIGURES)
def test_new_figures_have_equal_bytes_in_both_formats(name, tmp_path):
    saved = []
    for repeat in range(2):
        paths = [tmp_path / f"{repeat}.{suffix}" for suffix in ("png", "pdf")]
        style.save(drawn(name), [str(path) for path in paths], dpi=60)
        saved.append([path.read_bytes() for path in paths])
    assert saved[0] == saved[1]


def test_ranks_follow_the_direction_and_leave_ties_undecided():
    shown = pd.concat([SETTINGS, DISTANCE, OTHER_DISTANCE])
    found = rank_by_protocol.ranks_of(SETTINGS, ["iou"])
    assert found.explainers == list(FAMILIES)
    assert found.settings[:2] == [("default", "tuned"), ("default", "top20")]
    np.testing.assert_array_equal(found.values[:2], [[3, 4, 2, 1], [4, 3, 2, 1]])
    assert list(found.winners[:2]) == [0, 1]
    distance = rank_by_protocol.ranks_of(shown, rank_by_protocol.DISTANCES)
    ranks = dict(zip(distance.settings, distance.values, strict=True))
    np.testing.assert_array_equal(ranks["default", "tuned"], [3, 4, 2, 1])
    # The protocol without full sets is ranked by its boundary distance. Lower is better.
    np.testing.assert_array_equal(ranks["monai", "tuned"], [2, 1, 3, 4])
    assert ("default", "top20") not in ranks
    tied = localization({("default", "tuned"): {**LEVELS, "gradcam": 0.36}})
    found = rank_by_protocol.ranks_of(tied, ["iou"])
    np.testing.assert_array_equal(found.values, [[3.5, 3.5, 2, 1]])
    assert list(found.winners) == [-1]


def test_sensitivity_leaves_out_diagnostic_rules_and_marks_changed_winners():
    fig = rank_by_protocol.plot(SETTINGS, primary_binarization="tuned", diagnostic=["oracle"])
    (axis,) = fig.axes
    # The heading of the rows differs in style from the panel's title.
    (heading,) = (text for text in axis.texts if text.get_text() == "Protocol · binarization")
    assert heading.get_fontstyle() == "italic"
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == ["default · tuned", "default · top20", "monai · tuned"]
    changed = [line.get_ydata()[0] for line in axis.get_lines() if line.get_marker() == "<"]
    assert changed == [1]
    assert "orange: another one is best in the panel's row default · tuned" in _words(fig)
    nothing = rank_by_protocol.plot(SETTINGS.head(0))
    assert "No IoU" in nothing.axes[0].texts[0].get_text()


def _words(fig):
    titles = [axis.get_title(loc="left") for axis in fig.axes]
    return titles + [text.get_text() for legend in fig.legends for text in legend.get_texts()]


def test_a_primary_distance_is_ranked_beside_the_overlap():
    """Two panels by the same distance would be equal."""
    fig = rank_by_protocol.plot(pd.concat([SETTINGS, DISTANCE]), primary="hausdorff_full")
    assert _words(fig)[:2] == [
        f"Rank (1 = best mean) by {metric}" for metric in ("Hausdorff (full sets)", "IoU")
    ]


def test_sensitivity_to_one_protocol_speaks_of_one():
    one = pd.concat([localization({("default", "tuned"): LEVELS}), DISTANCE])
    several = pd.concat([one, OTHER_DISTANCE])
    both = "Hausdorff (full sets); * by Hausdorff (boundary)"
    for table, metrics, rows in (
        (one, "Hausdorff (full sets)", [["tuned"], ["tuned"]]),
        (several, both, [["default · tuned"], ["default · tuned", "monai* · tuned"]]),
    ):
        fig = rank_by_protocol.plot(table, primary_binarization="tuned")
        words = _words(fig)
        assert f"Rank (1 = best mean) by {metrics}" in [word.replace("\n", " ") for word in words]
        # In the first table, the same explainer is best in all settings.
        assert ("orange" in " ".join(words)) == (table is several)
        # In the second table, the second protocol has no IoU, so the upper panel has no row for it.
        assert [[t.get_text() for t in axis.get_yticklabels()] for axis in fig.axes] == rows


def test_groups_are_maximal_runs_within_the_critical_difference():
    ranks = np.array([1.0, 1.4, 1.8, 3.0, 3.2])
    assert critical_difference.groups(ranks, 0.5) == [(0, 1), (1, 2), (3, 4)]
    assert critical_difference.groups(ranks, 1.0) == [(0, 2), (3, 4)]
    assert critical_difference.groups(ranks, 9.0) == [(0, 4)]
    assert critical_difference.groups(ranks, 0.1) == []
    assert critical_difference.groups(ranks, np.nan) == []
    assert critical_difference.packed([(0, 1), (1, 2), (3, 4)]) == [[(0, 1), (3, 4)], [(1, 2)]]


def test_rank_diagrams_name_every_explainer_and_class():
    ranks = {name: 1.0 + 0.9 * number for number, name in enumerate(MANY)}
    both = pd.concat([ranked(ranks, 2.0, "COVID-19"), ranked(ranks, 2.0)])
    fig = critical_difference.plot(both, 0.05)
    said = [[text.get_text() for text in axis.texts] for axis in fig.axes]
    assert any(text.startswith("All classes: mean ranks (1 = best), n = 60") for text in said[0])
    assert any(text.startswith("COVID-19") for text in said[1])
    for texts in said:
        assert all(any(name in text for text in texts) for name in MANY)
        assert "Critical difference 2.00" in texts
    alone = critical_difference.plot(ranked({"lime": 1.0}, np.nan), 0.05)
    assert "Fewer than two" in alone.axes[0].texts[0].get_text()


@pytest.mark.parametrize(("alpha", "written"), [(0.05, "= 0.010"), (0.01, "= 0.0096")])
def test_the_p_value_of_the_ranks_is_written_against_the_level_of_the_study(alpha, written):
    ranks = ranked({"lime": 1.6, "gradcam": 1.4}, 0.3).assign(friedman_p=0.0096)
    texts = [text.get_text() for text in critical_difference.plot(ranks, alpha).axes[0].texts]
    assert any(text.endswith(f"Friedman p {written}") for text in texts)


def test_lesion_size_means_are_those_of_their_bins():
    table = sized(0.4)
    fig = lesion_size.plot({"lime": table}, alpha=0.05, replicates=100)
    (line,) = fig.axes[0].get_lines()
    used = table[~table["empty_reference"]]
    assert len(line.get_ydata()) == lesion_size.MOST_BINS
    # Light markers would be invisible on their band.
    assert line.get_markeredgecolor() == "black"
    sizes = pd.qcut(used["reference_area"] / used["image_area"], lesion_size.MOST_BINS)
    expected = used.groupby(sizes, observed=True)["iou"].mean()
    # qcut closes bins at the right, the figure at the left, so a case on an edge may change bins.
    np.testing.assert_allclose(line.get_ydata(), expected, atol=0.05)
    assert (np.diff(line.get_xdata()) > 0).all()
    nothing = lesion_size.plot({"lime": table.head(0)}, alpha=0.05)
    assert "No case" in nothing.axes[0].texts[0].get_text()


def test_agreement_shows_each_pair_once():
    fig = drawn("agreement")
    assert [text.get_text() for text in fig.axes[0].texts] == [".30"] * 6
    assert [label.get_text() for label in fig.axes[0].get_xticklabels()] == list(LEVELS)[:-1]
    alone = mask_agreement.plot(agreed(["lime"]), ["lime"])
    assert "no two explainers" in alone.axes[0].texts[0].get_text()


def test_tuned_thresholds_lie_on_the_curve_of_their_class():
    fig = drawn("curves")
    assert len(fig.axes) == 2 * len(made_up.CLASSES)
    for axis in fig.axes:
        marks = [line for line in axis.get_lines() if len(line.get_xdata()) == 1]
        assert [mark.get_xdata()[0] for mark in marks] == [0.31]
        curve = axis.get_lines()[0]
        expected = np.interp(0.31, curve.get_xdata(), curve.get_ydata())
        assert marks[0].get_ydata()[0] == pytest.approx(expected)


def test_kinds_of_explainers_look_different():
    with showing(Display(families={"theirs": "baseline"})):
        looks = style.looks(["mine", "lung_mask", "unet", "theirs"])
    assert looks["mine"].colour in style.COLOURS["real"]
    assert looks["lung_mask"].colour in style.COLOURS["baseline"]
    assert looks["theirs"].colour in style.COLOURS["baseline"]
    assert looks["unet"] == style.Look("#000000", "D", "--")
    assert looks["theirs"] != looks["lung_mask"]


def test_new_scripts_write_both_formats(tmp_path):
    def output(name):
        return [str(tmp_path / f"{name}.png"), str(tmp_path / f"{name}.pdf")]

    settings = {"dpi": 60}
    tables = {
        "localization": pd.concat([SETTINGS, DISTANCE]),
        "ranks": ranked({"lime": 1.2, "gradcam": 1.8}, 0.4),
        "agreement": agreed(LEVELS),
        "thresholds": thresholds(),
    }
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    sized(0.4).to_parquet(tmp_path / "scores.parquet")
    mean_curves({"lime": made_up.curves(0.3, 4)}, made_up.STATISTICS).to_parquet(
        tmp_path / "curves.parquet"
    )
    settings |= {"classifier": "resnet18", "metric": "iou", "binarization": "tuned"}
    settings |= {"diagnostic": ["oracle"], "explainers": list(LEVELS), "alpha": 0.05}

    def draw(name, module, files, **more):
        figure.main(module, files, settings | more, output(name))

    draw("sensitivity", "rank_by_protocol", {"localization": str(tmp_path / "localization.csv")})
    draw("ranks", "critical_difference", {"ranks": str(tmp_path / "ranks.csv")})
    draw("agreement", "mask_agreement", {"agreement": str(tmp_path / "agreement.csv")})
    sizes = {"scores": [str(tmp_path / "scores.parquet")]}
    of_lime = {"explainers": ["lime"], "intervals": {"replicates": 100, "alpha": 0.05}}
    draw("lesion_size", "lesion_size", sizes, **of_lime)
    with pytest.raises(InputError, match=r"scores.parquet.*'recall'"):
        draw("lesion_size", "lesion_size", sizes, **of_lime, metric="recall")
    files = {
        "curves": [str(tmp_path / "curves.parquet")],
        "thresholds": [str(tmp_path / "thresholds.csv")],
    }
    draw("curves", "threshold_curves", files, explainers=["lime"], tuned=["lime"])
    written = {path.name for path in tmp_path.glob("*.p[nd][gf]")}
    assert written == {f"{name}.{kind}" for name in FIGURES for kind in ("png", "pdf")}


@pytest.mark.parametrize(("name", "most"), [("short", 6), ("a_name_that_needs_much_room_below", 6)])
def test_legends_below_fit_into_the_figure(name, most):
    fig, axes = style.figure(height=3)
    for number in range(6):
        axes[0, 0].plot([0, 1], [number, number], label=f"{name}_{number}")
    handles, _ = axes[0, 0].get_legend_handles_labels()
    legend = style.legend_below(fig, handles, most)
    fig.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= fig.bbox.width
    assert len(fig.legends) == 1
    assert (len(legend.get_texts()), legend._ncols) == (6, 6 if name == "short" else 2)
