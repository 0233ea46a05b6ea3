"""Principal components and the MLP on them."""

import pytest
import torch

from privacy_gan.models.principal_components import (
    MAX_SIDE,
    PrincipalComponents,
    flat_values,
    leading_eigenvectors,
    mean_and_covariance,
    pca_mlp,
)


def random_images(count, *shape, seed=0):
    """Return images whose values are correlated and have different variances."""
    rng = torch.Generator().manual_seed(seed)
    size = torch.Size(shape).numel()
    mixing = torch.randn(size, size, generator=rng) * torch.linspace(1, 0.1, size)[:, None]
    values = torch.randn(count, size, generator=rng) @ mixing / size
    return (values + torch.rand(size, generator=rng)).view(count, *shape)


def fitted(images, count, batch=7):
    components = PrincipalComponents(count)
    components.fit(images.split(batch), seed=0)
    return components


def test_mean_and_covariance_are_those_of_all_images():
    images = random_images(1100, 3, 2, 2)
    mean, covariance = mean_and_covariance(images.split(64))
    values = images.double().flatten(1)
    torch.testing.assert_close(mean, values.mean(dim=0), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(covariance, torch.cov(values.T, correction=0), rtol=1e-5, atol=1e-7)


def test_a_small_variance_is_exact_where_the_mean_is_large():
    images = 100 + 0.01 * torch.tensor([1.0, -1.0] * 500).view(-1, 1, 1, 1)
    _, covariance = mean_and_covariance(images.split(64))
    assert float(covariance) == pytest.approx(1e-4, rel=1e-3)


def test_the_components_are_those_of_an_exact_decomposition():
    images = random_images(500, 3, 4, 4)
    components = fitted(images, 5)(images).double()
    values = images.double().flatten(1)
    left, _, _ = torch.linalg.svd(values - values.mean(dim=0), full_matrices=False)
    exact = left[:, :5] * 500**0.5
    signs = (components * exact).mean(dim=0)
    torch.testing.assert_close(components, exact * signs.sign(), rtol=1e-3, atol=1e-3)


def test_components_of_the_fitted_images_are_uncorrelated_with_variance_one():
    images = random_images(400, 3, 8, 8)
    components = fitted(images, 20)(images)
    torch.testing.assert_close(
        torch.cov(components.T, correction=0), torch.eye(20), atol=1e-3, rtol=0
    )


def test_eigenvectors_beyond_the_number_of_values_are_missing():
    assert leading_eigenvectors(torch.eye(3, dtype=torch.float64), 5, seed=0).shape == (3, 3)


def test_numbers_have_one_component():
    numbers = torch.tensor([1.0, 3.0] * 8).view(-1, 1, 1, 1)
    components = fitted(numbers, 4)(numbers)
    assert torch.equal(components[:, 1:], torch.zeros(16, 3))
    torch.testing.assert_close(components[:, 0].abs(), torch.ones(16))


def test_constant_pixels_and_constant_images_have_components_of_zero():
    images = random_images(100, 3, 4, 4)
    images[:, :, 2:] = 0.5  # 24 of 48 values vary
    components = fitted(images, 40)(images)
    assert components.isfinite().all()
    assert int((components != 0).any(dim=0).sum()) == 24
    constant = torch.full((10, 3, 4, 4), 0.3)
    assert torch.equal(fitted(constant, 4)(constant), torch.zeros(10, 4))


def test_images_that_are_not_finite_have_components_that_are_not():
    images = random_images(10, 3, 4, 4)
    images[3, 0, 0, 0] = torch.nan
    assert not fitted(images, 4)(images[:1]).isfinite().any()


def test_large_images_are_averaged_to_32_pixels():
    images = torch.rand(2, 3, 64, 64)
    blocks = images.view(2, 3, MAX_SIDE, 2, MAX_SIDE, 2).mean(dim=(3, 5))
    torch.testing.assert_close(flat_values(images), blocks.flatten(1))
    small = torch.rand(2, 3, 16, 16)
    assert torch.equal(flat_values(small), small.flatten(1))


def test_components_are_exact_under_autocast():
    images = random_images(50, 3, 4, 4)
    components = fitted(images, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(components(images), components(images).float())
        inside = components(images)
    assert torch.equal(inside, components(images))


def test_loading_adopts_the_size_of_the_saved_images():
    images = random_images(50, 3, 4, 4)
    network = pca_mlp(3, components=6, width=8, dropout=0.1)
    network.body[0].fit([images], seed=0)
    network.eval()
    other = pca_mlp(3, components=6, width=8, dropout=0.1).eval()
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(images), network(images))
    assert other(images).shape == (50, 3)
    with pytest.raises(RuntimeError):
        pca_mlp(3, components=5, width=8, dropout=0.1).load_state_dict(network.state_dict())
