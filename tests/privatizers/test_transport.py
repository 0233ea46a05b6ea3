"""Optimal transport between classes, compared with known maps between normal distributions."""

import pytest
import torch

from privacy_gan.commands.train import train
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.transport import Transport, barycentre, linear_map
from privacy_gan.runs.loading import load_mechanism

COUNT = 20_000


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def covariance(seed, size=4):
    factor = torch.randn(size, 2 * size, generator=rng(seed), dtype=torch.float64)
    return factor @ factor.T


def separable_batch(frequency=0.3):
    """Return images of 2 x 2 values in two classes that are easy to classify."""
    labels = (torch.rand(COUNT, generator=rng(1)) < frequency).long()
    roots = torch.stack([torch.linalg.cholesky(covariance(seed)) for seed in (2, 3)])
    noise = torch.randn(COUNT, 4, 1, generator=rng(4), dtype=torch.float64)
    values = (roots[labels] @ noise).squeeze(2) + 40 * labels[:, None]
    return Batch(values.float().view(-1, 1, 2, 2), labels[:, None])


def fit_transport(data, epsilon, **options):
    mechanism = Transport(
        epsilon, num_classes=2, image_size=2, attribute_index=0, channels=1, limits=None, **options
    )
    return mechanism, mechanism.fit(lambda: [data])


def moments(images):
    flat = images.flatten(1)
    return flat.mean(dim=0), flat.T.cov()


def test_linear_map_maps_one_covariance_to_the_other():
    one, other = covariance(0), covariance(1)
    transport = linear_map(one, other)
    torch.testing.assert_close(transport @ one @ transport, other)
    torch.testing.assert_close(transport, transport.T)  # the gradient of a convex function


def test_the_barycentre_of_two_is_between_them():
    one, other = covariance(0), covariance(1)
    way = 0.7 * torch.eye(4, dtype=torch.float64) + 0.3 * linear_map(one, other)
    weights = torch.tensor([0.7, 0.3], dtype=torch.float64)
    found = barycentre(torch.stack([one, other]), weights)
    torch.testing.assert_close(found, way @ one @ way, rtol=1e-5, atol=1e-5)


def test_the_barycentre_of_one_dimensional_deviations_is_their_mean():
    weights = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    deviations = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    found = barycentre(deviations.square()[:, None, None], weights)
    assert found.item() == pytest.approx((weights @ deviations).item() ** 2)


def test_the_whole_way_makes_means_and_covariances_equal():
    data = separable_batch()
    mechanism, found = fit_transport(data, epsilon=1e6)
    assert found["train/told"] == 1
    assert found["strength"] == 1
    images, synthetic = mechanism.privatize(data.images, rng())
    assert synthetic is None
    one, other = (moments(images[data.attributes[:, 0] == value]) for value in (0, 1))
    torch.testing.assert_close(one[0], other[0], atol=0.01, rtol=0)
    torch.testing.assert_close(one[1], other[1], atol=0.01, rtol=0.01)


def test_images_moved_to_a_random_class_have_its_mean_and_covariance():
    data = separable_batch()
    mechanism, _ = fit_transport(data, epsilon=1e6, target="random")
    images, synthetic = mechanism.privatize(data.images, rng())
    true = data.attributes[:, 0]
    for value in (0, 1):
        mean, covariance = moments(data.images[true == value])
        for before in (0, 1):
            found = moments(images[(synthetic == value) & (true == before)])
            torch.testing.assert_close(found[0], mean, atol=0.3, rtol=0.05)
            torch.testing.assert_close(found[1], covariance, atol=1.0, rtol=0.1)
    same = synthetic == true
    torch.testing.assert_close(images[same], data.images[same], atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize("target", ["barycentre", "random"])
def test_a_small_budget_is_met_and_a_large_one_is_not_used_up(target):
    data = separable_batch()
    whole = fit_transport(data, epsilon=1e6, target=target)[1]["train/distortion"]
    assert whole < 1e6
    found = fit_transport(data, epsilon=whole / 4, target=target)[1]
    assert found["train/distortion"] == pytest.approx(whole / 4, rel=2e-3)
    assert found["strength"] == pytest.approx(0.5, rel=2e-3)


def test_the_distortion_on_gaussian_toy_data_is_that_of_their_barycentre(tiny, tmp_path):
    run, record = train(
        tiny(
            *("data=gaussian", "privatizer=transport", "epsilon=100", "trainer=cpu"),
            *("privatizer.channels=1", "privatizer.limits=null", f"output_dir={tmp_path}"),
            *("data.num_train=8192", "data.num_valid=64", "data.num_test=64", "evaluate=false"),
            preset=[],
            cached=False,
        )
    )
    assert run.path.parts[-4] == "transport-barycentre"
    # W2^2 / 4 = 2; the discriminant misclassifies one image in fifty
    assert record.training["train/distortion"] == pytest.approx(2, abs=0.1)
    loaded = load_mechanism(run.path)
    images = torch.randn(5, 1, 1, 1, generator=rng())
    assert not torch.equal(loaded.privatize(images, rng()).images, images)


def test_a_tiny_run_on_images_inserts_a_random_class(tiny):
    run, _ = train(
        tiny("privatizer=transport", "privatizer.target=random", "privatizer.components=20")
    )
    assert run.path.parts[-4] == "transport-random"
    assert run.faces.exists()
    images = torch.rand(5, 3, 16, 16, generator=rng())
    moved, synthetic = load_mechanism(run.path).privatize(images, rng())
    assert synthetic.shape == (5,)
    assert 0 <= moved.min() <= moved.max() <= 1


def test_too_few_images_are_rejected(tiny):
    with pytest.raises(UserError, match="32 training images are too few for 200 principal"):
        train(tiny("privatizer=transport"))


def test_an_unknown_target_is_rejected():
    with pytest.raises(UserError, match="choose barycentre or random"):
        Transport(0.01, 2, 16, 0, target="nowhere")
