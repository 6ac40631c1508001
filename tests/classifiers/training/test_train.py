import json

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.labels import head_of, known_matrix, label_matrix
from fidelity.classifiers.model import Classifier, outputs_of
from fidelity.classifiers.training.augment import augment
from fidelity.classifiers.training.epochs import Learner
from fidelity.classifiers.training.examples import Examples
from fidelity.classifiers.training.objective import Objective, class_weights
from fidelity.classifiers.training.stages import freeze
from fidelity.classifiers.training.train import train
from fidelity.classifiers.weights.own_format import load, save
from tests.classifiers.conftest import CLASSES, SIDE, squares
from tests.helpers.entries import training
from tests.helpers.foreign import entry

COMPUTE = {"threads": 1, "device": "cpu", "dtype": "auto"}
NETWORK = entry("resnet18")
AUGMENTATION = {"rotation": 5, "translation": 0.03, "brightness": 0.1, "contrast": 0.1}


def fresh(activation="softmax", classes=CLASSES) -> Classifier:
    torch.manual_seed(0)
    outputs = outputs_of(activation, len(classes))
    return Classifier(build("resnet18", outputs), "resnet18", classes, activation, image_size=SIDE)


def test_it_learns_and_is_equal_to_the_bit(tmp_path, examples, held_out):
    settings = {"epochs": 4, "batch": 8, "augmentation": AUGMENTATION}
    tables = []
    for name in ("one", "two"):
        torch.rand(3)  # random numbers drawn before must not matter
        classifier = fresh()
        tables.append(train(classifier, examples, held_out, training(**settings), 7, COMPUTE))
        save(classifier, tmp_path / name)
    assert tables[0].equals(tables[1])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert tables[0]["best"].sum() == 1
    best = tables[0].loc[tables[0]["best"] == 1].iloc[0]
    assert best["val_loss"] == tables[0]["val_loss"].min()
    assert best["val_accuracy"] >= 0.9
    with torch.no_grad():
        logits = classifier(classifier.preprocess(held_out.images))
    accuracy = (logits.argmax(1).numpy() == held_out.labels.argmax(1)).mean()
    assert accuracy == pytest.approx(best["val_accuracy"], abs=0.05)


def test_one_logit_points_at_its_positive_class(held_out):
    def two(examples):
        right = examples.labels[:, 1]
        return Examples(examples.images, np.stack([1 - right, right], axis=1))

    classifier = fresh("one_logit", ("other", "right"))
    settings = {"epochs": 4, "batch": 8}
    table = train(classifier, two(squares(60, 2)), two(held_out), training(**settings), 1, COMPUTE)
    assert table["val_accuracy"].max() >= 0.9
    with torch.no_grad():
        logits = classifier(classifier.preprocess(held_out.images))
    right = held_out.labels[:, 1] == 1
    assert logits[right, 1].mean() > 0 > logits[~right, 1].mean()


def test_multilabel_without_validation(caplog):
    examples = squares(12, 0)
    labels = examples.labels.copy()
    labels[0] = 1
    classifier = fresh("sigmoid")
    settings = {"epochs": 2, "batch": 4, "optimizer": "sgd", "scheduler": "cosine"}
    table = train(
        classifier, Examples(examples.images, labels), None, training(**settings), 1, COMPUTE
    )
    assert "no validation case" in caplog.text
    assert table["best"].tolist() == [0, 1]
    assert table["val_loss"].isna().all()


def doubtful(count: int, seed: int) -> Examples:
    """Squares on the left or right; every fourth label of "left" is unknown and stored wrongly."""
    examples = squares(count, seed)
    known = np.ones((count, 2), bool)
    known[::4, 0] = False
    labels = examples.labels[:, :2].copy()
    labels[::4, 0] = 1 - labels[::4, 0]
    return Examples(examples.images, labels, known)


def objective_of(activation: str, examples: Examples) -> Objective:
    return Objective.weighed(fresh(activation, ("left", "right")), "none", examples)


def test_unknown_labels_have_no_part_in_the_loss():
    examples = doubtful(6, 0)
    objective = objective_of("sigmoid", examples)
    logits = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels, known = torch.from_numpy(examples.labels), torch.from_numpy(examples.known)
    each, weights = objective.losses(logits, labels, known)
    loss = (each * weights).sum() / weights.sum()
    plain = nn.functional.binary_cross_entropy_with_logits(logits[known], labels[known].float())
    assert loss.item() == pytest.approx(plain.item())
    loss.backward()
    assert (logits.grad[~known] == 0).all()
    assert (logits.grad[known] != 0).all()
    flipped = objective.losses(logits, torch.where(known, labels, 1 - labels), known)[0]
    assert torch.equal(flipped, each)
    right, asked = objective.hits(logits, labels, known)
    assert asked == known.sum()
    assert right == ((logits > 0) == labels.bool())[known].sum()


def test_three_states_are_a_softmax_of_each_class():
    examples = doubtful(6, 0)
    objective = objective_of("three_way", examples)
    states = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    labels, known = torch.from_numpy(examples.labels), torch.from_numpy(examples.known)
    each, weights = objective.losses(states, labels, known)
    assert (weights == 1).all()
    chosen = states.softmax(2).numpy()
    for index in range(6):
        wanted = [2 * examples.labels[index, c] if examples.known[index, c] else 1 for c in (0, 1)]
        by_hand = -np.mean([np.log(chosen[index, c, state]) for c, state in enumerate(wanted)])
        assert each[index].item() == pytest.approx(by_hand, rel=1e-5)
    # The logit's sigmoid is the softmax over positive and negative (Irvin et al. 2019).
    classifier = fresh("three_way", ("left", "right")).eval()
    x = classifier.preprocess(examples.images)
    with torch.no_grad():
        states, logits = classifier.states(x), classifier(x)
    two = states[:, :, [0, 2]].softmax(2)[:, :, 1]
    assert torch.allclose(classifier.probabilities(logits), two, atol=1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", "three_way"])
def test_wrong_but_unknown_labels_do_no_harm(activation, tmp_path, held_out):
    classifier = fresh(activation, ("left", "right"))
    checked = Examples(held_out.images, held_out.labels[:, :2])
    settings = {"epochs": 5, "batch": 8}
    table = train(classifier, doubtful(72, 2), checked, training(**settings), 1, COMPUTE)
    assert table["val_accuracy"].max() >= 0.9
    save(classifier, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    with torch.no_grad():
        logits = again(again.preprocess(held_out.images))
    assert logits.shape == (24, 2)
    assert ((logits > 0).numpy() == checked.labels).mean() >= 0.9


def test_stages_train_what_they_say(held_out):
    classifier = fresh()
    before = classifier.network.conv1.weight.detach().clone()
    mean = classifier.network.bn1.running_mean.clone()
    head = {"trainable": "head", "epochs": 1, "learning_rate": 0.01, "scheduler": "plateau"}
    settings = {"batch": 8, "epochs": 1, "scheduler": "none"}
    table = train(classifier, held_out, held_out, training(**settings, stages=[head]), 1, COMPUTE)
    assert torch.equal(classifier.network.conv1.weight, before)
    assert torch.equal(classifier.network.bn1.running_mean, mean)
    stages = [head, {"trainable": 0.5}, {"trainable": "all"}]
    table = train(fresh(), held_out, held_out, training(**settings, stages=stages), 1, COMPUTE)
    assert table["stage"].tolist() == [1, 2, 3]
    assert table["learning_rate"].tolist() == [0.01, 0.001, 0.001]


def test_a_stage_overrides_every_setting_of_the_training(held_out, monkeypatch):
    seen = []
    original = Learner.epoch

    def epoch(learner):
        seen.append(
            {
                "batch": learner.stage.batch,
                "patience": learner.stage.patience,
                "optimizer": type(learner.optimizer).__name__,
                "weights": learner.objective.weights.tolist(),
                "augmentation": learner.stage.augmentation.model_dump(),
            }
        )
        return original(learner)

    monkeypatch.setattr(Learner, "epoch", epoch)
    keep = np.r_[0:24:3, 0:24:3, 1:24:3, 2:24:3]
    uneven = Examples(held_out.images[keep], held_out.labels[keep])
    own = {
        "epochs": 1,
        "batch": 4,
        "patience": 2,
        "optimizer": "adam",
        "class_weights": "none",
        "augmentation": {"rotation": 0},
    }
    shared = {"epochs": 1, "batch": 8, "scheduler": "none", "patience": 9}
    shared |= {"optimizer": "sgd", "augmentation": {"flip": 0.5, "rotation": 10}}
    train(fresh(), uneven, held_out, training(**shared, stages=[{}, own]), 1, COMPUTE)
    first, second = seen
    assert (first["batch"], second["batch"]) == (8, 4)
    assert (first["patience"], second["patience"]) == (9, 2)
    assert (first["optimizer"], second["optimizer"]) == ("SGD", "Adam")
    assert first["weights"] == pytest.approx([2 / 3, 4 / 3, 4 / 3])
    assert second["weights"] == [1, 1, 1]
    changed = {key: value for key, value in first["augmentation"].items() if value}
    assert changed == {"flip": 0.5, "rotation": 10}
    assert second["augmentation"] == first["augmentation"] | {"rotation": 0}


def test_validation_losses_of_stages_with_other_class_weights_compare(held_out):
    """The best epoch is chosen over all stages, so all use the same weights for validation."""
    keep = np.r_[0:24:3, 0:24:3, 1:24:3, 2:24:3]
    uneven = Examples(held_out.images[keep], held_out.labels[keep])
    still = {"epochs": 1, "trainable": "head", "learning_rate": 1e-12, "optimizer": "sgd"}
    stages = [still, still | {"class_weights": "none"}]
    settings = {"batch": 8, "scheduler": "none", "weight_decay": 0, "stages": stages}
    table = train(fresh(), uneven, uneven, training(**settings), 1, COMPUTE)
    assert table["val_loss"][0] == pytest.approx(table["val_loss"][1], rel=1e-6)
    assert table["train_loss"][0] != pytest.approx(table["train_loss"][1], rel=1e-3)


def test_a_stage_stops_by_its_own_patience(held_out):
    still = {"epochs": 20, "trainable": "head", "learning_rate": 1e-12, "optimizer": "sgd"}
    settings = {"batch": 8, "scheduler": "none", "weight_decay": 0, "patience": 20}
    stages = [still | {"epochs": 3}, still | {"patience": 2}]
    table = train(fresh(), held_out, held_out, training(**settings, stages=stages), 1, COMPUTE)
    assert (table["stage"] == 1).sum() == 3
    assert (table["stage"] == 2).sum() < 20


@pytest.mark.parametrize(
    ("labels", "counts"),
    [
        ({"Normal": "Other", "Non-COVID": "Other"}, [2, 4]),
        ({"Non-COVID": None}, [2, 2]),
    ],
)
def test_two_classes_are_learnt_from_three(labels, counts, held_out):
    names = ["COVID-19", *dict.fromkeys(v for v in labels.values() if v)]
    names += [] if "Other" in names else ["Normal"]
    mapping = {name: labels.get(name, name) for name in ("COVID-19", "Non-COVID", "Normal")}
    classes = {"classes": names, "task": "multiclass", "annotated": ["COVID-19"]}
    classes["labels"] = {key: value for key, value in mapping.items() if value}
    of_source = [("COVID-19",)] * 2 + [("Normal",)] * 2
    of_source += [("Non-COVID",)] * 2 if mapping["Non-COVID"] else []
    matrix = label_matrix(of_source, classes, names)
    assert matrix.sum(axis=0).tolist() == counts
    for head in ("softmax", "one_logit"):
        order, activation = head_of(NETWORK.model_copy(update={"head": head}), classes)
        assert set(order) == set(names)
        classifier = fresh(activation, order)
        columns = [names.index(name) for name in order]
        examples = Examples(held_out.images[: len(matrix)], matrix[:, columns])
        settings = {"epochs": 1, "batch": 4, "class_weights": "balanced"}
        table = train(classifier, examples, examples, training(**settings), 1, COMPUTE)
        assert np.isfinite(table["val_loss"]).all()


def test_freeze_counts_from_the_end():
    network = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 2), nn.Linear(2, 1))
    assert freeze(network, "head") == 3
    assert freeze(network, "all") == 135
    assert freeze(network, 0.1) == 25
    with pytest.raises(InputError, match="Use head, all, or a share"):
        freeze(network, "tail")


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("resnet10t", {"fc"}),
        ("deit_tiny_distilled_patch16_224", {"head", "head_dist"}),
        ("levit_128s", {"head.linear", "head_dist.linear"}),  # each follows a norm of its own
    ],
)
@pytest.mark.parametrize("trainable", ["head", 1e-6])
def test_all_heads_of_a_distilled_network_are_trained(name, heads, trainable):
    with torch.device("meta"):
        network = build(f"timm:{name}", 3)
    freeze(network, trainable)
    trained = {key for key, value in network.named_parameters() if value.requires_grad}
    assert trained == {f"{head}.{kind}" for head in heads for kind in ("weight", "bias")}


def test_patience_stops(held_out):
    settings = {"epochs": 30, "batch": 8, "learning_rate": 0.0, "patience": 1, "scheduler": "none"}
    noise = squares(24, 5)
    assert len(train(fresh(), noise, held_out, training(**settings), 1, COMPUTE)) < 30


def test_bad_settings_are_said(held_out):
    for bad, message in (
        ({"class_weights": "heavy"}, "unknown class weights"),
        ({"learning_rate": 1e20, "optimizer": "sgd", "scheduler": "none"}, "not finite"),
    ):
        with pytest.raises(InputError, match=message):
            train(fresh(), held_out, held_out, training(epochs=2, batch=8, **bad), 1, COMPUTE)
    empty = Examples(held_out.images[:0], held_out.labels[:0])
    with pytest.raises(InputError, match="no training case"):
        train(fresh(), empty, None, training(), 1, COMPUTE)


def test_class_weights_by_hand():
    labels = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert class_weights(labels, "balanced", False) == pytest.approx([4 / 6, 2, 0])
    assert class_weights(labels, "balanced", True) == pytest.approx([1 / 3, 3, 1])
    assert class_weights(labels, "none", False).tolist() == [1, 1, 1]
    known = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 1]], bool)
    assert class_weights(labels, "balanced", True, known) == pytest.approx([1 / 2, 1, 1])


def test_augmentation():
    image = torch.rand(4, 16, 16, generator=torch.Generator().manual_seed(0))

    def run(**settings):
        return augment(
            image, training(augmentation=settings).augmentation, torch.Generator().manual_seed(1)
        )

    assert torch.allclose(run(), image)
    assert torch.allclose(run(flip=1.0), image.flip(2), atol=1e-5)
    strength = {
        "rotation": 10,
        "scale": 0.1,
        "translation": 0.1,
        "brightness": 0.2,
        "contrast": 0.2,
    }
    varied = run(**strength)
    assert torch.equal(varied, run(**strength))
    assert not torch.allclose(varied, image, atol=0.05)
    assert varied.min() >= 0
    assert varied.max() <= 1


def test_heads_and_labels():
    classes = {
        "classes": ["COVID-19", "Other"],
        "task": "multiclass",
        "annotated": ["COVID-19"],
        "labels": {"Normal": "Other", "Non-COVID": "Other"},
    }
    assert head_of(NETWORK, classes) == (("COVID-19", "Other"), "softmax")
    assert head_of(NETWORK.model_copy(update={"head": "one_logit"}), classes) == (
        ("Other", "COVID-19"),
        "one_logit",
    )
    assert (
        head_of(NETWORK.model_copy(update={"classes": ["Other", "COVID-19", "TB"]}), classes)[0][2]
        == "TB"
    )
    assert head_of(NETWORK, classes | {"task": "multilabel"})[1] == "sigmoid"
    uncertain = {"task": "multilabel", "uncertain": "multi-class"}
    assert head_of(NETWORK, classes | uncertain)[1] == "three_way"
    with pytest.raises(InputError, match="COVID-19 is missing"):
        head_of(NETWORK.model_copy(update={"classes": ["Other"]}), classes)
    matrix = label_matrix([("COVID-19",), ("Normal",)], json.loads(json.dumps(classes)))
    assert matrix.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(InputError, match="'TB' is not mapped to a class"):
        label_matrix([("TB",)], classes)


def test_known_labels():
    classes = {"classes": ["A", "B"], "labels": {"A": "A", "a": "A", "B": "B"}}
    labels = [("A",), (), ("B",), ("A",)]
    uncertain = [(), ("a",), ("A", "never seen"), ("a",)]
    known = known_matrix(labels, uncertain, classes)
    # In the last case, another source class of A is certain.
    assert known.tolist() == [[True, True], [False, True], [False, True], [True, True]]


@pytest.mark.parametrize(("images", "batch", "field"), [(1, 8, "train"), (3, 1, "training.batch")])
def test_a_batch_of_one_image_is_refused_in_words_of_the_config(images, batch, field):
    """At 32 pixels, the last layers of a ResNet see one value per channel and image."""
    few = Examples(np.zeros((images, 32, 32), np.uint8), np.eye(3, dtype=np.uint8)[[0] * images])
    with pytest.raises(
        InputError, match="batch normalisation of the network needs two or more"
    ) as error:
        train(fresh(), few, None, training(epochs=1, batch=batch), 1, COMPUTE)
    assert error.value.field == field
    assert error.value.remedy


def test_one_image_is_enough_for_a_network_without_batch_normalisation():
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = Classifier(network, "plugin:small", CLASSES, "softmax", image_size=16)
    one = Examples(np.zeros((1, 16, 16), np.uint8), np.eye(3, dtype=np.uint8)[:1])
    assert len(train(classifier, one, None, training(epochs=1, batch=1), 1, COMPUTE)) == 1


def test_one_class_leaves_nothing_to_tell_apart():
    with pytest.raises(InputError, match="one class"):
        head_of(NETWORK, {"classes": ["Lesion"], "task": "multiclass"})
    assert head_of(NETWORK, {"classes": ["Lesion"], "task": "multilabel"})[1] == "sigmoid"
