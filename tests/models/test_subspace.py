"""Networks in the subspace of the leading principal components."""

import pytest
import torch
from test_principal_components import random_images

from privacy_gan.models.fit_basis import fit_basis
from privacy_gan.models.keyed_dropout import KeyedDropout, set_dropout_generator
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.models.subspace_filter import Mixture, SubspaceFilter, subspace_classifier


def basis_of(images, components, batch=64):
    return fit_basis(lambda: iter(images.split(batch)), components, seed=0)


def exact(images, count):
    """Return mean, directions and deviations from a decomposition of all images."""
    values = images.double().flatten(1)
    mean = values.mean(dim=0)
    _, singular, directions = torch.linalg.svd(values - mean, full_matrices=False)
    return mean, directions[:count].T, singular[:count] / len(values) ** 0.5


# values (a, b, c) around (0.5, 0.5, 0.5): a has deviation 0.2, b 0.1, c 0.04; uncorrelated
CORNERS = torch.tensor([[i, j, k] for i in (-1.0, 1) for j in (-1.0, 1) for k in (-1.0, 1)])
BOX = (0.5 + CORNERS * torch.tensor([0.2, 0.1, 0.04])).view(8, 3, 1, 1)


def test_the_basis_is_that_of_an_exact_decomposition():
    images = random_images(500, 3, 8, 8)
    mean, directions, deviations = exact(images, 6)
    found = basis_of(images, 6)
    torch.testing.assert_close(found.mean.double(), mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.deviations.double(), deviations, rtol=1e-4, atol=0)
    cosines = (found.directions.double() * directions).sum(dim=0).abs()
    torch.testing.assert_close(cosines, torch.ones(6).double(), rtol=0, atol=1e-4)
    variance = images.double().flatten(1).var(dim=0, correction=0).sum()
    assert found.total_variance == pytest.approx(float(variance), rel=1e-5)


def test_components_without_variance_are_not_returned():
    found = basis_of(BOX, 50)
    assert found.deviations.tolist() == pytest.approx([0.2, 0.1, 0.04], rel=1e-5)
    found = basis_of(BOX * torch.tensor([1.0, 0, 1]).view(3, 1, 1), 50)
    assert found.deviations.tolist() == pytest.approx([0.2, 0.04], rel=1e-5)


def test_truncation_is_the_variance_that_is_cut_off_per_value():
    found = basis_of(BOX, 3)
    expected = [(0.1**2 + 0.04**2) / 3, 0.04**2 / 3, 0]
    assert [found.truncation(k) for k in (1, 2, 3)] == pytest.approx(expected, abs=1e-8)


def test_coordinates_are_white_and_decoding_loses_the_truncation():
    images = random_images(400, 3, 8, 8)
    basis = basis_of(images, 20)
    subspace = Subspace(12)
    subspace.load_basis(basis)
    coordinates = subspace.encode(images)
    torch.testing.assert_close(
        torch.cov(coordinates.T, correction=0), torch.eye(12), rtol=0, atol=1e-3
    )
    decoded = subspace.decode(coordinates, images.shape)
    torch.testing.assert_close(subspace.encode(decoded), coordinates, rtol=1e-3, atol=1e-4)
    lost = float((decoded - images).square().mean())
    assert lost == pytest.approx(basis.truncation(12), rel=1e-4)
    assert float(subspace.truncation) == pytest.approx(lost, rel=1e-4)


def test_the_distortion_of_coordinates_is_that_of_images_in_single_precision():
    images, noise = random_images(256, 3, 64, 64), torch.randn(256, 9)
    subspace = Subspace(9)
    subspace.load_basis(basis_of(images, 9))
    coordinates = subspace.encode(images)
    changed = coordinates + noise
    expected = (subspace.decode(changed, images.shape).double() - images).square().mean()
    found = subspace.distortion(changed, coordinates, images)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def box_filter(components, output_noise=0.0, epsilon=0.01, change=0.0):
    """Return a filter that changes every coordinate by the same value."""
    network = SubspaceFilter(components, 8, 4, output_noise, epsilon)
    network.subspace.load_basis(basis_of(BOX, 3))
    torch.nn.init.zeros_(network.change[-1].weight)
    torch.nn.init.constant_(network.change[-1].bias, change)
    return network


def test_the_distortion_is_truncation_plus_the_change_in_each_direction():
    network = box_filter(2, change=0.5)
    censored = network(BOX, torch.zeros(8, network.noise_size))
    # half a deviation in two directions, and all of the third
    expected = ((0.5 * 0.2) ** 2 + (0.5 * 0.1) ** 2 + 0.04**2) / 3
    assert float((censored - BOX).detach().square().mean()) == pytest.approx(expected, rel=1e-4)


def test_what_lies_outside_the_subspace_is_removed():
    censored = box_filter(2)(BOX, torch.zeros(8, 4 + 2))
    torch.testing.assert_close(censored[:, :2], BOX[:, :2], rtol=0, atol=1e-5)
    torch.testing.assert_close(censored[:, 2], torch.full((8, 1, 1), 0.5), rtol=0, atol=1e-5)


def test_the_noise_uses_its_share_of_the_budget_that_truncation_leaves():
    network = box_filter(2, output_noise=0.3, epsilon=0.01)
    images = BOX.repeat(5000, 1, 1, 1)
    noise = torch.randn(len(images), network.noise_size, generator=torch.Generator().manual_seed(0))
    distortion = float((network(images, noise) - images).detach().square().mean())
    truncation = 0.04**2 / 3
    assert distortion == pytest.approx(truncation + 0.3 * (0.01 - truncation), rel=0.02)


def test_images_are_clipped_after_training_only():
    network = box_filter(3, change=4.0)
    noise = torch.zeros(8, network.noise_size)
    assert network(BOX, noise).max() > 1
    clipped = network.eval()(BOX, noise)
    assert clipped.max() == 1
    network.limits = None
    assert network(BOX, noise).max() > 1


def test_the_discriminator_sees_the_coordinates():
    h_f = subspace_classifier(2, 2, 8, dropout=0.0)
    h_f.body[0].load_basis(basis_of(BOX, 3))
    # the third direction is invisible, the others are not
    h_f.eval()
    torch.testing.assert_close(h_f(BOX[0::2]), h_f(BOX[1::2]), rtol=0, atol=1e-5)
    assert not torch.allclose(h_f(BOX[:4]), h_f(BOX[4:]), atol=1e-3)


def test_weights_of_another_size_of_image_can_be_loaded():
    network, restored = box_filter(2), SubspaceFilter(2, 8, 4, 0.0, 0.01)
    restored.load_state_dict(network.state_dict())
    noise = torch.zeros(8, network.noise_size)
    torch.testing.assert_close(restored(BOX, noise), network(BOX, noise))


def test_a_basis_is_the_same_in_another_order_of_batches_up_to_rounding():
    images = random_images(300, 3, 4, 4)
    one, other = basis_of(images, 5, batch=300), basis_of(images.flip(0), 5, batch=7)
    for name in ("mean", "directions", "deviations"):
        found, expected = getattr(one, name), getattr(other, name)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_mixture_maps_each_row_by_the_snapshot_that_its_number_chooses():
    mixture = Mixture(lambda: torch.nn.Linear(1, 1), 3)
    for shift in (1.0, 2.0):
        network = torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(network.weight)
        torch.nn.init.constant_(network.bias, shift)
        mixture.keep(network)
    # a third of all normal numbers is below -0.43; the last snapshot stands for the third, too
    choice = torch.tensor([-9.0, -0.44, -0.42, 9.0])
    assert mixture(torch.zeros(4, 1), choice).flatten().tolist() == [1, 1, 2, 2]
    assert mixture.kept == 2


def test_a_mixture_maps_no_rows_to_no_rows():
    mixture = Mixture(lambda: torch.nn.Linear(3, 2), 5)
    assert mixture(torch.zeros(0, 3), torch.zeros(0)).shape == (0, 2)


def test_a_mixture_is_the_same_where_sizes_must_not_depend_on_the_data(monkeypatch):
    torch.manual_seed(0)
    mixture = Mixture(lambda: torch.nn.Linear(3, 2), 5)
    inputs, choice = torch.randn(40, 3), torch.randn(40)
    expected = mixture(inputs, choice)
    assert expected.shape == (40, 2)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(mixture(inputs, choice), expected)


def test_keyed_dropout_keeps_the_mean_and_follows_its_generator():
    dropout = KeyedDropout(0.3)
    features = torch.ones(1000, 20)
    dropped = []
    for seed in (0, 0, 1):
        set_dropout_generator(dropout, torch.Generator().manual_seed(seed))
        dropped.append(dropout(features))
    assert torch.equal(dropped[0], dropped[1])
    assert not torch.equal(dropped[0], dropped[2])
    assert dropped[0].unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert float(dropped[0].mean()) == pytest.approx(1, abs=0.02)
    assert dropout.eval()(features) is features


def test_truncation_is_never_negative():
    assert Basis(torch.zeros(2), torch.eye(2), torch.ones(2), 1.999).truncation(2) == 0
