"""Images of three values, one of which the subspace cuts off."""

import pytest
import torch
from games import FixedBatches
from pytorch_lightning import Trainer

from privacy_gan.data.batch import Batch
from privacy_gan.losses import smoothed_accuracy
from privacy_gan.models.fit_basis import fit_basis
from privacy_gan.models.subspace_filter import SubspaceFilter, subspace_classifier
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.constraint import Multiplier
from privacy_gan.privatizers.filter import Filter
from privacy_gan.training.subspace import load_basis

EPSILON, BATCH, STEPS = 1.0, 256, 300
INSIDE, OUTSIDE = 0, 1  # columns of the attributes


def draw(count, seed):
    """Return images whose first value shows one attribute and whose last shows the other."""
    rng = torch.Generator().manual_seed(seed)
    attributes = torch.randint(2, (count, 2), generator=rng)
    signs = 2.0 * attributes - 1
    values = torch.randn(count, 3, generator=rng) * torch.tensor([0.7, 1.0, 0.05])
    values += torch.stack([signs[:, INSIDE], torch.zeros(count), 0.2 * signs[:, OUTSIDE]], dim=1)
    return Batch(values.view(count, 3, 1, 1), attributes)


def make_game(attribute_index):
    torch.manual_seed(0)
    game = AdversarialPrivatizer(
        attribute_index=attribute_index,
        seed=0,
        optimizer=lambda parameters: torch.optim.Adam(parameters, 4e-3, (0.5, 0.999)),
        filter=Filter(
            lambda members=None: SubspaceFilter(2, 32, 4, 0.03, EPSILON, None, members),
            lambda num_classes: subspace_classifier(num_classes, 2, 32, dropout=0.0),
            lambda logits, s, progress: smoothed_accuracy(logits, s, progress, 0.3, 0.05, 0.6),
            2,
            constraint=Multiplier(EPSILON),
            network_every=2,
            averaging=0.9,
            snapshots=4,
        ),
        decay=0.5,
        final_rate=0.2,
        network_rate=0.5,
    )
    images = draw(4096, seed=1).images
    load_basis(game, fit_basis(lambda: [images], 2, seed=0))
    return game


def best_threshold(values, labels):
    """Return the accuracy of the best threshold for a value, fitted to these images."""
    order = labels[values.argsort()].double()
    below = torch.cat([torch.zeros(1), (1 - order).cumsum(0)])
    above = order.sum() - torch.cat([torch.zeros(1), order.cumsum(0)])
    accuracies = (below + above) / len(order)
    return float(torch.maximum(accuracies, 1 - accuracies).max())


def test_an_attribute_outside_the_subspace_is_cut_off():
    game = make_game(OUTSIDE).eval()
    batch = draw(2000, seed=2)
    assert best_threshold(batch.images[:, 2, 0, 0], batch.attributes[:, OUTSIDE]) > 0.99
    flipped = batch.images.clone()
    flipped[:, 2] -= 0.4 * (2.0 * batch.attributes[:, OUTSIDE, None, None] - 1)
    draws = game.draw(batch.images, torch.Generator().manual_seed(0))
    with torch.no_grad():
        released, other = game(batch.images, draws).images, game(flipped, draws).images
    # the fitted directions are not exactly those of the values
    assert (released - other).abs().max() < 0.02
    assert best_threshold(released[:, 2, 0, 0], batch.attributes[:, OUTSIDE]) < 0.55


def test_an_attribute_within_the_subspace_is_hidden_by_the_game():
    game = make_game(INSIDE)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(
        game, datamodule=FixedBatches([draw(BATCH, seed=10 + step) for step in range(STEPS)])
    )
    batch = draw(8000, seed=2)
    with torch.no_grad():
        released = game.eval().privatize(batch.images, torch.Generator().manual_seed(0)).images
    labels = batch.attributes[:, INSIDE]
    assert best_threshold(batch.images[:, 0, 0, 0], labels) > 0.9
    assert best_threshold(released[:, 0, 0, 0], labels) < 0.65
    distortion = (released - batch.images).square().mean().item()
    assert distortion == pytest.approx(EPSILON, rel=0.3)
