"""docs/studies/known_truth: every value is recomputed from the scores of the cases."""

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import write_known_truth  # noqa: E402
from write_known_truth import FOLDER, KNOWN_TRUTH, finished, stored  # noqa: E402

from tests.helpers.unit_scores import close, interval, packed  # noqa: E402

METRICS = {"auc": "roc_auc", "hit": "pointing_game", "rank": "relevance_rank"}


def scores(dataset):
    """Read all units of a data set: {explainer: its scores against mark and lesion}."""
    found = {}
    for unit in sorted((FOLDER / "units").glob(f"{dataset}/*")):
        for path, rows in packed(unit, "known_truth").items():
            found[Path(path).stem] = rows
    return found


@pytest.mark.parametrize("dataset", finished())
def test_the_table_follows_from_the_cases(dataset):
    table, cases = KNOWN_TRUTH.read(stored(dataset)), scores(dataset)
    assert set(table["explainer"]) == set(cases)
    nulls = table[table["family"] == "baseline"]
    for row in table.itertuples():
        own = cases[row.explainer]
        wide = {truth: own[own["truth"] == truth] for truth in ("mark", "lesion")}
        for short, metric in METRICS.items():
            for truth, rows in wide.items():
                name = f"{short}_{truth}"
                assert getattr(row, name) == pytest.approx(rows[metric].mean())
                ends = (getattr(row, f"{name}_{end}") for end in ("low", "high"))
                assert close(*ends, rows[metric]), (row.explainer, name)
        difference = wide["mark"]["roc_auc"] - wide["lesion"]["roc_auc"]
        assert row.auc_difference == pytest.approx(difference.mean())
        points_at = "neither"
        if interval(wide["mark"]["roc_auc"])[0] > 0.5 and interval(difference)[0] > 0:
            points_at = "mark"
        elif interval(wide["lesion"]["roc_auc"])[0] > 0.5 and interval(difference)[1] < 0:
            points_at = "lesion"
        assert row.points_at == points_at
        beside = nulls[nulls["classifier"].isin([row.classifier, "none"])]["explainer"]
        others = [cases[name] for name in set(beside) - {row.explainer}]
        margins = [
            wide["mark"]["roc_auc"] - other[other["truth"] == "mark"]["roc_auc"] for other in others
        ]
        assert row.nulls == len(others)
        assert row.nulls_beaten == sum(interval(margin)[0] > 0 for margin in margins)


@pytest.mark.parametrize("dataset", finished())
def test_the_classifier_depends_on_the_mark(dataset):
    table = KNOWN_TRUTH.read(stored(dataset)).query("classifier == 'resnet18'")
    assert len(table[["accuracy", "accuracy_erased", "follows_mark"]].drop_duplicates()) == 1
    (unit,) = (FOLDER / "units").glob(f"{dataset}/resnet18")
    rows = pd.read_csv(unit / f"{dataset}--resnet18--predictions.csv.gz")
    rows = rows[(rows["split"] == "test") & (rows["label"] == 1)]
    assert table["accuracy"].iloc[0] == pytest.approx((rows["probability"] > 0.5).mean(), rel=1e-9)


def test_the_page_states_in_how_many_images_the_highest_region_touches_the_mark():
    text = write_known_truth.PAGE.read_text(encoding="utf-8")
    cases = scores("marked")
    for explainer, title in {"lime": "LIME", "occlusion": "occlusion"}.items():
        rows = cases[explainer]
        share = (rows[rows["truth"] == "mark"]["pointing_game"] > 0).mean()
        assert re.search(rf"{share:.1%}".replace("%", r"\s+%\s+") + rf"\({title}\)", text)


def test_what_the_page_concludes_about_the_faint_stripes_follows_from_the_table():
    table = KNOWN_TRUTH.read(stored("textured")).set_index("explainer")
    explainers = table[table["family"] != "baseline"]
    lung = scores("textured")["lung_mask"].query("truth == 'mark'")["roc_auc"]
    margins = {}
    for name in explainers.index:
        own = scores("textured")[name].query("truth == 'mark'")["roc_auc"]
        margins[name] = interval(own - lung)
    assert len(explainers) == 10
    assert {*explainers.query("points_at != 'mark'").index} == {"gradcam_depth3"}
    above = {name for name, (low, _) in margins.items() if low > 0}
    assert above == {"occlusion", "gradcam", "layercam", "lrp"}
    assert {name for name, (_, high) in margins.items() if high >= 0} - above == {"lime"}
    high = {"occlusion", "lrp", "input_x_gradient", "integrated_gradients", "guided_backprop"}
    assert {*explainers.query("hit_mark > .95").index} == high
    assert table.loc["random_gradcam", "points_at"] == "mark"


def test_the_page_shows_these_tables():
    text = write_known_truth.PAGE.read_text(encoding="utf-8")
    assert write_known_truth.render(text) == text, "run python docs/write_known_truth.py"
