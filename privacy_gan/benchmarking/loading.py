"""How fast batches come, beside torchvision's way of reading a folder of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import torch

from privacy_gan.benchmarking.timing import alternate
from privacy_gan.data.batch import Batch
from privacy_gan.data.table_data_module import TableDataModule


def served_batches(datamodule: TableDataModule, device: torch.device) -> Iterator[Batch]:
    """Yield a data module's training batches on a device, as Lightning asks for them, endlessly."""
    while True:
        for batch in datamodule.train_dataloader():
            moved = datamodule.transfer_batch_to_device(batch, device, 0)
            yield datamodule.on_after_batch_transfer(moved, 0)


def time_loading(
    batches: Mapping[str, Iterator[Batch]], rounds: int, count: int, device: torch.device
) -> dict[str, list[float]]:
    """Let several ways to get batches take turns; return seconds for some batches, by name."""

    def work(some: Iterator[Batch]) -> Callable[[], None]:
        def take() -> None:
            for batch in islice(some, count):
                batch.images.to(device)

        return take

    return alternate({name: work(some) for name, some in batches.items()}, rounds, device)
