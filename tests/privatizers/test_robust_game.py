"""Training steps of the robust game compared with a literal transcription, in float64."""

import copy
import math

import pytest
import torch
from games import BATCH, NOISE, SIZE, LiteralAdam, make_batches, small_discriminator, train, unet
from torch import nn

from privacy_gan.errors import UserError
from privacy_gan.losses import smoothed_accuracy
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer, mirror_half
from privacy_gan.privatizers.constraint import Multiplier
from privacy_gan.privatizers.filter import Filter
from privacy_gan.privatizers.game import Turn, ema_of
from privacy_gan.randomness import Purpose, keyed_generator

EPSILON, SEED, BETAS, RATE = 0.01, 3, (0.5, 0.999), 1e-3
SENSITIVE = 1  # column


def make_game(**options):
    torch.manual_seed(0)
    settings = {
        "constraint": Multiplier(EPSILON),
        "balanced": True,
        "network_every": 2,
        "averaging": 0.995,
        "output_noise": 0.03,
        **options,
    }
    return AdversarialPrivatizer(
        attribute_index=SENSITIVE,
        seed=SEED,
        optimizer=lambda parameters: torch.optim.Adam(parameters, RATE, BETAS),
        filter=Filter(
            unet,
            small_discriminator,
            lambda logits, s, progress: smoothed_accuracy(logits, s, progress, 0.3, 0.05, 0.6),
            2,
            **settings,
        ),
        decay=0.5,
        network_rate=0.5,
    ).double()


def literal_robust_game(f, h_f, batches):
    """Run two discriminator steps for each filter step; return average and multiplier."""
    all_s = torch.cat([attributes[:, SENSITIVE] for _, attributes in batches])
    ones = all_s.double().mean()
    class_weight = (0.5 / (1 - ones), 0.5 / ones)
    adam_f, adam_h = (LiteralAdam(net.parameters(), RATE, BETAS) for net in (f, h_f))
    average, multiplier, updates = None, 0.0, 0
    for t, (x, attributes) in enumerate(batches):
        s = attributes[:, SENSITIVE]
        progress = t / len(batches)
        decay = min(1.0, (1 - progress) / 0.5)
        tau = 0.3 * (0.05 / 0.3) ** min(1.0, progress / 0.6)
        rng = keyed_generator("cpu", SEED, Purpose.TRAIN, 0, t)
        z = torch.randn(BATCH, NOISE, generator=rng, dtype=torch.float64)
        n = torch.randn(x.shape, generator=rng, dtype=torch.float64)
        censored = (f(x, z) + (0.03 * EPSILON) ** 0.5 * n).clamp(0, 1)
        logits = h_f(censored)
        cross_entropy = 0.0
        for row, truth in zip(logits.log_softmax(dim=1), s, strict=True):
            cross_entropy = cross_entropy - class_weight[truth] * row[truth] / BATCH
        gradients_h = torch.autograd.grad(cross_entropy, list(h_f.parameters()), retain_graph=True)
        if t % 2 == 0:
            h = logits.softmax(dim=1)
            total = 0.0
            for row, truth in zip(h, s, strict=True):
                exps = (row / tau).exp()
                g = exps / exps.sum()
                tangent = tau * exps.sum().log() + g[truth] - (g * row).sum()
                total = total + class_weight[truth] * tangent
            r = ((censored - x) ** 2).mean() / EPSILON - 1
            budget = (torch.clamp(multiplier + r, min=0) ** 2 - multiplier**2) / 2
            gradients_f = torch.autograd.grad(total / BATCH + budget, list(f.parameters()))
            adam_f.step(gradients_f, lr_scale=0.5 * decay)
            multiplier = max(0.0, multiplier + 0.01 * float(r.detach().clamp(max=0.2)))
            with torch.no_grad():
                if average is None:
                    average = [p.clone() for p in f.parameters()]
                else:
                    weight = min(0.995, (updates + 1) / (updates + 10))
                    average = [
                        weight * a + (1 - weight) * p
                        for a, p in zip(average, f.parameters(), strict=True)
                    ]
                updates += 1
        adam_h.step(gradients_h, lr_scale=decay)
    return average, multiplier


@pytest.fixture
def float64_noise():
    """Set the default dtype to float64, in which the mechanism then draws its noise."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_training_equals_the_transcription_parameter_by_parameter():
    privatizer = make_game()
    f, h_f = copies = copy.deepcopy(privatizer.networks)
    batches = make_batches(7)
    train(privatizer, batches)
    average, multiplier = literal_robust_game(f, h_f, batches)
    close = {"rtol": 1e-7, "atol": 1e-10}
    for trained, expected in zip(privatizer.networks, copies, strict=True):
        for p, q in zip(trained.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(p, q, **close)
    for p, q in zip(privatizer.filter.average.parameters(), average, strict=True):
        torch.testing.assert_close(p, q, **close)
    assert float(privatizer.filter.constraint.multiplier) == pytest.approx(multiplier)


def test_the_average_censors_after_training():
    privatizer = make_game()
    train(privatizer, make_batches(5))
    privatizer.eval()
    images = make_batches(1)[0].images
    draws = privatizer.draw(images, torch.Generator().manual_seed(0))
    draws = {name: value.double() for name, value in draws.items()}
    with torch.no_grad():
        expected = privatizer.filter.average(images, draws["filter_noise"])
        expected = expected + (0.03 * EPSILON) ** 0.5 * draws["added_noise"]
        torch.testing.assert_close(privatizer(images, draws).images, expected.clamp(0, 1))
        last = privatizer.filter.network(images, draws["filter_noise"])
    assert not torch.allclose(expected, last, atol=0.05)


@pytest.mark.usefixtures("float64_noise")
def test_update_bn_changes_only_the_batch_norm_statistics_of_the_average():
    privatizer = make_game()
    train(privatizer, make_batches(5))
    before = copy.deepcopy(privatizer.state_dict())
    images = [batch.images for batch in make_batches(3)]
    privatizer.update_bn(lambda: images)
    assert privatizer.training
    after = privatizer.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    assert all(name.startswith("filter.average.module.") for name in changed)
    assert all(name.rsplit(".", 1)[1].startswith(("running", "num")) for name in changed)


@pytest.mark.usefixtures("float64_noise")
@pytest.mark.parametrize(
    "norm_class", [nn.BatchNorm2d, nn.SyncBatchNorm]
)  # SyncBatchNorm on several GPUs
def test_update_bn_weights_all_batches_equally(norm_class):
    privatizer = make_game()
    train(privatizer, make_batches(5))
    if norm_class is nn.SyncBatchNorm:
        privatizer = nn.SyncBatchNorm.convert_sync_batchnorm(privatizer)
    images = [batch.images for batch in make_batches(3)]
    privatizer.update_bn(lambda: images)
    convolution, norm, *_ = privatizer.filter.average.module.down[0]
    inner = [convolution(batch) for batch in images]
    mean = torch.stack([hidden.mean(dim=(0, 2, 3)) for hidden in inner]).mean(dim=0)
    variance = torch.stack([hidden.var(dim=(0, 2, 3)) for hidden in inner]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)
    assert (type(norm), norm.momentum) == (norm_class, 0.1)


def test_the_added_noise_spends_its_share_of_the_budget():
    privatizer = make_game(output_noise=0.5).filter
    privatizer.average.module.to_rgb.weight.data.zero_()  # sigmoid(0) = 1/2 everywhere
    privatizer.average.module.to_rgb.bias.data.zero_()
    images = torch.full((64, 3, SIZE, SIZE), 0.5)
    privatizer.float().eval()
    with torch.no_grad():
        censored = privatizer.privatize(images, torch.Generator().manual_seed(0)).images
    assert (censored - images).square().mean().item() == pytest.approx(EPSILON / 2, rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network_every": 0}, "network_every=0 must be 1 or more"),
        ({"averaging": 1.0}, "averaging=1.0 must be at least 0 and below 1"),
        ({"output_noise": 1.5}, "output_noise=1.5 is out of range"),
    ],
)
def test_options_out_of_range_are_rejected(options, message):
    with pytest.raises(UserError, match=message):
        make_game(**options)


def test_the_averages_decay_grows_up_to_its_limit():
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = ema_of(network, decay=0.25)
    after = []
    for value in (0.0, 1.0, 2.0, 3.0):
        network.weight.data.fill_(value)
        average.update_parameters(network)
        after.append(float(average.module.weight))
    # the first update copies; then decays are 2/11, 3/12 = 1/4, and 1/4 because 4/13 exceeds it
    third = 1 / 4 * 9 / 11 + 3 / 4 * 2
    expected = [0.0, 9 / 11, third, 1 / 4 * third + 3 / 4 * 3]
    torch.testing.assert_close(torch.tensor(after), torch.tensor(expected))


def test_what_h_f_knows_is_measured_for_the_frequencies_of_the_data():
    """A discriminator that knows nothing has a loss of H(s), however it was weighted."""
    game = make_game(output_noise=0.0).filter
    game.fit_labels(torch.tensor([1, 1, 1, 0]))  # P(s = 1) = 3/4
    assert game.class_weights.tolist() == pytest.approx([2, 2 / 3])
    for parameter in game.discriminator.parameters():
        torch.nn.init.zeros_(parameter)
    images = torch.rand(4, 3, SIZE, SIZE, dtype=torch.float64)
    draws = game.draw(images, torch.Generator().manual_seed(0))
    draws = {name: value.double() for name, value in draws.items()}
    found = game.losses(images, images, torch.tensor([1, 1, 1, 0]), draws, Turn(True, True), 1.0)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert float(found.metrics["discriminator_loss"]) == pytest.approx(entropy)
    assert float(found.discriminator) == pytest.approx(math.log(2))


def test_each_image_is_mirrored_with_probability_one_half():
    images = torch.arange(8.0).view(1, 1, 2, 4).expand(1000, 1, 2, 4)
    mirrored = mirror_half(images, torch.Generator().manual_seed(0))
    same = (mirrored == images).flatten(1).all(dim=1)
    flipped = (mirrored == images.flip(3)).flatten(1).all(dim=1)
    assert (same ^ flipped).all()
    assert float(flipped.double().mean()) == pytest.approx(0.5, abs=0.05)
