"""The robust game, step by step against a literal transcription, in float64."""

import copy

import pytest
import torch
import torch.nn.functional as F
from games import BATCH, NOISE, SIZE, LiteralAdam, batches, small_discriminator, train, unet
from torch import nn

from privacy_gan.errors import UserError
from privacy_gan.losses import smoothed_accuracy
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.constraint import Multiplier
from privacy_gan.privatizers.filter import Filter
from privacy_gan.privatizers.game import ema_of
from privacy_gan.randomness import Purpose, keyed_generator

EPSILON, SEED, BETAS, RATE = 0.01, 3, (0.5, 0.999), 1e-3
SENSITIVE = 1  # the column


def game(**changes):
    torch.manual_seed(0)
    rules = {
        "constraint": Multiplier(EPSILON),
        "network_every": 2,
        "averaging": 0.995,
        "output_noise": 0.03,
        **changes,
    }
    return AdversarialPrivatizer(
        attribute_index=SENSITIVE,
        seed=SEED,
        optimizer=lambda parameters: torch.optim.Adam(parameters, RATE, BETAS),
        filter=Filter(
            unet,
            small_discriminator,
            lambda logits, s, done: smoothed_accuracy(logits, s, done, 0.3, 0.05, 0.6),
            2,
            **rules,
        ),
        decay=0.5,
        network_rate=0.5,
    ).double()


def literal(f, h_f, given):
    """Two discriminator steps for each of the filter's; returns the average and the multiplier."""
    adam_f, adam_h = (LiteralAdam(net.parameters(), RATE, BETAS) for net in (f, h_f))
    average, multiplier, updates = None, 0.0, 0
    for t, (x, attributes) in enumerate(given):
        s = attributes[:, SENSITIVE]
        done = t / len(given)
        left = min(1.0, (1 - done) / 0.5)
        tau = 0.3 * (0.05 / 0.3) ** min(1.0, done / 0.6)
        rng = keyed_generator("cpu", SEED, Purpose.TRAIN, 0, t)
        z = torch.randn(BATCH, NOISE, generator=rng, dtype=torch.float64)
        n = torch.randn(x.shape, generator=rng, dtype=torch.float64)
        released = (f(x, z) + (0.03 * EPSILON) ** 0.5 * n).clamp(0, 1)
        logits = h_f(released)
        of_h = torch.autograd.grad(
            F.cross_entropy(logits, s), list(h_f.parameters()), retain_graph=True
        )
        if t % 2 == 0:
            h = logits.softmax(dim=1)
            total = 0.0
            for row, truth in zip(h, s, strict=True):
                exps = (row / tau).exp()
                g = exps / exps.sum()
                total = total + tau * exps.sum().log() + g[truth] - (g * row).sum()
            r = ((released - x) ** 2).mean() / EPSILON - 1
            budget = (torch.clamp(multiplier + r, min=0) ** 2 - multiplier**2) / 2
            of_f = torch.autograd.grad(total / BATCH + budget, list(f.parameters()))
            adam_f.step(of_f, share=0.5 * left)
            multiplier = max(0.0, multiplier + 0.01 * float(r.detach().clamp(max=0.2)))
            with torch.no_grad():
                if average is None:
                    average = [p.clone() for p in f.parameters()]
                else:
                    kept = min(0.995, (updates + 1) / (updates + 10))
                    average = [
                        kept * a + (1 - kept) * p
                        for a, p in zip(average, f.parameters(), strict=True)
                    ]
                updates += 1
        adam_h.step(of_h, share=left)
    return average, multiplier


@pytest.fixture
def float64_noise():
    """Let unsaid precision be float64, in which the mechanism then draws its noise, too."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_training_equals_the_transcription_parameter_by_parameter():
    privatizer = game()
    f, h_f = copies = copy.deepcopy(privatizer.networks)
    given = batches(7)
    train(privatizer, given)
    average, multiplier = literal(f, h_f, given)
    close = {"rtol": 1e-7, "atol": 1e-10}
    for trained, expected in zip(privatizer.networks, copies, strict=True):
        for p, q in zip(trained.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(p, q, **close)
    for p, q in zip(privatizer.filter.average.parameters(), average, strict=True):
        torch.testing.assert_close(p, q, **close)
    assert float(privatizer.filter.constraint.multiplier) == pytest.approx(multiplier)


def test_what_is_released_is_the_average():
    privatizer = game()
    train(privatizer, batches(5))
    privatizer.eval()
    images = batches(1)[0].images
    draws = privatizer.draw(images, torch.Generator().manual_seed(0))
    draws = {name: value.double() for name, value in draws.items()}
    with torch.no_grad():
        expected = privatizer.filter.average(images, draws["filter_noise"])
        expected = expected + (0.03 * EPSILON) ** 0.5 * draws["added_noise"]
        torch.testing.assert_close(privatizer(images, draws).images, expected.clamp(0, 1))
        last = privatizer.filter.network(images, draws["filter_noise"])
    assert not torch.allclose(expected, last, atol=0.05)


@pytest.mark.usefixtures("float64_noise")
def test_settling_gives_the_average_moments_of_its_own_and_changes_nothing_else():
    privatizer = game()
    train(privatizer, batches(5))
    before = copy.deepcopy(privatizer.state_dict())
    images = [batch.images for batch in batches(3)]
    privatizer.update_bn(lambda: images)
    assert privatizer.training
    after = privatizer.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    assert all(name.startswith("filter.average.module.") for name in changed)
    assert all(name.rsplit(".", 1)[1].startswith(("running", "num")) for name in changed)


@pytest.mark.usefixtures("float64_noise")
@pytest.mark.parametrize("kind", [nn.BatchNorm2d, nn.SyncBatchNorm])  # the latter on several GPUs
def test_settled_moments_are_those_of_all_batches_alike(kind):
    privatizer = game()
    train(privatizer, batches(5))
    if kind is nn.SyncBatchNorm:
        privatizer = nn.SyncBatchNorm.convert_sync_batchnorm(privatizer)
    images = [batch.images for batch in batches(3)]
    privatizer.update_bn(lambda: images)
    convolution, norm, *_ = privatizer.filter.average.module.down[0]
    inner = [convolution(batch) for batch in images]
    mean = torch.stack([hidden.mean(dim=(0, 2, 3)) for hidden in inner]).mean(dim=0)
    variance = torch.stack([hidden.var(dim=(0, 2, 3)) for hidden in inner]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)
    assert (type(norm), norm.momentum) == (kind, 0.1)


def test_the_added_noise_is_the_share_of_the_budget_that_it_should_be():
    privatizer = game(output_noise=0.5).filter
    privatizer.average.module.to_rgb.weight.data.zero_()  # sigmoid(0) = 1/2 everywhere
    privatizer.average.module.to_rgb.bias.data.zero_()
    images = torch.full((64, 3, SIZE, SIZE), 0.5)
    privatizer.float().eval()
    with torch.no_grad():
        released = privatizer.privatize(images, torch.Generator().manual_seed(0)).images
    assert (released - images).square().mean().item() == pytest.approx(EPSILON / 2, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network_every": 0}, "network_every=0 must be 1 or more"),
        ({"averaging": 1.0}, "averaging=1.0 must be at least 0 and below 1"),
        ({"output_noise": 1.5}, "output_noise=1.5 is out of range"),
    ],
)
def test_rules_out_of_range_are_refused(changes, said):
    with pytest.raises(UserError, match=said):
        game(**changes)


def test_an_average_keeps_the_smaller_of_its_decay_and_a_share_that_grows():
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    average = ema_of(network, decay=0.25)
    after = []
    for value in (0.0, 1.0, 2.0, 3.0):
        network.weight.data.fill_(value)
        average.update_parameters(network)
        after.append(float(average.module.weight))
    # the first is taken over; then 2/11 is kept, 3/12 = 1/4, and 1/4 as 4/13 is more
    third = 1 / 4 * 9 / 11 + 3 / 4 * 2
    expected = [0.0, 9 / 11, third, 1 / 4 * third + 3 / 4 * 3]
    torch.testing.assert_close(torch.tensor(after), torch.tensor(expected))
