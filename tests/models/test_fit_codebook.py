"""A fitted codebook is balanced, and as cheap as the best balanced channel."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from privacy_gan.models.codebook import Codebook, choose, squared_distances
from privacy_gan.models.fit_codebook import Dual, fit_codebook, kmeans


def draw(count, num_classes=2, size=3, seed=0):
    """Return features [N, F] and centred contrasts [N, C - 1] of exact posteriors."""
    rng = torch.Generator().manual_seed(seed)
    features = torch.randn(count, size, generator=rng, dtype=torch.float64)
    posteriors = (2 * features[:, :1] * torch.arange(num_classes)).softmax(dim=1)
    shares = posteriors.mean(dim=0)
    ratios = posteriors / shares
    return features, ratios[:, 1:] - ratios[:, :1]


def least_cost(costs, contrasts):
    """Return the least mean cost of a channel [N, K] with E[Q(k|x) r(x)] = 0, by linear program."""
    count, size = costs.shape
    rows = np.kron(np.eye(count), np.ones((1, size)))  # each row of the channel sums to 1
    balance = [np.kron(column[None], np.eye(size)) for column in contrasts.T]
    solution = linprog(
        costs.flatten() / count,
        A_eq=np.concatenate([rows, *balance]),
        b_eq=np.concatenate([np.ones(count), np.zeros(size * contrasts.shape[1])]),
        method="highs",
    )
    assert solution.success
    return solution.fun


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_cost_falls_to_that_of_the_linear_program(num_classes):
    features, contrasts = draw(300, num_classes)
    centres = kmeans(features, 8, seed=0)
    costs = squared_distances(features, centres)
    best = least_cost(costs.numpy(), contrasts.numpy())
    nearest = float(costs.min(dim=1).values.mean())
    assert best > 1.2 * nearest  # balance has a price here
    slopes, gaps = torch.zeros(8, num_classes - 1, dtype=torch.float64), []
    for temperature in (1.0, 0.3, 0.1, 0.03):
        dual = Dual(features, contrasts, centres, temperature)
        slopes = dual.minimize(slopes, 1000)
        channel = (contrasts @ slopes.T - costs / temperature).softmax(dim=1)
        assert (channel.T @ contrasts / 300).abs().max() < 1e-5
        gaps.append(float((channel * costs).sum(dim=1).mean()) - best)
    assert gaps == sorted(gaps, reverse=True)
    assert 0 <= gaps[-1] < 0.02 * best


@pytest.mark.parametrize("num_classes", [2, 5])
def test_a_fitted_codebook_is_balanced(num_classes):
    features, contrasts = draw(3000, num_classes)
    fitted = fit_codebook(features, contrasts, 16, temperature=0.2, seed=0)
    assert fitted.imbalance < 1e-3
    codebook = Codebook(16, 0.2, num_classes - 1)
    codebook.centres, codebook.slopes = fitted.centres, fitted.slopes
    channel = codebook.channel(features, contrasts)
    assert channel.sum(dim=1) == pytest.approx(np.ones(3000))
    imbalance = (channel.T @ contrasts / 3000).abs().sum(dim=0).max()
    assert float(imbalance) == pytest.approx(fitted.imbalance, abs=1e-4)


def test_a_share_of_the_balance_leaves_a_part_of_the_leak():
    features, contrasts = draw(3000)
    leaks = []
    for balance in (0.0, 0.5, 1.0):
        fitted = fit_codebook(features, contrasts, 16, 0.2, seed=0, balance=balance)
        dual = Dual(features, contrasts, fitted.centres, 0.2)
        leaks.append(float(dual.gradient(fitted.slopes)[1].abs().sum()))
    assert leaks[0] > 1.5 * leaks[1] > 1.5 * leaks[2]
    assert leaks[2] < 1e-3


def test_the_gradient_of_the_dual_is_that_of_its_value():
    features, contrasts = draw(5000)  # more than are computed at a time
    dual = Dual(features, contrasts, features[:4], 0.7)
    slopes = torch.randn(4, 1, dtype=torch.float64, requires_grad=True)
    costs = squared_distances(features, features[:4])
    value = (contrasts @ slopes.T - costs / 0.7).logsumexp(dim=1).mean()
    value.backward()
    found, gradient = dual.gradient(slopes.detach())
    assert float(found) == pytest.approx(value.item())
    assert torch.allclose(gradient, slopes.grad)


def test_means_are_weighted_by_the_channel():
    features = torch.tensor([[0.0], [1.0], [4.0]])
    contrasts = torch.tensor([[1.0], [0.0], [-1.0]])
    dual = Dual(features, contrasts, torch.tensor([[0.0], [1.0]]), 2.0)
    slopes = torch.tensor([[0.0], [0.3]])
    logits = torch.tensor([[0.0, -0.5 + 0.3], [-0.5, 0.0], [-8.0, -4.5 - 0.3]])
    channel = logits.softmax(dim=1)
    expected = (channel.T @ features) / channel.sum(dim=0)[:, None]
    assert torch.allclose(dual.means(slopes), expected)


def test_outcomes_are_as_frequent_as_their_probabilities():
    channel = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)
    levels = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    outcomes = choose(channel.expand(1000, 3), levels)
    assert torch.bincount(outcomes).tolist() == [200, 500, 300]
    assert choose(channel, torch.ones(1, dtype=torch.float64)).item() == 2


def test_clusters_are_found_wherever_they_start():
    rng = torch.Generator().manual_seed(0)
    places = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    features = places.repeat(100, 1) + 0.1 * torch.randn(300, 2, generator=rng)
    centres = kmeans(features, 3, seed=1)
    assert float(squared_distances(places, centres).min(dim=1).values.max()) < 0.1
