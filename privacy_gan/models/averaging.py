"""Exponential averages of networks over their training, which rest where the networks circle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

    def moved(average: Tensor, value: Tensor, updates: Tensor | int) -> Tensor:
        kept = min(decay, float((updates + 1) / (updates + 10)))
        return average.lerp(value, 1 - kept)

    average = AveragedModel(network, avg_fn=moved)
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
