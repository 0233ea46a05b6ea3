"""Several processes that train one model: each has it whole, and a part of every batch.

Whatever a batch's mean is made of (gradients, the distortion, batch norm's moments) is averaged
over the processes, whose parts are of the same size. So any number of them does what one does. With
one process nothing is sent anywhere.

What is no batch, but several things of which each can be made alone, is divided among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")

# How long one may make something that the others wait for; those of a step wait half an hour.
PATIENCE = timedelta(days=7)

_patient: dist.ProcessGroup | None = None


@contextmanager
def connected(address: str, rank: int, count: int, device: torch.device) -> Iterator[None]:
    """Connect processes within; they leave it together.

    After an error they stay connected until they end: whoever lost a process of the same run
    would otherwise fail, too, before it is known why the first one did.

    Args:
        address: HOST:PORT, where the first process listens.
        rank: number of this process.
        count: number of processes.
        device: that this process computes on.
    """
    global _patient
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, f"tcp://{address}", rank=rank, world_size=count)
    group = dist.new_group(backend="gloo", timeout=PATIENCE)
    assert isinstance(group, dist.ProcessGroup)
    _patient = group
    yield
    wait_for_all()
    dist.destroy_process_group()
    _patient = None


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


def wait_for_all() -> None:
    """Wait until all processes have come here."""
    if count() > 1:
        dist.barrier(group=_patient)


def of_first(make: Callable[[], T]) -> T:
    """Return what the first process makes, in all; the others wait for it."""
    if count() == 1:
        return make()
    made = [make() if rank() == 0 else None]
    dist.broadcast_object_list(made, src=0, group=_patient)
    return made[0]  # type: ignore[return-value]


def divided(names: Sequence[str], make: Callable[[Sequence[str]], Mapping[str, T]]) -> dict[str, T]:
    """Make several things, each process some of them, and return all of them in each.

    Args:
        names: of the things, the same in all processes.
        make: returns things by name, on the CPU.
    """
    if count() == 1:
        return dict(make(names))
    own = names[rank() :: count()]
    parts: list[Any] = [None] * count()
    dist.all_gather_object(parts, dict(make(own)) if own else {}, group=_patient)
    made = {name: thing for part in parts for name, thing in part.items()}
    return {name: made[name] for name in names}
