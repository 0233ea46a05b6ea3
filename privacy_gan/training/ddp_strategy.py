"""Several processes under Lightning, whoever started them: DDP without its reducer."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy

from privacy_gan import distributed
from privacy_gan.cluster_environment import is_launched_by_torchrun


class UnwrappedDDPStrategy(DDPStrategy):
    """A process for each device, each with the whole model.

    DistributedDataParallel expects one backward pass through all parameters a step, where players
    of a game take gradients of their own parameters only; looking for unused ones, as it would
    have to, costs time at every step. Here gradients are averaged where they are taken, by
    ``distributed.average_gradients``. Initial weights agree: they are a function of the seed.
    """

    def configure_ddp(self) -> None:
        """Wrap nothing."""


class BroadcastBuffers(Callback):
    """Gives all processes the first one's running moments before they validate.

    They differ where batch norm sees each process's images alone; what is saved is the first's.
    """

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Share them."""
        distributed.broadcast_buffers(pl_module)


def detect_cluster_environment() -> ClusterEnvironment | None:
    """Return who started this process as one of several; None for one that is alone."""
    if is_launched_by_torchrun():
        return TorchElasticEnvironment()
    if SLURMEnvironment.detect():
        return SLURMEnvironment(auto_requeue=False)  # the project does that itself
    return None


def join_process_group(device: torch.device) -> AbstractContextManager[None]:
    """Connect this process, which computes on a device, with the others of its run."""
    environment = detect_cluster_environment()
    assert environment is not None, "the processes of a run are started before they are connected"
    address = f"{environment.main_address}:{environment.main_port}"
    return distributed.process_group(
        address, environment.global_rank(), environment.world_size(), device
    )
