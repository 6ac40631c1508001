import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from fidelity.base.errors import InputError
from fidelity.classifiers.evaluation import evaluate as module
from fidelity.classifiers.evaluation.evaluate import (
    calibration_error,
    reliability,
)
from fidelity.classifiers.predictions import read_predictions

STATISTICS = {"replicates": 400, "alpha": 0.05, "cluster": "patient", "seed": 1}


def evaluate(predictions, dataset, classifier, task, **changes):
    """Return the first three tables of an evaluation."""
    given = {"statistics": STATISTICS, **changes}
    found = module.evaluate(predictions, dataset, classifier, task, **given)
    return found.classification, found.confusion, found.calibration


def table(labels, scores, classes, split="test"):
    rows = [
        (f"c{i}", f"p{i}", split, cls, labels[i][j], 0.0, scores[i][j])
        for i in range(len(labels))
        for j, cls in enumerate(classes)
    ]
    columns = ["case", "patient", "split", "class", "label", "logit", "probability"]
    return pd.DataFrame(rows, columns=columns)


def value(frame, cls, metric):
    found = frame[(frame["class"] == cls) & (frame["metric"] == metric)]
    return found["value"].item()


def test_multiclass_by_hand():
    labels = [[1, 0], [1, 0], [1, 0], [0, 1]]
    scores = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]
    rated, confusion, calibration = evaluate(
        table(labels, scores, ["a", "b"]), "d", "net", "multiclass"
    )
    assert value(rated, "all", "accuracy") == 0.75
    assert value(rated, "all", "balanced_accuracy") == pytest.approx((2 / 3 + 1) / 2)
    assert value(rated, "a", "precision") == 1
    assert value(rated, "a", "recall") == pytest.approx(2 / 3)
    assert value(rated, "a", "f1") == pytest.approx(0.8)
    assert value(rated, "b", "precision") == 0.5
    assert value(rated, "b", "auc") == pytest.approx(2 / 3)
    assert value(rated, "b", "support") == 1
    # Four bins with one case each; the gaps are .1, .2, .7 and .4.
    assert value(rated, "all", "ece") == pytest.approx((0.1 + 0.2 + 0.7 + 0.4) / 4)
    assert confusion["n"].tolist() == [2, 1, 0, 1]
    assert (calibration["n"].sum(), len(calibration)) == (4, 15)


def test_one_class_leaves_auc_undefined():
    only = table([[1, 0]] * 3, [[0.9, 0.1]] * 3, ["a", "b"])
    rated, _, _ = evaluate(only, "d", "net", "multiclass")
    assert np.isnan(value(rated, "a", "auc"))
    assert np.isnan(value(rated, "all", "macro_auc"))
    assert np.isnan(value(rated, "b", "precision"))
    assert value(rated, "all", "accuracy") == 1


def test_multilabel_by_hand():
    labels = [[1, 1], [0, 0], [1, 0]]
    scores = [[0.9, 0.4], [0.2, 0.1], [0.6, 0.7]]
    rated, confusion, _ = evaluate(table(labels, scores, ["a", "b"]), "d", "net", "multilabel")
    assert value(rated, "all", "accuracy") == pytest.approx(4 / 6)
    assert value(rated, "all", "subset_accuracy") == pytest.approx(1 / 3)
    assert value(rated, "a", "f1") == 1
    assert value(rated, "b", "recall") == 0
    assert value(rated, "b", "auc") == 0.5
    assert confusion[confusion["true"] == "not b"]["n"].tolist() == [1, 1]


def test_the_task_is_told_not_guessed():
    """Multi-label cases may all happen to have one label; each class still has its threshold."""
    labels, scores = [[1, 0], [0, 1], [1, 0]], [[0.9, 0.6], [0.2, 0.3], [0.4, 0.3]]
    found = table(labels, scores, ["a", "b"])
    rated, confusion, _ = evaluate(found, "d", "net", "multilabel")
    assert value(rated, "all", "accuracy") == pytest.approx(3 / 6)
    assert value(rated, "a", "recall") == 0.5
    assert "not a" in set(confusion["true"])
    rated, confusion, _ = evaluate(found, "d", "net", "multiclass")
    assert value(rated, "all", "accuracy") == 1
    assert "not a" not in set(confusion["true"])
    with pytest.raises(InputError, match="not have exactly one class"):
        evaluate(table([[1, 1]], [[0.5, 0.5]], ["a", "b"]), "d", "net", "multiclass")


def test_uncertain_labels_count_for_no_metric_of_their_class(tmp_path):
    nan = float("nan")
    labels = [[1, 1], [0, nan], [1, 0], [nan, 1], [0, 0]]
    scores = [[0.9, 0.4], [0.2, 0.9], [0.6, 0.7], [0.1, 0.8], [0.7, 0.1]]
    path = tmp_path / "p.csv"
    table(labels, scores, ["a", "b"]).to_csv(path, index=False)
    rated, confusion, calibration = evaluate(read_predictions(path), "d", "net", "multilabel")
    for column, cls in enumerate(("a", "b")):
        kept = [i for i in range(5) if not np.isnan(labels[i][column])]
        truth = [labels[i][column] for i in kept]
        said = [scores[i][column] for i in kept]
        assert value(rated, cls, "auc") == pytest.approx(metrics.roc_auc_score(truth, said))
        hard = np.array(said) >= 0.5
        assert value(rated, cls, "f1") == pytest.approx(metrics.f1_score(truth, hard))
        assert value(rated, cls, "support") == 2
        of_class = rated[rated["class"] == cls]
        assert (of_class["n"] == 4).all()
        pair = confusion[confusion["true"].isin([cls, f"not {cls}"])]
        assert pair["n"].sum() == 4
    assert value(rated, "all", "accuracy") == pytest.approx(5 / 8)
    assert value(rated, "all", "subset_accuracy") == pytest.approx(2 / 5)
    assert calibration["n"].sum() == 8


def test_calibration_bins():
    found = reliability(np.array([0.0, 0.5, 0.50001, 1.0]), np.array([0, 1, 1, 1]), bins=2)
    assert found["n"].tolist() == [2, 2]
    assert calibration_error(np.array([0.75, 0.75]), np.array([1, 0])) == pytest.approx(0.25)
    assert np.isnan(calibration_error(np.array([]), np.array([])))


def test_broken_predictions(tmp_path):
    path = tmp_path / "p.csv"
    good = table([[1, 0]], [[0.9, 0.1]], ["a", "b"])
    good.drop(columns="label").to_csv(path, index=False)
    with pytest.raises(InputError, match="'label': this column is missing"):
        read_predictions(path)
    two = pd.concat([good, good.iloc[:1].assign(case="x")])
    with pytest.raises(InputError, match="has no prediction for one"):
        evaluate(two, "d", "net", "multiclass")
