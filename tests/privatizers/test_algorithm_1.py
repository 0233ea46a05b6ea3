"""Training steps compared with a literal transcription of Algorithm 1, in float64."""

import copy

import pytest
import torch
import torch.nn.functional as F
from games import BATCH, NOISE, LiteralAdam, make_batches, small_discriminator, train, unet

from privacy_gan.losses import complement_cross_entropy, negative_entropy
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.constraint import Penalty
from privacy_gan.privatizers.filter import Filter
from privacy_gan.privatizers.generator import Generator
from privacy_gan.randomness import Purpose, keyed_generator

EPSILON, LAMBDA, LEARNING_RATE, BETAS, SEED = 0.01, 1e5, 5e-4, (0.9, 0.999), 3
SENSITIVE = 1  # column


def make_privatizer(adversarial_loss, with_filter=True, with_generator=True):
    torch.manual_seed(0)
    return AdversarialPrivatizer(
        attribute_index=SENSITIVE,
        seed=SEED,
        optimizer=lambda parameters: torch.optim.Adam(parameters, LEARNING_RATE, BETAS),
        filter=Filter(
            unet, small_discriminator, adversarial_loss, 2, constraint=Penalty(EPSILON, LAMBDA)
        )
        if with_filter
        else None,
        generator=Generator(
            *(unet, small_discriminator, 2),
            constraint=Penalty(EPSILON, LAMBDA),
            discriminator_every=3,
        )
        if with_generator
        else None,
    ).double()


def literal_algorithm_1(f, h_f, g, h_g, batches, adversarial):
    """Run the paper's Algorithm 1, with separate forward passes for every loss."""
    adams = {net: LiteralAdam(net.parameters(), LEARNING_RATE, BETAS) for net in (f, h_f, g, h_g)}
    for t, (x, attributes) in enumerate(batches):
        s = attributes[:, SENSITIVE]
        rng = keyed_generator("cpu", SEED, Purpose.TRAIN, 0, t)
        z1 = torch.randn(BATCH, NOISE, generator=rng, dtype=torch.float64)
        s_new = torch.randint(2, (BATCH,), generator=rng)
        z2 = torch.randn(BATCH, NOISE, generator=rng, dtype=torch.float64)

        def penalty(changed, x=x):
            d = ((changed - x) ** 2).sum() / x.numel()
            return LAMBDA * torch.clamp(d - EPSILON, min=0) ** 2

        censored = f(x, z1)
        theta_f = adversarial(h_f(censored), s) + penalty(censored)
        x1 = f(x, z1).detach()
        synthetic = g(x1, z2, s_new)
        theta_g = F.cross_entropy(h_g(synthetic), s_new) + penalty(synthetic)
        phi_f = F.cross_entropy(h_f(x1), s)
        x2 = g(x1, z2, s_new).detach()
        fake = torch.full((BATCH,), 2)
        phi_g = (F.cross_entropy(h_g(x2), fake) + F.cross_entropy(h_g(x), s)) / 2

        # all gradients are computed before all updates
        losses = [(f, theta_f), (h_f, phi_f), (g, theta_g)] + ([(h_g, phi_g)] if t % 3 == 0 else [])
        gradients = [torch.autograd.grad(loss, list(net.parameters())) for net, loss in losses]
        for (net, _), gradient in zip(losses, gradients, strict=True):
            adams[net].step(gradient)


def literal_entropy_loss(logits, s):
    p = torch.softmax(logits, dim=1)
    return sum((row * row.log()).sum() for row in p) / len(p)


def literal_complement_loss(logits, s):
    p = torch.softmax(logits, dim=1)
    return -sum(p[i, 1 - s[i]].log() for i in range(len(p))) / len(p)


def networks(privatizer):
    return [net for game in privatizer.games for net in (game.network, game.discriminator)]


@pytest.mark.parametrize(
    ("adversarial", "literal"),
    [
        (negative_entropy, literal_entropy_loss),
        (complement_cross_entropy, literal_complement_loss),
    ],
)
@pytest.mark.parametrize("steps", [1, 5])
def test_training_equals_algorithm_1_parameter_by_parameter(adversarial, literal, steps):
    privatizer = make_privatizer(adversarial)
    f, h_f, g, h_g = copies = copy.deepcopy(networks(privatizer))
    batches = make_batches(steps)
    train(privatizer, batches)
    literal_algorithm_1(f, h_f, g, h_g, batches, literal)
    for trained, expected in zip(networks(privatizer), copies, strict=True):
        for (name, p), q in zip(trained.named_parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(
                p, q, rtol=1e-7, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}"
            )


def changed(before, after):
    return [
        any(not torch.equal(p, q) for p, q in zip(b.parameters(), a.parameters(), strict=True))
        for b, a in zip(before, after, strict=True)
    ]


def test_h_g_is_updated_every_third_step_and_the_other_networks_in_every_step():
    for steps, h_g_is_updated in [(1, True), (2, False), (3, False), (4, True)]:
        batches = make_batches(4)
        before, after = (make_privatizer(negative_entropy) for _ in range(2))
        train(before, batches[: steps - 1]) if steps > 1 else None
        train(after, batches[:steps])
        assert changed(networks(before), networks(after)) == [True, True, True, h_g_is_updated]


@pytest.mark.parametrize(
    ("with_filter", "with_generator"), [(True, False), (False, True)], ids=["filter", "generator"]
)
def test_an_ablation_trains_both_of_its_networks(with_filter, with_generator):
    privatizer = make_privatizer(negative_entropy, with_filter, with_generator)
    before = copy.deepcopy(networks(privatizer))
    train(privatizer, make_batches(1))
    assert changed(before, networks(privatizer)) == [True, True]


def test_the_filter_trains_independently_of_the_generator():
    alone, together = (
        make_privatizer(negative_entropy, True, False),
        make_privatizer(negative_entropy),
    )
    together.filter.load_state_dict(alone.filter.state_dict())
    batches = make_batches(3)
    train(alone, batches)
    train(together, batches)
    for p, q in zip(alone.filter.parameters(), together.filter.parameters(), strict=True):
        assert torch.equal(p, q)
