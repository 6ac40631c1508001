"""KernelSHAP: exact where possible, close to exact where it samples; traps of captum."""

from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest
import torch
from captum.attr import KernelShap, ShapleyValues

from fidelity.explainers.base import Context, Task
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.perturbation import coalitions, kernel_shap, shapley
from tests.helpers.entries import with_keys
from tests.helpers.perturbation_settings import HIDE, METHODS

ENTRY = METHODS["kernel_shap"][1]


def shapley_values(value, players):
    """Compute Shapley values from their definition."""
    found = np.zeros(players)
    for i in range(players):
        others = [j for j in range(players) if j != i]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for members in combinations(others, size):
                without = np.zeros(players, bool)
                without[list(members)] = True
                with_it = without.copy()
                with_it[i] = True
                found[i] += weight * (value(with_it) - value(without))
    return found


def random_game(players, seed=0, interaction=1.0):
    """Create a game with all interactions: a random value per coalition plus an additive part."""
    rng = np.random.default_rng(seed)
    table, weights = rng.normal(size=2**players), rng.normal(size=players)
    return lambda rows: rows @ weights + interaction * table[rows @ 2 ** np.arange(players)]


def solved(value, players, budget, seed=0):
    chosen = shapley.design(players, budget, np.random.default_rng(seed))
    ends = value(np.repeat([[False], [True]], players, axis=1))
    return chosen, shapley.solve(chosen, value(chosen.coalitions), *ends)


@pytest.mark.parametrize("players", range(2, 9))
def test_small_games_are_exact(players):
    value = random_game(players)
    chosen, found = solved(value, players, 2**players)
    assert chosen.exact
    np.testing.assert_allclose(found, shapley_values(value, players), atol=1e-10)


@pytest.mark.parametrize("players", [5, 8, 12, 40, 150])
@pytest.mark.parametrize("budget", [10, 60, 300, 1000])
def test_designs_stay_within_the_budget_and_the_sum_is_exact(players, budget):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=players)

    def value(rows):
        return np.tanh(rows @ weights)

    chosen, found = solved(value, players, budget)
    assert len(chosen.coalitions) <= budget - 2
    assert len(np.unique(chosen.coalitions, axis=0)) == len(chosen.coalitions)
    sizes = chosen.coalitions.sum(axis=1)
    assert sizes.min() > 0
    assert sizes.max() < players
    assert chosen.weights.sum() == pytest.approx(1)
    assert chosen.exact == (2**players <= budget)
    # The complement of each coalition is in the design, with the same weight.
    rows = {row.tobytes(): w for row, w in zip(chosen.coalitions, chosen.weights, strict=True)}
    for row, weight in zip(chosen.coalitions, chosen.weights, strict=True):
        assert rows[(~row).tobytes()] == pytest.approx(weight)
    total = value(np.ones((1, players), bool)) - value(np.zeros((1, players), bool))
    assert found.sum() == pytest.approx(total[0], abs=1e-13)


@pytest.mark.parametrize("players", [6, 7])
def test_exact_weights_are_the_shapley_kernel(players):
    chosen = shapley.design(players, 2**players, np.random.default_rng(0))
    sizes = chosen.coalitions.sum(axis=1)
    of_paper = np.array(
        [(players - 1) / (comb(players, s) * s * (players - s)) for s in sizes.tolist()]
    )
    np.testing.assert_allclose(chosen.weights, of_paper / of_paper.sum())


def test_samples_follow_the_shapley_kernel():
    """Over many designs, sizes have the kernel's mean weight, and each player has one half."""
    sizes, shares = np.zeros(11), np.zeros(12)
    for seed in range(200):
        chosen = shapley.design(12, 50, np.random.default_rng(seed))
        sizes += np.bincount(chosen.coalitions.sum(axis=1), chosen.weights, 12)[1:] / 200
        shares += chosen.weights @ chosen.coalitions / 200
    np.testing.assert_allclose(sizes, shapley.kernel(12), atol=0.005)
    np.testing.assert_allclose(shares, 0.5, atol=1e-9)  # complement pairs balance every player


def test_sampling_converges_to_the_exact_values():
    value = random_game(11, interaction=0.3)
    exact = shapley_values(value, 11)

    def error(budget):
        found = [solved(value, 11, budget, seed)[1] for seed in range(12)]
        return np.sqrt(np.mean((np.stack(found) - exact) ** 2))

    assert error(1600) < error(400) / 1.4 < error(100) / 2


def test_r2_is_one_for_additive_games_and_less_for_others():
    for interaction, low, high in ((0, 1 - 1e-9, 1 + 1e-9), (0.1, 0.9, 0.999)):
        value = random_game(6, interaction=interaction)
        chosen, found = solved(value, 6, 64)
        (nothing,) = value(np.zeros((1, 6), bool))
        assert low < shapley.r2(chosen, value(chosen.coalitions), nothing, found) < high


def quarters(image, *_):
    """Return seven superpixels: strips of unequal width."""
    edges = [9, 20, 27, 36, 44, 55]
    return np.digitize(np.arange(image.shape[1]), edges)[None].repeat(image.shape[0], 0)


@pytest.fixture
def strips(monkeypatch):
    monkeypatch.setattr(coalitions, "segment", quarters)


def peer_inputs(classifier, case, hide="mean"):
    """Return captum's inputs of a case: normalised image, normalised hidden image, feature mask."""
    labels = quarters(case.image)
    hidden = hidden_image(case.image, labels, with_keys(HIDE, hide=hide), 0)
    hidden = torch.from_numpy(hidden.astype(np.float32))[None]
    mask = torch.from_numpy(labels)[None, None].expand(1, 3, -1, -1)
    return classifier.preprocess(case.image[None]), classifier.normalise(hidden), mask


@pytest.mark.parametrize("hide", ["mean", "blur", 0.2])
def test_exact_values_on_a_network_are_captum_s(strips, classifier, cases, hide):
    """captum's ShapleyValues over all orders of seven superpixels, on the classifier itself."""
    task = Task(cases[0], "a", 1)
    entry = with_keys(ENTRY, samples=128, hide=hide, output="logit")
    (found,) = kernel_shap.make(Context(classifier, 32, 1, "kernel_shap"), entry)([task])
    image, hidden, mask = peer_inputs(classifier, cases[0], hide)
    # Use the same batches of 32, and sum in double precision. The table saves 7! passes of a CNN.
    rows = np.array(np.meshgrid(*[[0, 1]] * 7)).reshape(7, -1).T.astype(bool)
    shown = torch.from_numpy(rows)[:, mask[0, 0]][:, None]
    with torch.inference_mode():
        inputs = torch.where(shown, image, hidden).split(32)
        logits = torch.cat([classifier(part) for part in inputs])[:, 1].double()
    table = dict(zip(map(tuple, rows.tolist()), logits.tolist(), strict=True))

    def of_coalition(x):
        return torch.tensor([table[tuple(row)] for row in (x > 0.5).tolist()]).double()

    ones, zeros = torch.ones(1, 7).double(), torch.zeros(1, 7).double()
    expected = ShapleyValues(of_coalition).attribute(ones, zeros, perturbations_per_eval=8)[0]
    np.testing.assert_allclose(found.map.values, expected.numpy(), atol=1e-6)
    assert found.extras["exact"]
    assert found.extras["forward_passes"] == 128
    gain = table[(True,) * 7] - table[(False,) * 7]
    assert found.map.values.sum() == pytest.approx(gain, abs=1e-6)


def test_captum_s_kernel_shap_converges_to_ours(strips, classifier, cases):
    """captum samples itself, on the classifier; the tolerance covers 2000 random coalitions."""
    image, hidden, mask = peer_inputs(classifier, cases[0])
    torch.manual_seed(0)
    with torch.inference_mode():
        peer = KernelShap(classifier).attribute(
            image, hidden, target=1, feature_mask=mask, n_samples=2000,
            perturbations_per_eval=100, return_input_shape=False,
        )[0]  # fmt: skip
    entry = with_keys(ENTRY, samples=128, output="logit")
    (found,) = kernel_shap.make(Context(classifier, 32, 1, "kernel_shap"), entry)(
        [Task(cases[0], "a", 1)]
    )
    scale = np.abs(found.map.values).max()
    np.testing.assert_allclose(found.map.values, peer.numpy(), atol=0.05 * scale)


def test_captum_given_all_coalitions_by_kernel_weight_is_ours(monkeypatch):
    """captum's regression with our design agrees to 1e-6, so only its sampling differs above."""
    value = random_game(6)
    chosen = shapley.design(6, 64, np.random.default_rng(0))
    weight = {r.tobytes(): w for r, w in zip(chosen.coalitions, chosen.weights, strict=True)}
    peer = KernelShap(lambda x: torch.from_numpy(value(x.numpy() > 0.5)))

    def in_order(_input, **_):
        yield from (torch.full((1, 6), end) for end in (1, 0))
        yield from (torch.from_numpy(row[None]).long() for row in chosen.coalitions)

    def by_kernel(_original, _perturbed, row, **_):
        return torch.tensor([weight.get(row[0].bool().numpy().tobytes(), 1e6)]).double()

    monkeypatch.setattr(peer, "perturb_func", in_order)
    monkeypatch.setattr(peer, "similarity_func", by_kernel)
    found = peer.attribute(torch.ones(1, 6), n_samples=64)[0].numpy()
    np.testing.assert_allclose(solved(value, 6, 64)[1], found, atol=2e-6)


def test_captum_s_traps():
    """Why captum's is not used: it fails for one feature, and resamples few features many times."""
    with pytest.raises(ValueError, match="nan"):
        KernelShap(lambda x: x.sum((1, 2))).attribute(
            torch.ones(1, 2, 2), feature_mask=torch.zeros(1, 2, 2).long(), n_samples=20
        )
    value = random_game(6)
    torch.manual_seed(0)
    peer = KernelShap(lambda x: torch.from_numpy(value(x.numpy() > 0.5)))
    found = peer.attribute(torch.ones(1, 6), n_samples=500)[0].numpy()
    exact = shapley_values(value, 6)
    assert np.abs(found - exact).max() > 0.01  # not exact after 500 passes; 64 suffice
    np.testing.assert_allclose(solved(value, 6, 64)[1], exact, atol=1e-10)
    # captum uses torch's global random numbers, so earlier code changes the map.
    again = peer.attribute(torch.ones(1, 6), n_samples=500)[0].numpy()
    assert not np.array_equal(found, again)
