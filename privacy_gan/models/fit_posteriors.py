"""Fits the two networks of ``Posteriors``, each to one half of the images."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.models.calibration import calibrate
from privacy_gan.models.posteriors import FOLDS, Posteriors
from privacy_gan.progress import progress_bar

EPOCHS, MIN_STEPS = 20, 100  # of each network
BATCH = 512  # images
RATE, WEIGHT_DECAY = 1e-3, 0.05
ROWS = 8192  # images at a time without gradients


def fit_posteriors(
    posteriors: Posteriors, views: Tensor, labels: Tensor, persons: Tensor | None, seed: int
) -> tuple[Tensor, Tensor]:
    """Fit the networks, and return the images' probabilities by the one that has not seen them.

    Args:
        posteriors: fitted in place.
        views: coordinates of V views of each image, [V, N, K].
        labels: s and the binary attributes, [N, 1 + U].
        persons: the person in each image, [N], who is in one half only; None if unknown.
        seed: of the halves, the initial weights and the order of images.

    Returns:
        P(s|x), [N, C], and P(u = 1|x), [N, U], means over the views.
    """
    folds = split_in_folds(labels.shape[0], persons, seed).to(labels.device)
    devices = [views.device] if views.is_cuda else []
    with torch.random.fork_rng(devices=devices), progress_bar("posteriors", FOLDS) as advance:
        torch.manual_seed(seed)
        for fold in range(FOLDS):
            own = folds == fold
            train_network(posteriors, fold, views[:, own], labels[own])
            advance(1)
    sensitive, binary = unseen_probabilities(posteriors, views, folds)
    calibration = calibrate(sensitive.double().cpu(), labels[:, 0].cpu())
    posteriors.slope.fill_(calibration.slope)
    posteriors.bias.copy_(torch.tensor(calibration.bias))
    return posteriors.calibrated(sensitive), binary


def split_in_folds(count: int, persons: Tensor | None, seed: int) -> Tensor:
    """Return the half that each image belongs to, 0 or 1, [N]; a person's images share one."""
    groups = (
        torch.arange(count) if persons is None else torch.unique(persons, return_inverse=True)[1]
    )
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(int(groups.max()) + 1, generator=rng)
    return order[groups] % FOLDS


def train_network(posteriors: Posteriors, fold: int, views: Tensor, labels: Tensor) -> None:
    """Train one network on random views of images [V, N, K] with their labels [N, 1 + U]."""
    network = posteriors.networks[fold].train()
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.LayerNorm):
            layer.reset_parameters()
    decayed = [each for each in network.parameters() if each.dim() > 1]
    others = [each for each in network.parameters() if each.dim() == 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, weight_decay=WEIGHT_DECAY)
    steps = max(MIN_STEPS, EPOCHS * len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(labels), (BATCH,), device=labels.device)
        view = torch.randint(len(views), (BATCH,), device=labels.device)
        logits = posteriors.logits(views[view, rows], fold)
        loss = loss_of(logits, labels[rows], posteriors.num_classes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    network.eval()


def loss_of(logits: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return the cross-entropy of all attributes, summed, a scalar.

    Args:
        logits: [B, C + U].
        labels: [B, 1 + U]; an attribute's is negative where an image has no value.
        num_classes: C.
    """
    loss = F.cross_entropy(logits[:, :num_classes], labels[:, 0])
    if labels.shape[1] == 1:
        return loss
    binary = F.binary_cross_entropy_with_logits(
        logits[:, num_classes:], labels[:, 1:].to(logits), reduction="none"
    )
    known = labels[:, 1:] >= 0
    return loss + (binary * known).sum(dim=1).mean()


@torch.no_grad()
def unseen_probabilities(
    posteriors: Posteriors, views: Tensor, folds: Tensor
) -> tuple[Tensor, Tensor]:
    """Return each image's probabilities by the network of the other half, see ``of_fold``."""
    sensitive = views.new_zeros(len(folds), posteriors.num_classes)
    binary = views.new_zeros(len(folds), posteriors.num_binary)
    for fold in range(FOLDS):
        for rows in torch.split((folds != fold).nonzero().flatten(), ROWS):
            sensitive[rows], binary[rows] = posteriors.of_fold(views[:, rows], fold)
    return sensitive, binary
