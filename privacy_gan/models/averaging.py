"""Exponential averages of networks over their training, which rest where the networks circle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def average_of(network: nn.Module, decay: float) -> AveragedModel:
    """Return a copy that ``update_parameters`` moves towards the network.

    After t updates the average keeps min(decay, (t + 1) / (t + 10)) of itself, so that it soon
    forgets how the network began.

    Args:
        network: what is averaged; its buffers are copied.
        decay: what the average keeps of itself in the long run, in [0, 1).
    """

    @torch.no_grad()
    def move(averages: Sequence[Tensor], values: Sequence[Tensor], updates: Tensor | int) -> None:
        updates = torch.as_tensor(updates)
        left = 1 - ((updates + 1) / (updates + 10)).clamp(max=decay)  # no number the host waits for
        for average, value in zip(averages, values, strict=True):
            average.lerp_(value, left.to(average))

    average = AveragedModel(network, multi_avg_fn=move)
    return average.requires_grad_(False)


def batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    """Return the batch norms within a network."""
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@contextmanager
def norms_relearned(network: nn.Module) -> Iterator[None]:
    """Let batch norms forget their moments and learn those of all batches passed within.

    Averaged weights need moments of their own: those of the network belong to its last weights.
    """
    norms = batch_norms(network)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # all batches count alike
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
