"""Training steps of a filter in a subspace, with snapshots, compared with a transcription."""

import copy
import math

import pytest
import torch
from games import BATCH, SIZE, LiteralAdam, make_batches, train
from torch import nn

from privacy_gan.losses import smoothed_accuracy
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.models.subspace_filter import SubspaceFilter, subspace_classifier
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.constraint import Multiplier
from privacy_gan.privatizers.filter import Filter, ImageSpace
from privacy_gan.privatizers.game import Turn
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.training.subspace import load_basis

EPSILON, SEED, BETAS, RATE, SENSITIVE = 0.08, 3, (0.5, 0.999), 1e-2, 1
K, LATENT, VALUES, SNAPSHOTS, NOISE_SHARE = 5, 4, 3 * SIZE * SIZE, 3, 0.03


def make_basis():
    rng = torch.Generator().manual_seed(5)
    directions = torch.linalg.qr(torch.randn(VALUES, K, generator=rng).double())[0]
    mean = torch.full((VALUES,), 0.5).double()
    deviations = torch.tensor([2.0, 1.5, 1.0, 0.7, 0.5]).double()
    return Basis(mean, directions, deviations, VALUES * 0.04 + float(deviations.square().sum()))


def make_game():
    torch.manual_seed(0)

    def network(members=None):
        return SubspaceFilter(K, 8, LATENT, NOISE_SHARE, EPSILON, members=members)

    game = AdversarialPrivatizer(
        attribute_index=SENSITIVE,
        seed=SEED,
        optimizer=lambda parameters: torch.optim.Adam(parameters, RATE, BETAS),
        filter=Filter(
            network,
            lambda num_classes: subspace_classifier(num_classes, K, 8, dropout=0.0),
            lambda logits, s, progress: smoothed_accuracy(logits, s, progress, 0.3, 0.05, 0.6),
            2,
            constraint=Multiplier(EPSILON),
            network_every=2,
            averaging=0.9,
            snapshots=SNAPSHOTS,
        ),
        decay=0.5,
        final_rate=0.2,
        network_rate=0.5,
        mirrored=True,
    ).double()
    load_basis(game, make_basis())
    return game


def literal_game(mlp, h_f, batches):
    """Play the game on coordinates; return the average, the snapshots and the multiplier."""
    basis = make_basis()
    truncation = basis.truncation(K)
    deviation = math.sqrt(NOISE_SHARE * (EPSILON - truncation) * VALUES / K)
    adam_f, adam_h = (LiteralAdam(net.parameters(), RATE, BETAS) for net in (mlp, h_f))
    average, snapshots, multiplier, updates = copy.deepcopy(mlp), [], 0.0, 0
    seen_from_snapshots = 0

    def censor(network, c, z):
        changed = c + network(torch.cat([c, z[:, :LATENT]], dim=1))
        return changed + deviation * z[:, LATENT : LATENT + K] / basis.deviations

    for t, (images, attributes) in enumerate(batches):
        s = attributes[:, SENSITIVE]
        progress = t / len(batches)
        rate = 0.2 + 0.8 * min(1.0, (1 - progress) / 0.5)
        rng = keyed_generator("cpu", SEED, Purpose.TRAIN, 0, t)
        z = torch.randn(BATCH, LATENT + K + 1, generator=rng, dtype=torch.float64)
        from_snapshot = torch.rand(BATCH, generator=rng) < 0.5
        mirrored = torch.rand(BATCH, generator=rng) < 0.5
        x = torch.stack([i.flip(2) if m else i for i, m in zip(images, mirrored, strict=True)])
        c = (x.flatten(1) - basis.mean) @ basis.directions / basis.deviations
        censored = censor(mlp, c, z)
        logits = h_f(censored)
        seen = censored.detach().clone()
        for row in range(BATCH):
            if snapshots and from_snapshot[row]:
                place = int(SNAPSHOTS * 0.5 * (1 + math.erf(float(z[row, -1]) / math.sqrt(2))))
                member = snapshots[min(place, len(snapshots) - 1)]
                seen[row] = censor(member, c[row : row + 1], z[row : row + 1])[0].detach()
                seen_from_snapshots += 1
        loss_h = nn.functional.cross_entropy(h_f(seen) if snapshots else logits, s)
        gradients_h = torch.autograd.grad(loss_h, list(h_f.parameters()), retain_graph=True)
        if t % 2 == 0:
            adversarial = smoothed_accuracy(logits, s, progress, 0.3, 0.05, 0.6).mean()
            # the image's distortion: that of the coordinates, and what lies outside the subspace
            inside = ((basis.deviations * (censored - c)) ** 2).sum() / (BATCH * VALUES)
            outside = (x.flatten(1) - basis.mean).square().sum() / (BATCH * VALUES) - (
                (basis.deviations * c) ** 2
            ).sum() / (BATCH * VALUES)
            r = (inside + outside - truncation) / (EPSILON - truncation) - 1
            budget = (torch.clamp(multiplier + r, min=0) ** 2 - multiplier**2) / 2
            gradients_f = torch.autograd.grad(adversarial + budget, list(mlp.parameters()))
            adam_f.step(gradients_f, lr_scale=0.5 * rate)
            multiplier = max(0.0, multiplier + 0.01 * float(r.detach().clamp(max=0.2)))
            weight = 0.0 if updates == 0 else min(0.9, (updates + 1) / (updates + 10))
            with torch.no_grad():
                for a, p in zip(average.parameters(), mlp.parameters(), strict=True):
                    a.copy_(weight * a + (1 - weight) * p)
            updates += 1
            kept = len(snapshots)
            if kept < SNAPSHOTS and progress >= 0.5 + 0.5 * (kept + 0.5) / SNAPSHOTS:
                snapshots.append(copy.deepcopy(average))
        adam_h.step(gradients_h, lr_scale=rate)
    assert seen_from_snapshots > 3
    return average, snapshots, multiplier


def test_training_equals_the_transcription_parameter_by_parameter():
    torch.set_default_dtype(torch.float64)  # of the noise
    try:
        privatizer = make_game()
        mlp = copy.deepcopy(privatizer.filter.network.change)
        h_f = copy.deepcopy(nn.Sequential(*privatizer.filter.discriminator.children()))
        h_f[0] = h_f[0][1:]  # on coordinates
        batches = make_batches(26)
        train(privatizer, batches)
        average, snapshots, multiplier = literal_game(mlp, h_f, batches)
    finally:
        torch.set_default_dtype(torch.float32)
    trained = privatizer.filter
    assert trained.mixture.kept == SNAPSHOTS
    pairs = [
        (trained.network.change, mlp),
        (trained.average.module.change, average),
        (nn.Sequential(*trained.discriminator.children()), h_f),
        *zip(trained.mixture.change.snapshots, snapshots, strict=True),
    ]
    for network, expected in pairs:
        for p, q in zip(network.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-7, atol=1e-10)
    assert float(trained.constraint.multiplier) == pytest.approx(multiplier)
    assert multiplier != 0


class SeesImages(nn.Module):
    """Hides that a discriminator could work on coordinates."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)


@pytest.mark.parametrize("snapshot_rows", [0, 3, BATCH])
def test_a_game_on_coordinates_has_the_losses_and_gradients_of_one_on_images(snapshot_rows):
    torch.set_default_dtype(torch.float64)  # of the noise
    try:
        game = make_game().filter
        game.mixture.keep(game.network)
        ((images, attributes),) = make_batches(1)
        draws = game.draw(images, torch.Generator().manual_seed(0))
        draws["from_snapshot"] = torch.arange(BATCH) < snapshot_rows
        spaces, found = [], []
        for discriminator in (game.discriminator, SeesImages(game.discriminator)):
            game.discriminator = discriminator
            spaces.append(type(game.space))
            losses = game.losses(
                images, images, attributes[:, SENSITIVE], draws, Turn(True, True), 0.5
            )
            values = [losses.adversarial, losses.distortion, losses.discriminator]
            parameters = [*game.network.change.parameters(), *game.discriminator.parameters()]
            gradients = torch.autograd.grad(sum(values), parameters)
            found.append([losses.output(), *values, *gradients])
    finally:
        torch.set_default_dtype(torch.float32)
    assert spaces == [Subspace, ImageSpace]
    for on_coordinates, on_images in zip(*found, strict=True):
        torch.testing.assert_close(on_coordinates, on_images, rtol=1e-9, atol=1e-12)


def test_networks_of_different_subspaces_play_on_images():
    game = make_game().filter
    assert isinstance(game.space, Subspace)
    game.discriminator = subspace_classifier(2, K - 1, 8, dropout=0.0)
    assert isinstance(game.space, ImageSpace)


def test_after_training_the_game_is_played_on_clipped_images():
    game = make_game().filter
    assert isinstance(game.eval().space, ImageSpace)
