"""Known truth: what a classifier uses, which explainers find it, when the table is refused."""

import copy
import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import known_truth
import known_truth_accuracy
import known_truth_scores
from fidelity import settings
from fidelity.analysis.checks.known_truth import check_known, summarize
from fidelity.analysis.columns.checks import KNOWN_TRUTH
from fidelity.base.errors import InputError
from fidelity.base.files import write_csv
from fidelity.classifiers.model import Classifier
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import write_prepared
from fidelity.datasets.sources.phantom.phantom import generate
from fidelity.figures.checks import known_truth as figure
from fidelity.known_truth.dependence import dependence, refusal
from fidelity.known_truth.two_truths import score_truths
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from fidelity.masks.run_lengths import encode
from fidelity.scoring.score_rows import Targets
from tests.helpers.entries import dataset
from tests.helpers.explained_cohort import case_of, record_of, square

LABELS = {"COVID-19": "COVID", "Normal": "Normal"}
STATISTICS = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}
LESION, MARK = square(10, 10, 18, 20), square(0, 24, 4, 31)
A, B = "COVID", "Normal"


# ---- what the classifier uses ----


def found(as_is, erased, planted):
    """Make up predictions for ten images of each class, and return the measured dependence.

    Each argument states how many of the first ten and of the last ten images are called A.
    """

    def said(first, last):
        return np.array([A] * first + [B] * (10 - first) + [A] * last + [B] * (10 - last))

    truth = said(10, 0)
    return dependence(truth, truth == A, said(*as_is), said(*erased), said(*planted), A)


def test_accuracies_by_hand():
    row = found((10, 1), (2, 1), (10, 9))
    assert row["accuracy"] == 19 / 20
    assert row["accuracy_erased"] == 11 / 20
    assert row["chance"] == 1 / 2
    assert row["follows_mark"] == 9 / 10
    assert (row["n"], row["n_marked"], row["n_planted"]) == (20, 10, 10)
    # P(X >= 11) for 20 tosses of a fair coin.
    assert row["p_value"] == pytest.approx(0.4119, abs=1e-4)
    assert refusal(row, 0.9, 0.05) is None


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (((7, 1), (1, 1), (10, 10)), r"not use the mark enough.*0\.800 with the mark, 0\.500"),
        (
            ((10, 0), (6, 0), (10, 10)),
            r"also uses something else.*1\.000 with the mark, 0\.800.*p = ",
        ),
        (((10, 0), (0, 0), (10, 5)), r"alone does not decide.*0\.500 of 10"),
    ],
)
def test_refusals_say_the_accuracies(answers, message):
    row = found(*answers)
    with pytest.raises(InputError, match=message) as caught:
        check_known({"good": found((10, 0), (0, 0), (10, 10)), "bad": row}, 0.9, 0.05, "marked")
    assert "known_truth.datasets: marked" in str(caught.value)
    assert "bad: " in str(caught.value)
    assert "good: " not in str(caught.value)


class FindsTheMark(nn.Module):
    """Predicts class A if the image has a block of the mark's grey; nothing else counts."""

    def forward(self, x):
        flat = ((x[:, :1] * 255 - 240).abs() < 0.5).float()
        block = nn.functional.avg_pool2d(flat, (1, 7), 1).amax((1, 2, 3))
        return torch.stack([block - 0.99, 0.99 - block], 1) * 100


class AlwaysNormal(nn.Module):
    def forward(self, x):
        return torch.tensor([[0.0, 1.0]]).expand(len(x), 2)


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Create a phantom with the mark, its prepared test split and classes.json."""
    folder = tmp_path_factory.mktemp("marked")
    root = folder / "raw/data"
    own = {
        "cases": {"train": 3, "val": 3, "test": 18},
        "size": 96,
        "contrast": 0.0,
        "shortcut": {"class": "COVID-19", "probability": 1.0, "distractor": 0.0},
    }
    common = {"annotated_classes": ["COVID-19"], "image_size": 96, "labels": {"Non-COVID": None}}
    generate(root, dataset("phantom", own), seed=1)
    cases, *_ = index_cases(root, dataset("phantom", common))
    cases = [c for c in cases if c.split == "test" and c.labels[0] in LABELS]
    prepared = list(prepare_cases(cases, root, dataset("table", common)))
    write_prepared(folder / "test.h5", prepared, {"image_size": 96, "classes": [A, B]})
    (folder / "classes.json").write_text(json.dumps({"labels": LABELS, "classes": [A, B]}))
    return folder, prepared


def accuracy(marked, network, monkeypatch, tmp_path):
    """Run the script with a network that needs no file."""
    import fidelity.classifiers.weights.own_format as store

    classifier = Classifier(
        network, "own", (A, B), "softmax", 3, (0.0,) * 3, (1.0,) * 3, image_size=96
    ).eval()
    monkeypatch.setattr(store, "load", lambda *_, **__: classifier)
    folder, _ = marked
    known_truth_accuracy.main(
        [str(folder / "test.h5")],
        str(folder / "raw"),
        "model",
        str(folder / "classes.json"),
        "COVID-19",
        {"threads": 1, "batch": 5, "device": "cpu", "dtype": "float32"},
        [],
        str(tmp_path / "accuracy.csv"),
    )
    return pd.read_csv(tmp_path / "accuracy.csv").iloc[0]


def test_a_classifier_of_the_mark_falls_to_chance_without_it(marked, monkeypatch, tmp_path):
    row = accuracy(marked, FindsTheMark(), monkeypatch, tmp_path)
    assert row["n"] == 12
    assert row["n_marked"] == 6
    assert row["accuracy"] == 1
    assert row["accuracy_erased"] == 0.5
    assert row["follows_mark"] == 1
    assert refusal(dict(row), 0.9, 0.05) is None


def test_a_classifier_of_nothing_is_refused(marked, monkeypatch, tmp_path):
    row = accuracy(marked, AlwaysNormal(), monkeypatch, tmp_path)
    assert row["accuracy"] == row["accuracy_erased"] == 0.5
    assert "does not use the mark enough" in refusal(dict(row), 0.9, 0.05)


def test_images_of_another_phantom_are_noticed(marked, monkeypatch, tmp_path):
    folder, prepared = marked
    other = tmp_path / "copy"
    other.mkdir()
    changed = [dataclasses.replace(case, image=case.image ^ 1) for case in prepared]
    write_prepared(other / "test.h5", changed, {"image_size": 96, "classes": [A, B]})
    (other / "raw").symlink_to(folder / "raw")
    (other / "classes.json").write_text((folder / "classes.json").read_text())
    with pytest.raises(InputError, match="the generated image differs"):
        accuracy((other, changed), FindsTheMark(), monkeypatch, tmp_path)


def test_scores_are_of_the_mark_on_disk(marked, tmp_path):
    """A map that equals the drawn mark has AUC 1 for the mark, and finds no lesion."""
    from fidelity.datasets.sources.phantom.retouch import read_mark

    folder, prepared = marked
    records = []
    for case in prepared:
        if case.labels[0] == "COVID-19":
            mark = read_mark(folder / "raw/data", "test", "COVID-19", case.case)
            values = SaliencyMap("dense", mark.astype(np.float32))
            records.append(MapRecord(case.case, "COVID-19", A, "ok", "", 0.1, {}, values))
    write_maps(tmp_path / "maps.h5", records, {})
    known_truth_scores.main(
        [str(tmp_path / "maps.h5")],
        [str(folder / "test.h5")],
        str(folder / "raw"),
        str(folder / "classes.json"),
        "COVID-19",
        "original",
        "positive",
        str(tmp_path / "scores.parquet"),
    )
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert len(scores) == 12
    of_mark = scores[scores["truth"] == "mark"]
    assert (of_mark[["roc_auc", "pointing_game", "relevance_rank"]] == 1).all(axis=None)
    of_lesion = scores[scores["truth"] == "lesion"]
    assert (of_lesion["roc_auc"] < 0.5).all()
    assert (of_lesion["pointing_game"] == 0).all()


# ---- which explainers find it ----


def scored(values, failed=()):
    """Return scores of the same map on eight cases; two of them have no mark."""
    pairs = [
        (
            case_of(f"c{i}", {"COVID-19": LESION}),
            record_of(f"c{i}", None if i in failed else values + 1e-3 * i),
        )
        for i in range(8)
    ]
    return score_truths(
        pairs,
        lambda case: None if case.case in ("c6", "c7") else encode(MARK),
        "COVID-19",
        Targets(None, LABELS),
        scoring_size="original",
        sign="positive",
    )


def shining(mask):
    return np.where(mask, 1.0, 0.1).astype(np.float32)


def table_of(**maps):
    """Summarize explainers by name: those of the classifier, and null baselines (`null_`)."""
    parts = [
        (
            {
                "dataset": "d",
                "classifier": "none" if "null" in name else "net",
                "explainer": name,
            },
            m,
        )
        for name, m in maps.items()
    ]
    families = {name: "baseline" if "null" in name else "cam" for name in maps}
    dependent = {"net": {"accuracy": 1.0, "accuracy_erased": 0.5, "follows_mark": 0.9}}
    table = summarize(parts, dependent, families, STATISTICS)
    assert list(table.columns) == KNOWN_TRUTH.names
    return table.set_index("explainer")


def test_each_map_points_at_what_it_shows():
    ramp = np.tile(np.linspace(0.2, 1, 32, dtype=np.float32), (24, 1))
    table = table_of(
        mark=scored(shining(MARK)),
        lesion=scored(shining(LESION)),
        half=scored(shining(MARK), failed=(0, 1)),
        null_flat=scored(np.ones(MARK.shape, np.float32)),
        null_ramp=scored(ramp),
    )
    assert dict(table["points_at"]) == {
        "mark": "mark",
        "lesion": "lesion",
        "half": "mark",
        "null_flat": "neither",
        "null_ramp": "mark",
    }
    assert table.loc["mark", "auc_mark"] == 1
    assert table.loc["mark", "auc_lesion"] < 0.5
    assert table.loc["lesion", "auc_lesion"] == 1
    assert table.loc["mark", "hit_mark"] == table.loc["mark", "rank_mark"] == 1
    assert table.loc["lesion", "hit_mark"] == 0
    assert table.loc["null_flat", "auc_mark"] == 0.5
    for row in table.itertuples():
        assert row.auc_difference == pytest.approx(row.auc_mark - row.auc_lesion)
    assert table.loc["mark", "n"] == 6
    assert table.loc["half", "n"] == 4


def test_null_baselines_are_beaten_or_not():
    table = table_of(
        mark=scored(shining(MARK)),
        lesion=scored(shining(LESION)),
        null_flat=scored(np.ones(MARK.shape, np.float32)),
        null_mark=scored(shining(MARK)),
    )
    assert table.loc["mark", ["nulls_beaten", "nulls"]].tolist() == [1, 2]
    assert table.loc["lesion", ["nulls_beaten", "nulls"]].tolist() == [0, 2]
    assert table.loc["null_mark", ["nulls_beaten", "nulls"]].tolist() == [1, 1]
    assert table.loc["mark", "accuracy_erased"] == 0.5
    assert np.isnan(table.loc["null_mark", "accuracy_erased"])


def test_intervals_are_paired_and_hold_the_mean():
    rng = np.random.default_rng(0)
    table = table_of(noise=scored(rng.random(MARK.shape).astype(np.float32)))
    row = table.loc["noise"]
    for name in ("auc_mark", "auc_lesion", "auc_difference"):
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_the_script_refuses_before_it_writes(tmp_path):
    scored(shining(MARK)).to_parquet(tmp_path / "scores.parquet")
    combo = {"dataset": "d", "classifier": "net", "explainer": "mark"}
    for name, answers in {
        "good": ((10, 0), (0, 0), (10, 10)),
        "bad": ((10, 0), (9, 0), (10, 10)),
    }.items():
        pd.DataFrame([found(*answers)]).to_csv(tmp_path / f"{name}.csv", index=False)
    arguments = 0.9, 0.05, {"mark": "cam"}, STATISTICS

    def run(which):
        files = [str(tmp_path / "scores.parquet")], [str(tmp_path / f"{which}.csv")]
        table = known_truth.main(*files, [combo], ["net"], *arguments)
        write_csv(table, tmp_path / f"{which}-table.csv")

    run("good")
    assert pd.read_csv(tmp_path / "good-table.csv")["points_at"].tolist() == ["mark"]
    with pytest.raises(
        InputError, match=r"net: it also uses something else.*0\.950 with it erased"
    ):
        run("bad")
    assert not (tmp_path / "bad-table.csv").exists()


def test_the_figure_has_two_dots_per_explainer_and_orders_them():
    table = table_of(
        lesion=scored(shining(LESION)),
        mark=scored(shining(MARK)),
        null_flat=scored(np.ones(MARK.shape, np.float32)),
    ).reset_index()
    axis = figure.plot(table).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["mark", "lesion", "null_flat"]
    dots = [line for line in axis.lines if line.get_marker() in ("o", "s")]
    assert [dot.get_xdata()[0] for dot in dots if dot.get_marker() == "o"][0] == 1
    assert len(dots) == 6
    empty = figure.plot(table.iloc[:0])
    assert "No explainer" in empty.axes[0].texts[0].get_text()


# ---- the config ----

CONFIG = {
    "datasets": {
        "marked": {
            "source": "phantom",
            "contrast": 0,
            "shortcut": {"class": "COVID-19", "probability": 1},
            "labels": {"Non-COVID": None},
            "annotated_classes": ["COVID-19"],
        }
    },
    "classifiers": {"net": {"architecture": "resnet18"}},
    "explainers": {"gradcam": {"method": "gradcam"}},
    "known_truth": {"datasets": ["marked"]},
}


def changed(path, value):
    config = copy.deepcopy(CONFIG)
    *parents, last = path.split(".")
    place = config
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return config


def test_the_config_is_accepted_and_off_by_default():
    assert settings.load(CONFIG).model_dump()["known_truth"] == {
        "datasets": ["marked"],
        "accuracy": 0.9,
        "level": 0.05,
    }
    config = {key: value for key, value in CONFIG.items() if key != "known_truth"}
    assert settings.load(config).model_dump()["known_truth"]["datasets"] == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("known_truth.datasets", ["markd"], r"known_truth\.datasets.*'marked'"),
        ("known_truth.accurcy", 0.8, r"known_truth\.accurcy.*'accuracy'"),
        ("datasets.marked.shortcut", {}, r"datasets\.marked\.shortcut.*plants no mark"),
        ("datasets.marked.input", "lung_masked", r"datasets\.marked\.input.*hides the mark"),
        (
            "datasets.marked.shortcut",
            {"class": "Normal", "probability": 1},
            r"annotated_classes.*Normal, is missing",
        ),
        ("explain.splits", ["val"], r"explain\.splits.*Add test"),
        ("explain.target", "Normal", r"explain\.target.*class of the mark"),
    ],
)
def test_what_cannot_be_known_is_refused_at_once(path, value, message):
    with pytest.raises(InputError, match=message):
        settings.load(changed(path, value))


def test_null_baselines_alone_have_no_truth():
    config = {**CONFIG, "classifiers": {}, "explainers": {"lung": {"method": "lung_mask"}}}
    with pytest.raises(InputError, match=r"known_truth\.datasets.*classifiers"):
        settings.load(config)


def test_another_source_has_no_mark():
    config = changed(
        "datasets.marked",
        {"source": "table", "root": ".", "table": "t.csv", "annotated_classes": ["COVID-19"]},
    )
    with pytest.raises(InputError, match=r"datasets\.marked\.source.*no planted mark"):
        settings.load(config, check_files=False)


def test_any_source_may_have_a_planted_mark():
    table = {"source": "table", "root": ".", "table": "t.csv", "annotated_classes": ["COVID-19"]}
    table |= {"planted": {"kind": "mark"}, "lung_masks": "none"}
    settings.load(changed("datasets.marked", table), check_files=False)
    table["planted"] = {"kind": "texture"}
    with pytest.raises(
        InputError, match=r"datasets\.marked\.planted\.kind.*is planted in the lungs"
    ):
        settings.load(changed("datasets.marked", table), check_files=False)
