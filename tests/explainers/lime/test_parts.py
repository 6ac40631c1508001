"""LIME's designs, surrogate, hiding and superpixels, each compared with known properties."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from fidelity.base.errors import InputError
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.lime.repeat_agreement import separated, stability, top_mask, z_of
from fidelity.explainers.lime.sampling import all_subsets, design
from fidelity.explainers.lime.surrogate import fit, kernel_weights
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.settings.explainers import Lime

SAMPLINGS = ["package", "random", "antithetic", "hadamard"]


def _fit(rows, outputs, alpha=0.0, cluster=1, width=0.25):
    rows = torch.from_numpy(rows).double()[None]
    weights = kernel_weights(rows, width)
    return fit(rows, torch.as_tensor(outputs).double()[None], weights, alpha, cluster)


@given(
    st.sampled_from(["antithetic", "hadamard"]),
    st.integers(1, 200),
    st.integers(1, 90),
    st.integers(0, 99),
)
@hypothesis_settings(deadline=None, max_examples=60)
def test_paired_designs_are_balanced(sampling, half, superpixels, seed):
    rows = design(sampling, 2 * half, superpixels, seed)
    assert rows.shape == (2 * half, superpixels)
    np.testing.assert_array_equal(rows[0::2] + rows[1::2], 1)
    np.testing.assert_array_equal(rows.sum(0), half)


@given(st.integers(2, 60), st.integers(1, 3), st.integers(0, 99))
@hypothesis_settings(deadline=None, max_examples=30)
def test_whole_hadamard_blocks_are_orthogonal(superpixels, blocks, seed):
    order = 1 << (superpixels - 1).bit_length()
    rows = design("hadamard", 2 * order * blocks, superpixels, seed).astype(int) * 2 - 1
    np.testing.assert_array_equal(rows.T @ rows, len(rows) * np.eye(superpixels, dtype=int))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_beginning_is_a_design_and_seeds_matter(sampling):
    rows = design(sampling, 200, 30, 3)
    np.testing.assert_array_equal(rows, design(sampling, 200, 30, 3))
    assert not np.array_equal(rows, design(sampling, 200, 30, 4))
    if sampling in ("package", "random"):
        np.testing.assert_array_equal(rows[:60], design(sampling, 60, 30, 3))
    assert 0.4 < rows.mean() < 0.6


def test_interpolated_rows_are_hadamard_s_and_may_be_odd_in_number():
    rows = design("hadamard", 38, 12, 4)
    np.testing.assert_array_equal(design("interpolated", 38, 12, 4), rows)
    np.testing.assert_array_equal(design("interpolated", 37, 12, 4), rows[:37])
    live = np.array([True, False, True])
    np.testing.assert_array_equal(all_subsets(live), [[0, 1, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]])


def test_odd_pairs_and_unknown_designs_are_refused():
    with pytest.raises(ValueError, match="even"):
        design("hadamard", 7, 3, 0)
    with pytest.raises(ValueError, match="unknown"):
        design("sobol", 8, 3, 0)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_linear_model_of_superpixels_is_found_exactly(sampling):
    """Without a penalty, each design gives the known weights and intercept, and an R² of 1."""
    known = np.linspace(-2, 3, 20)
    rows = design(sampling, 128, 20, 5)
    found = _fit(rows, rows @ known + 0.7)
    np.testing.assert_allclose(found.coefficients[0], known, atol=1e-9)
    assert found.intercept[0] == pytest.approx(0.7)
    assert found.r2[0] == pytest.approx(1)
    assert found.errors.max() < 1e-9


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_designs_are_unbiased_under_interactions(sampling):
    """The truth has products of superpixels. The mean over seeds equals the large-sample limit."""
    rng = np.random.default_rng(0)
    linear, pairs = rng.normal(size=10), rng.normal(size=(10, 10)) * 0.3

    def outputs(rows):
        return rows @ linear + np.einsum("ni,ij,nj->n", rows, pairs, rows)

    big = design("random", 200_000, 10, 1).astype(float)
    limit = _fit(big, outputs(big)).coefficients[0].numpy()
    found = []
    for seed in range(200):
        rows = design(sampling, 64, 10, seed).astype(float)
        found.append(_fit(rows, outputs(rows)).coefficients[0].numpy())
    spread = np.std(found, axis=0) / np.sqrt(len(found))
    # 0.02 covers the limit's own error and the bias of order 1/n of any weighted regression.
    assert (np.abs(np.mean(found, axis=0) - limit) < 4 * spread + 0.02).all()


def test_the_balanced_design_has_less_variance():
    rng = np.random.default_rng(0)
    linear, pairs = rng.normal(size=30), rng.normal(size=(30, 30)) * 0.2
    variance = {}
    for sampling in SAMPLINGS:
        found = []
        for seed in range(40):
            rows = design(sampling, 256, 30, seed).astype(float)
            truth = rows @ linear + np.einsum("ni,ij,nj->n", rows, pairs, rows)
            found.append(_fit(rows, truth).coefficients[0].numpy())
        variance[sampling] = np.var(found, axis=0).mean()
    assert variance["hadamard"] < variance["antithetic"] < variance["random"]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 20.0])
def test_the_ridge_is_that_of_scikit_learn(alpha):
    rng = np.random.default_rng(1)
    rows = design("package", 90, 25, 2)
    outputs = rng.normal(size=90)
    weights = kernel_weights(torch.from_numpy(rows).double(), 0.25).numpy()
    ours = _fit(rows, outputs, alpha)
    peer = Ridge(alpha=alpha).fit(rows, outputs, sample_weight=weights)
    np.testing.assert_allclose(ours.coefficients[0], peer.coef_, atol=1e-10)
    assert ours.intercept[0] == pytest.approx(peer.intercept_)
    assert ours.r2[0] == pytest.approx(peer.score(rows, outputs, sample_weight=weights))


def test_a_batch_is_its_members():
    rng = np.random.default_rng(1)
    rows = torch.from_numpy(np.stack([design("random", 80, 9, s) for s in range(3)])).double()
    outputs = torch.from_numpy(rng.normal(size=(3, 80)))
    weights = kernel_weights(rows, 0.25)
    together = fit(rows, outputs, weights, 1.0)
    for i in range(3):
        alone = fit(rows[i : i + 1], outputs[i : i + 1], weights[i : i + 1], 1.0)
        for name in ("coefficients", "intercept", "r2", "errors"):
            torch.testing.assert_close(getattr(together, name)[i], getattr(alone, name)[0])


def test_errors_are_statsmodels_hc1_and_clustered():
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    rows = design("antithetic", 120, 8, 1)
    outputs = rows @ rng.normal(size=8) + rng.normal(size=120) * (1 + rows[:, 0])
    weights = kernel_weights(torch.from_numpy(rows).double(), 0.25).numpy()
    model = sm.WLS(outputs, sm.add_constant(rows.astype(float)), weights=weights)
    plain = model.fit(cov_type="HC1")
    np.testing.assert_allclose(_fit(rows, outputs).errors[0], plain.bse[1:], rtol=1e-8)
    groups = {"groups": np.arange(120) // 2, "use_correction": False}
    paired = model.fit(cov_type="cluster", cov_kwds=groups)
    scale = np.sqrt(60 / (60 - 9))
    ours = _fit(rows, outputs, cluster=2).errors[0]
    np.testing.assert_allclose(ours, paired.bse[1:] * scale, rtol=1e-8)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_intervals_cover(sampling):
    """With noise added to a linear model, 95 % intervals contain the truth about that often."""
    known = np.linspace(-1, 1, 12)
    cluster = 2 if sampling in ("antithetic", "hadamard") else 1
    hits = []
    for seed in range(150):
        rows = design(sampling, 128, 12, seed)
        noise = np.random.default_rng(seed).normal(size=128)
        found = _fit(rows, rows @ known + noise, cluster=cluster)
        half = z_of(0.95) * found.errors[0].numpy()
        hits.append(np.abs(found.coefficients[0].numpy() - known) <= half)
    assert 0.9 < np.mean(hits) < 0.98


def test_too_few_samples_have_no_errors():
    rows = design("random", 12, 40, 0)
    assert _fit(rows, np.arange(12.0), alpha=0.0).errors.isnan().all()


def test_a_constant_output_scores_as_in_scikit_learn():
    found = _fit(design("random", 30, 4, 0), np.zeros(30), alpha=1.0)
    assert found.r2[0] == 1
    assert found.coefficients.abs().max() == 0


@pytest.mark.parametrize("sampling", ["random", "antithetic", "hadamard"])
@pytest.mark.parametrize("value", [0.1, 0.276, 1 / 3, 0.9])
def test_a_constant_output_has_no_coefficients(sampling, value):
    """Scaling would turn coefficients of 1e-33 into a map."""
    found = _fit(design(sampling, 60, 25, 3), np.full(60, value), alpha=1.0)
    assert found.coefficients.abs().max() == 0
    assert found.intercept[0] == pytest.approx(value)


def test_stability_by_hand():
    segments = np.array([[0, 0, 1, 1], [2, 2, 3, 3]])
    weights = np.array([[4.0, 3, 2, 1], [4, 2, 3, 1], [-1, -2, -3, -4]])
    np.testing.assert_array_equal(top_mask(weights[0], segments, 2), [[1] * 4, [0] * 4])
    assert not top_mask(weights[2], segments, 2).any()
    found = stability(weights, segments, 2)
    assert found["stability_iou"] == pytest.approx((2 / 6 + 0 + 0) / 3)
    assert found["stability_rank"] == pytest.approx((0.8 + 1 + 0.8) / 3)
    assert stability(-np.abs(weights), segments, 2)["stability_iou"] == 1
    assert stability(np.zeros((2, 4)), segments, 2)["stability_rank"] is None


def test_separated_by_hand():
    weights = np.array([3.0, 1.0, 2.0])
    assert separated(weights, np.full(3, 0.4), 2)
    assert not separated(weights, np.full(3, 0.6), 2)
    assert not separated(weights, np.full(3, np.nan), 2)
    assert separated(weights, np.full(3, 9.0), 3)


def test_hidden_images():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (24, 24)).astype(np.uint8)
    segments = segment(rgb_image(image), {"algorithm": "grid", "cells": 3}, 0)
    means = hidden_image(image, segments, Lime(hide="mean"), 0)
    for label in range(9):
        expected = (image[segments == label] / 255).mean()
        np.testing.assert_allclose(means[segments == label], expected)
    np.testing.assert_array_equal(hidden_image(image, segments, Lime(hide=0.25), 0), 0.25)
    blurred = hidden_image(image, segments, Lime(hide="blur", hide_sigma=2), 0)
    np.testing.assert_allclose(blurred, cv2.GaussianBlur(image / 255, (0, 0), 2))
    noise = [hidden_image(image, segments, Lime(hide="noise"), seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(noise[0], noise[1])
    assert not np.array_equal(noise[0], noise[2])


def test_inpainting_fills_a_spot_from_around_it_and_each_superpixel_alone():
    y, x = np.mgrid[:40, :40]
    spot = (y - 20) ** 2 + (x - 20) ** 2 < 25
    image = np.where(spot, 250, 90).astype(np.uint8)
    filled = hidden_image(image, spot.astype(int), Lime(hide="inpaint", hide_radius=3), 0)
    np.testing.assert_allclose(filled[spot], 90 / 255, atol=0.01)  # tolerance for Telea's noise
    whole = hidden_image(image, np.zeros((40, 40), int), Lime(hide="inpaint", hide_radius=3), 0)
    assert np.ptp(whole) == 0


def test_the_grid_and_slic_in_the_lung():
    y, x = np.mgrid[:50, :50]
    image = rgb_image((120 + 60 * np.sin(x / 7) * np.cos(y / 9)).astype(np.uint8))
    grid = segment(image, {"algorithm": "grid", "cells": 4}, 0)
    assert grid.max() == 15
    assert np.bincount(grid.ravel()).min() >= 12 * 12
    lung = np.zeros((50, 50), bool)
    lung[10:40, 5:20] = lung[10:40, 30:45] = True
    settings = {"algorithm": "slic_lung", "n_segments": 12, "compactness": 10, "sigma": 0}
    labels = segment(image, settings, 0, lung)
    assert np.unique(labels[~lung]).tolist() == [0]
    assert 0 not in labels[lung]
    assert len(np.unique(labels[lung])) > 4
    for absent in (None, np.zeros((50, 50), bool)):
        with pytest.raises(InputError, match="lung mask"):
            segment(image, settings, 0, absent)
