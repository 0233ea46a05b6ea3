"""Collective operations of data-parallel training; with a single process they do nothing.

Every process holds a full copy of the model and an equal shard of each batch. All means over a
batch (gradients, the distortion, batch norm's moments) are averaged over the processes, so that any
number of processes computes the same as one. Work that is not batched is scattered over the
processes by ``scatter_work``.
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

# for work that a single rank does while the others wait; a training step's collectives keep
# torch's default of half an hour
TIMEOUT = timedelta(days=7)

_long_timeout_group: dist.ProcessGroup | None = None


@contextmanager
def process_group(address: str, rank: int, world_size: int, device: torch.device) -> Iterator[None]:
    """Create the default process group, and destroy it on a normal exit.

    After an exception the group is kept until the process ends. Otherwise the other processes
    would fail with a connection error before the first one has reported the cause.

    Args:
        address: HOST:PORT that rank 0 listens on.
        rank: rank of this process.
        world_size: number of processes.
        device: device of this process.
    """
    global _long_timeout_group
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, f"tcp://{address}", rank=rank, world_size=world_size)
    group = dist.new_group(backend="gloo", timeout=TIMEOUT)
    assert isinstance(group, dist.ProcessGroup)
    _long_timeout_group = group
    yield
    barrier()
    dist.destroy_process_group()
    _long_timeout_group = None


def rank() -> int:
    """Return the rank of this process, 0 without a process group."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes, 1 without a process group."""
    return dist.get_world_size() if dist.is_initialized() else 1


def local_shard(rows: Tensor) -> Tensor:
    """Return this process's rows of a tensor that has one row for each image of a batch."""
    size = len(rows) // world_size()
    return rows[rank() * size : (rank() + 1) * size]


class _AllReduceMean(torch.autograd.Function):
    """Mean over processes; its gradient is the mean of the gradients.

    The gradient of the mean of all processes' losses has the factor 1 / world_size twice: backward
    applies one of them, and ``average_gradients`` the other.
    """

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return _all_reduce_sum(value) / world_size()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _all_reduce_sum(gradient) / world_size()


def _all_reduce_sum(value: Tensor) -> Tensor:
    total = value.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def all_reduce_mean(value: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes, differentiably."""
    if world_size() == 1:
        return value
    averaged: Tensor = _AllReduceMean.apply(value)
    return averaged


def all_reduce_means(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the mean of each named scalar over all processes, in one collective."""
    if world_size() == 1:
        return values
    means = all_reduce_mean(torch.stack([value.detach().float() for value in values.values()]))
    return dict(zip(values, means, strict=True))


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient with its mean over all processes."""
    if world_size() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    averaged = _all_reduce_sum(flat) / world_size()
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, values in zip(gradients, torch.split(averaged, sizes), strict=True):
        gradient.copy_(values.view_as(gradient))


def any_rank(condition: bool, device: torch.device) -> bool:
    """Return whether the condition is true on any rank."""
    if world_size() == 1:
        return condition
    flag = torch.tensor(float(condition), device=device)
    dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return bool(flag)


def broadcast_buffers(module: nn.Module) -> None:
    """Copy the module's buffers (batch norm's running moments) from rank 0 to all ranks."""
    if world_size() > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def barrier() -> None:
    """Wait until every process has reached this call."""
    if world_size() > 1:
        dist.barrier(group=_long_timeout_group)


def broadcast_from_rank_zero(function: Callable[[], T]) -> T:
    """Call a function on rank 0 alone and return its result on all ranks."""
    if world_size() == 1:
        return function()
    results = [function() if rank() == 0 else None]
    dist.broadcast_object_list(results, src=0, group=_long_timeout_group)
    return results[0]  # type: ignore[return-value]


def all_gather(value: T) -> list[T]:
    """Return the values of all ranks, in the order of the ranks."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value, group=_long_timeout_group)
    return values


def scatter_work(
    names: Sequence[str], function: Callable[[Sequence[str]], Mapping[str, T]]
) -> dict[str, T]:
    """Compute named results, each on one of the processes, and return all of them on all ranks.

    Args:
        names: names of the results, the same on all ranks.
        function: computes the results with the given names, on the CPU.
    """
    if world_size() == 1:
        return dict(function(names))
    local_names = names[rank() :: world_size()]
    local = dict(function(local_names)) if local_names else {}
    results = {name: result for part in all_gather(local) for name, result in part.items()}
    return {name: results[name] for name in names}
