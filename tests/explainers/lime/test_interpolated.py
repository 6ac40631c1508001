"""LIME's regression over all subsets, and the Gaussian process that predicts missing subsets."""

import numpy as np
import pytest
import torch
from scipy.optimize import check_grad
from sklearn.linear_model import Ridge

from fidelity.explainers.lime import interpolated
from fidelity.explainers.lime.gaussian_process import _loss, fit_process
from fidelity.explainers.lime.interpolated import LINKS, interpolate
from fidelity.explainers.lime.sampling import all_subsets, design
from fidelity.explainers.lime.surrogate import fit, kernel_weights
from fidelity.settings.explainers import Lime

LIVE = np.array([1, 0, 1, 1, 0, 1, 1], bool)  # two of seven superpixels are dead
ALPHA = 0.003


def _every(superpixels):
    return all_subsets(np.ones(superpixels, bool))


def _number(rows):
    return rows.astype(int) @ (1 << np.arange(rows.shape[1]))


def _limit(rows, outputs, alpha=ALPHA, width=0.25):
    """Fit LIME's regression to all possible rows."""
    weights = kernel_weights(torch.from_numpy(rows).double(), width).numpy()
    ridge = Ridge(alpha=alpha * len(rows)).fit(rows, outputs, sample_weight=weights)
    return ridge, ridge.score(rows, outputs, sample_weight=weights)


def _interpolate(rows, outputs, live, alpha=ALPHA, width=0.25, output="logit"):
    rows, outputs = torch.from_numpy(rows).double(), torch.as_tensor(outputs).double()
    settings = Lime(kernel_width=width, output=output)
    return interpolate(rows, outputs, torch.from_numpy(live), settings, alpha, 0)


def _smooth(superpixels, seed):
    """Make up a classifier's outputs for all subsets: a sigmoid of main effects and pairs."""
    rng = np.random.default_rng(seed)
    rows = _every(superpixels) * 2.0 - 1
    pairs = rng.normal(size=(superpixels, superpixels)) * 0.1
    score = rows @ rng.normal(size=superpixels) + np.einsum("ni,ij,nj->n", rows, pairs, rows)
    return 1 / (1 + np.exp(-score))


@pytest.mark.parametrize("width", [0.1, 0.25, 5.0])
@pytest.mark.parametrize("alpha", [0.0, ALPHA])
def test_all_subsets_give_the_regression_over_every_picture(alpha, width):
    """Dead superpixels count too: their bits change the weight, but not the picture."""
    outputs = np.random.default_rng(0).normal(size=32)
    rows = _every(7)
    expected, r2 = _limit(rows, outputs[_number(rows[:, LIVE])], alpha, width)
    found = _interpolate(all_subsets(LIVE), outputs, LIVE, alpha, width)
    np.testing.assert_allclose(found.coefficients[0], expected.coef_, atol=1e-11)
    assert found.intercept[0] == pytest.approx(expected.intercept_)
    assert found.r2[0] == pytest.approx(r2)
    assert found.errors.abs().max() == 0


def test_without_all_subsets_it_is_the_regression_over_what_is_predicted(monkeypatch):
    """Known pictures keep their outputs. Predicting all subsets or a sample gives equal fits."""
    outputs = _smooth(5, 0)
    pictures = np.random.default_rng(1).permutation(_every(5))[:24]
    rows = np.ones((48, 7), np.uint8)  # each picture occurs twice
    rows[:, LIVE] = np.concatenate([pictures, pictures])
    values = torch.from_numpy(outputs[_number(pictures)])
    process = fit_process(torch.from_numpy(pictures).double(), LINKS["probability"][0](values))
    predicted = LINKS["probability"][1](process.predict(torch.from_numpy(_every(5)).double())[0])
    np.testing.assert_allclose(predicted[_number(pictures)], values, atol=1e-3)
    every = _every(7)
    expected, r2 = _limit(every, predicted.numpy()[_number(every[:, LIVE])])
    settings = {"output": "probability"}
    found = _interpolate(rows, outputs[_number(rows[:, LIVE])], LIVE, **settings)
    np.testing.assert_allclose(found.coefficients[0], expected.coef_, atol=2e-4)
    assert found.intercept[0] == pytest.approx(expected.intercept_, abs=2e-4)
    assert found.r2[0] == pytest.approx(r2, abs=1e-3)
    monkeypatch.setattr(interpolated, "MOST_LIVE", 0)
    sampled = _interpolate(rows, outputs[_number(rows[:, LIVE])], LIVE, **settings)
    np.testing.assert_allclose(sampled.coefficients[0], expected.coef_, atol=3e-3)
    assert (sampled.errors >= found.errors / 2).all()


def test_leaving_a_group_out_is_fitting_without_it():
    rng = np.random.default_rng(2)
    rows = torch.from_numpy(rng.permutation(_every(6))[:21]).double()
    process = fit_process(rows, torch.from_numpy(rng.normal(size=21)))
    every = torch.from_numpy(_every(6)).double()
    found = process.predict(every, 4)
    covariance = torch.linalg.inv(process.inverse)
    kernel = torch.exp(-((every[:, None] != rows[None]) * process.rates).sum(-1))
    centred = covariance @ process.values
    for group in range(4):
        keep = torch.arange(21) % 4 != group
        expected = kernel[:, keep] @ torch.linalg.solve(covariance[keep][:, keep], centred[keep])
        torch.testing.assert_close(found[1 + group], process.mean + expected)
    torch.testing.assert_close(found[0], process.mean + kernel @ process.values)


def test_the_gradient_is_that_of_the_evidence():
    rng = np.random.default_rng(2)
    signs = torch.from_numpy(design("random", 30, 5, 0)).double() * 2 - 1
    outputs = torch.from_numpy(rng.normal(size=30))
    at = np.log(np.append(rng.uniform(0.05, 0.5, 5), 1e-2))
    off = check_grad(
        lambda p: float(_loss(signs, outputs, torch.from_numpy(p))[0]),
        lambda p: _loss(signs, outputs, torch.from_numpy(p))[1].numpy(),
        at,
    )
    assert off < 1e-4


def test_few_pictures_do_what_takes_many_samples_and_the_intervals_hold():
    """Two fifths of the samples, a third of the error; the bias is small next to the spread."""
    squares, offs, hits = {"package": [], "interpolated": []}, [], []
    for seed in range(4):
        outputs = _smooth(11, seed)
        limit, _ = _limit(_every(11), outputs, 0.001)
        for repeat in range(4):
            rows = design("package", 400, 11, repeat)
            bits = torch.from_numpy(rows).double()[None]
            values = torch.from_numpy(outputs[_number(rows)])[None]
            plain = fit(bits, values, kernel_weights(bits, 0.25), 0.4).coefficients[0].numpy()
            squares["package"].append(((plain - limit.coef_) ** 2).sum())
            rows = design("interpolated", 160, 11, repeat)
            live = np.ones(11, bool)
            values = outputs[_number(rows)]
            found = _interpolate(rows, values, live, 0.001, output="probability")
            off = found.coefficients[0].numpy() - limit.coef_
            squares["interpolated"].append((off**2).sum())
            offs.append(off)
            hits.append(np.abs(off) <= 1.96 * found.errors[0].numpy())
    assert np.mean(squares["interpolated"]) < np.mean(squares["package"]) / 9
    assert (np.mean(offs, axis=0) ** 2).sum() < np.mean(squares["interpolated"]) / 4
    assert 0.75 < np.mean(hits) <= 1


def test_noise_is_taken_for_noise():
    """Outputs with rounding noise are smoothed, not interpolated exactly."""
    rng = np.random.default_rng(3)
    rows = design("interpolated", 200, 9, 0)
    exact = _smooth(9, 0)
    limit, _ = _limit(_every(9), exact)
    blurred = np.clip(exact + rng.normal(size=len(exact)) * 0.01, 0, 1)[_number(rows)]
    found = _interpolate(rows, blurred, np.ones(9, bool), output="probability")
    assert np.abs(found.coefficients[0].numpy() - limit.coef_).max() < 0.02
    assert found.errors.min() > 0


def test_a_constant_output_and_a_lone_superpixel():
    rows = design("interpolated", 40, 8, 0)
    found = _interpolate(rows, np.full(40, 0.3), np.ones(8, bool))
    assert found.coefficients.abs().max() == 0
    assert found.intercept[0] == pytest.approx(0.3)
    assert found.r2[0] == 1
    lone = _interpolate(np.array([[0], [1]], np.uint8), np.array([0.2, 0.9]), np.ones(1, bool), 0.0)
    assert lone.coefficients[0, 0] == pytest.approx(0.7)
    blank = _interpolate(np.ones((1, 3), np.uint8), np.array([0.4]), np.zeros(3, bool))
    assert blank.coefficients.abs().max() == 0
    assert blank.intercept[0] == pytest.approx(0.4)
