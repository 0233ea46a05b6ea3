"""Data-parallel training with Lightning, without the DistributedDataParallel wrapper."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy

from privacy_gan import distributed
from privacy_gan.cluster_environment import is_launched_as_rank


class UnwrappedDDPStrategy(DDPStrategy):
    """DDPStrategy that does not wrap the model in DistributedDataParallel.

    DistributedDataParallel expects one backward pass through all parameters per step. Each network
    of a game computes gradients of its parameters only, and ``find_unused_parameters`` would
    cost time at every step. Instead, ``distributed.average_gradients`` averages gradients right
    after they are computed. Initial weights agree because they depend on the seed only.
    """

    def configure_ddp(self) -> None:
        """Leave the model unwrapped."""


class BroadcastBuffers(Callback):
    """Copies rank 0's buffers to all ranks before validation.

    Batch norm's running moments differ between ranks if ``sync_batchnorm`` is false; checkpoints
    hold those of rank 0.
    """

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Broadcast the buffers."""
        distributed.broadcast_buffers(pl_module)


def detect_cluster_environment() -> ClusterEnvironment | None:
    """Return the environment that started this process as one of several, or None."""
    if is_launched_as_rank():
        return TorchElasticEnvironment()
    if SLURMEnvironment.detect():
        return SLURMEnvironment(auto_requeue=False)  # see sweeping/slurm.py
    return None


def join_process_group(device: torch.device) -> AbstractContextManager[None]:
    """Return a context manager in which the run's processes form a process group.

    Args:
        device: device of this process.
    """
    environment = detect_cluster_environment()
    assert environment is not None, "a process group needs processes that were started as a group"
    address = f"{environment.main_address}:{environment.main_port}"
    return distributed.process_group(
        address, environment.global_rank(), environment.world_size(), device
    )
