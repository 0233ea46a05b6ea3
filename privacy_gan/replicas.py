"""Several processes that train one model: each has it whole, and a part of every batch.

Whatever a batch's mean is made of (gradients, the distortion, batch norm's moments) is averaged
over the processes, whose parts are of the same size. So any number of them does what one does. With
one process nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def rank() -> int:
    """Return the number of this process, 0 for the first."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def own_part(rows: Tensor) -> Tensor:
    """Return this process's rows of something that has a row for each of a batch's images."""
    size = len(rows) // count()
    return rows[rank() * size : (rank() + 1) * size]


class _Mean(torch.autograd.Function):
    """Mean over processes; its gradient is the mean of the gradients.

    What is minimised is the mean of the processes' losses, and parameters' gradients are averaged
    afterwards, which divides by the number of processes a second time.
    """

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return _summed(value) / count()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient) / count()


def _summed(value: Tensor) -> Tensor:
    total = value.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def mean(value: Tensor) -> Tensor:
    """Return the mean of all processes' values, the same in each; gradients go through."""
    if count() == 1:
        return value
    averaged: Tensor = _Mean.apply(value)
    return averaged


def mean_values(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the means of all processes' scalars by name."""
    if count() == 1:
        return values
    means = mean(torch.stack([value.detach().float() for value in values.values()]))
    return dict(zip(values, means, strict=True))


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over processes."""
    if count() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    averaged = _summed(torch.cat([gradient.flatten() for gradient in gradients])) / count()
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, values in zip(gradients, torch.split(averaged, sizes), strict=True):
        gradient.copy_(values.view_as(gradient))


def any_process(condition: bool, device: torch.device) -> bool:
    """Tell whether a condition holds in any process."""
    if count() == 1:
        return condition
    flag = torch.tensor(float(condition), device=device)
    dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return bool(flag)


def share_buffers(module: nn.Module) -> None:
    """Give all processes the first one's buffers: the running moments of batch norm."""
    if count() > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)
