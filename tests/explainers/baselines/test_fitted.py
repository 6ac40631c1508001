"""Methods that learn from the training masks: the mean mask and the U-Net."""

import dataclasses
import logging

import numpy as np
import pytest
import torch

import fit as rule
from fidelity.base.errors import InputError
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.explainers import runner
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import mean_mask, unet
from fidelity.explainers.baselines.fitted import read_fitted
from fidelity.explainers.baselines.unet import read_examples
from fidelity.maps.saliency_map import read_maps, render
from fidelity.masks.run_lengths import decode, encode
from fidelity.segmentation.unet import _own_channel, _varied, mean_dice
from fidelity.settings.explainers import MeanMask, Unet
from tests.helpers.epoch_kills import count_epochs, dies_after

SIDE = 32
MEAN = MeanMask()
BOXED = MeanMask(align="lung_box")
UNET = Unet(epochs=12, channels=4, learning_rate=0.02, batch=8)
SHORT, SHORTEST = (UNET.model_copy(update={"epochs": epochs}) for epochs in (2, 1))
COMPUTE = {"threads": 1, "device": "cpu"}


def square_case(number, split="train", cls="a", native=SIDE, lung=None) -> PreparedCase:
    """Create a case of noise with a bright square, which is the lesion."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 90, (SIDE, SIDE), np.uint8)
    y, x, side = (int(v) for v in rng.integers([2, 2, 7], [18, 18, 12]))
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y : y + side, x : x + side] = True
    image[mask] += 120
    scale = native // SIDE
    return PreparedCase(
        case=f"{split} {number:03d}",
        patient=str(number),
        split=split,
        labels=(cls,),
        image=image,
        lung=None,
        native_size=(native, native),
        box=(0, 0, native, native),
        references={cls: encode(mask.repeat(scale, 0).repeat(scale, 1))},
        lung_native=None if lung is None else encode(lung),
        digest=str(number),
    )


def shard(path, cases):
    write_prepared(path, cases, {"image_size": SIDE, "classes": ["A"]})
    return path


def healthy(number):
    return dataclasses.replace(square_case(number), case=f"healthy {number}", references={})


def explain_with(module, settings, fitted, cases, batch=8):
    context = Context(None, batch, 1, settings.method, fitted, COMPUTE)
    tasks = [Task(case, cls, None) for case in cases for cls in case.references]
    return module.make(context, settings)(tasks)


def test_mean_mask_is_numpy_s_mean_per_class(tmp_path):
    cases = [square_case(i, cls="ab"[i % 3 == 0], native=256) for i in range(10)]
    train = shard(tmp_path / "t.h5", [*cases, healthy(90)])
    rule.main([str(train)], [], MEAN, 1, COMPUTE, str(tmp_path / "f.safetensors"))
    for cls in "ab":
        masks = [decode(c.references[cls]) for c in cases if cls in c.references]
        expected = np.mean(masks, axis=0).astype(np.float32)
        asked = dataclasses.replace(cases[0], references={cls: cases[0].references["b"]})
        (explanation,) = explain_with(mean_mask, MEAN, tmp_path / "f.safetensors", [asked])
        np.testing.assert_array_equal(explanation.map.values, expected)
        # In a crop, each place of the image keeps its value, up to scaling.
        cropped = dataclasses.replace(asked, box=(64, 32, 256, 224))
        (explanation,) = explain_with(mean_mask, MEAN, tmp_path / "f.safetensors", [cropped])
        values = render(explanation.map, cropped.box, cropped.native_size)[80:240, 50:200]
        expected = expected[80:240, 50:200] / expected[64:, 32:224].max()
        assert np.abs(values - expected).mean() < 0.02


def test_the_lung_box_carries_the_mean_along(tmp_path):
    """Lesions are at the same place of different lungs: the mean is sharp and follows the lung."""

    def case(name, top, left, height, width):
        lung, lesion = np.zeros((2, 64, 64), bool)
        lung[top : top + height, left : left + width] = True
        lesion[top + height // 2 : top + height, left : left + width // 4] = True
        base = square_case(0)
        return dataclasses.replace(
            base,
            case=name,
            native_size=(64, 64),
            box=(0, 0, 64, 64),
            references={"a": encode(lesion)},
            lung_native=encode(lung),
        ), lesion

    train = [case(str(i), 4 + 4 * i, 8 * i, 32, 32)[0] for i in range(4)]
    blank = dataclasses.replace(train[0], case="no lung", lung_native=None)
    empty = dataclasses.replace(train[0], case="e", lung_native=encode(np.zeros((64, 64), bool)))
    both = shard(tmp_path / "both.h5", [*train, blank, empty])
    with pytest.raises(InputError, match=r"2 of 6 training cases have no lung.*align: image"):
        mean_mask.fit([both], [], BOXED, 1, COMPUTE, tmp_path / "f.safetensors")
    path = shard(tmp_path / "t.h5", [*train, empty])
    mean_mask.fit([path], [], BOXED, 1, COMPUTE, tmp_path / "f.safetensors")
    tested, lesion = case("x", 10, 12, 48, 40)
    for box in ((0, 0, 64, 64), (8, 10, 60, 54)):
        seen = dataclasses.replace(tested, box=box)
        (explanation,) = explain_with(mean_mask, BOXED, tmp_path / "f.safetensors", [seen])
        values = render(explanation.map, box, (64, 64))
        np.testing.assert_array_equal(values > 0.5, lesion)
        assert not values[:9].any()  # outside the lung's box, the map is empty
    with pytest.raises(ValueError, match="no lung mask"):
        explain_with(mean_mask, BOXED, tmp_path / "f.safetensors", [blank])


def test_no_training_mask_is_said(tmp_path):
    path = shard(tmp_path / "t.h5", [healthy(1)])
    for module, settings in ((mean_mask, MEAN), (unet, UNET)):
        with pytest.raises(InputError, match="no training case has a reference mask"):
            module.fit([path], [], settings, 1, COMPUTE, tmp_path / "f.safetensors")
    path = shard(tmp_path / "t.h5", [square_case(1)])
    with pytest.raises(InputError, match="no training case"):
        mean_mask.fit([path], [], BOXED, 1, COMPUTE, tmp_path / "f.safetensors")


def test_a_class_that_was_not_learnt_is_named(tmp_path):
    path = shard(tmp_path / "t.h5", [square_case(1)])
    for module, settings in ((mean_mask, MEAN), (unet, SHORTEST)):
        module.fit([path], [], settings, 1, COMPUTE, tmp_path / "f.safetensors")
        with pytest.raises(ValueError, match="no training case.*class 'z'"):
            explain_with(module, settings, tmp_path / "f.safetensors", [square_case(2, cls="z")])


def test_files_of_others_are_refused(tmp_path):
    path = shard(tmp_path / "t.h5", [square_case(1)])
    mean_mask.fit([path], [], MEAN, 1, COMPUTE, tmp_path / "f.safetensors")
    with pytest.raises(InputError, match="was not fitted by unet"):
        read_fitted(tmp_path / "f.safetensors", "unet")
    (tmp_path / "bad").write_bytes(b"no")
    with pytest.raises(InputError, match="bad: cannot be read.*Delete"):
        read_fitted(tmp_path / "bad", "unet")


@pytest.mark.parametrize(("module", "settings"), [(mean_mask, MEAN), (unet, SHORT)])
def test_shards_and_their_order_change_no_byte(tmp_path, module, settings):
    cases = [square_case(i, native=96, cls="ab"[i % 2]) for i in range(11)]
    whole = [shard(tmp_path / "w.h5", cases)]
    parts = [shard(tmp_path / f"{i}.h5", cases[i::3]) for i in (2, 0, 1)]
    empty = shard(tmp_path / "e.h5", [])
    val = [shard(tmp_path / "v.h5", [square_case(i, "val") for i in range(3)])]
    for name, train, seed in (("a", whole, 1), ("b", [*parts, empty], 1), ("c", whole, 2)):
        module.fit(train, val, settings, seed, COMPUTE, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    if module is unet:
        assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a U-Net that has learned bright squares."""
    folder = tmp_path_factory.mktemp("unet")
    train = shard(folder / "t.h5", [square_case(i) for i in range(40)])
    val = shard(folder / "v.h5", [square_case(100 + i, "val") for i in range(8)])
    unet.fit([train], [val], UNET, 1, COMPUTE, folder / "f.safetensors")
    return folder / "f.safetensors"


def test_the_unet_learns_bright_squares(trained):
    cases = [square_case(200 + i, "test") for i in range(10)]
    scores = []
    for case, explanation in zip(cases, explain_with(unet, UNET, trained, cases, 16), strict=True):
        assert explanation.map.kind == "dense"
        assert 0 <= explanation.map.values.min() <= explanation.map.values.max() <= 1
        predicted, mask = explanation.map.values > 0.5, decode(case.references["a"])
        scores.append(2 * (predicted & mask).sum() / (predicted.sum() + mask.sum()))
    assert np.mean(scores) > 0.8


def test_neighbours_do_not_change_a_probability(trained):
    cases = [square_case(200 + i, "test") for i in range(5)]
    together = explain_with(unet, UNET, trained, cases)
    alone = explain_with(unet, UNET, trained, cases[3:4])
    np.testing.assert_array_equal(together[3].map.values, alone[0].map.values)


def test_the_best_epoch_is_kept_by_validation_dice(tmp_path, caplog):
    train = shard(tmp_path / "t.h5", [square_case(i) for i in range(16)])
    val = shard(tmp_path / "v.h5", [square_case(100 + i, "val") for i in range(4)])
    with caplog.at_level(logging.INFO):
        unet.fit([train], [val], UNET, 1, COMPUTE, tmp_path / "f.safetensors")
    logged = [float(r.message.split()[-1]) for r in caplog.records if "epoch" in r.message]
    assert len(logged) == UNET.epochs

    tensors, classes = read_fitted(tmp_path / "f.safetensors", "unet")
    network = unet.Segmenter(len(classes), UNET.channels)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()})
    found = mean_dice(network, read_examples([val]), UNET.batch)
    assert found == pytest.approx(max(logged), abs=1e-4)


def test_a_killed_fit_ends_in_the_same_bytes(tmp_path, monkeypatch, trained):
    train = shard(tmp_path / "t.h5", [square_case(i) for i in range(40)])
    val = shard(tmp_path / "v.h5", [square_case(100 + i, "val") for i in range(8)])
    dies_after(monkeypatch, 5)
    with pytest.raises(KeyboardInterrupt):
        unet.fit([train], [val], UNET, 1, COMPUTE, tmp_path / "f.safetensors", "code")
    monkeypatch.undo()
    epochs = count_epochs(monkeypatch)
    unet.fit([train], [val], UNET, 1, COMPUTE, tmp_path / "f.safetensors", "code")
    assert len(epochs) == UNET.epochs - 5
    assert (tmp_path / "f.safetensors").read_bytes() == trained.read_bytes()
    assert not list(tmp_path.rglob("*.pt"))


def test_without_validation_the_last_epoch_is_kept(tmp_path, caplog):
    train = shard(tmp_path / "t.h5", [square_case(i) for i in range(4)])
    with caplog.at_level(logging.WARNING):
        unet.fit(
            [train],
            [],
            SHORTEST,
            1,
            COMPUTE,
            tmp_path / "f.safetensors",
        )
    assert "last epoch" in caplog.text


@pytest.mark.parametrize("side", [16, 33, 50])
def test_any_image_size(side):

    network = unet.Segmenter(2, 4).eval()
    assert network(torch.rand(1, side, side + 3)).shape == (1, 2, side, side + 3)


def test_a_channel_learns_from_its_own_class_alone():

    logits = torch.zeros(2, 3, 4, 4, requires_grad=True)
    _own_channel(logits, np.array([2, 0])).sum().backward()
    touched = logits.grad.amax(dim=(2, 3)).bool().tolist()
    assert touched == [[False, False, True], [True, False, False]]


def test_images_and_masks_move_together(tmp_path):

    examples = read_examples([shard(tmp_path / "t.h5", [square_case(i) for i in range(8)])])
    generator = torch.Generator().manual_seed(3)
    images, masks = _varied(examples, np.arange(8), generator)
    moved = (masks.numpy() != examples.masks).any(axis=(1, 2))
    assert moved.sum() >= 7
    for image, mask in zip(images.numpy(), masks.numpy() > 0, strict=True):
        assert image[mask].mean() > image[~mask].mean() + 0.3


def test_maps_of_another_fit_are_not_resumed(tmp_path, monkeypatch):
    """The digest of the fitted file decides whether finished batches can be reused."""
    path = shard(tmp_path / "test-000.h5", [square_case(i, "test") for i in range(3)])
    files = []
    for number in (1, 2):
        train = shard(tmp_path / f"t{number}.h5", [square_case(number)])
        files.append(tmp_path / f"f{number}")
        mean_mask.fit([train], [], MEAN, 1, COMPUTE, files[-1])
    rule = {"fingerprint": "f", "max_failed_cases": 0}
    output = tmp_path / "maps" / "test-000.h5"

    def explained(fitted):
        context = Context(None, 2, 1, MEAN.method, fitted)
        runner.explain_shard(path, output, MEAN, context, "reference", {"a": "A"}, **rule)
        return [record.map.values for record in read_maps(output)]

    expected = explained(files[1])
    monkeypatch.setattr(runner, "write_maps", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        explained(files[0])
    monkeypatch.undo()
    assert list((output.parent / ".partial" / "test-000").iterdir())
    for found, wanted in zip(explained(files[1]), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
