"""docs/studies/metric_controls: every value is recomputed from the scores of the cases."""

import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import write_controls  # noqa: E402

from tests.helpers.unit_scores import close, packed  # noqa: E402

UNITS = write_controls.FOLDER / "units"
KINDS = ("aligned", "plain", "misaligned")
STEPS = {"aligned_over_plain": KINDS[:2], "plain_over_misaligned": KINDS[1:]}
EXPLAINERS = ("lime", "gradcam", "gradcam_depth3", "integrated_gradients")


def read(table):
    return table.read(write_controls.FOLDER / Path(table.file).name)


@cache
def units(kind):
    """List the units of a kind in the order of their seeds."""
    return sorted(UNITS.glob(f"squeezenet_{kind}-s*"))


def hidden(folder):
    (rows,) = packed(folder, "hiding").values()
    return rows["drop_lesion"] - rows["drop_elsewhere"]


def values(folder, row, explainer):
    """Return a metric of one explainer for each test image, as stored."""
    name = f"covid_full/{folder.name}/{explainer}"
    if row.binarization == "none":
        return packed(folder, "ranking")[f"{name}/ranking.parquet"][row.metric]
    path = f"{name}/{row.binarization}/{row.protocol}/scores.parquet"
    return packed(folder, f"scores-{explainer}")[path][row.metric]


def test_hiding_follows_from_the_cases():
    table = read(write_controls.HIDING)
    assert list(table["classifier"]) == [f.name for kind in KINDS for f in units(kind)]
    for row in table.itertuples():
        found = hidden(UNITS / row.classifier)
        assert row.difference == pytest.approx(found.mean())
        assert close(row.difference_low, row.difference_high, found)
        assert row.uses_lesion == ("yes" if row.difference_low > 0 else "no")
        training = pd.read_csv(
            UNITS / row.classifier / f"covid_full--{row.classifier}--training.csv.gz"
        )
        kept = training[training["best"] == 1]["val_accuracy"].iloc[-1]
        assert row.val_accuracy == pytest.approx(kept, abs=0.01)


def test_controls_follow_from_the_cases():
    """Differences within image and seed are averaged over seeds and explainers, for tuned masks."""
    table = read(write_controls.CONTROLS)
    # The protocol defines distances of empty masks, but no mask is empty here.
    table = table[
        (table["binarization"].isin(["none", "tuned"])) & (table["protocol"] == "default")
    ]
    assert len(table) > 30
    for row in table.itertuples():
        if row.explainer == "none":
            cube = {kind: [hidden(folder) for folder in units(kind)] for kind in KINDS}
        else:
            of = EXPLAINERS if row.explainer == "all" else [row.explainer]
            cube = {
                kind: [sum(values(f, row, e) for e in of) / len(of) for f in units(kind)]
                for kind in KINDS
            }
        sign = 1 if row.direction == "higher" else -1
        passes = True
        for kind in KINDS:
            mean = pd.concat(cube[kind]).mean()  # of the images and seeds with a value
            assert getattr(row, kind) == pytest.approx(mean, nan_ok=True)
        for step, (better, worse) in STEPS.items():
            parts = [sign * (a - b) for a, b in zip(cube[better], cube[worse], strict=True)]
            signs = ["+" if p.mean() > 0 else "-" if p.mean() < 0 else "0" for p in parts]
            assert getattr(row, f"signs_{step}").split() == signs
            found = pd.concat(parts, axis=1).mean(axis=1)
            expected = pytest.approx(found.mean(), rel=1e-6, abs=1e-9, nan_ok=True)
            assert getattr(row, step) == expected
            if found.isna().all():  # the mask is empty, so precision is undefined
                passes = False
                continue
            low, high = (getattr(row, f"{step}_{end}") for end in ("low", "high"))
            assert close(low, high, found), row
            passes &= low > 0
        assert row.passes == ("yes" if passes else "no")


def test_the_page_shows_these_tables():
    text = write_controls.PAGE.read_text(encoding="utf-8")
    assert write_controls.render(text) == text, "run python docs/write_controls.py"
