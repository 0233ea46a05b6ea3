"""Blur, pixelation and noise: what they compute, and that they meet the budget."""

import pytest
import torch
from torchvision.transforms.v2.functional import gaussian_blur

from privacy_gan.commands.evaluate import evaluate
from privacy_gan.commands.train import train
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.blur import Blur
from privacy_gan.privatizers.noise import Noise
from privacy_gan.privatizers.operation import solve
from privacy_gan.privatizers.pixelate import Pixelate, mosaic


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def smooth_images(count=64, size=32):
    """Return blurred noise, whose neighbouring pixels are similar, as in photographs."""
    noise = torch.rand(count, 3, size + 8, size + 8, generator=rng(7))
    smooth = torch.nn.functional.avg_pool2d(noise, 9, stride=1)
    return ((smooth - 0.5) * 4 + 0.5).clamp(0, 1)


IMAGES = smooth_images()
OPERATIONS = [Blur, Pixelate, Noise]


def batches():
    return [Batch(images, torch.zeros(len(images), 1)) for images in torch.split(IMAGES, 24)]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("epsilon", [0.001, 0.005, 0.01])
def test_the_distortion_with_other_draws_equals_the_budget(operation, epsilon):
    mechanism = operation(epsilon=epsilon)
    values = mechanism.fit(batches)
    assert values["strength"] == mechanism.strength > 0
    draws = [mechanism.privatize(IMAGES, rng(seed)).images for seed in range(100)]
    measured = torch.stack([(draw - IMAGES).square().mean() for draw in draws]).mean()
    assert measured == pytest.approx(epsilon, rel=0.02)
    assert all(draw.min() >= 0 and draw.max() <= 1 for draw in draws)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_shapes_stay_and_no_attribute_is_inserted(operation):
    mechanism = operation(epsilon=0.01)
    mechanism.fit(batches)
    images, synthetic = mechanism.privatize(IMAGES[:, :, :, :20], rng())
    assert synthetic is None
    assert images.shape == (64, 3, 32, 20)


@pytest.mark.parametrize("operation", [Blur, Pixelate])
def test_a_budget_that_cannot_be_reached_is_rejected(operation):
    with pytest.raises(UserError, match=f"more than {operation.__name__} can distort"):
        operation(epsilon=0.9).fit(batches)


def test_a_mosaic_consists_of_block_means():
    image = torch.arange(15.0).view(1, 1, 3, 5)
    # columns 0-1, 2-3 and 4; rows 0-1 and 2
    expected = torch.tensor(
        [[3.0, 3, 5, 5, 6.5], [3.0, 3, 5, 5, 6.5], [10.5, 10.5, 12.5, 12.5, 14]]
    )
    assert torch.equal(mosaic(image, 2)[0, 0], expected)
    assert torch.equal(mosaic(image, 1), image)


def test_a_fractional_strength_chooses_between_two_block_sizes():
    images = IMAGES[:1].expand(4000, -1, -1, -1)
    mechanism = Pixelate(epsilon=1)
    censored = mechanism.operate(images, 3.25, mechanism.draw(images, rng()))
    larger = (censored == mosaic(IMAGES[:1], 5)).flatten(1).all(dim=1)
    smaller = (censored == mosaic(IMAGES[:1], 4)).flatten(1).all(dim=1)
    assert bool((larger ^ smaller).all())
    assert larger.float().mean() == pytest.approx(0.25, abs=0.03)


def test_blur_spreads_a_point_as_a_gaussian_does():
    image = torch.zeros(1, 1, 33, 33)
    image[0, 0, 16, 16] = 1
    blurred = Blur(epsilon=1).operate(image, 2.0, {})[0, 0]
    offsets = torch.arange(33.0) - 16
    assert blurred.sum() == pytest.approx(1, rel=1e-5)
    variance = (blurred * offsets.square()[:, None]).sum() / blurred.sum()
    assert variance == pytest.approx(
        4, rel=0.05
    )  # a little less, because the kernel ends at 3 deviations


def test_blur_equals_torchvisions():
    blurred = Blur(epsilon=1).operate(IMAGES, 2.0, {})
    expected = gaussian_blur(IMAGES, [13, 13], [2.0, 2.0])
    assert torch.allclose(blurred, expected, atol=1e-6)


def add_noise(images):
    mechanism = Noise(epsilon=1)
    return mechanism.operate(images, 0.1, mechanism.draw(images, rng()))


def test_noise_has_its_standard_deviation_and_stays_in_range():
    grey = torch.full((8, 3, 32, 32), 0.5)
    noise = add_noise(grey) - grey
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert noise.mean().abs() < 0.003
    black = add_noise(torch.zeros(1, 3, 8, 8))
    assert black.min() == 0


@pytest.mark.parametrize("privatizer", ["blur", "pixelate", "noise"])
def test_the_strength_is_saved_in_the_checkpoint(privatizer, tiny):
    config = tiny(f"privatizer={privatizer}")
    run, record = train(config)
    assert record.training["train/distortion"] == pytest.approx(0.01, rel=0.002)
    assert run.faces.exists()
    saved = torch.load(run.checkpoint, weights_only=True)["state_dict"]["strength"]
    assert saved == record.training["strength"]
    run.checkpoint.unlink()
    with pytest.raises(UserError, match=r"no checkpoint last.ckpt"):
        evaluate(config)


def test_gaussian_toy_data_cannot_be_blurred(tiny):
    with pytest.raises(UserError, match="more than Blur can distort these images \\(at most 0"):
        train(
            tiny(
                "data=gaussian",
                "privatizer=blur",
                "trainer=cpu",
                "evaluate=false",
                preset=[],
                cached=False,
            )
        )


@pytest.mark.parametrize("power", [0.5, 1, 1.5, 3])
@pytest.mark.parametrize("target", [1e-3, 0.3, 7.0])
def test_solve_needs_few_evaluations(power, target):
    calls = []

    def function(x):
        calls.append(x)
        return x**power

    x, value = solve(function, target, start=1.0, limit=1e9)
    assert value == pytest.approx(target, rel=1e-3)
    assert x == pytest.approx(target ** (1 / power), rel=3e-3)
    assert len(calls) < 30


def test_solve_returns_the_limit_if_the_target_is_beyond_it():
    assert solve(lambda x: x, 5.0, start=1.0, limit=3.0) == (3.0, 3.0)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_deterministic_operations_do_not_depend_on_the_seed(operation):
    mechanism = operation(epsilon=0.01)
    mechanism.fit(batches)
    first, second = (mechanism.privatize(IMAGES, rng(seed)).images for seed in (0, 1))
    assert torch.equal(first, second) == mechanism.deterministic
